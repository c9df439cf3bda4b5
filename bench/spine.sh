#!/usr/bin/env bash
# The spine on this machine, each figure beside the raw limit that was measured in the same run:
#   [TRUEUP=path/to/trueup] [FILES=10000] [APPS=1000] bench/spine.sh
# Prints a line a figure: what was measured, the limit or goal, and whether it holds.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${TRUEUP:-}" ]; then
  cargo build --release -q -p trueup-cli
  TRUEUP="${CARGO_TARGET_DIR:-target}/release/trueup"
fi
exec python3 bench/spine.py "$TRUEUP" "${FILES:-10000}" "${APPS:-1000}"
