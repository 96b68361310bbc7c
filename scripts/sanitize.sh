#!/usr/bin/env bash
# Builds with the address and undefined-behaviour sanitizers, runs every test, and prints a summary: how many passed,
# which failed, and each different report of a sanitizer once, with how often it came. Hours on a small machine.
# Usage: scripts/sanitize.sh [--part K/N] [LIT OPTION...]      --part 3/10 runs the third tenth of the tests
# The whole log is build-asan/sanitize.log. ATTNC_PRESET=fuzz uses that build, ATTNC_TARGETS
# builds less: ATTNC_TARGETS="fuzzers make-onnx" scripts/sanitize.sh --filter fuzz/
set -euo pipefail
cd "$(dirname "$0")/.."
part=()
if [ "${1:-}" = --part ]; then
  part=("--num-shards=${2#*/}" "--run-shard=${2%/*}")
  shift 2
fi
lit=$(command -v lit-22 || command -v lit)
build=build-${ATTNC_PRESET:=asan}
cmake --preset "$ATTNC_PRESET" > /dev/null
nice ninja -C "$build" ${ATTNC_TARGETS:-attnc-tests}
export ASAN_OPTIONS="detect_stack_use_after_return=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export UBSAN_OPTIONS="print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
log=$build/sanitize.log
status=0
nice "$lit" -v "${part[@]}" "$@" "$build/test" > "$log" 2>&1 || status=$?

if ! grep -q '^Total Discovered Tests' "$log"; then
  tail -5 "$log"
  exit 1
fi
echo "== tests"
sed -n '/^Total Discovered Tests/,$p' "$log"
grep -E '^(FAIL|TIMEOUT|UNRESOLVED):' "$log" | sort || true
echo "== reports of the sanitizers"
grep -oE '(ERROR: AddressSanitizer: .*|SUMMARY: (AddressSanitizer|UndefinedBehaviorSanitizer): .*|[^ ]+:[0-9]+:[0-9]+: runtime error: .*)' "$log" |
  sed -E 's/0x[0-9a-f]+/0x../g; s/==[0-9]+==//' | sort | uniq -c | sort -rn || true
grep -qE 'AddressSanitizer|runtime error:' "$log" || echo "none"
exit $status
