#!/usr/bin/env bash
# Measures masks, scores, types and layouts of prefill on one thread, as tables in Markdown. Usage: bench/prefill.sh
# Every model is checked against the reference at a small ragged size first. Fractions are of the peak that each
# measurement reads between its own rounds: of FMAs, or of dot products for bf16.
set -euo pipefail
. "$(dirname "$0")/common.sh"

# Packed documents of 512 tokens.
python3 - "$work/ids.npy" <<'PYTHON'
import struct, sys
header = "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 8192), }".ljust(117) + "\n"
ids = struct.pack("<8192i", *(token // 512 for token in range(8192)))
open(sys.argv[1], "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + ids)
PYTHON

# check MODEL DIMS [OPTION...]: stops where code and reference differ
check() {
  local model=$1 small; small=$(sed 's/\bB=[0-9]*/B=2/; s/M=[0-9]*/M=77/; s/N=[0-9]*/N=93/' <<< "$2"); shift 2
  "$attnc" check "$model" --dims "$small" "$@" > "$work/check" 2>&1 || { cat "$work/check" >&2; exit 1; }
}

# row WHAT GOAL MODEL DIMS [OPTION...]: the median of three measurements, and their range
row() {
  local what=$1 goal=$2 model=bench/models/$3.attn dims=$4; shift 4
  check "$model" "$dims" "$@"
  measure 3 2 "$model" --dims "$dims" --threads 1 "$@" > "$work/rounds"
  awk -v what="$what" -v goal="$goal" -v peak="$(field peak_arithmetic "$work/report.json")" \
    -v command="$model --dims $dims $*" '
    { fraction[NR] = 100 * $1; seconds[NR] = 1e3 * $2 }
    END { printf "| %s | %.1f%% (%.1f to %.1f) of the %s peak, %.4g ms | %s | `%s` |\n",
          what, fraction[2], fraction[1], fraction[3], peak, seconds[2], goal, command }' "$work/rounds"
}

# visited WHAT MODEL DIMS [OPTION...]: the same for all pairs of the blocks of 64 x 64 that the mask leaves; B = 1, H = 8,
# D = 64
visited() {
  local what=$1 model=bench/models/$2.attn dims=$3 blocks pairs; shift 3
  check "$model" "$dims"
  measure 3 2 "$model" --dims "$dims" --threads 1 "$@" > "$work/rounds"
  blocks=$("$attnc" mask "$model" --dims "$(sed 's/[BHD]=[0-9]*,*//g; s/,$//' <<< "$dims")" --block=64x64 "$@" |
    sed -n 's/^\([0-9]*\) of [0-9]* blocks visited.*/\1/p')
  pairs=$(($(field flops "$work/report.json") / (8 * 64 * 4)))
  awk -v what="$what" -v more="$(awk -v b="$blocks" -v p="$pairs" 'BEGIN { print b * 4096 / p }')" \
    -v command="$model --dims $dims" '
    { fraction[NR] = 100 * $1 }
    END { printf "| %s | %.1f%% (%.1f to %.1f) | %.1f%% | 85%% | `%s` |\n", what, more * fraction[2], more * fraction[1],
          more * fraction[3], fraction[2], command }' "$work/rounds"
}

# against WHAT GOAL MODEL PLAIN DIMS [PLAINDIMS]: the speed of MODEL over that of PLAIN, in turns
against() {
  local what=$1 goal=$2 model=bench/models/$3.attn plain=bench/models/$4.attn dims=$5 others=${6:-$5} round
  check "$model" "$dims"
  for round in 1 2 3 4 5; do
    measure 1 1 "$model" --dims "$dims" --threads 1 > "$work/one"
    measure 1 1 "$plain" --dims "$others" --threads 1 > "$work/other"
    paste -d ' ' "$work/one" "$work/other"
  done | awk '{ print $1 / $3, $1 }' | sort -n > "$work/rounds"
  awk -v what="$what" -v goal="$goal" -v command="$model, $plain --dims $dims" '
    { ratio[NR] = $1; fraction[NR] = 100 * $2 }
    END { printf "| %s | %.3fx (%.3f to %.3f) | %.1f%% | %s | `%s` |\n", what, ratio[3], ratio[1], ratio[5], fraction[3],
          goal, command }' "$work/rounds"
}

describe_machine
echo "| what, on exact pairs | median of 3 (range) | goal | attnc bench |"
echo "|---|---|---|---|"
row "f32 D64 2048 full" 92% full B=1,H=16,M=2048,N=2048,D=64
row "f32 D64 2048 causal" 90% gqa-causal B=1,H=16,G=16,M=2048,N=2048,D=64
row "f32 H8/2 D128 4096 causal" 91% gqa-causal B=1,H=8,G=2,M=4096,N=4096,D=128
row "bf16 D64 2048 full" 86% bf16-full B=1,H=16,M=2048,N=2048,D=64
row "bf16 D64 2048 causal" 82% bf16-causal B=1,H=16,G=16,M=2048,N=2048,D=64
row "bf16 H8/2 D128 4096 causal" 88% bf16-causal B=1,H=8,G=2,M=4096,N=4096,D=128
row "f16 D64 2048 full" 88% f16-full B=1,H=16,M=2048,N=2048,D=64
row "B8 H12 128 D64, heads inside rows" 85% heads-inside-rows B=8,H=12,M=128,N=128,D=64
row "B8 H12 512 D64, heads inside rows" 88% heads-inside-rows B=8,H=12,M=512,N=512,D=64
row "heads inside rows of 4 KB, full 2048" "" heads-inside-rows B=1,H=16,M=2048,N=2048,D=64
row "window 512 of 4096" "81% (1.15x the pairs' share of full)" window-512 B=1,H=8,M=4096,N=4096,D=64
row "window 512 of 8192" "81% (the same)" window-512 B=1,H=8,M=8192,N=8192,D=64
row "f32 D64 2048 full, AVX2" 80% full B=1,H=16,M=2048,N=2048,D=64 --target=x86-64-v3
row "f32 D64 2048 causal, AVX2" 80% gqa-causal B=1,H=16,G=16,M=2048,N=2048,D=64 --target=x86-64-v3
row "f32 H8/2 D128 4096 causal, AVX2" 80% gqa-causal B=1,H=8,G=2,M=4096,N=4096,D=128 --target=x86-64-v3
echo
echo "| mask | on all pairs of visited blocks of 64 x 64 | on exact pairs | goal | attnc bench |"
echo "|---|---|---|---|---|"
visited "window 512 of 4096" window-512 B=1,H=8,M=4096,N=4096,D=64
visited "window 512 of 8192" window-512 B=1,H=8,M=8192,N=8192,D=64
visited "documents of 512 of 8192, causal" documents B=1,H=8,N=8192,D=64 --ids "$work/ids.npy"
visited "chunks of 512 of 8192, causal" chunks-512 B=1,H=8,M=8192,N=8192,D=64
visited "prefix of 512, 4096" prefix-512 B=1,H=8,M=4096,N=4096,D=64
visited "NATTEN 13 x 13 of 64 x 64" natten B=1,H=8,N=4096,D=64
echo
echo "| score | speed over the plain one, in turns | of the peak | goal | attnc bench |"
echo "|---|---|---|---|---|"
against "soft-cap, causal 2048" 0.75x softcap-causal gqa-causal B=1,H=16,G=16,M=2048,N=2048,D=64
against "ALiBi, causal 2048" 0.93x alibi-causal gqa-causal B=1,H=16,G=16,M=2048,N=2048,D=64
against "additive bias, full 2048" 0.85x bias-full full B=1,H=16,M=2048,N=2048,D=64
against "RoPE in halves, full 2048" 0.97x rope-full full B=1,H=16,M=2048,N=2048,D=64
against "RoPE in pairs, full 2048" 0.97x rope-pairs-full full B=1,H=16,M=2048,N=2048,D=64
for P in 16 64; do
  pages=P=$P,pages=$((2048 / P)),T=$((2048 / P)) plain=B=1,H=8,G=2,M=2048,N=2048,D=128
  against "pages of $P keys, causal 2048" "" paged-causal gqa-causal B=1,H=8,G=2,M=2048,D=128,$pages $plain
  against "the same, bf16" "" bf16-paged-causal bf16-causal B=1,H=8,G=2,M=2048,D=128,$pages $plain
done
echo
full="B=1,H=16,M=2048,N=2048,D=64"
printf '2 threads over 1, by wall time: full 2048 %.2fx (goal 1.9x), causal 2048 %.2fx (goal 1.85x)\n' \
  "$(two bench/models/full.attn --dims $full)" "$(two bench/models/gqa-causal.attn --dims $full,G=16)"
echo "\`attnc compile\` of one variant to a shared library, whole process: $(compile) ms (goal 300 ms)"
