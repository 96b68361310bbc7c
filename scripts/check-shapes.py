#!/usr/bin/env python3
"""Every variant of examples/variants, and every model under $ATTNC_GOLDEN, checked at random shapes on made-up inputs.

check-shapes.py [--seed N] [--shapes 5] [--seconds S] [--only TEXT] [--OPTION=...]

Options that are not listed go to `attnc check`. Prints a line for each that is not within its tolerance, and how many
were checked; exit 1 if one failed. With --seconds, variants, models and shapes are taken in random order until the time
is over. Needs `attnc` on the PATH.
"""
import glob
import os
import random
import re
import subprocess
import sys
import time

import variants

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What cannot be compiled at all yet, and which operator or shape that is for.
REFUSED = {"onnx/hf_gpt2_with_past": "Where", "onnx/timm_vit": "Conv", "onnx/torchvision_vit": "Conv",
           "onnx/whisper_encoder": "Conv", "onnx/whisper_full": "Conv"}

# Shapes that a model's own shape computations refuse are drawn again, so often.
DRAWS = 8


def length(rng, most):
    """An extent: often small, often at the border of a block, seldom the largest."""
    return rng.choice([1, 2, rng.randint(1, 9), rng.randint(1, most), rng.choice([15, 16, 17, 31, 32, 33, 63, 64, 65])])


class Variant:
    def __init__(self, path):
        self.name = "variants/" + os.path.basename(path)[:-5]
        self.path, self.variant = path, variants.Variant(os.path.basename(path)[:-5])

    def dims(self, rng, needed):
        groups = rng.randint(1, 3)
        drawn = {"B": rng.randint(1, 3), "M": length(rng, 90), "N": length(rng, 150), "G": groups,
                 "H": groups * rng.randint(1, 3), "D": rng.choice([2, 4, 8, 16, 24, 64]), "Dv": rng.choice([1, 8, 17, 64])}
        # An extent that the file fixes (`H=8`) is fixed, and where `k` is over H there is no G to choose.
        free = re.findall(r"\b(B|M|N|H|G|D|Dv)\b(?!=)", " ".join(dim for _, _, dims in self.variant.tensors for dim in dims))
        fixed = {dim.partition("=")[0] for _, _, dims in self.variant.tensors for dim in dims if "=" in dim}
        return {name: drawn[name] for name in drawn if name in free and name not in fixed}


class Model:
    def __init__(self, path, name):
        self.name, self.path = name, path

    def dims(self, rng, needed):
        if not needed:
            return {}
        same = length(rng, 24)
        drawn = {name: rng.randint(1, 3) if re.match("(?i)b(atch|$)", name) else length(rng, 24) for name in needed}
        if rng.random() < 0.3:  # lengths that must agree often have names of their own
            drawn = {name: drawn[name] if re.match("(?i)b(atch|$)", name) else same for name in needed}
        return drawn


def subjects():
    found = [Variant(path) for path in sorted(glob.glob(os.path.join(ROOT, "examples", "variants", "*.attn")))]
    golden = os.environ.get("ATTNC_GOLDEN", "")
    for path in sorted(glob.glob(os.path.join(golden, "onnx", "*", "model.onnx"))) if golden else []:
        found.append(Model(path, "onnx/" + os.path.basename(os.path.dirname(path))))
    for path in sorted(glob.glob(os.path.join(golden, "hf", "*", "config.json"))) if golden else []:
        found.append(Model(os.path.dirname(path), "hf/" + os.path.basename(os.path.dirname(path))))
    return found


def check(subject, dims, seed, options):
    text = ",".join(f"{name}={extent}" for name, extent in dims.items())
    command = ["attnc", "check", subject.path, "--seed", str(seed)] + (["--dims", text] if text else []) + options
    result = subprocess.run(command, capture_output=True, text=True)
    return " ".join(command), result.returncode, result.stdout + result.stderr


def run(subject, seed, options):
    """One shape: "ok", "refused" or "failed", and a report."""
    rng = random.Random(f"{subject.name} {seed}")
    needed = []
    report = ""
    for _ in range(DRAWS):
        command, code, output = check(subject, subject.dims(rng, needed), seed, options)
        missing = re.search(r"need an extent for ([^:]*):", output)
        if missing:
            needed = missing.group(1).split(", ")
            command, code, output = check(subject, subject.dims(rng, needed), seed, options)
        report = f"{command}\n  " + "\n  ".join(output.strip().split("\n")[-6:])
        if code == 0:
            return "ok", report
        if code != 1:
            return "failed", report
    return "refused", report


def main(arguments):
    values = {"--seed": "1", "--shapes": "5", "--seconds": "0", "--only": ""}
    options = []
    if set(arguments) & {"-h", "--help"}:
        print(__doc__.strip())
        return 0
    while arguments:
        argument, _, value = arguments.pop(0).partition("=")
        if argument in values:
            values[argument] = value or arguments.pop(0)
        else:
            options.append(f"{argument}={value}" if value else argument)
    seed, seconds = int(values["--seed"]), float(values["--seconds"])
    work = [(subject, seed * 1000 + shape) for shape in range(int(values["--shapes"])) for subject in subjects()
            if values["--only"] in subject.name and subject.name not in REFUSED]
    if seconds:
        random.Random(seed).shuffle(work)
    end = time.monotonic() + seconds
    counts = {"ok": 0, "refused": 0, "failed": 0}
    for subject, shape in work:
        if seconds and time.monotonic() > end:
            break
        verdict, report = run(subject, shape, options)
        counts[verdict] += 1
        if verdict != "ok":
            print(f"{verdict} {subject.name}: {report}", flush=True)
    print(f"{counts['ok']} ok, {counts['refused']} refused, {counts['failed']} failed of {len(work)}")
    return 1 if counts["failed"] or counts["refused"] or not counts["ok"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
