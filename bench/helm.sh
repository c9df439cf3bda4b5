#!/bin/sh
# Renders every deterministic conformance case once with the original and once with ours, in one run,
# and prints both sums and their ratio. Ours is started as a program each time too, so that starting
# is a part of both. Processor time is what counts on a machine that does other work too.
# Usage: HELM=/path/to/helm OURS="/path/to/trueup helm" bench/helm.sh CONFORMANCE_FOLDER [LIMIT]
set -eu
: "${HELM:?the program of Helm 4.1.4}" "${OURS:?our program, as it is called}"
python3 - "$HELM" "$OURS" "$1" "${2:-100000}" <<'PYTHON'
import json, os, statistics, subprocess, sys, time
helm, ours, folder, limit = sys.argv[1], sys.argv[2].split(), sys.argv[3], int(sys.argv[4])
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
print(f"ratio of sums: {sum(times['helm']) / sum(times['ours']):.1f}; "
      f"of processor time: {work['helm'] / work['ours']:.1f}")
PYTHON
