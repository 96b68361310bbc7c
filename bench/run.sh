#!/usr/bin/env bash
# Measures every figure that this project claims, as a table in Markdown. Usage: bench/run.sh > table.md
# Fractions are of the FMA peak that each measurement reads in between its own rounds, so a shared machine does not
# falsify them; still, run nothing else beside it. Peers: bench/peers.sh.
set -euo pipefail
. "$(dirname "$0")/common.sh"

# row WHAT GOAL ARGUMENTS...: the median of five measurements, and their range
row() {
  local what=$1 goal=$2; shift 2
  measure 5 2 "$@" | cut -d" " -f1 | paste -sd" " > "$work/fractions"
  awk -v what="$what" -v goal="$goal" -v command="attnc bench $*" \
    '{ printf "| %s | %.1f%% (%.1f to %.1f) | %s | `%s` |\n", what, 100 * $3, 100 * $1, 100 * $5, goal, command }' "$work/fractions"
}

describe_machine
echo "| what | of the FMA peak, median of 5 (range) | goal | command |"
echo "|---|---|---|---|"
row "f32 attention B1 H16 2048 D64, full" 90% examples/full.attn --dims B=1,H=16,M=2048,N=2048,D=64 --threads 1
row "the same, causal (exact pairs counted)" 86% examples/causal.attn --dims B=1,H=16,M=2048,N=2048,D=64 --threads 1
row "f32 D128 4096, causal" 88% examples/causal.attn --dims B=1,H=8,M=4096,N=4096,D=128 --threads 1
row "heads inside rows, full" "" bench/models/heads-inside-rows.attn --dims B=1,H=16,M=2048,N=2048,D=64 --threads 1
row "AVX2 code, D64 full" 80% examples/full.attn --dims B=1,H=16,M=2048,N=2048,D=64 --threads 1 --target x86-64-v3
for shape in 1024x1024x1024:93% 128x3072x768:92% 197x768x768:92%; do
  size=${shape%:*}
  build/test/bin/make-onnx "bench/models/gelu-$size.txt" -o "$work/gelu-$size.onnx"
  row "f32 matmul $size with bias and GELU" "${shape#*:}" "$work/gelu-$size.onnx" --dims "M=${size%%x*}" --threads 1 |
    sed "s|$work/||"
done
for type in bf16:92% int8:88%; do
  size=1024x1024x1024
  build/test/bin/make-onnx "bench/models/${type%:*}-$size.txt" -o "$work/${type%:*}-$size.onnx"
  row "${type%:*} matmul $size, of the ${type%:*} dot peak" "${type#*:}" "$work/${type%:*}-$size.onnx" --dims M=1024 --threads 1 |
    sed "s|$work/||"
done
build/test/bin/make-onnx bench/models/f64-1024x1024x1024.txt -o "$work/f64-1024x1024x1024.onnx"
row "f64 matmul 1024x1024x1024, of the f64 FMA peak" "" "$work/f64-1024x1024x1024.onnx" --dims M=1024 --threads 1 |
  sed "s|$work/||"
echo

printf '2 threads over 1 thread, full attention: %.2fx (goal 1.85x)\n' "$(two examples/full.attn --dims B=1,H=16,M=2048,N=2048,D=64)"

echo "\`attnc compile\` of one variant to a shared library, whole process: $(compile) ms (goal 300 ms)"
