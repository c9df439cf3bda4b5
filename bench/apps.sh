#!/usr/bin/env bash
# Many apps on a real control plane, beside a bare loop of the same server-side applies in the same run:
#   bench/apps.sh [few] [many]      (200 apps of 6 objects, 1,000 apps of 4)
# IDLE=600 sets how many seconds of nothing are watched (60). PROFILE=dev measures a build for development.
# Prints what issue-style tables ask for: first apply, a commit that changes one and one that changes all, drift,
# rest, restart; wall time, CPU of trueup, its largest resident size, and the ratio to the bare loop.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${PROFILE:-release}
flag=$([ "$profile" = release ] && echo --release || true)
# shellcheck disable=SC2086
cargo build $flag -q -p trueup-cli
# shellcheck disable=SC2086
cargo build $flag -q -p trueup-kubernetes --example bare_apply
out=target/$([ "$profile" = release ] && echo release || echo debug)
exec python3 bench/apps.py "$PWD/$out/trueup" "$PWD/$out/examples/bare_apply" "$(testbed/build)" "${1:-200}" "${2:-1000}"
