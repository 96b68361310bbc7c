"""integers.py make TYPE FOLDER: inputs x.npy, y.npy (TYPE: i1 i2 i4 i8 u1 u2 u4 u8) and f.npy, d.npy (f32, f64), near every end.
integers.py model TYPE: the model, for make-onnx, with the same numbers as inputs and (`k...`) as constants.
integers.py expect TYPE FOLDER: fails unless the outputs there are right. Needs no NumPy."""
import math
import os
import struct
import sys

verb, kind = sys.argv[1], sys.argv[2]
bits = 8 * int(kind[1])
is_unsigned = kind[0] == "u"
middle = 1 << (bits - 1)
low, high = (0, 2 * middle - 1) if is_unsigned else (-middle, middle - 1)
ends = [0, 1, 2, 3, 7, high - 1, high]
ends += [middle - 1, middle, middle + 1] if is_unsigned else [low, low + 1, -7, -3, -2, -1]
pairs = [(x, y) for x in ends for y in ends]
inf = float("inf")
floats = [float("nan"), inf, -inf, 0.0, -0.0, 0.9, -0.9, 127.5, 128.0, -128.5, -129.0, 32767.5, 32768.0, -32769.0,
          2147483520.0, 2147483648.0, -2147483648.0, -2147484000.0, 9.2e18, 9223372036854775808.0, -9223372036854775808.0,
          1e19, -1e19, 3e38, -3e38, 1e6, 255.5, 256.0, -0.5, -1.0, 65535.5, 65536.0, 4294967040.0, 4294967296.0,
          18446742974197923840.0, 18446744073709551616.0]
floats = [struct.unpack("<f", struct.pack("<f", f))[0] for f in floats]
codes = {"i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q", "f4": "f", "f8": "d"}
name = ("uint" if is_unsigned else "int") + str(bits)


def write(path, code, values):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }" % (("|" if code[1] == "1" else "<") + code, len(values))
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack("<%d%s" % (len(values), codes[code]), *values))


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    count = (len(data) - start) // int(kind[1])
    return list(struct.unpack("<%d%s" % (count, codes[kind]), data[start:]))


def wrap(x):
    return (x - low) % (1 << bits) + low


def quotient(x, y):
    return x if y == 0 else wrap(abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1))


def remainder(x, y):
    return 0 if y == 0 else x - abs(x) // abs(y) * abs(y) * (1 if x >= 0 else -1)


def cast(f):
    return 0 if math.isnan(f) else high if f == inf else low if f == -inf else min(max(math.trunc(f), low), high)


# What else a model does with x and y: node, and what it gives.
operations = {"a": ("Add", lambda x, y: wrap(x + y)), "s": ("Sub", lambda x, y: wrap(x - y)),
              "m": ("Mul", lambda x, y: wrap(x * y)), "hi": ("Max", max), "lo": ("Min", min)}


def to_int8(x):
    return (x + 128) % 256 - 128


if verb == "make":
    write(os.path.join(sys.argv[3], "x.npy"), kind, [x for x, _ in pairs])
    write(os.path.join(sys.argv[3], "y.npy"), kind, [y for _, y in pairs])
    write(os.path.join(sys.argv[3], "f.npy"), "f4", floats)
    write(os.path.join(sys.argv[3], "d.npy"), "f8", floats)
elif verb == "model":
    known = ",".join(str(x) for x, _ in pairs), ",".join(str(y) for _, y in pairs)
    number = {"int8": 3, "int16": 5, "int32": 6, "int64": 7, "uint8": 2, "uint16": 4, "uint32": 12, "uint64": 13}[name]
    print("input x %s[n]\ninput y %s[n]\ninput f float32[m]\ninput d float64[m]" % (name, name))
    outputs = ["q", "r", "p", "less", "narrow"] + list(operations)
    for output in outputs + ["k" + output for output in outputs]:
        print("output %s %s[n]" % (output, name))
    for output in ("cf", "cd"):
        print("output %s %s[m]" % (output, name))
    print("init kx %s[%d] %s\ninit ky %s[%d] %s" % (name, len(pairs), known[0], name, len(pairs), known[1]))
    for x, y, prefix in (("x", "y", ""), ("kx", "ky", "k")):
        print("node Div %s,%s -> %sq\nnode Mod %s,%s -> %sr fmod=1\nnode Mod %s,%s -> %sp" % ((x, y, prefix) * 3))
        for output, (node, _) in operations.items():
            print("node %s %s,%s -> %s%s" % (node, x, y, prefix, output))
        print("node Less %s,%s -> %sis\nnode Where %sis,%s,%s -> %sless" % (x, y, prefix, prefix, x, y, prefix))
        print("node Cast %s -> %sbyte to=3\nnode Cast %sbyte -> %snarrow to=%d" % (x, prefix, prefix, prefix, number))
    print("node Cast f -> cf to=%d\nnode Cast d -> cd to=%d" % (number, number))
else:
    right = {"q": [quotient(x, y) for x, y in pairs], "r": [remainder(x, y) for x, y in pairs],
             "p": [0 if y == 0 else x % y for x, y in pairs], "cf": [cast(f) for f in floats],
             "cd": [cast(f) for f in floats]}
    right.update({output: [op(x, y) for x, y in pairs] for output, (_, op) in operations.items()})
    right["less"] = [x if x < y else y for x, y in pairs]
    right["narrow"] = [wrap(to_int8(x)) for x, _ in pairs]
    right.update({"k" + output: given for output, given in right.items() if output not in ("cf", "cd")})
    wrong = 0
    for output, expected in right.items():
        inputs = floats if output in ("cf", "cd") else pairs
        for at, given, found in zip(inputs, expected, read(os.path.join(sys.argv[3], output + ".npy"))):
            if given != found:
                wrong += 1
                print("%s of %s: expected %d, got %d" % (output, at, given, found))
    sys.exit(wrong != 0)
