#!/usr/bin/env python3
"""Measures attnc beside its peers: bench/peers.sh builds what this needs and runs it.

peers.py [--only NAME,...] [--threads 1,2] [--rounds N] [--record FILE] [--tiny] [--no-report]

Every way of every peer is compared with the f64 reference on a small problem of the same kind, and on the problem
itself with our output, which was compared the same way. Then a peer goes on with its fastest way, and all take turns.
Results are appended to FILE (build/bench/peers.jsonl); what is there already for the same commit is not measured again.
"""
import argparse
import dataclasses
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile

import ort_models
import report
from workers import (BUILD, OURS, ROOT, Cannot, Peak, Problem, Progress, Worker, compile_attnc, largest_difference,
                     make_inputs, measure_in_turns, record_reference)

HERE = os.path.dirname(os.path.abspath(__file__))

# Name, what it is, problem, the types, and how much faster than the fastest peer the goal says (f32, bf16).
SHAPES = [
    ("A", "2048 full", Problem(1, 16, 16, 2048, 2048, 64), {"f32": 1.18, "bf16": 1.4}),
    ("Ac", "2048 causal", Problem(1, 16, 16, 2048, 2048, 64, True), {"f32": 1.5, "bf16": 2.5}),
    ("Bs", "4096 D128 H8/2 causal", Problem(1, 8, 2, 4096, 4096, 128, True), {"f32": 1.5, "bf16": 2.5}),
    ("B", "4096 D128 H32/8 causal", Problem(1, 32, 8, 4096, 4096, 128, True), {"f32": 1.5, "bf16": 2.5}),
    ("C128", "B8 H12 128", Problem(8, 12, 12, 128, 128, 64), {"f32": 1.2, "bf16": 1.4}),
    ("C512", "B8 H12 512", Problem(8, 12, 12, 512, 512, 64), {"f32": 1.2, "bf16": 1.4}),
    ("E", "4096 window 512", Problem(1, 8, 8, 4096, 4096, 64, True, 512), {"f32": 2.0}),
]
TOLERANCE = {"f32": 2e-5, "bf16": 3e-2}


@dataclasses.dataclass
class Way:
    """One way in which a peer computes attention."""
    peer: str
    name: str
    layout: str
    command: list
    argument: str
    settings: dict = dataclasses.field(default_factory=dict)


def small(problem):
    """A problem of the same kind with ragged lengths, for the reference."""
    length = problem.window + 189 if problem.window else 201
    groups = min(problem.G, 2)
    return dataclasses.replace(problem, B=min(problem.B, 2), G=groups, H=problem.H // problem.G * groups, M=length,
                               N=length)


# ----------------------------------------------------------------------------------------------------------------------
# Peers
# ----------------------------------------------------------------------------------------------------------------------

def ort_ways(problem, folder):
    """ONNX Runtime; models are made for the problem's shape."""
    if problem.dtype != "f32":
        raise Cannot("has no bf16 on CPUs")
    if not os.path.isdir(os.path.join(HERE, "node_modules", "onnxruntime-node")) or not shutil.which("node"):
        raise Cannot("not installed")
    for name, layout, model in ort_models.WAYS:
        text = model(problem)
        if text is None:
            continue
        path = os.path.join(folder, name.replace(" ", "-"))
        with open(path + ".txt", "w") as file:
            file.write(text)
        subprocess.run([os.path.join(BUILD, "test", "bin", "make-onnx"), path + ".txt", "-o", path + ".onnx"],
                       check=True)
        dims = 5 if name == "unfused graph" and problem.G != problem.H else 4
        yield Way("ONNX Runtime", name, layout, ["node", os.path.join(HERE, "ort.mjs")], path + ".onnx",
                  {"dims": dims, "way": name})


def native_ways(peer, program, ways):
    def of(problem, folder):
        path = os.path.join(BUILD, "bench", program)
        if not os.path.exists(path):
            raise Cannot("not installed")
        for name in ways:
            yield Way(peer, name, "BHMD", [path], name)
    return of


PEERS = {
    "ONNX Runtime": ort_ways,
    "OpenBLAS": native_ways("OpenBLAS", "peer-openblas", ["blocks"]),
    "oneDNN": native_ways("oneDNN", "peer-onednn", ["whole"]),
    "oneDNN by hand": native_ways("oneDNN by hand", "peer-onednn", ["rows"]),
}


def our_ways(problem, folder, layouts):
    for layout in sorted(layouts):
        laid = dataclasses.replace(problem, layout=layout)
        library = compile_attnc(folder, laid.attn(), laid, name=f"lib{layout}.so")
        yield Way("attnc", layout, layout, OURS, library)


# ----------------------------------------------------------------------------------------------------------------------
# Checking and measuring one problem
# ----------------------------------------------------------------------------------------------------------------------

def start(way, problem, threads, folder):
    output = os.path.join(folder, f"{way.peer}-{way.name}.bin".replace(" ", "-"))
    return Worker(way.command, way.argument, dataclasses.replace(problem, layout=way.layout), threads, folder, output,
                  way.settings)


def refuse(way, why, remarks):
    """A peer may be unable or wrong; we may not."""
    if way.peer == "attnc":
        raise Cannot(f"attnc, {way.layout}: {why}")
    remarks.append(f"{way.peer}, {way.name}: {why}")


def check_way(way, problem, folder, good, remarks):
    """Puts the way's error into `good` if it is small."""
    try:
        worker = start(way, problem, 2, folder)
    except Cannot as error:
        return refuse(way, error, remarks)
    worker.close()
    error = largest_difference(worker.output, os.path.join(folder, "expected.bin"), problem.dtype, rows=0)
    if error > TOLERANCE[problem.dtype]:
        return refuse(way, f"WRONG by {error:.2g}", remarks)
    good[way.peer, way.name] = error


def check_small(problem, remarks):
    """The errors of the ways that agree with the reference on the small problem."""
    good = {}
    tiny = small(problem)
    with tempfile.TemporaryDirectory() as folder:
        ways = all_ways(tiny, folder, remarks)
        for layout in {way.layout for way in ways}:
            inner = os.path.join(folder, layout)
            os.mkdir(inner)
            record_reference(inner, dataclasses.replace(tiny, layout=layout))
            for way in ways:
                if way.layout == layout:
                    check_way(way, tiny, inner, good, remarks)
    return good


def all_ways(problem, folder, remarks):
    """Of the peers that there are, and ours in each of their layouts."""
    ways = []
    for peer, find in PEERS.items():
        try:
            ways += list(find(problem, folder))
        except Cannot as error:
            remarks.append(f"{peer}: {error}")
    return list(our_ways(problem, folder, {way.layout for way in ways} | {"BHMD"})) + ways


def start_best(ways, problem, threads, folder, errors, remarks):
    """A worker for each of our layouts, and for each peer's fastest way; all outputs agree with ours."""
    running = {}
    for way in ways:
        if (way.peer, way.name) not in errors:
            continue  # it was wrong, or cannot
        try:
            worker = start(way, problem, threads, folder)
        except Cannot as error:
            refuse(way, error, remarks)
            continue
        key = (way.peer, way.layout) if way.peer == "attnc" else way.peer
        if way.peer != "attnc":
            ours = running["attnc", way.layout][1].output
            error = largest_difference(worker.output, ours, problem.dtype)
            if error > TOLERANCE[problem.dtype]:
                refuse(way, f"WRONG by {error:.2g}", remarks)
                worker.close()
                continue
        keep_faster(running, key, way, worker)
    return list(running.values())


def keep_faster(running, key, way, worker):
    took = worker.time(1)
    if took < 0.05:
        took = worker.time(math.ceil(0.05 / took))  # one call says little when it is short
    if key in running and running[key][2] <= took:
        worker.close()
        return
    if key in running:
        running[key][1].close()
    running[key] = (way, worker, took)


def measure(problem, threads, errors, rounds, remarks):
    """The results of all that take part, and the peak."""
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(folder, problem)
        running = start_best(all_ways(problem, folder, []), problem, threads, folder, errors, remarks)
        peak = Peak(problem.dtype, threads)
        workers = [worker for _, worker, _ in running]
        slowest = max(took for _, _, took in running)
        medians, gflops = measure_in_turns(workers, peak, problem.flops(), 3 if slowest > 1 else rounds, turn=0.15)
        for worker in [*workers, peak]:
            worker.close()
        results = [{"peer": way.peer, "way": way.name, "layout": way.layout, "settled": worker.settled,
                    "seconds": seconds, "share": share, "error": errors.get((way.peer, way.name))}
                   for (way, worker, _), (seconds, share) in zip(running, medians)]
        return results, {"gflops": gflops, "what": peak.settled}


# ----------------------------------------------------------------------------------------------------------------------
# All of them
# ----------------------------------------------------------------------------------------------------------------------

def measure_all(problem, counts, rounds, show):
    """A record for every count of threads."""
    remarks = []
    show(": checking")
    errors = check_small(problem, remarks)
    for threads in counts:
        show(f", {threads} thread(s)")
        own = list(remarks)
        results, peak = measure(problem, threads, errors, rounds, own)
        yield {"dtype": problem.dtype, "threads": threads, "peak": peak, "results": results,
               "remarks": sorted(set(own))}


def shrink(problem):
    """For tests: everything happens, in a second."""
    return dataclasses.replace(problem, B=1, G=1, H=problem.H // problem.G, M=96, N=96,
                               window=min(problem.window, 48))


def jobs(arguments):
    for name, title, problem, goals in SHAPES:
        if arguments.only and name not in arguments.only.split(","):
            continue
        for dtype, goal in goals.items():
            laid = dataclasses.replace(shrink(problem) if arguments.tiny else problem, dtype=dtype)
            yield name, title, laid, goal


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="shapes: " + ", ".join(shape[0] for shape in SHAPES))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--record", default=os.path.join(BUILD, "bench", "peers.jsonl"))
    parser.add_argument("--tiny", action="store_true", help="tiny problems: everything is done, no figure means anything")
    parser.add_argument("--no-report", action="store_true", help="leave RESULTS.md and peers.svg alone")
    arguments = parser.parse_args()
    counts = [int(count) for count in arguments.threads.split(",")]
    all_jobs = list(jobs(arguments))
    commit = report.commit()
    done = {(r["shape"], r["dtype"], r["threads"]) for r in report.read_records(arguments.record, commit)}
    progress, failed = Progress(len(all_jobs) * len(counts)), False
    for name, title, problem, goal in all_jobs:
        left = [count for count in counts if (name, problem.dtype, count) not in done]
        for _ in range(len(counts) - len(left)):
            progress.step(f"{title} {problem.dtype}: measured before")
        if not left:
            continue
        try:
            for record in measure_all(problem, left, arguments.rounds, lambda what: progress.show(
                    f"{title} {problem.dtype}{what}")):
                record |= {"commit": commit, "shape": name, "title": title, "goal": goal, "machine": report.machine()}
                with open(arguments.record, "a") as file:
                    file.write(json.dumps(record) + "\n")
                progress.step(f"{title} {problem.dtype} {record['threads']} thread(s): {report.sentence(record)}")
        except Cannot as error:
            progress.close()
            print(f"{title} {problem.dtype}: {error}", file=sys.stderr)
            failed = True
    progress.close()
    if not arguments.no_report:
        report.write(report.read_records(arguments.record, commit), os.path.join(ROOT, "bench"))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
