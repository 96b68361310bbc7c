#!/usr/bin/env bash
# Measures masks, scores, types and layouts of prefill on one thread, as a table in Markdown. Usage: bench/prefill.sh
# Every model is checked against the reference at a small ragged size first. Fractions are of the peak that each
# measurement reads between its own rounds: of FMAs, or of dot products for bf16.
set -euo pipefail
. "$(dirname "$0")/common.sh"

# row WHAT GOAL MODEL DIMS [OPTION...]: the median of three measurements, and their range
row() {
  local what=$1 goal=$2 model=bench/models/$3.attn dims=$4; shift 4
  small=$(sed 's/\bB=[0-9]*/B=2/; s/M=[0-9]*/M=77/; s/N=[0-9]*/N=93/' <<< "$dims")
  "$attnc" check "$model" --dims "$small" "$@" > "$work/check" 2>&1 || { cat "$work/check" >&2; exit 1; }
  measure 3 2 "$model" --dims "$dims" --threads 1 "$@" > "$work/rounds"
  awk -v what="$what" -v goal="$goal" -v peak="$(field peak_arithmetic "$work/report.json")" \
    -v command="$model --dims $dims $*" '
    { fraction[NR] = 100 * $1; seconds[NR] = 1e3 * $2 }
    END { printf "| %s | %.1f%% (%.1f to %.1f) of the %s peak, %.4g ms | %s | `%s` |\n",
          what, fraction[2], fraction[1], fraction[3], peak, seconds[2], goal, command }' "$work/rounds"
}

describe_machine
echo "| what, on exact pairs | median of 3 (range) | goal | attnc bench |"
echo "|---|---|---|---|"
row "f32 H8/2 D128 4096 causal" 91% gqa-causal B=1,H=8,G=2,M=4096,N=4096,D=128
row "bf16 D64 2048 full" 86% bf16-full B=1,H=16,M=2048,N=2048,D=64
row "bf16 D64 2048 causal" 82% bf16-causal B=1,H=16,G=16,M=2048,N=2048,D=64
row "bf16 H8/2 D128 4096 causal" 88% bf16-causal B=1,H=8,G=2,M=4096,N=4096,D=128
row "f16 D64 2048 full" 88% f16-full B=1,H=16,M=2048,N=2048,D=64
row "B8 H12 128 D64, heads inside rows" 85% heads-inside-rows B=8,H=12,M=128,N=128,D=64
row "B8 H12 512 D64, heads inside rows" 88% heads-inside-rows B=8,H=12,M=512,N=512,D=64
row "window 512 of 4096" "81% (1.15x the pairs' share of full)" window-512 B=1,H=8,M=4096,N=4096,D=64
row "window 512 of 8192" "81% (the same)" window-512 B=1,H=8,M=8192,N=8192,D=64
row "chunks of 512 of 8192, causal" "" chunks-512 B=1,H=8,M=8192,N=8192,D=64
row "prefix of 512, 4096" "" prefix-512 B=1,H=8,M=4096,N=4096,D=64
row "soft-cap, causal 2048" "0.75x of causal" softcap-causal B=1,H=16,M=2048,N=2048,D=64
row "ALiBi, causal 2048" "0.93x of causal" alibi-causal B=1,H=16,M=2048,N=2048,D=64
row "additive bias, full 2048" "0.85x of full" bias-full B=1,H=16,M=2048,N=2048,D=64
row "f32 causal 2048, AVX2" 80% gqa-causal B=1,H=16,G=16,M=2048,N=2048,D=64 --target=x86-64-v3
