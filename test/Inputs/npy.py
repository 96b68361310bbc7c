"""npy.py FILE SHAPE [SEED]: writes an f32 tensor, SHAPE like 2x3, of reproducible numbers in [-1, 1); needs no NumPy.
npy.py FILE SHAPE --values 1,2,...: an i32 tensor of these."""
import random
import struct
import sys

path, shape = sys.argv[1], [int(extent) for extent in sys.argv[2].split("x")]
count = 1
for extent in shape:
    count *= extent
if "--values" in sys.argv:
    code, values = "i", [int(value) for value in sys.argv[4].split(",")]
else:
    numbers = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    code, values = "f", [numbers.uniform(-1, 1) for _ in range(count)]
header = "{'descr': '<%s4', 'fortran_order': False, 'shape': (%s,), }" % (code, ", ".join(map(str, shape)))
header += " " * (-(len(header) + 11) % 64) + "\n"
with open(path, "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    file.write(struct.pack("<%d%s" % (count, code), *values))
