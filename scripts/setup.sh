#!/usr/bin/env bash
# Installs, with apt, every package that building and testing attnc needs and that is not there yet. With --bench also
# the peers of bench/peers.sh and bench/decode.sh; ONNX Runtime and llama.cpp come from npm, where there is node. With
# --tests also the ONNX project's own tests, 40 MB, which scripts/test.sh then runs as well.
# Debian 12 (LLVM 22 comes from its security suite) or 13; other systems: install the same packages by hand.
set -euo pipefail

packages=(
  build-essential cmake ninja-build pkg-config git ccache dpkg-dev man-db
  clang-22 lld-22 liblld-22-dev llvm-22 llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools libclang-rt-22-dev
  clang-tidy-22 clang-format-22
  zlib1g-dev libzstd-dev libxml2-dev libedit-dev
  libsqlite3-dev libprotobuf-dev protobuf-compiler libonnx-dev libfmt-dev libsimdjson-dev libdlpack-dev
  libgtest-dev libgmock-dev librapidcheck-dev
)
bench=false
for option in "$@"; do
  case $option in
  --bench) bench=true && packages+=(libopenblas-dev libdnnl-dev) ;;
  --tests) packages+=(libonnx-testdata) ;;
  *) echo "usage: scripts/setup.sh [--bench] [--tests]" >&2 && exit 2 ;;
  esac
done
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "Installing: ${missing[*]}"
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

if $bench; then
  cd "$(dirname "$0")/../bench/peers"
  if ! command -v npm > /dev/null; then
    echo "npm is missing (packages nodejs and npm): bench/ will go without ONNX Runtime and llama.cpp"
  elif [ ! -d node_modules/onnxruntime-node ] || [ ! -d node_modules/@node-llama-cpp ]; then
    npm install --silent --ignore-scripts --no-package-lock
  fi
fi
