"""numbers.py make FILE COLUMNS VALUES: an int8 .npy file; numbers.py expect FILE=VALUES: fails unless FILE holds just these.
Needs no NumPy."""
import re
import struct
import sys

if sys.argv[1] == "make":
    values = [int(value) for value in sys.argv[4].split(",")]
    columns = int(sys.argv[3])
    header = "{'descr': '|i1', 'fortran_order': False, 'shape': (%d, %d), }" % (len(values) // columns, columns)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(sys.argv[2], "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack("<%db" % len(values), *values))
else:
    path, values = sys.argv[2].split("=")
    with open(path, "rb") as file:
        data = file.read()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    kind = re.search(rb"'descr': '[<|](..)'", data[:start]).group(1).decode()
    found = struct.unpack("<%d%s" % ((len(data) - start) // 4, {"i4": "i", "f4": "f"}[kind]), data[start:])
    right = [float(value) for value in values.split(",")]
    if list(found) != right:
        sys.exit("%s holds %s, not %s" % (path, list(found), right))
