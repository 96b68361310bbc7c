"""names.py entries SEED: a .mlir module whose entries have names that mean something already: keywords of C and C++,
symbols of the C library, macros, names that attnc's own files use.
names.py locals SEED FOLDER: modules 0.mlir, 1.mlir, ... there, whose tensors and dimensions have such names.
names.py caller PREFIX...: a C program that calls every entry of the headers PREFIX.h once, on a vector of 3."""
import os
import random
import re
import subprocess
import sys

KEYWORDS = """alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class
compl concept const const_cast consteval constexpr constinit continue co_await co_return co_yield decltype default delete
do double dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable namespace
new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires restrict
return short signed sizeof static static_assert static_cast struct switch template this thread_local throw true try
typedef typeid typename typeof typeof_unqual union unsigned using virtual void volatile wchar_t while xor xor_eq _Alignas
_Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local""".split()
OURS = """attnc_call attnc_module_v1 attnc_options attnc_rt_parallel_for attnc_rt_launch DLTensor kDLCPU ATTNC_OK options why
symbols extents workspace workspace_bytes o i q q_count count main std linux unix errno NULL INT32_MAX SIZE_MAX UINT64_C
stdin stderr EOF size_t int64_t uint16_t FILE x x__plan x__run x__body x__parallel x_raw x_entry x_plan module entries
input.1 input_1 a%b a"b a\\\\b a*/b /*a a-b 1 2x _ __ é end etext atexit _start""".split()


def libc():
    text = subprocess.run(["nm", "-D", "--defined-only", "/lib/x86_64-linux-gnu/libc.so.6"], capture_output=True,
                          text=True).stdout
    return sorted({line.split()[-1].split("@")[0] for line in text.splitlines()})


def quoted(name):
    return '"' + name.replace("\\\\", "\\").replace("\\", "\\\\").replace('"', '\\22') + '"'


ARGUMENT = '%%a%d: tensor<?xf32> {attnc.name = %s, attnc.dims = [%s]}'
RESULT = 'tensor<?xf32> {attnc.name = %s, attnc.dims = [%s]}'


def function(name, inputs, dims, outputs):
    """Each output is twice the input of its place."""
    arguments = ", ".join(ARGUMENT % (n, quoted(i), quoted(d)) for n, (i, d) in enumerate(zip(inputs, dims)))
    results = ", ".join(RESULT % (quoted(o), quoted(d)) for o, d in zip(outputs, dims))
    body, types = "", ", ".join(["tensor<?xf32>"] * len(outputs))
    for n in range(len(outputs)):
        body += f"""  %c{n} = arith.constant 0 : index
  %n{n} = tensor.dim %a{n}, %c{n} : tensor<?xf32>
  %e{n} = tensor.empty(%n{n}) : tensor<?xf32>
  %r{n} = linalg.add ins(%a{n}, %a{n} : tensor<?xf32>, tensor<?xf32>) outs(%e{n} : tensor<?xf32>) -> tensor<?xf32>
"""
    values = ", ".join(f"%r{n}" for n in range(len(outputs)))
    return f"func.func @{quoted(name)}({arguments}) -> ({results}) {{\n{body}  return {values} : {types}\n}}\n"


def caller(prefixes):
    lines = [f'#include "{os.path.basename(p)}.h"' for p in prefixes]
    lines += ["#include <stdio.h>", "#include <stdlib.h>", "#include <unistd.h>",
              "static int descending(const void *a, const void *b) { return *(const int *)b - *(const int *)a; }",
              "int main(void) {", "  float in[3] = {1, 2, 3}, out[3];", "  int calls = 0, bad = 0, order[3] = {1, 3, 2};"]
    for prefix in prefixes:
        for name in re.findall(r"attnc_status (\w+)_raw\(", open(prefix + ".h").read()):
            if name.startswith("attnc_"):
                continue
            lines += [f"  out[0] = out[1] = out[2] = 0; ++calls;",
                      f"  bad += {name}_raw(3, in, out, NULL) != ATTNC_OK || out[2] != 6 || !{name}_entry()->name;"]
    lines += ["  qsort(order, 3, sizeof order[0], descending); /* libc is still what it was */",
              '  printf("%d calls, %d bad, %d%d%d\\n", calls, bad, order[0], order[1], order[2]);',
              '  return bad || write(1, "", 0) != 0;', "}"]
    return "\n".join(lines) + "\n"


if sys.argv[1] == "caller":
    print(caller(sys.argv[2:]))
    sys.exit()
generator = random.Random(int(sys.argv[2]))
libc_names = ["memcpy", "open", "write", "read", "malloc", "free", "exit", "sin"] + generator.sample(libc(), 60)
names = list(dict.fromkeys(KEYWORDS + OURS + libc_names))
if sys.argv[1] == "entries":
    for name in names:
        print(function(name, ["v"], ["n"], ["o"]))
else:
    names.remove("1")  # as a dimension, this is the extent
    step = 16
    for start in range(0, len(names), step):
        group = names[start:start + step]
        shuffled = generator.sample(group, len(group))
        with open(f"{sys.argv[3]}/{start // step}.mlir", "w") as file:
            file.write(function("f", group, shuffled, shuffled))
