"""safetensors.py FILE NAME=DTYPE[2,3] ...: writes a .safetensors file of such tensors, all zero."""
import json
import math
import struct
import sys

sizes = {"BOOL": 1, "U8": 1, "F16": 2, "BF16": 2, "F32": 4, "F64": 8, "I64": 8, "Q4": 1}
header, offset = {"__metadata__": {"format": "pt"}}, 0
for argument in sys.argv[2:]:
    name, rest = argument.split("=")
    dtype, shape = rest.rstrip("]").split("[")
    shape = [int(extent) for extent in shape.split(",") if extent]
    size = sizes[dtype] * math.prod(shape)
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
    offset += size
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + bytes(offset))
