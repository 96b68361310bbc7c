# What the scripts of this folder share; sourced by them. They run in the repository's root.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
attnc=build/bin/attnc
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# field NAME FILE: one field of a report of `attnc bench --json`, without quotes
field() { sed -n "s/^ *\"$1\": \"*\([^\",]*\)\"*,*$/\1/p" "$2"; }

# The first line of a table: what was measured where.
describe_machine() {
  echo "Machine: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores; load at the start $(cut -d' ' -f1 /proc/loadavg); $(date -u +%F); $("$attnc" --version | head -1)"
  echo
}

# measure ROUNDS SECONDS ARGUMENTS...: `attnc bench` so often, one line of "fraction seconds" each, in rising order;
# the last report stays in $work/report.json
measure() {
  local rounds=$1 seconds=$2; shift 2
  local round
  for ((round = 0; round < rounds; ++round)); do
    "$attnc" bench "$@" --seconds "$seconds" --json > "$work/report.json" 2> "$work/log" || { cat "$work/log" >&2; return 1; }
    echo "$(field fraction_of_peak "$work/report.json") $(field seconds "$work/report.json")"
  done | sort -n
}

# two ARGUMENTS...: the speed of two threads over that of one, by wall time, in three pairs of runs
two() {
  for _ in 1 2 3; do
    for threads in 1 2; do
      "$attnc" bench "$@" --threads $threads --seconds 3 --json 2>/dev/null > "$work/$threads.json"
      field wall_seconds "$work/$threads.json"
    done | paste -sd' '
  done | awk '{ print $1 / $2 }' | sort -n | sed -n 2p
}

# The median wall time in ms of nine whole processes that compile a variant to a shared library.
compile() {
  for _ in 1 2 3 4 5 6 7 8 9; do
    local start=$(date +%s%N)
    "$attnc" compile examples/causal.attn --dims H=16,D=64 --emit=shared -o "$work/libcausal.so" 2>/dev/null >&2
    echo $((($(date +%s%N) - start) / 1000000))
  done | sort -n | sed -n 5p
}
