# round-trip.sh DIMS FILE...: the IR of each file, printed as .attn and imported again, is the same IR.
set -e
dims=$1
shift
one=$(mktemp) two=$(mktemp)
trap 'rm -f "$one" "$two"' EXIT
for file in "$@"; do
  attnc-translate --import-attn --attnc-dims="$dims" "$file" > "$one"
  attnc-translate --export-attn "$one" | attnc-translate --import-attn > "$two"
  diff "$one" "$two"
  echo "$(basename "$file"): same IR"
done
