#!/usr/bin/env bash
# Measures decode steps (one or a few queries on long caches) beside the best read of the same bytes, ONNX Runtime and
# llama.cpp, all in turns; about a minute. Usage: bench/decode.sh [OPTION...] (those of bench/decode/decode.py: --only
# f32-BGND-8192,window --also attention.form=rows --record ...)
# scripts/setup.sh --bench installs the peers; one that is missing is reported as not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -d build ] || cmake --preset release > /dev/null
ninja -j"$(nproc)" -C build attnc bench-decode > build/bench-decode.log || { cat build/bench-decode.log >&2; exit 1; }
exec python3 bench/decode/decode.py "$@"
