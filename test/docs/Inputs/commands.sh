#!/usr/bin/env bash
# commands.sh PAGE: runs every `$ attnc` command of a Markdown page from the repository root; in an `mlir` or `asm`
# block, the lines after the command must occur in its output in that order (SSA names, white space and what stands
# behind // aside).
set -euo pipefail
page=$1; out=$2
normalise() { sed -E 's/%[A-Za-z0-9_#]+/%/g; s/[[:space:]]+/ /g; s/^ //; s/ $//'; }

fence=; command=
check_line() {
  local want; want=$(normalise <<<"${1%%  // *}")
  while IFS= read -r line <&3; do
    [[ $line == *"$want"* ]] && return
  done
  echo "$page: not in the output of '$command', or not in this order: $1"
  exit 1
}
while IFS= read -r line; do
  if [[ $line == '```'* ]]; then
    if [ -n "$fence" ]; then fence=; command=; else fence=${line#'```'}; [ -n "$fence" ] || fence=text; fi
  elif [[ -n $fence && $line == '$ attnc '* ]]; then
    command=${line#'$ '}
    ( cd "$out" && eval "$command" ) > "$out/printed" 2> "$out/log" || { cat "$out/log"; echo "failed: $command"; exit 1; }
    normalise < "$out/printed" > "$out/normal"
    exec 3< "$out/normal"
    echo "ran: $command"
  elif [[ ( $fence == mlir || $fence == asm ) && -n $command && -n $line ]]; then
    check_line "$line"
  fi
done < "$page"
