#!/usr/bin/env bash
# The real overlays of the conformance data, built by this engine and by the original, once each in the same run:
#   KUSTOMIZE=path/to/kustomize bench/kustomize.sh
# Prints the summed times, the ratio, and the slowest percent.
set -euo pipefail
cd "$(dirname "$0")/.."
kustomize=${KUSTOMIZE:-kustomize}
data=$(ls -d "${XDG_CACHE_HOME:-$HOME/.cache}"/trueup/conformance/kustomize-* | head -1)
cargo build --release -q -p trueup-kustomize --example build
python3 - "$kustomize" target/release/examples/build "$data" <<'PYTHON'
import json, subprocess, sys, time
kustomize, ours, data = sys.argv[1:]
rows = [json.loads(line) for line in open(f"{data}/real.jsonl")]
def took(command):
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start
times = []
for row in rows:
    folder = f"{data}/real/{row['repo']}/{row['dir']}"
    mine = took([ours, "--enable-helm", folder])
    theirs = took([kustomize, "build", "--enable-helm", folder])
    times.append((theirs, mine, row["id"]))
theirs, mine = sum(t for t, _, _ in times), sum(m for _, m, _ in times)
print(f"{len(times)} overlays: kustomize {theirs:.1f} s, trueup {mine:.1f} s, ratio {theirs / mine:.1f} (process start included)")
slowest = sorted(times, reverse=True)[: max(1, len(times) // 100)]
theirs, mine = sum(t for t, _, _ in slowest), sum(m for _, m, _ in slowest)
print(f"slowest percent: kustomize {theirs:.2f} s, trueup {mine:.2f} s, ratio {theirs / mine:.1f}")
PYTHON
