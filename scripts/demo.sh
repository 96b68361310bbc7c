#!/usr/bin/env bash
# From nothing to native attention: installs what is missing, builds the compiler, compiles a layer exported to ONNX and
# a causal attention written in .attn, runs both programs on the tensors in examples/data, compares with the f64
# reference, and measures. Nothing is written outside build/.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/demo

say() { printf '\n== %s\n' "$*"; }
show() {
  printf '$ %s\n' "$*"
  "$@"
}

say "Install what is missing, build the compiler"
scripts/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target attnc
export PATH="$PWD/build/bin:$PATH"
mkdir -p "$out"

say "A transformer layer, from ONNX to a program"
show attnc compile examples/layer.onnx -o $out/layer
show $out/layer --x examples/data/layer/x.npy -o $out/y.npy
say "How far is compiled code from the f64 reference?"
show attnc check examples/layer.onnx --inputs examples/data/layer

say "Causal attention, written in three lines"
cat examples/causal.attn
show attnc compile examples/causal.attn --dims H=4,D=64 -o $out/causal
show $out/causal --inputs examples/data/causal --outputs $out
show attnc check examples/causal.attn --dims H=4,D=64 --inputs examples/data/causal

say "The same as a C library"
show attnc compile examples/causal.attn --dims H=4,D=64 -o $out/libcausal.so
(cd $out && show cc causal_example.c -L. -lcausal -Wl,-rpath,'$ORIGIN' -o causal_example && show ./causal_example)

say "How fast is it? One thread, as a share of what this machine can do at most"
show attnc bench examples/causal.attn --dims B=1,H=16,M=2048,N=2048,D=64 --threads 1
show attnc bench examples/layer.onnx --dims batch=8,seq=128 --threads 1

say "Done. build/bin/attnc --help says what else there is."
