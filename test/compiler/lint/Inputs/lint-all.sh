# lint-all.sh FILE...: lints each, prints the warnings of lint, and counts. What cannot be imported is counted and named.
warnings=0 files=0
for file in "$@"; do
  if ! output=$(attnc lint "$file" 2> /dev/null); then
    echo "not imported: $file"
    continue
  fi
  files=$((files + 1))
  found=$(echo "$output" | grep -c '^  warning: ')
  [ "$found" = 0 ] || { echo "$file"; echo "$output" | grep '^  warning: '; }
  warnings=$((warnings + found))
done
echo "looked at $files files, $warnings warnings"
