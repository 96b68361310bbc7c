#!/usr/bin/env python3
"""Measures decode steps beside the best read of their bytes and beside peers: bench/decode.sh builds what this needs and
runs it. The cases are the table CASES.

decode.py [--only KEY,...] [--rounds N] [--pages small|huge] [--schedule S] [--also S|ATTNC]... [--no-peers] [--tiny]
          [--record [TITLE]] [--results FOLDER]

--schedule forces one, as with attnc compile; --also adds a column of another schedule (attention.form=rows), or of another
compiler (a path). --record renews the section TITLE (decode) of RESULTS.md.
"""
import argparse
import dataclasses
import datetime
import glob
import json
import os
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "peers"))
from report import replace_section
from workers import ATTNC, BUILD, Cannot, Progress

MODULES = os.path.join(os.path.dirname(HERE), "peers", "node_modules")


# ----------------------------------------------------------------------------------------------------------------------
# Cases
# ----------------------------------------------------------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Case:
    """One line: `model` is a file of this folder; `figure` is what the goal is about, the fraction of the best read, of the
    peak, or the time over that of the keys that are seen alone."""
    key: str
    what: str
    model: str
    goal: float
    N: int = 8192
    B: int = 1
    H: int = 32
    G: int = 8
    M: int = 1
    D: int = 128
    threads: int = 1
    figure: str = "of_best"
    flags: tuple = ()

    def shape(self, names="BHGMND"):
        return ",".join(f"{name}={getattr(self, name)}" for name in names)

    def dtype(self):
        return next(part for part in self.model.split("-") if part in ("f32", "bf16", "f16"))

    def layout(self):
        return self.model.split("-")[-1]


def plain(dtype, layout, N, goal, threads=1, **more):
    name = f"{dtype} [{'G][N' if layout == 'BGND' else 'N][G'}][D]"
    return Case(f"{dtype}-{layout}-{N}" + f"-{threads}t" * (threads > 1), f"{name} N={N}", f"{dtype}-{layout}", goal, N,
                threads=threads, **more)


LAYOUTS, ODD = ("BGND", "BNGD"), 12288 + 64
CASES = [
    *(plain("f32", layout, N, 0.90) for layout in LAYOUTS for N in (8192, ODD, 32768)),
    *(plain("bf16", layout, N, 0.85) for layout in LAYOUTS for N in (8192, ODD, 32768)),
    *(plain("f16", layout, N, 0.65) for layout in LAYOUTS for N in (8192, 32768)),
    Case("mha", "G=H=32, f32 [G][N][D] N=8192", "f32-BGND", 0.90, G=32),
    Case("tree-4", "M=4 in a tree, f32 N=8192", "tree-f32-BGND", 0.70, M=4, figure="of_peak", flags=("--tree",)),
    Case("tree-8", "M=8 in a tree, f32 N=8192", "tree-f32-BGND", 0.80, M=8, figure="of_peak", flags=("--tree",)),
    Case("window", "window 512 of N=131072, f32, over N=512", "window-f32-BGND", 1.15, 131072, figure="over_plain",
         flags=("--window", "512")),
    Case("ragged", "64 sequences of 1 to 8192, bf16 [N][G][D]", "lengths-bf16-BNGD", 0.85, B=64, flags=("--ragged",)),
    *(plain("f32", layout, N, 0.90, threads=2) for layout in LAYOUTS for N in (8192, 32768)),
    *(plain("bf16", layout, N, 0.90, threads=2) for layout in LAYOUTS for N in (8192, 32768)),
]


def tiny(case):
    """The same with few keys: shows whether it works, and nothing else."""
    return dataclasses.replace(case, what=f"tiny: {case.what}", N=640 if "--window" in case.flags else 192,
                               B=min(case.B, 3), H=4, G=min(case.G, 2), D=32)


# ----------------------------------------------------------------------------------------------------------------------
# What takes turns
# ----------------------------------------------------------------------------------------------------------------------

def compile_library(folder, case, model, name, attnc=ATTNC, schedule=None):
    """Heads, features and queries are fixed; batch and keys are left open."""
    library = os.path.join(folder, f"{name}.so")
    command = [attnc, "compile", os.path.join(HERE, model + ".attn"), "--dims", case.shape("HGDM"), "--emit=shared",
               "--name=decode", "-o", library]
    result = subprocess.run(command + ([f"--schedule={schedule}"] if schedule else []), capture_output=True, text=True)
    if result.returncode:
        said = [line for line in result.stderr.splitlines() if "error" in line] or result.stderr.splitlines()
        raise Cannot(f"{name}: {said[0] if said else result.returncode}")
    return library


def libraries(folder, case, arguments):
    """Arguments of decode-bench."""
    yield "attnc=" + compile_library(folder, case, case.model, "attnc", schedule=arguments.schedule)
    for number, also in enumerate(arguments.also):
        other = {"attnc": also} if os.path.exists(also) else {"schedule": also}
        yield f"also {number}=" + compile_library(folder, case, case.model, f"also-{number}", **other)
    if case.figure == "over_plain":
        yield "--plain=seen=" + compile_library(folder, case, f"{case.dtype()}-{case.layout()}", "seen",
                                                schedule=arguments.schedule)


def ort_model(folder, case):
    """GroupQueryAttention with a past that has room for all N keys."""
    B, H, G, N, D = case.B, case.H, case.G, case.N, case.D
    tensor = lambda name, *extents: f"{name} float32[{','.join(map(str, extents))}]\n"
    caches = lambda time: [tensor(f"{time}_{name}", B, G, N, D) for name in "kv"]
    inputs = [tensor("q", B, 1, H * D), tensor("k", B, 1, G * D), tensor("v", B, 1, G * D), *caches("past"),
              f"seqlens_k int32[{B}]\n", "total int32[1]\n"]
    text = ("opset 17\nopset 1 com.microsoft\n" + "".join("input " + line for line in inputs)
            + "".join("output " + line for line in [tensor("o", B, 1, H * D), *caches("present")])
            + "node com.microsoft.GroupQueryAttention q,k,v,past_k,past_v,seqlens_k,total -> o,present_k,present_v"
            f" num_heads={H} kv_num_heads={G}\n")
    path = os.path.join(folder, "gqa")
    with open(path + ".txt", "w") as file:
        file.write(text)
    subprocess.run([os.path.join(BUILD, "test", "bin", "make-onnx"), path + ".txt", "-o", path + ".onnx"], check=True)
    return path + ".onnx"


def peers(folder, case, remarks):
    """Arguments of decode-bench. What a peer cannot do it says itself; what its code has no word for is not asked."""
    if case.flags:
        return
    for name, program, pattern in (("ONNX Runtime", "peer-ort-decode", "onnxruntime-node/bin/*/linux/x64/libonnxruntime.so.1"),
                                   ("llama.cpp", "peer-ggml", "@node-llama-cpp/linux-x64/bins/linux-x64/libggml.*.so")):
        found = glob.glob(os.path.join(MODULES, pattern))
        path = os.path.join(BUILD, "bench", program)
        if not found or not os.path.exists(path):
            remarks.add(f"{name} is left out: not installed (scripts/setup.sh --bench).")
            continue
        way = f"{found[0]}:{ort_model(folder, case)}" if program == "peer-ort-decode" else found[0]
        yield f"--peer={name}={shlex.quote(path)} {shlex.quote(way)}"


def measure(case, arguments, remarks):
    """Figures by name."""
    place = "/dev/shm" if os.path.isdir("/dev/shm") else None  # inputs of peers are as large as caches
    with tempfile.TemporaryDirectory(dir=place) as folder:
        figures = os.path.join(folder, "figures.json")
        command = [os.path.join(BUILD, "bench", "decode-bench"), *libraries(folder, case, arguments),
                   "--shape", case.shape(), "--dtype", case.dtype(), "--layout", case.layout(), *case.flags,
                   "--threads", str(case.threads), "--rounds", str(arguments.rounds), "--pages", arguments.pages,
                   "--inputs", folder, "--json", figures]
        if not arguments.no_peers:
            command += peers(folder, case, remarks)
        result = subprocess.run(command, capture_output=True, text=True)
        print(result.stdout, file=sys.stderr)
        if result.returncode:
            raise Cannot(result.stderr.strip())
        with open(figures) as file:
            return {record["name"]: record for record in json.load(file)}


# ----------------------------------------------------------------------------------------------------------------------
# The table
# ----------------------------------------------------------------------------------------------------------------------

def percent(fraction):
    return f"{100 * fraction:.0f}%"


def figure_of(case, figures, name):
    ours = figures[name]
    if case.figure == "over_plain":
        return 1 / figures["seen"]["over_first"]
    return ours[case.figure]


def goal_of(case, figures):
    measured = figure_of(case, figures, "attnc")
    met = measured <= case.goal if case.figure == "over_plain" else measured >= case.goal
    words = {"of_best": f"{percent(case.goal)} of the best read", "of_peak": f"{percent(case.goal)} of the peak",
             "over_plain": f"{case.goal:.2f}x the time"}[case.figure]
    shown = f"{measured:.2f}x" if case.figure == "over_plain" else percent(measured)
    return f"{words}: {shown}" + ("" if met else ", **missed**")


def row(case, figures, arguments):
    ours = figures["attnc"]
    plain_read = next(record for record in figures.values() if record["read"])
    over = lambda name: f"{figures[name]['over_first']:.2f}x" if name in figures else "-"
    also = [over(f"also {number}") for number in range(len(arguments.also))]
    cells = [case.what, str(case.threads), f"{percent(ours['of_best'])} ({percent(ours['low'])} to {percent(ours['high'])})",
             percent(ours["of_plain"]), percent(plain_read["of_best"]), percent(ours["of_peak"]), goal_of(case, figures), *also,
             over("ONNX Runtime"), over("llama.cpp"),
             f"{1e3 * ours['seconds']:.3g} ms, {ours['bytes'] / ours['seconds'] * 1e-9:.0f} GB/s"]
    return "| " + " | ".join(cells) + " |"


def machine():
    with open("/proc/cpuinfo") as file:
        facts = dict(line.split(":", 1) for line in file if ":" in line)
    name, family = (next(value.strip() for key, value in facts.items() if key.strip() == wanted)
                    for wanted in ("model name", "cpu family"))
    return f"{name} (family {family}), {os.cpu_count()} cores, load at the start {os.getloadavg()[0]:.2f}"


def table(rows, arguments, remarks, start):
    version = subprocess.run([ATTNC, "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    forced = f", `--schedule={arguments.schedule}`" if arguments.schedule else ""
    also = [f"over this of `{name}`" for name in arguments.also]
    heads = ["what", "threads", "of the best read, median (quartiles)", "of the plain read", "plain of best", "of the peak",
             "goal", *also, "over this of ONNX Runtime (goal 2x)", "of llama.cpp (goal 1.3x)", "by the way"]
    lines = [f"`bench/decode.sh`, {start}; {version}{forced}; {arguments.rounds} rounds, {arguments.pages} pages. H=32, G=8,"
             " D=128, M=1 and one sequence unless said. Each turn begins with flushed caches; the best read is the fastest of"
             " four of the same bytes, in the same rounds; the peak is that of FMAs, or of bf16 dot products. \"Over this\":"
             " how many times as long another one takes.", "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", *rows]
    return "\n".join(lines + [""] * bool(remarks) + sorted(remarks))


def parse():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--pages", choices=["small", "huge"], default="small")
    parser.add_argument("--schedule")
    parser.add_argument("--also", action="append", default=[])
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--record", nargs="?", const="decode")
    parser.add_argument("--results", default=os.path.dirname(HERE))
    return parser.parse_args()


def main():
    arguments = parse()
    start = machine()
    wanted = set(filter(None, arguments.only.split(",")))
    unknown = wanted - {case.key for case in CASES}
    if unknown:
        sys.exit(f"decode.py: error: no case {', '.join(sorted(unknown))}; there are {', '.join(c.key for c in CASES)}")
    cases = [case for case in CASES if not wanted or case.key in wanted]
    rows, remarks, progress = [], set(), Progress(len(cases))
    for case in map(tiny, cases) if arguments.tiny else cases:
        progress.show(case.what)
        try:
            rows.append(row(case, measure(case, arguments, remarks), arguments))
        except Cannot as error:
            remarks.add(f"{case.what}, {case.threads} threads: not measured: {error}.")
        progress.step(case.what)
    progress.close()
    text = table(rows, arguments, remarks, start)
    print(text)
    if arguments.record:
        heading = f"## {datetime.date.today()}, {arguments.record}"
        replace_section(os.path.join(arguments.results, "RESULTS.md"), arguments.record, f"{heading}\n\n{text}")
    return len(rows) < len(cases)


if __name__ == "__main__":
    sys.exit(main())
