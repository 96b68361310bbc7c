"""What bench/peers.py and bench/sweep.py share: problems, their data, and workers that are timed in turns.

A worker is a process that computes attention (the protocol is in Worker.h).
"""
import array
import math
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("ATTNC_BUILD", os.path.join(ROOT, "build"))
ATTNC = os.path.join(BUILD, "bin", "attnc")
LAYOUTS = {"BHMD": ("B, H, M, D", "B, G, N, D"), "BMHD": ("B, M, H, D", "B, N, G, D")}


class Cannot(Exception):
    """What a worker says that it cannot do."""


@dataclass(frozen=True)
class Problem:
    """Attention of H query heads in G groups; `window` keys up to the query itself, 0: all of them."""
    B: int
    H: int
    G: int
    M: int
    N: int
    D: int
    causal: bool = False
    window: int = 0
    dtype: str = "f32"
    layout: str = "BHMD"

    def extents(self):
        return self.B, self.H, self.G, self.M, self.N, self.D

    def dims(self, names="BHGMND"):
        return ",".join(f"{name}={getattr(self, name)}" for name in names)

    def settings(self, threads, **more):
        pairs = {"causal": int(self.causal), "window": self.window, "dtype": self.dtype, "layout": self.layout,
                 "threads": threads, **more}
        return self.dims() + "".join(f",{name}={value}" for name, value in pairs.items())

    def attn(self, score=None, mask=None):
        """The .attn file; its entry is `peer`. `mask` replaces the problem's own, which has its ends aligned."""
        query, key = LAYOUTS[self.layout]
        own = " and ".join(["causal"] * self.causal + [f"window({self.window})"] * bool(self.window))
        body = "".join(f"  {name} = {text}\n" for name, text in (("score", score), ("mask", mask or own)) if text)
        return (f"attention peer(q: {self.dtype}[{query}], k: {self.dtype}[{key}], v: {self.dtype}[{key}])"
                f" -> {self.dtype}[{query}] {{\n{body}}}\n")

    def flops(self):
        """Of the pairs that the mask allows: a product and a sum for every feature, in Q K^T and in P V."""
        pairs = 0
        for i in range(self.M):
            end = min(self.N, i + self.N - self.M + 1) if self.causal else self.N
            pairs += max(0, min(end, self.window) if self.window else end)
        return 4 * self.B * self.H * self.D * pairs


# ----------------------------------------------------------------------------------------------------------------------
# Data
# ----------------------------------------------------------------------------------------------------------------------

def element_bytes(dtype):
    return {"f32": 4, "f64": 8}.get(dtype, 2)


def to_bf16(floats):
    bits = array.array("I", floats.tobytes())
    return array.array("H", ((b + 0x7FFF + ((b >> 16) & 1)) >> 16 for b in bits))


def to_f16(floats):
    return array.array("H", struct.pack(f"<{len(floats)}e", *floats))


def widen(data, dtype):
    """Bytes of a dtype as floats."""
    if dtype == "f32":
        return array.array("f", data)
    if dtype == "f64":
        return array.array("d", data)
    if dtype == "f16":
        return array.array("f", struct.unpack(f"<{len(data) // 2}e", data))
    return array.array("f", array.array("I", (half << 16 for half in array.array("H", data))).tobytes())


def make_inputs(folder, problem, seed=1):
    """q.bin, k.bin and v.bin: stretches of a table of normal deviates that begin anywhere in it."""
    rng = random.Random(seed)
    table = array.array("f", (rng.gauss(0, 1) for _ in range(1 << 16)))
    convert = {"f32": lambda x: x, "f64": lambda x: array.array("d", x), "bf16": to_bf16, "f16": to_f16}
    data, size = convert[problem.dtype](table).tobytes(), element_bytes(problem.dtype)
    B, H, G, M, N, D = problem.extents()
    for name, count in ("q", B * H * M * D), ("k", B * G * N * D), ("v", B * G * N * D):
        with open(os.path.join(folder, name + ".bin"), "wb") as file:
            left = count * size
            while left > 0:
                begin = rng.randrange(len(table) - 4096) * size
                left -= file.write(data[begin:begin + min(left, 4096 * size)])


def from_npy(path):
    with open(path, "rb") as file:
        data = file.read()
    return data[10 + struct.unpack("<H", data[8:10])[0]:]


def largest_difference(got, expected, dtype, rows=512, row=64):
    """Between two files' elements; of so many stretches of `row` elements spread evenly, or of all."""
    size = element_bytes(dtype)
    with open(got, "rb") as left, open(expected, "rb") as right:
        length = os.fstat(left.fileno()).st_size
        if length != os.fstat(right.fileno()).st_size:
            return math.inf
        stretch = row * size
        count = math.ceil(length / stretch)
        worst = 0.0
        for index in range(count) if not rows or count <= rows else (i * (count - 1) // (rows - 1) for i in range(rows)):
            left.seek(index * stretch)
            right.seek(index * stretch)
            pairs = zip(widen(left.read(stretch), dtype), widen(right.read(stretch), dtype))
            worst = max(worst, max((abs(a - b) if a == a and b == b else math.inf for a, b in pairs), default=0.0))
        return worst


# ----------------------------------------------------------------------------------------------------------------------
# attnc
# ----------------------------------------------------------------------------------------------------------------------

def run_attnc(*arguments):
    """Fails with what attnc says."""
    result = subprocess.run([ATTNC, *arguments], capture_output=True, text=True)
    if result.returncode:
        said = (result.stderr + result.stdout).strip().splitlines()
        raise Cannot(next((line for line in said if "error" in line), said[0] if said else f"exit {result.returncode}"))


def write_attn(folder, text):
    path = os.path.join(folder, "peer.attn")
    with open(path, "w") as file:
        file.write(text)
    return path


def compile_attnc(folder, text, problem, schedule=None, name="libpeer.so"):
    """The library's path; head counts and head dim are fixed, lengths are left open, as users have them."""
    library = os.path.join(folder, name)
    options = [f"--schedule={schedule}"] if schedule else []
    run_attnc("compile", write_attn(folder, text), "--dims", problem.dims("HGD"), "--emit=shared", "--name=peer", "-o", library,
              *options)
    return library


def record_reference(folder, problem):
    """q, k, v and expected.bin of a small problem, by the f64 reference; our own code is checked on the way."""
    run_attnc("check", write_attn(folder, problem.attn()), "--dims", problem.dims(), "--record", folder)
    for name, file in ("q", "q"), ("k", "k"), ("v", "v"), ("o", "expected"):
        with open(os.path.join(folder, file + ".bin"), "wb") as out:
            out.write(from_npy(os.path.join(folder, name + ".npy")))


# ----------------------------------------------------------------------------------------------------------------------
# Workers
# ----------------------------------------------------------------------------------------------------------------------

class Process:
    """One process that answers line by line."""

    def __init__(self, command):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True)
        line = self.process.stdout.readline().strip()
        word, _, self.settled = line.partition(" ")
        if word != "ready":
            self.close()
            raise Cannot(self.settled if word == "cannot" else self.died())

    def died(self):
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip().splitlines()
        return f"ended with {self.process.returncode}: {said[-1] if said else 'no message'}"

    def ask(self, line):
        try:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # what it said before is read now
        answer = self.process.stdout.readline().split()
        if not answer or answer[0] == "cannot":
            self.close()
            raise Cannot(" ".join(answer[1:]) or self.died())
        return [float(number) for number in answer]

    def close(self):
        for pipe in self.process.stdin, self.process.stdout:
            try:
                pipe.close()
            except BrokenPipeError:
                pass
        self.process.wait()


class Peak(Process):
    def __init__(self, dtype, threads):
        super().__init__([os.path.join(BUILD, "bench", "peer-peak"), dtype, str(threads)])

    def measure(self):
        """GFLOP/s of one burst of 3 ms."""
        return self.ask("")[0]


class Worker(Process):
    """`command` and its argument, on a problem whose inputs are in `folder`; its first result goes to `output`."""

    def __init__(self, command, argument, problem, threads, folder, output, settings={}):
        self.threads, self.output = threads, output
        super().__init__([*command, argument, problem.settings(threads, **settings), folder, output])

    def time(self, calls):
        """Seconds of a call. One thread is also measured by its CPU time: what a neighbour takes is not counted."""
        wall, cpu = self.ask(calls)
        return min(wall, cpu) if self.threads == 1 else wall


OURS = [os.path.join(BUILD, "bench", "peer-attnc")]


def measure_in_turns(workers, peak, flops, rounds, turn):
    """Medians over rounds, in which every worker has one turn of about `turn` seconds after a burst of peak
    arithmetic: a list of (seconds, share of the peaks before and after), and the peak in GFLOP/s."""
    counts = [max(1, math.ceil(turn / max(worker.time(1), 1e-6))) for worker in workers]
    times, shares, peaks = [[] for _ in workers], [[] for _ in workers], []
    for _ in range(rounds):
        before = peak.measure()
        for index, worker in enumerate(workers):
            times[index].append(worker.time(counts[index]))
            time.sleep(0.01)  # until its threads sleep
            after = peak.measure()
            shares[index].append(flops / times[index][-1] * 1e-9 / ((before + after) / 2))
            peaks.append(after)
            before = after
    medians = [(statistics.median(t), statistics.median(s)) for t, s in zip(times, shares)]
    return medians, statistics.median(peaks)


# ----------------------------------------------------------------------------------------------------------------------
# Progress
# ----------------------------------------------------------------------------------------------------------------------

class Progress:
    """A bar with what is done and how long the rest may take; lines where stderr is no terminal."""

    def __init__(self, total):
        self.total, self.done, self.begin = total, 0, time.monotonic()
        self.bar = sys.stderr.isatty()

    def show(self, text):
        elapsed = time.monotonic() - self.begin
        left = f", {elapsed / self.done * (self.total - self.done) / 60:.0f} min left" if self.done else ""
        if self.bar:
            filled = 24 * self.done // max(1, self.total)
            print(f"\r\033[K[{'#' * filled}{'.' * (24 - filled)}] {self.done}/{self.total}{left} {text}"[:160], end="",
                  file=sys.stderr, flush=True)

    def step(self, text):
        self.done += 1
        if self.bar:
            self.show(text)
        else:
            print(f"{self.done}/{self.total} {text}", file=sys.stderr, flush=True)

    def close(self):
        if self.bar:
            print("\r\033[K", end="", file=sys.stderr)
