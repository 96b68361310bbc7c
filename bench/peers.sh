#!/usr/bin/env bash
# Measures attnc beside ONNX Runtime, OpenBLAS and oneDNN, and renews bench/RESULTS.md and bench/peers.svg; about ten
# minutes. Usage: bench/peers.sh [OPTION...] (those of bench/peers/peers.py: --only A,C128 --threads 1 ...)
# scripts/setup.sh --bench installs the peers; one that is missing is reported as not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -d build ] || cmake --preset release > /dev/null
cmake build > /dev/null # finds libraries that were installed since
ninja -j"$(nproc)" -C build bench-peers > build/bench-peers.log || { cat build/bench-peers.log >&2; exit 1; }
exec python3 bench/peers/peers.py "$@"
