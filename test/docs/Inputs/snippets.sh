# snippets.sh FILE DIR: writes every ```attn block of a document to DIR/N.attn, and the block "attn library" to
# DIR/library.
awk -v dir="$2" '
  /^```attn library$/ { out = dir "/library"; next }
  /^```attn$/ { out = dir "/" ++n ".attn"; next }
  /^```$/ { out = ""; next }
  out { print > out }
' "$1"
