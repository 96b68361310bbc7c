#!/usr/bin/env bash
# Builds with the address and undefined-behaviour sanitizers, runs every test, and prints a summary: how many passed,
# which failed, and each different report of a sanitizer once, with how often it came. Hours on a small machine.
# Usage: scripts/sanitize.sh [--part K/N] [LIT OPTION...]      --part 3/10 runs the third tenth of the tests
# The whole log is build-asan/sanitize.log, or sanitize-3-of-10.log; the reports are files in a folder of the same name,
# because a test that wants a program to fail, or reads what it prints, passes over them. ATTNC_PRESET=fuzz uses that
# build, ATTNC_TARGETS builds less: ATTNC_TARGETS="fuzzers make-onnx" scripts/sanitize.sh --filter fuzz/
set -euo pipefail
cd "$(dirname "$0")/.."
part=()
name=sanitize
if [ "${1:-}" = --part ]; then
  if ! [[ "${2:-}" =~ ^([1-9][0-9]*)/([1-9][0-9]*)$ ]] || [ "${2%/*}" -gt "${2#*/}" ]; then
    echo "sanitize.sh: --part wants K/N with K from 1 to N, for example 3/10" >&2
    exit 2
  fi
  # lit's usual order follows the times of the last run, and one part would take tests of another.
  part=(--order=lexical "--num-shards=${2#*/}" "--run-shard=${2%/*}")
  name=sanitize-${2%/*}-of-${2#*/}
  shift 2
fi
lit=$(command -v lit-22 || command -v lit)
build=build-${ATTNC_PRESET:=asan}
cmake --preset "$ATTNC_PRESET" > /dev/null
nice ninja -C "$build" ${ATTNC_TARGETS:-attnc-tests}
log=$build/$name.log
reports=$PWD/$build/$name
rm -rf "$reports"
mkdir -p "$reports"
to_files=log_path=$reports/report:log_exe_name=1
export ASAN_OPTIONS="detect_stack_use_after_return=1:print_cmdline=1:$to_files${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export UBSAN_OPTIONS="print_stacktrace=1:$to_files${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
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
# The log has those of programs that a test runs with an environment of its own.
found=$(grep -rhoE '(SUMMARY: (Address|Leak)Sanitizer: .*|[^ ]+:[0-9]+:[0-9]+: runtime error: .*)' "$log" "$reports" |
  sed -E 's/0x[0-9a-f]+/0x../g' | sort | uniq -c | sort -rn || true)
echo "${found:-none}"
[ -z "$found" ] || [ "$status" -ne 0 ] || status=1
exit "$status"
