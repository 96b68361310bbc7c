# round-trip.sh FILE...: the IR of each file, printed as .attn and imported again, is the same IR. What a file leaves
# symbolic is fixed to H=16, D=64 and, where it has key-value heads of its own, G=4.
set -e
one=$(mktemp) two=$(mktemp)
trap 'rm -f "$one" "$two"' EXIT
for file in "$@"; do
  dims=H=16,D=64
  if grep -qw G "$file"; then dims=$dims,G=4; fi
  attnc-translate --import-attn "$file" > "$one" 2> /dev/null ||
    attnc-translate --import-attn --attnc-dims="$dims" "$file" > "$one"
  attnc-translate --export-attn "$one" | attnc-translate --import-attn > "$two"
  diff "$one" "$two"
  echo "$(basename "$file"): same IR"
done
