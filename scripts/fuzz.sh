#!/usr/bin/env bash
# Fuzzes what reads untrusted files: .attn text, ONNX, config.json, safetensors, .npy, .mlir. Builds the preset `fuzz`,
# in which the libraries themselves are instrumented, and searches from the examples, the tests and what earlier runs
# have found (build-fuzz/corpus). A crash is written to build-fuzz/crashes.
# Usage: scripts/fuzz.sh [TARGET|all] [SECONDS]      spec, onnx, huggingface, safetensors, npy or mlir; 60 seconds each
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-all} seconds=${2:-60}
[ "$target" = all ] && targets="npy safetensors huggingface spec onnx mlir" || targets=$target
build=$PWD/build-fuzz inputs=$PWD/test/fuzz/Inputs
cmake --preset fuzz > /dev/null
nice ninja -C "$build" make-onnx $(printf '%s-fuzz ' $targets)
export PATH="$build/test/bin:$PATH" TMPDIR="$build/fuzz-tmp"
export ASAN_OPTIONS="allow_user_poisoning=0:detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
trap 'rm -rf "$TMPDIR"' EXIT

# seeds TARGET FOLDER: what the repository has for it
seeds() {
  case $1 in
    spec) cp --backup=numbered examples/*.attn examples/variants/*.attn "$2" ;;
    onnx) bash "$inputs/onnx-seeds.sh" test/compiler/frontend/onnx "$2" ;;
    huggingface) find examples test -name config.json -exec cp --backup=numbered {} "$2" \; ;;
    mlir) find test -name '*.mlir' -size -8k | while read -r file; do
            csplit -s -z -f "$2/$(basename "$file" .mlir)-" "$file" '/^\/\/ -----/' '{*}'
          done ;;
  esac
  [ -d "$inputs/$1" ] && cp --backup=numbered "$inputs/$1"/* "$2"
  return 0
}

failed=0
for name in $targets; do
  mkdir -p "$build/corpus/$name" "$build/crashes" "$TMPDIR/$name"
  seeds "$name" "$TMPDIR/$name"
  echo "== $name: $(ls "$TMPDIR/$name" | wc -l) seeds, $(ls "$build/corpus/$name" | wc -l) found before, $seconds seconds"
  nice "$name-fuzz" -max_total_time="$seconds" -max_len=3000 -timeout=20 -rss_limit_mb=4096 -print_final_stats=0 \
    -dict="$inputs/$name.dict" -artifact_prefix="$build/crashes/$name-" "$build/corpus/$name" "$TMPDIR/$name" 2>&1 |
    grep --line-buffered -E '^#[0-9]+.*(pulse|INITED|DONE)|ERROR|SUMMARY|Test unit written|BINGO|^Done|fatal' || true
  ls "$build/crashes/$name-"* > /dev/null 2>&1 && failed=1
done
if [ "$failed" = 1 ]; then
  echo "crashes:"
  ls "$build/crashes"
fi
exit $failed
