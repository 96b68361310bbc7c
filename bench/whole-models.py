#!/usr/bin/env python3
"""Compile time, memory, size, start and speed of whole models (bench/models.py), as tables for RESULTS.md.

Usage: bench/whole-models.py [--rounds N] [--only compile|speed|others|types]      about seven minutes; build/bench/models keeps the models
speed is BERT-base, others are GPT-2 small, ViT-B/16, the encoder of Whisper-base and ResNet-50; types are models with
--dtype=bf16 beside ONNX Runtime's f32 of the same file, and BERT-base quantised (QDQ) beside its int8.
ONNX Runtime is compared where scripts/setup.sh --bench has installed it; it and ours run in turns, one thread, and their
outputs are compared first. What is beside the file is the peak of the process less the file, which is mapped."""
import argparse
import array
import os
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build/bench/models"
ATTNC = ROOT / "build/bin/attnc"


def make(name, layers=12):
    path = WORK / f"{name}-{layers}.onnx"
    if not path.exists() or path.stat().st_mtime < (ROOT / "bench/models.py").stat().st_mtime:
        text = path.with_suffix(".txt")
        with text.open("w") as file:
            subprocess.run([sys.executable, ROOT / "bench/models.py", name, "--layers", str(layers)], stdout=file, check=True)
        subprocess.run([ROOT / "build/test/bin/make-onnx", text, "-o", path], check=True)
    return path


def run(*command):
    """Wall seconds and peak MB of a process."""
    start = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[1]} failed: {errors}")
    return time.monotonic() - start, usage.ru_maxrss / 1024, errors


def compile_time(path, output, rounds, *options):
    """The median run; the milliseconds of its steps."""
    runs = []
    for _ in range(rounds):
        seconds, peak, report = run(ATTNC, "compile", path, "-o", output, "--time-report", *options)
        steps = {}
        for line in report.splitlines():
            words = line.split()
            if words.count("ms") == 2 and words[0] != "all": # NAME WALL ms CPU ms SHARE%; parts of a step have no wall time
                at = words.index("ms")
                steps[" ".join(words[: at - 1])] = float(words[at - 1])
        runs.append((seconds, peak, steps))
    return sorted(runs, key=lambda run: run[0])[rounds // 2]


def compile_table(rounds):
    print("| model | file | compile | beside the file | without writing | 24 layers for 12 | three targets for one | `--emit=attn` |")
    print("|---|---|---|---|---|---|---|---|")
    for name in ("bert-base", "gpt2-small"):
        path, long = make(name), make(name, 24)
        mega = path.stat().st_size / 2**20
        seconds, peak, steps = compile_time(path, WORK / name, rounds)
        _, _, more = compile_time(long, WORK / f"{name}-long", rounds)
        rest, long_rest = (sum(s.values()) - s.get("write", 0) for s in (steps, more))
        for count, targets in ((1, "x86-64-v4"), (3, "x86-64-v4,x86-64-v3,x86-64-v2")):
            run(ATTNC, "compile", path, "-o", WORK / f"{name}.{count}", f"--target={targets}")
        sizes = [(WORK / f"{name}.{count}").stat().st_size for count in (1, 3)]
        text_seconds, _, _ = run(ATTNC, "compile", path, "--emit=attn", "-o", WORK / f"{name}.mlir")
        text = (WORK / f"{name}.mlir").stat().st_size
        print(f"| {name} | {mega:.0f} MB | {seconds:.2f} s | {peak - mega:.0f} MB | {rest:.0f} ms | "
              f"{long_rest / rest:.2f}x | {sizes[1] / sizes[0]:.4f}x | {text_seconds:.2f} s, {text / 1e6:.2f} MB |")


def write_inputs(folder, batch, seq):
    folder.mkdir(parents=True, exist_ok=True)
    makers = {"input_ids": lambda: random.randrange(30000), "attention_mask": lambda: 1, "token_type_ids": lambda: 0}
    for name, number in makers.items():
        header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({batch}, {seq}), }}"
        header += " " * (63 - (10 + len(header)) % 64) + "\n"
        with (folder / f"{name}.npy").open("wb") as file:
            file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
            file.write(struct.pack(f"<{batch * seq}q", *(number() for _ in range(batch * seq))))


def ours(program, folder, output):
    """Milliseconds of one call, the median of three."""
    text = subprocess.run([program, "--inputs", folder, "-o", output, "--threads", "1", "--repeat", "3"], check=True,
                          capture_output=True, text=True)
    return float((text.stdout + text.stderr).split("median ")[1].split()[0])


class OnnxRuntime:
    def __init__(self, model, folder, output):
        self.process = subprocess.Popen(["node", ROOT / "bench/peers/ort-model.mjs", model, folder, "1", output],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = self.process.stdout.readline().strip() == "ready"

    def call(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline()) * 1e3


def largest_difference(npy, raw):
    data = npy.read_bytes()
    a, b = array.array("f", data[10 + struct.unpack("<H", data[8:10])[0]:]), array.array("f", raw.read_bytes())
    return max(abs(x - y) for x, y in zip(a, b)) if len(a) == len(b) else float("inf")


def speed_row(name, path, program, folder, rounds):
    peer = OnnxRuntime(path, folder, WORK / "ort.bin")
    mine, theirs, starts = [], [], []
    for _ in range(rounds):
        mine.append(ours(program, folder, WORK / "ours.npy"))
        if peer.ready:
            theirs.extend(peer.call() for _ in range(3))
        starts.append(run(program, "--inputs", folder, "-o", WORK / "ours.npy", "--threads", "1")[0] * 1e3)
    own = statistics.median(mine)
    other = statistics.median(theirs) if theirs else float("nan")
    difference = largest_difference(WORK / "ours.npy", WORK / "ort.bin") if theirs else float("nan")
    print(f"| {name} | {own:.1f} ms | {other:.1f} ms | {other / own:.2f}x | {difference:.1e} | "
          f"{statistics.median(starts) - own:.0f} ms more |", flush=True)
    peer.process.kill()


def speed_head(types="f32"):
    print(f"| {types}, one thread | ours | ONNX Runtime | ratio | largest difference | first call, of a new process |")
    print("|---|---|---|---|---|---|")


def speed_table(rounds):
    path, program = make("bert-base"), WORK / "bert-base"
    run(ATTNC, "compile", path, "-o", program)
    speed_head()
    for batch, seq in ((1, 128), (8, 128), (1, 512)):
        folder = WORK / f"in{batch}x{seq}"
        write_inputs(folder, batch, seq)
        speed_row(f"BERT-base B{batch} S{seq}", path, program, folder, rounds)


def write_npy(path, kind, shape, values):
    head = f"{{'descr': '<{kind}', 'fortran_order': False, 'shape': ({', '.join(map(str, shape))},), }}".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + head.encode() + values.tobytes())


def image(folder, shape, generator):
    folder.mkdir(exist_ok=True)
    count = shape[1] * shape[2] * shape[3]
    write_npy(folder / "image.npy", "f4", shape, array.array("f", (generator.uniform(-1, 1) for _ in range(count))))


def types_table(rounds):
    speed_head("ours in bf16 or int8")
    folders = {}
    for batch, seq in ((1, 128), (8, 128), (1, 512)):
        folders[f"B{batch} S{seq}"] = WORK / f"in{batch}x{seq}"
        write_inputs(folders[f"B{batch} S{seq}"], batch, seq)
    picture = {"224 x 224": WORK / "in-vit-b16"}
    image(picture["224 x 224"], (1, 3, 224, 224), random.Random(1))
    for name, title, inputs, options in (("bert-base", "BERT-base bf16", folders, ["--dtype=bf16"]),
                                         ("vit-b16", "ViT-B/16 bf16", picture, ["--dtype=bf16"]),
                                         ("bert-base-int8", "BERT-base int8", folders, [])):
        path, program = make(name), WORK / f"{name}-typed"
        run(ATTNC, "compile", path, "-o", program, *options)
        for shape, folder in inputs.items():
            speed_row(f"{title} {shape}", path, program, folder, rounds)


def others_table(rounds):
    speed_head()
    generator = random.Random(1)
    for name, layers, title, tensor, kind, shape in (
            ("gpt2-small", 12, "GPT-2 small S512", "input_ids", "i8", (1, 512)),
            ("vit-b16", 12, "ViT-B/16, 224 x 224", "image", "f4", (1, 3, 224, 224)),
            ("whisper-base", 6, "Whisper-base encoder, 30 s", "mel", "f4", (1, 80, 3000)),
            ("resnet50", 50, "ResNet-50, 224 x 224", "image", "f4", (1, 3, 224, 224))):
        path, program, folder = make(name, layers), WORK / name, WORK / f"in-{name}"
        run(ATTNC, "compile", path, "-o", program)
        folder.mkdir(exist_ok=True)
        count = 1
        for extent in shape:
            count *= extent
        values = (array.array("q", (generator.randrange(50257) for _ in range(count))) if kind == "i8" else
                  array.array("f", (generator.uniform(-1, 1) for _ in range(count))))
        write_npy(folder / f"{tensor}.npy", kind, shape, values)
        speed_row(title, path, program, folder, rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["compile", "speed", "others", "types"])
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    tables = {"compile": compile_table, "speed": speed_table, "others": others_table, "types": types_table}
    for table in [arguments.only] if arguments.only else tables:
        tables[table](arguments.rounds)
        print()


if __name__ == "__main__":
    main()
