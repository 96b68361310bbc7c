"""tensors.py MODEL.txt FOLDER: writes what lines of a model's text say as FOLDER/in/NAME.npy and FOLDER/expected/NAME.npy:

    # data x float32[2,3] random 7 0.5      uniform in -0.5 to 0.5, by seed
    # data ids int32[3] 4,0,2               values; one of them fills the tensor
    # expect y float32[2] 0.25,1

Needs no NumPy."""
import os
import re
import struct
import sys

codes = {"float32": ("<f4", "f"), "float64": ("<f8", "d"), "int8": ("|i1", "b"), "uint8": ("|u1", "B"), "int16": ("<i2", "h"),
         "uint16": ("<u2", "H"), "int32": ("<i4", "i"), "int64": ("<i8", "q"), "bool": ("|b1", "?")}


def uniform(count, seed, scale):
    state, numbers = seed * 2654435761 + 12345, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        numbers.append(((state >> 33) / 2**30 - 1) * scale)
    return numbers


def values(words, count, kind):
    if words[0] == "random":
        numbers = uniform(count, int(words[1]), float(words[2]))
        return [number if kind.startswith("float") else round(number) for number in numbers]
    numbers = [(float if kind.startswith("float") else int)(word) for word in words[0].split(",") if word]
    return numbers * count if len(numbers) == 1 else numbers


def write(path, kind, shape, numbers):
    descr, code = codes[kind]
    dims = "".join("%d, " % extent for extent in shape)
    header = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (descr, dims)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack("<%d%s" % (len(numbers), code), *numbers))


for folder in ("in", "expected"):
    os.makedirs(os.path.join(sys.argv[2], folder), exist_ok=True)
for line in open(sys.argv[1]):
    match = re.match(r"# (data|expect) (\S+) (\w+)\[([\d,]*)\] (.*)", line)
    if match:
        what, name, kind, dims, rest = match.groups()
        shape = [int(extent) for extent in dims.split(",") if extent]
        count = 1
        for extent in shape:
            count *= extent
        folder = "in" if what == "data" else "expected"
        write(os.path.join(sys.argv[2], folder, name + ".npy"), kind, shape, values(rest.split(), count, kind))
