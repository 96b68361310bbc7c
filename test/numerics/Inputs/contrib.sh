# contrib.sh MODELS FOLDER [ort-run.mjs]: each MODEL.txt is compiled and compared with the numbers that stand in it, and with the
# f64 reference; with ort-run.mjs, with what ONNX Runtime computes now, but for those that say "not on ONNX Runtime".
failed=0
for model in "$1"/*.txt; do
  folder=$2/$(basename "$model" .txt)
  mkdir -p "$folder"
  make-onnx "$model" -o "$folder/model.onnx" && python3 "$(dirname "$0")/tensors.py" "$model" "$folder" || exit 1
  run() { # what it is compared with, then options
    local of=$1
    shift
    attnc check "$folder/model.onnx" --inputs "$folder/in" "$@" > "$folder/log" 2>&1 && return
    echo "$(basename "$model"): differs from $of"
    cat "$folder/log"
    failed=1
  }
  if [ -z "$3" ]; then
    run "the numbers in it" --expected "$folder/expected" --tolerance=2e-5
    run "the reference"
  elif ! grep -q "not on ONNX Runtime" "$model"; then
    node "$3" "$folder/model.onnx" "$folder/in" "$folder/ort" > "$folder/lines" || failed=1
    run "ONNX Runtime" --expected "$folder/ort" --tolerance=2e-5
  fi
done
exit $failed
