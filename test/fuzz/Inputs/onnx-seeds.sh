#!/usr/bin/env bash
# onnx-seeds.sh TESTS FOLDER: the small models that the tests of the ONNX front end are written for, into FOLDER. A test is
# a model, or holds several as parts (split-file).
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
for text in "$1"/*.test; do
  awk -v stem="$parts/$(basename "$text" .test)" \
    '/^(#|\/\/)--- / { part = "-" NR; next } !/^(RUN|CHECK|.*RUN:)/ { print > stem part ".txt" }' "$text"
done
for text in "$parts"/*.txt; do
  model=$2/$(basename "$text" .txt).onnx
  make-onnx "$text" -o "$model" 2>/dev/null
  [ -f "$model" ] && [ "$(stat -c %s "$model")" -gt 4096 ] && rm "$model"
done
exit 0
