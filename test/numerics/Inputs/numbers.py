"""numbers.py make FILE COLUMNS VALUES [TYPE]: an .npy file of TYPE (i1: int8, u1, u4); numbers.py expect FILE=VALUES: fails unless FILE holds just these.
Needs no NumPy."""
import re
import struct
import sys

codes = {"i1": "b", "i2": "h", "i4": "i", "u1": "B", "u2": "H", "u4": "I", "f4": "f"}

if sys.argv[1] == "make":
    values = [int(value) for value in sys.argv[4].split(",")]
    columns = int(sys.argv[3])
    kind = sys.argv[5] if len(sys.argv) > 5 else "i1"
    descr = ("|" if kind[1] == "1" else "<") + kind
    header = "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }" % (descr, len(values) // columns, columns)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(sys.argv[2], "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack("<%d%s" % (len(values), codes[kind]), *values))
else:
    path, values = sys.argv[2].split("=")
    with open(path, "rb") as file:
        data = file.read()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    kind = re.search(rb"'descr': '[<|](..)'", data[:start]).group(1).decode()
    found = struct.unpack("<%d%s" % ((len(data) - start) // int(kind[1]), codes[kind]), data[start:])
    right = [float(value) for value in values.split(",")]
    if list(found) != right:
        sys.exit("%s holds %s, not %s" % (path, list(found), right))
