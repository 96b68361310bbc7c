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
