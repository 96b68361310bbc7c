"""npy.py FILE SHAPE [SEED]: writes an f32 tensor, SHAPE like 2x3, of reproducible numbers in [-1, 1); needs no NumPy."""
import random
import struct
import sys

path, shape = sys.argv[1], [int(extent) for extent in sys.argv[2].split("x")]
numbers = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
count = 1
for extent in shape:
    count *= extent
header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }" % ", ".join(map(str, shape))
header += " " * (-(len(header) + 11) % 64) + "\n"
with open(path, "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    file.write(struct.pack("<%df" % count, *(numbers.uniform(-1, 1) for _ in range(count))))
