#!/usr/bin/env bash
# Measures this engine beside the original, in one run:
#   KUSTOMIZE=path/to/kustomize bench/kustomize.sh
# - the real overlays of the conformance data, each built once by a program that is started for it: summed, and the
#   slowest percent;
# - the same in one process, on one thread and on two, beside what the original's library takes in process if
#   KUSTOMIZE_IN_PROCESS gives its seconds;
# - the largest of them: time, and memory beside the size of the output.
# A goal stands behind each ratio.
set -euo pipefail
cd "$(dirname "$0")/.."
kustomize=${KUSTOMIZE:-kustomize}
data=$(ls -d "${XDG_CACHE_HOME:-$HOME/.cache}"/trueup/conformance/kustomize-* | head -1)
cargo build --release -q -p trueup-kustomize --example build --example bench
python3 - "$kustomize" target/release/examples "$data" "${KUSTOMIZE_IN_PROCESS:-}" <<'PYTHON'
import json, os, resource, subprocess, sys, time

kustomize, examples, data, in_process = sys.argv[1:]
rows = [json.loads(line) for line in open(f"{data}/real.jsonl")]
folders = [f"{data}/real/{row['repo']}/{row['dir']}" for row in rows]


def took(command):
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def ratio(what, theirs, mine, goal):
    print(f"{what}: kustomize {theirs:.2f} s, trueup {mine:.3f} s, ratio {theirs / mine:.1f} (goal {goal})")


times = []
for folder in folders:
    mine = took([f"{examples}/build", "--enable-helm", folder])
    theirs = took([kustomize, "build", "--enable-helm", folder])
    times.append((theirs, mine, folder))
total = sum(mine for _, mine, _ in times)
ratio(f"{len(times)} overlays, a process each", sum(t for t, _, _ in times), total, 40)
slowest = sorted(times, reverse=True)[: max(1, len(times) // 100)]
ratio("the slowest percent", sum(t for t, _, _ in slowest), sum(m for _, m, _ in slowest), 15)
start = took([f"{examples}/build", "/nonexistent"])
print(f"of which starting the program: {start * len(times):.2f} s of {total:.2f} s")

found = {}
for threads in ("1", "2"):
    run = subprocess.run([f"{examples}/bench", threads], input="\n".join(folders), text=True, capture_output=True)
    found[threads] = float(run.stdout)
print(f"in one process: {found['1']:.3f} s; two threads: {found['2']:.3f} s, ratio {found['1'] / found['2']:.2f} (goal 1.8)")
if in_process:
    ratio("in process", float(in_process), found["1"], 10)

_, _, largest = max((os.path.getsize(f"{data}/real-expected/{row['id']}.yaml"), row["id"], folder)
                    for row, folder in zip(rows, folders))
fastest = min(took([f"{examples}/build", largest]) for _ in range(5))
theirs = took([kustomize, "build", largest])
ratio(f"the largest, {os.path.relpath(largest, data)}", theirs, fastest, "under 0.150 s")
child = subprocess.Popen([f"{examples}/build", largest], stdout=subprocess.PIPE)
size = len(child.stdout.read())
_, _, usage = os.wait4(child.pid, 0)
print(f"its memory: {usage.ru_maxrss / 1024:.0f} MB for {size / 1e6:.1f} MB of output, ratio {usage.ru_maxrss * 1024 / size:.1f} (goal at most 10)")
PYTHON
