#!/usr/bin/env bash
# How fast TrueUp applies, plans and heals on a cluster, each beside the raw limit that the same
# API server shows in the same run (crates/kubernetes/examples/bare.rs). Needs Go, for the testbed.
#   [PROFILE=dev] bench/kubernetes.sh [CONFIGMAPS] [DEPLOYMENTS] [TRACKED]
set -euo pipefail
cd "$(dirname "$0")/.."
maps=${1:-2000} deployments=${2:-500} tracked=${3:-10000}

profile=${PROFILE:-release}
cargo build --profile "$profile" --locked -q -p trueup-cli
cargo build --profile "$profile" --locked -q -p trueup-kubernetes --example bare
target=$(realpath "${CARGO_TARGET_DIR:-target}")/${profile/#dev/debug}
trueup=$target/trueup bare=$target/examples/bare
testbed=$(testbed/build)

work=$(mktemp -d)
export KUBECONFIG=$work/kubeconfig TRUEUP_STATE=$work/state
mkfifo "$work/stdin" && exec 9<>"$work/stdin"
"$testbed" run --kubeconfig-out "$KUBECONFIG" <&9 >"$work/testbed.log" 2>&1 &
bed=$!
controller=
finish() {
  [ -z "$controller" ] || { kill "$controller"; wait "$controller"; } 2>/dev/null || true
  kill "$bed" 2>/dev/null || true
  wait "$bed" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
until [ -s "$KUBECONFIG" ]; do sleep 0.1; done
kubectl() { "$testbed" kubectl "$@"; }
say() { printf '%-58s %s\n' "$1" "$2"; }

# A repository of so many ConfigMaps and Deployments, and the same objects one a line.
repository() {
  python3 - "$@" <<'PY'
import json, os, sys
folder, maps, deployments = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.makedirs(folder)
objects = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"bench-{n}"},
            "data": {"k": "v", "text": "x" * 200}} for n in range(maps)]
for n in range(deployments):
    labels = {"app": f"bench-{n}"}
    container = {"name": "web", "image": "registry.example.com/web:1", "ports": [{"containerPort": 8080}],
                 "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}
    objects.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"bench-{n}"},
                    "spec": {"replicas": 1, "selector": {"matchLabels": labels},
                             "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}})
with open(folder + ".jsonl", "w") as lines:
    for o in objects:
        lines.write(json.dumps(o) + "\n")
for o in objects:
    with open(f"{folder}/{o['kind']}-{o['metadata']['name']}.yaml", "w") as file:
        json.dump(o, file)
for name, o in {"single": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "single"}, "data": {"k": "v"}},
                **{f"service-{n}": {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"service-{n}"},
                                    "spec": {"ports": [{"port": 80}]}} for n in range(20)}}.items():
    with open(f"{folder}/{name}.yaml", "w") as file:
        json.dump(o, file)
PY
  git -C "$1" init --quiet --initial-branch=main
  git -C "$1" add . && git -C "$1" -c user.name=bench -c user.email=bench@example.com commit --quiet -m bench
  git -C "$1" config user.name bench && git -C "$1" config user.email bench@example.com
}

applies() { # server-side applies that the API server has answered, dry runs included
  kubectl get --raw /metrics | awk '/^apiserver_request_total.*verb="APPLY"/ {sum += $NF} END {print sum + 0}'
}

heals() { # another Service each time: who heals one again and again is in a fight, and slows down
  for n in {0..19}; do "$bare" heals ours "service-$n" 1; done | cut -d' ' -f1 | sort -n | sed -n 10p
}

objects=$((maps + deployments))
repository "$work/repo" "$maps" "$deployments"
for namespace in warm bare ours many raw; do kubectl create namespace "$namespace" >/dev/null; done
"$bare" apply warm "$work/repo.jsonl" 32 >/dev/null
kubectl delete namespace warm --wait=true >/dev/null

raw=$("$bare" apply bare "$work/repo.jsonl" 32)
kubectl delete namespace bare --wait=true >/dev/null
"$bare" arrivals ours "$objects" >"$work/arrivals" &
arrivals=$!
TIMEFORMAT='%U %S'
{ time "$trueup" run "$work/repo" --target kubernetes --namespace ours --name bench --once >"$work/once.log" 2>&1; } 2>"$work/cpu"
wait "$arrivals"
ours=$(cat "$work/arrivals")
say "applying $maps ConfigMaps and $deployments Deployments" \
  "$ours objects/s; bare loop $raw; $((100 * ours / raw)) % (goal: 80 %)"
say "CPU for that, each object" \
  "$(awk -v n="$objects" '{printf "%.2f ms", ($1 + $2) * 1000 / n}' "$work/cpu") (goal: under 1 ms)"

before=$(applies)
began=$(date +%s%N)
"$trueup" plan bench >/dev/null || true
took=$((($(date +%s%N) - began) / 1000000))
say "planning $objects unchanged resources, start included" \
  "$took ms, $(($(applies) - before)) writes; bare list $("$bare" list ours) (goal: under 200 ms, 0 writes)"

"$trueup" run "$work/repo" --target kubernetes --namespace ours --name bench >"$work/run.log" 2>&1 &
controller=$!
until "$trueup" status bench 2>/dev/null | grep -q healthy; do sleep 0.2; done
single=$("$bare" single raw 20)
say "a commit of one file, committed to applied" \
  "$("$bare" commits ours single "$work/repo" 20); bare apply $single (goal: under 150 ms)"
say "a deleted Service, deleted to back" \
  "$(heals) ms median; bare apply $single (goal: under 60 ms median)"
count=$((maps < 100 ? maps : 100))
say "$count drifts at once, first edit to last healed" "$("$bare" drifts ours "$count") (goal: under 1 s)"
kill "$controller" && wait "$controller" 2>/dev/null || true

repository "$work/many" "$tracked" 0
TRUEUP_STATE=$work/many-state "$trueup" run "$work/many" --target kubernetes --namespace many --name many >"$work/many.log" 2>&1 &
controller=$!
until TRUEUP_STATE=$work/many-state "$trueup" status many 2>/dev/null | grep -q healthy; do sleep 0.5; done
sleep 5
say "memory with $tracked tracked objects" \
  "$(awk '/^VmRSS/ {printf "%.0f MB", $2 / 1024}' "/proc/$controller/status"), peak $(awk '/^VmHWM/ {printf "%.0f MB", $2 / 1024}' "/proc/$controller/status") (goal: under 100 MB)"
