#!/usr/bin/env bash
# Builds, checks and times attnc on a machine with an NVIDIA GPU, in one call:
#   scripts/gpu.sh [TARGET]        TARGET: sm_75, sm_80 (default) or sm_90
# Exit status: 0 all right, 1 something is wrong, 4 no GPU here (nothing is built then).
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-sm_80}

if ! name=$(nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader 2>/dev/null | head -1) || [ -z "$name" ]; then
  echo "gpu.sh: no NVIDIA GPU here (nvidia-smi finds none)" >&2
  exit 4
fi
echo "GPU: $name; code for $target"
[ -f build/build.ninja ] || cmake --preset release
cmake --build build --target attnc numerics-check numerics-attention-test numerics-contract-test numerics-rows-test
export PATH="$PWD/build/bin:$PATH" ATTNC_TEST_TARGET=$target
failures=0
step() { # step WHAT COMMAND...: runs it and counts failures
  local what=$1
  shift
  if "$@" > build/gpu.log 2>&1; then
    echo "ok     $what"
  else
    echo "FAILED $what: $*"
    tail -20 build/gpu.log
    failures=$((failures + 1))
  fi
}

# Right: recorded outputs, then ragged shapes, then every mask and score with NaN and infinities.
check() { step "$1" attnc check "examples/$1" ${2:+--dims "$2"} --target="$target" --inputs "examples/data/${1%.*}" --expected "examples/data/${1%.*}"; }
check causal.attn H=4,D=64
check full.attn H=2,D=16
check alibi.attn H=2,D=16
check softcap.attn H=2,D=16
check gqa.attn H=4,G=2,D=16
check document.attn H=2,D=16
check bias.attn H=2,D=16
check window.attn H=1,D=4
check layer.onnx
step "ragged attention" numerics-check examples/causal.attn H=2,D=16 -- B=1,2 M=1,17,65,130 N=1,17,65,130
step "ragged layer" numerics-check examples/layer.onnx -- batch=0,1,2 seq=1,7,64,65,130
step "attention variants" numerics-attention-test --gtest_brief=1
step "matmuls" numerics-contract-test --gtest_brief=1
step "row programs" numerics-rows-test --gtest_brief=1 --gtest_filter='-*softmax_f64' test/numerics/Inputs/rows

# Fast: as a user sees it, copies to the GPU and back included.
for length in 1024 4096; do
  attnc bench examples/causal.attn --dims "H=16,D=64,B=1,M=$length,N=$length" --target="$target" || failures=$((failures + 1))
done
[ "$failures" -eq 0 ] || { echo "gpu.sh: $failures steps failed" >&2; exit 1; }
