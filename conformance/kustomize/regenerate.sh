#!/usr/bin/env bash
# Writes what the original prints beside each case: KUSTOMIZE=path/to/kustomize conformance/kustomize/regenerate.sh
# Errors hold `$ROOT` where the path of the input is.
set -euo pipefail
cd "$(dirname "$0")"
kustomize=${KUSTOMIZE:-kustomize}
for folder in */; do
    case=${folder%/}
    [ -f "$case/case.json" ] || continue
    mapfile -t args < <(python3 -c 'import json,sys; print("\n".join(json.load(open(sys.argv[1]))["args"]))' "$case/case.json")
    [ "${args[*]}" != "" ] || args=()
    path=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["build_path"])' "$case/case.json")
    rm -f "$case/expected.yaml" "$case/expected-error"
    if ! "$kustomize" build "${args[@]}" "$case/input/$path" > "$case/expected.yaml" 2> "$case/expected-error"; then
        rm "$case/expected.yaml"
        sed -i "s#$PWD/$case/input#\$ROOT#g" "$case/expected-error"
    else
        rm "$case/expected-error"
    fi
done
