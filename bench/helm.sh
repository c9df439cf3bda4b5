#!/bin/sh
# Renders every deterministic conformance case once with the original and once with ours, in one run,
# and prints sums, their ratio and what was aimed at. Ours is started as a program each time too, so
# that starting is a part of both. Then the same in process: each chart loaded anew, and from its parsed
# form. What the original takes in process cannot be seen from outside: of its time as a program,
# 24 % is not starting (17.5 of 72.3 s over 956 charts, measured with its engine alone).
# Usage: HELM=/path/to/helm OURS="/path/to/trueup helm" MEASURE=/path/to/measure bench/helm.sh CONFORMANCE_FOLDER [LIMIT]
# MEASURE is built by: cargo build --release -p trueup-helm --example measure
set -eu
: "${HELM:?the program of Helm 4.1.4}" "${OURS:?our program, as it is called}"
python3 - "$HELM" "$OURS" "${MEASURE:-}" "$1" "${2:-100000}" <<'PYTHON'
import json, os, statistics, subprocess, sys, time
helm, ours, measure, folder, limit = sys.argv[1], sys.argv[2].split(), sys.argv[3], sys.argv[4], int(sys.argv[5])
times = {"helm": [], "ours": []}
work = {"helm": 0.0, "ours": 0.0}
rows = [json.loads(line) for line in open(folder + "/manifest.jsonl")]
for row in [row for row in rows if row["expect"] == "exact"][:limit]:
    chart = f"{folder}/charts/{row['id']}"
    flags = iter(row["args"])
    args = ["template", "rel", chart]
    for flag in flags:
        args += [flag, f"{chart}/{next(flags)}"] if flag == "-f" else [flag]
    for name, program in (("helm", [helm]), ("ours", ours)):
        start = time.perf_counter()
        child = subprocess.Popen(program + args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, _, used = os.wait4(child.pid, 0)
        times[name].append(time.perf_counter() - start)
        work[name] += used.ru_utime + used.ru_stime
for name, seen in times.items():
    seen.sort()
    p90 = seen[int(len(seen) * 0.9)]
    print(f"{name}: {len(seen)} cases, sum {sum(seen):.1f} s, "
          f"median {statistics.median(seen) * 1000:.1f} ms, p90 {p90 * 1000:.1f} ms, "
          f"processor {work[name]:.1f} s")
total = sum(times["helm"])
print(f"as programs: {total / sum(times['ours']):.1f} times as fast, "
      f"by processor time {work['helm'] / work['ours']:.1f}")
if measure:
    seen = subprocess.run([measure, folder, str(limit)], capture_output=True, text=True, check=True).stdout
    cold, cached = [line.split() for line in seen.splitlines()]
    for name, median, p90, whole in (cold, cached):
        print(f"in process, {name}: median {median} ms, p90 {p90} ms, sum {float(whole) / 1000:.2f} s")
    whole = float(cold[3]) / 1000
    print(f"helm once each / ours in process: {total / whole:.1f} (aim: 40)")
    print(f"helm in process / ours in process: {total * 17.5 / 72.3 / whole:.1f} (aim: 5)")
    print(f"median cold {cold[1]} ms (aim: under 1.5), cached {cached[1]} ms (under 0.8), p90 {cold[2]} ms (under 15)")
PYTHON
