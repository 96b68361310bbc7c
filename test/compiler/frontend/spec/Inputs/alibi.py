"""alibi.py HEADS...: runs an attention with two keys that are 0, whose lse tells the slope of each head, and compares it
with get_slopes of the paper's authors (ofirpress/attention_with_linear_biases, as Hugging Face has it)."""
import math
import os
import struct
import subprocess
import sys


def write_zeros(path, shape):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }" % ", ".join(map(str, shape))
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(bytes(4 * math.prod(shape)))


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    start = 10 + struct.unpack_from("<H", data, 8)[0]
    return struct.unpack("<%df" % ((len(data) - start) // 4), data[start:])


def get_slopes(n):
    def power_of_2(n):
        start = 2 ** (-(2 ** -(math.log2(n) - 3)))
        return [start * start**i for i in range(n)]

    if math.log2(n).is_integer():
        return power_of_2(n)
    closest = 2 ** math.floor(math.log2(n))
    return power_of_2(closest) + get_slopes(2 * closest)[0::2][: n - closest]


for heads in map(int, sys.argv[1:]):
    with open("alibi.attn", "w") as file:
        file.write(
            "attention f(q: f32[H=%d, M, D=1], k: f32[H, N, D], v: f32[H, N, D]) -> (o: f32[H, M, D], lse: f32[H, M]) {\n"
            "  score = s + alibi\n  mask = causal\n}\n" % heads
        )
    os.makedirs("in", exist_ok=True)
    for name, keys in (("q", 1), ("k", 2), ("v", 2)):
        write_zeros("in/%s.npy" % name, [heads, keys, 1])
    subprocess.run(["attnc", "run", "alibi.attn", "--inputs", "in", "--outputs", "out"], check=True, stdout=subprocess.DEVNULL)
    found = read("out/lse.npy")
    for h, slope in enumerate(get_slopes(heads)):
        expected = math.log(1 + math.exp(-slope))
        if abs(found[h] - expected) > 2e-7:
            sys.exit("head %d of %d: lse %.9g, expected %.9g for the slope %.9g" % (h, heads, found[h], expected, slope))
