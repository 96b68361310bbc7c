# installed.sh SRC BUILD FILES COMMAND...: installs as the README says, moves the tree, and runs COMMAND in a folder of its
# own that holds a copy of FILES and examples/causal.attn; TREE is where the tree is. The build tree is neither in PATH
# nor, where a user may mount, in sight.
set -euo pipefail
src=$1 build=$2 files=$3
shift 3
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
mkdir "$work/user" "$work/another place"
cp "$files"/* "$src/examples/causal.attn" "$work/user"
cd "$work" && ln -s "$build" build
awk '/^## / { on = $0 == "## Install" } on && sub(/^\$ cmake --install/, "cmake --install")' "$src/README.md" > install.sh
grep -q prefix install.sh
HOME=$work bash -eu install.sh > install.log
rm build && mv attnc 'another place'
export TREE="$work/another place/attnc" PATH=/usr/local/bin:/usr/bin:/bin
cd user
hide=()
if unshare --map-root-user --mount true 2> /dev/null; then
  hide=(unshare --map-root-user --mount bash -c 'mount -t tmpfs none "$0" && exec "$@"' "$build")
fi
"${hide[@]}" "$@"
