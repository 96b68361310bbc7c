# outline-random.sh GENERATOR FOLDER
set -euo pipefail
rm -rf "$2" && mkdir -p "$2" && cd "$2"
calls=0
for seed in $(seq 1 40); do
  python3 "$1" "$seed" > plain.mlir
  attnc-opt --outline-layers plain.mlir -o layers.mlir
  attnc-interpret plain.mlir > plain.txt
  attnc-interpret layers.mlir > layers.txt
  cmp plain.txt layers.txt || { echo "seed $seed"; exit 1; }
  calls=$((calls + $(grep -c 'call @model_layer' layers.mlir || true)))
  if [ $((seed % 5)) = 0 ]; then # some are compiled; on a GPU layers are put back
    sed '/^func.func @call/,$d' plain.mlir > model.mlir
    attnc check model.mlir --dims S=$((seed % 7)) --target=x86-64-v2 > /dev/null
    attnc check model.mlir --dims S=$((seed % 7)) --target=x86-64-v3 > /dev/null
    attnc compile model.mlir --target=sm_80 --emit=static -o model.a
  fi
done
echo "calls: $calls"
