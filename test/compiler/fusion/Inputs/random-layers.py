"""A module whose function repeats random layers: random-layers.py SEED > module.mlir

Layers are runs of contractions, maps and attentions that read values at random: of their own layer, of the one before, or
from in front of all. Constants and weights differ from layer to layer or do not. One layer may be unlike the others."""
import random
import sys

rng = random.Random(int(sys.argv[1]))
WIDTH = 4
TENSOR = f"tensor<?x{WIDTH}xf32>"
names = iter(range(10**6))
lines, head = [], []


def fresh():
    return f"%v{next(names)}"


def number():
    return f"{rng.uniform(-1, 1):.4f}"


def matrix():
    return "[" + ", ".join("[" + ", ".join(number() for _ in range(WIDTH)) + "]" for _ in range(WIDTH)) + "]"


def constant(kind, value):
    """Where it stands says nothing about which layer uses it."""
    name = fresh()
    (lines if rng.random() < 0.7 else head).append(f"{name} = arith.constant {value} : {kind}")
    return name


def contract(inputs, state):
    weight = state if isinstance(state, str) else constant(f"tensor<{WIDTH}x{WIDTH}xf32>", f"dense<{matrix()}>")
    out, factor = fresh(), number()
    lines.append(f"""{out} = attn.contract lhs({inputs[0]} "sk" : {TENSOR}) rhs({weight} "kn" : tensor<{WIDTH}x{WIDTH}xf32>) captures({inputs[1]} : {TENSOR}) outs("sn", %e : {TENSOR}) epilogue {{
    ^bb0(%acc: f32, %i: index, %j: index, %c: {TENSOR}):
      %r0 = tensor.extract %c[%i, %j] : {TENSOR}
      %f = arith.constant {factor} : f32
      %r1 = arith.mulf %acc, %f : f32
      %r2 = arith.addf %r0, %r1 : f32
      attn.yield %r2 : f32
    }} -> {TENSOR}""")
    return out


def attention(inputs, state):
    out, cap = fresh(), number()
    lines.append(f"""{out} = attn.attention {{scale = 0.5 : f64}} q({inputs[0]} "MD" : {TENSOR}) k({inputs[1]} "ND" : {TENSOR}) v({inputs[0]} "NE" : {TENSOR}) outs("ME", %e : {TENSOR}) score {{
    ^bb0(%raw: f32, %b: index, %h: index, %i: index, %j: index, %m: index, %n: index):
      %cap = arith.constant {cap} : f32
      %r0 = arith.maximumf %raw, %cap : f32
      attn.yield %r0 : f32
    }} -> {TENSOR}""")
    return out


def scaled(inputs, state):
    out, factor = fresh(), state if isinstance(state, str) else constant("f32", number())
    lines.append(f"""{out} = linalg.generic {{indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}} ins({inputs[0]}, {inputs[1]} : {TENSOR}, {TENSOR}) outs(%e : {TENSOR}) {{
    ^bb0(%a: f32, %b: f32, %o: f32):
      %r0 = arith.mulf %b, {factor} : f32
      %r1 = arith.addf %a, %r0 : f32
      linalg.yield %r1 : f32
    }} -> {TENSOR}""")
    return out


def tanh(inputs, state):
    out = fresh()
    lines.append(f"{out} = linalg.tanh ins({inputs[0]} : {TENSOR}) outs(%e : {TENSOR}) -> {TENSOR}")
    return out


def plan_layer(length):
    """Ops with the places they read: ('own', k), ('before', k) or ('front', k)."""
    ops = []
    for i in range(length):
        places = [("own", rng.randrange(i))] * 3 if i else []
        places += [("before", rng.randrange(length)), ("before", length - 1), ("front", rng.randrange(2))]
        ops.append((rng.choice([contract, contract, attention, scaled, tanh]), [rng.choice(places) for _ in range(2)]))
    return ops


layer, times = plan_layer(rng.randrange(1, 8)), rng.randrange(2, 12)
shared = {contract: constant(f"tensor<{WIDTH}x{WIDTH}xf32>", f"dense<{matrix()}>"), scaled: constant("f32", number())}
lines += [f"%front = linalg.exp ins(%x : {TENSOR}) outs(%e : {TENSOR}) -> {TENSOR}"]
front = ["%x", "%front"]
before = [front[1]] * len(layer)
odd = rng.randrange(times * 2)
is_shared = {op: rng.random() < 0.3 for op in shared}
for number_of_layer in range(times):
    own = []
    for op, places in layer:
        values = {"own": own, "before": before, "front": front}
        inputs = [values[where][k] for where, k in places]
        own.append(op(inputs, shared[op] if is_shared.get(op) else None))
    if number_of_layer == odd:
        own[-1] = tanh([own[-1]], None)
    before = own
print(f"""#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @model(%x: {TENSOR} {{attnc.name = "x", attnc.dims = ["S", "{WIDTH}"]}}) -> ({TENSOR} {{attnc.name = "y", attnc.dims = ["S", "{WIDTH}"]}}) {{
    %c0 = arith.constant 0 : index
    %s = tensor.dim %x, %c0 : {TENSOR}
    %e = tensor.empty(%s) : {TENSOR}""")
for line in head + lines:
    print("    " + line)
print(f"""    return {before[-1]} : {TENSOR}
}}
func.func @call() -> {TENSOR} {{
    %rows = arith.constant dense<{[[round(rng.uniform(-1, 1), 3) for _ in range(WIDTH)] for _ in range(3)]}> : tensor<3x{WIDTH}xf32>
    %x = tensor.cast %rows : tensor<3x{WIDTH}xf32> to {TENSOR}
    %y = call @model(%x) : ({TENSOR}) -> {TENSOR}
    return %y : {TENSOR}
}}""")
