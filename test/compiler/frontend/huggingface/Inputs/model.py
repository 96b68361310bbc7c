"""model.py FOLDER: weights for the configurations of weights.test, some of them wrong."""
import os
import subprocess
import sys

folder = sys.argv[1]
writer = os.path.join(os.path.dirname(__file__), "..", "..", "..", "..", "Inputs", "safetensors.py")


def write(model, tensors):
    file = os.path.join(folder, model, "model.safetensors")
    subprocess.run([sys.executable, writer, file] + ["%s=%s" % item for item in tensors.items()], check=True)


llama = {"model.embed_tokens.weight": "F32[64,32]", "model.layers.0.self_attn.rotary_emb.inv_freq": "F32[4]"}
for layer in range(2):
    for name, shape in {"q": "32,32", "k": "16,32", "v": "16,32", "o": "32,32"}.items():
        prefix = "model." if layer == 0 else ""
        llama["%slayers.%d.self_attn.%s_proj.weight" % (prefix, layer, name)] = "F32[%s]" % shape
write("good", llama)

llama["model.layers.0.self_attn.q_proj.weight"] = "F32[32,16]"
llama["model.layers.0.self_attn.k_proj.weight"] = "Q4[16,32]"
llama["model.layers.2.self_attn.v_proj.weight"] = "F32[16,32]"
llama["model.layers.1.self_attn.q_proj.bias"] = "F32[]"
del llama["layers.1.self_attn.q_proj.weight"]
write("wrong", llama)

gpt2 = {"c_attn.weight": "F32[96,32]", "c_attn.bias": "F32[96]", "c_proj.weight": "F32[32,32]", "bias": "F32[1,1,8,8]"}
write("gpt2", {"transformer.h.0.attn." + name: shape for name, shape in gpt2.items()})

with open(os.path.join(folder, "damaged", "model.safetensors"), "wb") as file:
    file.write(b"\x40" + bytes(7) + b"{")
