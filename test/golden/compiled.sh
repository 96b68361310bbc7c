#!/usr/bin/env bash
# compiled.sh TARGET: golden ONNX layers and decoders, compiled for TARGET, against what their makers computed in f64, each
# within the tolerance of its case.json. Prints one line per case and input set.
target=$1 failed=0
for folder in "$ATTNC_GOLDEN"/onnx/{attn_layer_,torch_mha_,torch_enc,timm_,torchvision_,whisper_enc,whisper_dec,nanogpt_,llama2c_,hf_gpt2}*; do
  limit=$(sed -n 's/.*"limit": *\([0-9.e+-]*\).*/\1/p' "$folder/case.json" | head -1)
  for inputs in "$folder"/inputs*; do
    set=${inputs#"$folder/inputs"}
    if result=$(attnc check "$folder/model.onnx" --target="$target" --inputs "$inputs" --expected "$folder/expected_f64$set" \
                  --tolerance="${limit:-1e-5}" 2>&1); then
      echo "ok     $(basename "$folder")$set"
    else
      echo "FAILED $(basename "$folder")$set"
      echo "$result"
      failed=1
    fi
  done
done
exit $failed
