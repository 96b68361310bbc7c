#!/usr/bin/env python3
"""The variants of examples/variants: pictures of their masks, the gallery page, and checks against the reference.

variants.py page FOLDER               writes FOLDER/variants.md and FOLDER/masks/*.svg; `page docs` renews the gallery
variants.py check M N [PART PARTS] [--OPTION=...]
                                      compiles each variant and compares, with M queries and N keys; exit 1 if one is
                                      off. Options go to `attnc check`: --target=x86-64-v2

Needs `attnc` on the PATH. Captured ids, lengths and tables come from here, so that they mean something; floats are made
up by attnc.
"""
import itertools
import os
import re
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VARIANTS = os.path.join(ROOT, "examples", "variants")

# Variants that are about shapes rather than masks: their masks are drawn elsewhere.
SHAPES = ["mqa", "gqa", "decode", "mla", "mla-absorbed", "packed-qkv", "packed-qkv-heads", "packed-gqa", "packed-latent"]
# Queries, keys and block of a picture, where 256, 256 and 16 do not show what is meant.
PICTURES = {
    "causal-end": (192, 256, 16), "causal-start": (192, 256, 16), "flamingo": (256, 128, 16), "tree": (32, 128, 8),
    "jetspec-tree": (32, 128, 8), "jetspec-training": (128, 192, 16), "cache-lengths": (64, 256, 16),
    "cross": (128, 256, 16), "packed-cross": (192, 256, 16),
}


def document(at, length, cuts=(0.15, 0.4, 0.55, 0.9)):
    """Which of the stretches between `cuts` (shares of `length`) `at` lies in."""
    return sum(at >= int(cut * length) for cut in cuts)


def is_ancestor(node, other):
    """In a binary tree whose nodes are numbered level by level."""
    while node > other:
        node = (node - 1) // 2
    return node == other


def image(at, length):
    return {1: 1, 3: 2}.get(document(at, length, (0.2, 0.35, 0.6, 0.8)), 0)


def lengths(e, b):
    return e["N"] * (3 - b) // 4


# What captured tensors hold: functions of the extents and of the indices, by variant and tensor or by tensor alone.
CAPTURED = {
    "lengths": lengths, "k_lengths": lengths, "q_lengths": lambda e, b: e["M"] * (3 - b) // 4,
    "prefix_length": lambda e, b: e["N"] // 4 + b,
    "padding-left.first": lambda e, b: e["N"] * (b + 1) // 5,
    "flamingo.first": lambda e, n: n * e["M"] // 8 - n % 2 * e["M"] // 8,
    "flamingo.end": lambda e, n: (n + 1) * e["M"] // 8 + (n + 1) % 2 * e["M"] // 8,
    "span": lambda e, h: 16 << h,
    "reach": lambda e, i: 12 + i // 32 % 2 * 60,
    "is_global": lambda e, b, j: j % 64 == 5,
    "random": lambda e, h, r, c: (7 * r * r + 5 * c + 3 * h) % 11 == 0,
    "block-sparse.table": lambda e, b, h, r, c: r == c or c < r and (5 * c + 3 * r + h) % 4 == 0,
    "lists": lambda e, b, h, r, k: (r, r // 2, (5 * r + h) % 16, 0)[k],
    "bucket": lambda e, b, h, j: (j // 5 * 7 + h) % 8,
    "document.ids": lambda e, b, j: document(j, e["N"]),
    "document-full.ids": lambda e, j: document(j, e["N"]),
    "document-per-head.ids": lambda e, b, h, j: document(j, e["N"], (0.2, 0.3 + 0.1 * h, 0.8)),
    "shared-prefix.ids": lambda e, j: document(j, e["N"], (0.25, 0.45, 0.6, 0.85)),
    "shared-prefix.prefix": lambda e, j: document(j, e["N"], (0.6,)) * 3,
    "q_ids": lambda e, b, i: document(i, e["M"], (0.25, 0.5, 0.6)),
    "k_ids": lambda e, b, j: document(j, e["N"], (0.1, 0.5, 0.8)),
    "position": lambda e, b, j: j - max(int(cut * e["N"]) for cut in (0, 0.15, 0.4, 0.55, 0.9) if int(cut * e["N"]) <= j),
    "rope-positions.ids": lambda e, b, j: document(j, e["N"]),
    "place": lambda e, n, j: (j, j // 14, j % 14)[n],
    "start": lambda e, j: max(int(cut * e["N"]) for cut in (0, 0.15, 0.4, 0.55, 0.9) if int(cut * e["N"]) <= j),
    "image": lambda e, b, j: image(j, e["N"]),
    "tree": lambda e, b, i, j: is_ancestor(i, j),
    "ancestor": lambda e, i, j: is_ancestor(i, j),
    "jetspec-tree.prefix": lambda e, b: max(0, e["N"] - e["M"] - 5 * b),
    "threshold": lambda e, j: j - 1 + 2 * (j // 8 % 2),
    "allowed": lambda e, b, h, i, j: (i // 16 + j // 16) % 3 != 0,
}


class Variant:
    """One file: its comment, and the parameters and dimensions of its attention."""

    def __init__(self, name):
        self.name, self.file = name, os.path.join(VARIANTS, name + ".attn")
        with open(self.file) as file:
            lines = file.read().split("\n")
        self.comment = " ".join(line[2:] for line in itertools.takewhile(lambda line: line.startswith("#"), lines))
        self.code = "\n".join(line for line in lines if not line.startswith("#"))
        header = self.code[: self.code.index("{")]
        self.tensors = [(name, kind, [dim.strip() for dim in dims.split(",")])
                        for name, kind, dims in re.findall(r"(\w+):\s*(?:sorted\s+)?(\w+)\[([^\]]*)\]", header.split("->")[0])]
        self.statements = set(re.findall(r"^  (query|key|score|mask|sink) *=", self.code, re.M))

    def kind(self):
        """The section of the gallery it belongs to."""
        kinds = [("rows", {"query", "key"}), ("sinks", {"sink"}), ("scores", {"score"})]
        return "shapes" if self.name in SHAPES else next((kind for kind, words in kinds if words & self.statements), "masks")

    def extents(self, queries, keys):
        """Extents of every dimension, small ones for heads and features."""
        known = {"B": 2, "M": queries, "N": keys, "H": 4, "G": 2, "D": 8}
        for dim in itertools.chain.from_iterable(dims for _, _, dims in self.tensors):
            name, _, extent = dim.partition("=")
            if extent:
                known[name] = int(extent)
        if not any("M" in dims for _, _, dims in self.tensors):
            known["M"] = known["N"] if self.name != "decode" else 1
        return known

    def arguments(self, queries, keys, folder):
        """--dims and the files of captured tensors, which are written into `folder`."""
        extents = self.extents(queries, keys)
        every = list(itertools.chain.from_iterable(dims for _, _, dims in self.tensors))
        arguments = ["--dims", ",".join(f"{dim}={extents[dim]}" for dim in "BMNHGD" if dim in every)]
        for name, kind, dims in self.tensors:
            value = CAPTURED.get(f"{self.name}.{name}", CAPTURED.get(name))
            if value and kind in ("i32", "bool"):
                shape = [int(dim) if dim.isdigit() else extents[dim.partition("=")[0]] for dim in dims]
                path = os.path.join(folder, f"{self.name}-{name}.npy")
                write_npy(path, kind, shape, lambda *index, value=value: value(extents, *index))
                arguments += [f"--{name}", path]
        return arguments


def write_npy(path, kind, shape, value):
    code, letter = {"i32": ("<i4", "i"), "bool": ("|b1", "?")}[kind]
    header = "{'descr': '%s', 'fortran_order': False, 'shape': (%s,), }" % (code, ", ".join(map(str, shape)))
    header += " " * (-(len(header) + 11) % 64) + "\n"
    values = [value(*index) for index in itertools.product(*map(range, shape))]
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack(f"<{len(values)}{letter}", *values))


def variants():
    return [Variant(name[: -len(".attn")]) for name in sorted(os.listdir(VARIANTS)) if name.endswith(".attn")]


def check(options, queries, keys, part=0, parts=1):
    """How many variants are off; their output is printed."""
    off = 0
    with tempfile.TemporaryDirectory() as folder:
        for variant in variants()[part::parts]:
            command = ["attnc", "check", variant.file, *options] + variant.arguments(queries, keys, folder)
            result = subprocess.run(command, capture_output=True, text=True)
            print(f"{variant.name}: {'ok' if result.returncode == 0 else 'OFF'}", flush=True)
            if result.returncode != 0:
                print(result.stdout + result.stderr, flush=True)
                off += 1
    return off


def draw(variant, output, folder):
    queries, keys, block = PICTURES.get(variant.name, (256, 256, 16))
    subprocess.run(["attnc", "mask", variant.file, "--block", str(block), "-o", output]
                   + variant.arguments(queries, keys, folder), check=True, stdout=subprocess.DEVNULL)


SECTIONS = {
    "masks": "Which keys a query may see. Each picture shows the queries of one head downwards and the keys to the right; "
             "dark\nblocks are full and run without mask code, light ones are partial, grey ones are never met, and yellow "
             "ones are met and\nfound empty. That is what the compiler makes of the mask, not a drawing by hand.",
    "rows": "What becomes of the rows of q and k before they meet: rotary embeddings and norms, computed where the rows are "
            "read.",
    "sinks": "One more score in each row, of a key without value.",
    "scores": "What becomes of a score before the softmax.",
    "shapes": "Heads that share keys, and features that differ.",
}


def row(variant):
    name = f"[{variant.name}](../examples/variants/{variant.name}.attn)"
    cells = [name, variant.comment.replace("|", "\\|")]
    if variant.kind() == "masks":
        picture = f'<img src="masks/{variant.name}.svg" width="220" alt="{variant.name}">' if "mask" in variant.statements else ""
        cells.append(picture)
    return "| " + " | ".join(cells) + " |\n"


def page(output):
    """The gallery: docs/variants.md and a drawing of every mask."""
    os.makedirs(os.path.join(output, "masks"), exist_ok=True)
    everything = variants()
    text = ("# Variants\n\nMade by `scripts/variants.py page docs` from `examples/variants`; a test keeps it true. Every file "
            "is compiled and compared\nwith the f64 reference by `scripts/variants.py check`. `attnc mask FILE` draws a mask.\n")
    for kind, introduction in SECTIONS.items():
        members = [variant for variant in everything if variant.kind() == kind]
        text += f"\n## {kind.capitalize()} ({len(members)})\n\n{introduction}\n\n"
        text += "| variant | what it is |" + (" blocks |" if kind == "masks" else "") + "\n"
        text += "|---|---|" + ("---|" if kind == "masks" else "") + "\n" + "".join(map(row, members))
    with open(os.path.join(output, "variants.md"), "w") as file:
        file.write(text)
    with tempfile.TemporaryDirectory() as folder:
        for variant in everything:
            if variant.kind() == "masks" and "mask" in variant.statements:
                draw(variant, os.path.join(output, "masks", variant.name + ".svg"), folder)


def main():
    options = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    match [argument for argument in sys.argv[1:] if argument not in options]:
        case ["page", output]:
            page(output)
        case ["check", *numbers] if len(numbers) in (2, 4):
            sys.exit(1 if check(options, *map(int, numbers)) else 0)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
