# use-make.sh SRC: the makefile of docs/usage.md, for a program in C and, with its names changed, one in C++.
set -euo pipefail
src=$1 inputs=$1/test/cmake/Inputs
mv "$TREE" ../tree && TREE=$(realpath ../tree) # makefiles split words at spaces
export PKG_CONFIG_PATH=$TREE/lib/pkgconfig
awk '/^```/ { on = $0 == "```make"; next } on' "$src/docs/usage.md" > Makefile
sed 's/$(CC)/$(CXX)/; s/main.c/main.cpp/; s/causal.attn/shift.onnx/; s/--dims H=4,D=64 //; s/causal/shift/g; s/program/cpp/g' Makefile > cpp.mk
cp "$inputs/main.c" "$inputs/main.cpp" .
pkg-config --modversion attnc
make -s && ./program
make -s -f cpp.mk && ./cpp
make -q && echo 'nothing new'
touch causal.attn && ! make -q && echo 'new description'
