"""sparse-npy.py FILE: a .npy file of 4 TiB that takes no room."""
import sys

header = "{'descr': '<f4', 'fortran_order': False, 'shape': (16, 536870912, 2, 64), }".ljust(117) + "\n"
start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
with open(sys.argv[1], "wb") as file:
    file.write(start)
    file.truncate(len(start) + 4 * 16 * 536870912 * 2 * 64)
