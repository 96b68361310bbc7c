#!/usr/bin/env bash
# onnx-seeds.sh TESTS FOLDER: the small models that the tests of the ONNX front end are written for, into FOLDER.
for text in "$1"/*.test; do
  model=$2/$(basename "$text" .test).onnx
  sed '/^\(RUN\|CHECK\|.*RUN:\)/d' "$text" | make-onnx /dev/stdin -o "$model" 2>/dev/null
  [ -f "$model" ] && [ "$(stat -c %s "$model")" -gt 4096 ] && rm "$model"
done
exit 0
