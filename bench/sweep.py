#!/usr/bin/env python3
"""Draws shapes, and lists where the default schedule is slower than the unfused or the best forced one.

sweep.py [--quick N] [--count 200] [--seed 22] [--tiny] [--record FILE] [--results FOLDER]

For each shape, every schedule of the table below that the compiler accepts is compiled and takes turns with the default
on one thread; all outputs must agree with the default's. Results are appended to FILE (build/bench/sweep.jsonl), so that
a run that was stopped goes on where it was; at the end the sweep's section of bench/RESULTS.md is written. --quick draws
the first N shapes only and prints the section instead. Needs `ninja -C build bench-peers`.
"""
import argparse
import concurrent.futures
import dataclasses
import itertools
import json
import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
import report  # noqa: E402
from workers import (BUILD, OURS, ROOT, Cannot, Peak, Problem, Progress, Worker, compile_attnc,  # noqa: E402
                     largest_difference, make_inputs, measure_in_turns)

UNFUSED = "attention.form=unfused"
# What is forced; one that this compiler or this target does not have is passed over.
SCHEDULES = [
    UNFUSED,
    "attention.form=transposed",
    "attention.form=pairs",
    "attention.form=rows",
    "attention.form=decode",
    "attention.form=dots",
    "attention.queries=16",
    "attention.queries=32",
    "attention.queries=64",
    "attention.keys=32",
    "attention.keys=64",
    "attention.keys=256",
    "attention.blocks=1",
    "attention.blocks=8",
]
TOLERANCE = {"f64": 1e-10, "f32": 5e-5, "f16": 5e-3, "bf16": 4e-2}
# A call has at most so many multiply-adds, before the mask: 70 ms or so.
MOST_WORK = 3e9


@dataclasses.dataclass
class Shape:
    problem: Problem
    what: str
    score: str | None = None
    mask: str | None = None

    def text(self):
        return self.problem.attn(self.score, self.mask)

    def spell(self):
        p = self.problem
        heads = f"H{p.H}" if p.H == p.G else f"H{p.H}/{p.G}"
        return f"B{p.B} {heads} M{p.M} N{p.N} D{p.D} {p.dtype} {p.layout} {self.what}"


# ----------------------------------------------------------------------------------------------------------------------
# Drawing
# ----------------------------------------------------------------------------------------------------------------------

def draw_lengths(rng):
    """(M, N): prefill with any length, chunks of a prompt behind a cache, some tokens at a time, cross attention."""
    length = int(2 ** rng.uniform(4, 12.1))
    kind = rng.choices(["prefill", "round", "chunk", "decode", "cross"], [4, 4, 2, 2, 1])[0]
    if kind == "prefill":
        return length, length
    if kind == "round":
        rounded = max(16, length // 64 * 64)
        return rounded, rounded
    if kind == "chunk":
        return max(16, length // 4), length
    if kind == "decode":
        return rng.choice([1, 1, 2, 4, 8]), length
    return length, rng.choice([77, 197, 256, 512])


def draw_mask(rng, M, N):
    """(what it is, score, mask). Masks that align ends want at least as many keys as queries."""
    full, causal = ("full", None, None), ("causal", None, "causal")
    if M > N:
        return full
    w = rng.choice([16, 64, 128, 256, 512, 1024])
    return rng.choice([
        full, full, full, causal, causal, causal,
        (f"window {w}", None, f"causal and window({w})"),
        (f"sliding {w}", None, f"sliding({w // 2}, {w // 2})"),
        (f"chunked {w}", None, f"chunked({w})"),
        (f"prefix {w}", None, f"prefix({w})"),
        ("ALiBi causal", "s + alibi", "causal"),
        ("soft-cap causal", "softcap(s, 30)", "causal"),
    ])


def draw(seed, index):
    """Shape `index`: the same for every count of shapes."""
    rng = random.Random(f"{seed}/{index}")
    M, N = draw_lengths(rng)
    D = rng.choices([32, 40, 64, 72, 80, 96, 100, 128, 192, 256], [1, 1, 6, 1, 2, 2, 1, 5, 1, 1])[0]
    groups = rng.choice([1, 2, 4, 8, 12, 16])
    heads = groups * rng.choices([1, 2, 4, 8], [5, 1, 2, 1])[0]
    batch = rng.choice([1, 1, 1, 2, 4, 8, 16])
    dtype = rng.choices(["f32", "bf16", "f16", "f64"], [10, 6, 3, 1])[0]
    layout = rng.choice(["BHMD", "BMHD"])
    what, score, mask = draw_mask(rng, M, N)
    while 2 * batch * heads * M * N * D > MOST_WORK:
        if batch > 1:
            batch //= 2
        elif heads > 1:
            heads, groups = heads // 2, max(1, groups // 2)
            heads -= heads % groups
        else:
            M, N = (M + 1) // 2, (N + 1) // 2
    return Shape(Problem(batch, heads, groups, M, N, D, dtype=dtype, layout=layout), what, score, mask)


def shrink(shape):
    """For tests."""
    p = shape.problem
    return dataclasses.replace(shape, problem=dataclasses.replace(p, B=1, H=p.H // p.G, G=1, M=min(p.M, 48),
                                                                  N=min(p.N, 96 if p.N > p.M else 48)))


# ----------------------------------------------------------------------------------------------------------------------
# Measuring
# ----------------------------------------------------------------------------------------------------------------------

def compile_all(folder, shape):
    """Libraries by schedule, and why others are not there."""
    libraries, refused = {}, {}

    def compile_one(index, schedule):
        own = os.path.join(folder, str(index))  # the header and the example lie beside the library
        os.mkdir(own)
        try:
            return compile_attnc(own, shape.text(), shape.problem, schedule), None
        except Cannot as error:
            return None, str(error)
    with concurrent.futures.ThreadPoolExecutor() as pool:  # nothing is timed meanwhile
        results = list(pool.map(compile_one, itertools.count(), [None, *SCHEDULES]))
    for schedule, (library, why) in zip(["default", *SCHEDULES], results):
        if library:
            libraries[schedule] = library
        elif schedule == "default":
            raise Cannot(why)
        else:
            refused[schedule] = why
    return libraries, refused


def measure(shape, rounds):
    """What the record of a shape says."""
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(folder, shape.problem)
        libraries, refused = compile_all(folder, shape)
        workers = {name: Worker(OURS, library, shape.problem, 1, folder, library + ".bin", {})
                   for name, library in libraries.items()}
        expected = workers["default"].output
        errors = {name: largest_difference(worker.output, expected, shape.problem.dtype)
                  for name, worker in workers.items()}
        off = [f"{name} by {error:.2g}" for name, error in errors.items() if error > TOLERANCE[shape.problem.dtype]]
        peak = Peak("f32", 1)
        def take_turns(names, rounds, turn):
            medians, _ = measure_in_turns([workers[name] for name in names], peak, shape.problem.flops(), rounds, turn=turn)
            return {name: median for name, (median, _) in zip(names, medians)}
        seconds = take_turns(list(workers), rounds, 0.02)
        # The fastest of a dozen owes part of its lead to luck: it is chosen in one set of rounds, compared in another.
        best = min((name for name in seconds if name != "default"), key=seconds.get)
        seconds = take_turns(["default", best, *{UNFUSED} & set(workers) - {best}], 2 * rounds, 0.04)
        for worker in [*workers.values(), peak]:
            worker.close()
        return {"seconds": seconds, "refused": refused, "agree": not off, "off": off, "unfused": UNFUSED}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", type=int, metavar="N")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=22)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="tiny shapes: everything is done, no figure means anything")
    parser.add_argument("--record", default=os.path.join(BUILD, "bench", "sweep.jsonl"))
    parser.add_argument("--results", default=os.path.join(ROOT, "bench"), help="where RESULTS.md is")
    arguments = parser.parse_args()
    count, commit = arguments.quick or arguments.count, report.commit()
    key = f"{arguments.seed}{'/tiny' * arguments.tiny}"
    records = {record["index"]: record for record in report.read_records(arguments.record, commit)
               if record["key"] == key}
    progress = Progress(count)
    for index in range(count):
        shape = draw(arguments.seed, index)
        if arguments.tiny:
            shape = shrink(shape)
        if index in records:
            progress.step(f"{shape.spell()}: measured before")
            continue
        progress.show(shape.spell())
        record = {"commit": commit, "key": key, "index": index, "shape": shape.spell(), "machine": report.machine()}
        try:
            record |= measure(shape, arguments.rounds)
        except Cannot as error:
            record["failed"] = str(error)
        records[index] = record
        with open(arguments.record, "a") as file:
            file.write(json.dumps(record) + "\n")
        progress.step(f"{shape.spell()}: {report.sweep_sentence(record)}")
    progress.close()
    chosen = [records[index] for index in range(count)]
    if arguments.quick:
        print(report.sweep_section(chosen))
    else:
        report.write_sweep(chosen, arguments.results)


if __name__ == "__main__":
    main()
