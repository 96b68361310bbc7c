"""blocks.py make FOLDER: x.npy, h.npy and panel.npy for blocks.mlir; blocks.py expect FOLDER: fails unless y.npy
and z.npy there are the products. Needs no NumPy."""
import random
import struct
import sys

M, K, N, BLOCK, GROUP = 9, 70, 16, 32, 8


def write(path, descr, code, shape, values):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack("<%d%s" % (len(values), code), *values))


def read(path, code):
    with open(path, "rb") as file:
        data = file.read()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    return struct.unpack("<%d%s" % ((len(data) - start) // struct.calcsize(code), code), data[start:])


draw = random.Random(3)
numbers = [[draw.randint(-8, 7) for _ in range(N)] for _ in range(K)]
scales = [[draw.randint(1, 64) / 1024 for _ in range(N)] for _ in range(-(-K // BLOCK))]
x = [draw.randint(-256, 256) / 64 for _ in range(M * K)]  # f16 holds them

if sys.argv[1] == "make":
    rows = []
    for block, scale in enumerate(scales):
        for first in range(block * BLOCK, (block + 1) * BLOCK, GROUP):
            rows.append([sum((numbers[first + e][n] & 15) << 4 * e for e in range(GROUP) if first + e < K)
                         for n in range(N)])
        rows.append([struct.unpack("<I", struct.pack("<f", s))[0] for s in scale])
    write(sys.argv[2] + "/x.npy", "<f4", "f", (M, K), x)
    write(sys.argv[2] + "/h.npy", "<f2", "e", (M, K), x)
    write(sys.argv[2] + "/panel.npy", "<i4", "I", (len(rows), N), [word for row in rows for word in row])
else:
    for name in ("y", "z"):
        found = read("%s/%s.npy" % (sys.argv[2], name), "f")
        for at in range(M * N):
            row, column = divmod(at, N)
            right = sum(x[row * K + k] * numbers[k][column] * scales[k // BLOCK][column] for k in range(K))
            if not abs(found[at] - right) < 1e-4:
                sys.exit("%s[%d, %d] is %r, not %r" % (name, row, column, found[at], right))
