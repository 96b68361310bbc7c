#!/usr/bin/env python3
"""BERT-base and GPT-2 small as ONNX files of the real sizes, with random weights: text for make-onnx.

Usage: bench/models.py bert-base|gpt2-small [--layers N] > model.txt; make-onnx model.txt -o model.onnx

The graphs are those that exporters write: a projection is MatMul and Add, heads are made by Reshape and Transpose, Gelu
is spelt out, batch and sequence are dynamic."""
import argparse


class Graph:
    """Lines of make-onnx text. Every method returns the name of the tensor that it makes."""

    def __init__(self):
        self.lines, self.count = ["ir 8", "opset 17"], 0

    def line(self, text):
        self.lines.append(text)

    def weight(self, name, *shape, std=0.02):
        self.count += 1
        dims = ",".join(map(str, shape))
        self.line(f"init {name} float32[{dims}] random {self.count} {std}")
        return name

    def constant(self, name, kind, values):
        values = list(values)
        shape = f"[{len(values)}]" if len(values) != 1 else "[]"
        self.line(f"init {name} {kind}{shape} {','.join(map(str, values))}")
        return name

    def node(self, op, inputs, name, **attributes):
        extra = "".join(f" {key}={value}" for key, value in attributes.items())
        self.line(f"node {op} {','.join(inputs)} -> {name}{extra}")
        return name

    def linear(self, x, prefix, rows, columns):
        self.weight(f"{prefix}.weight", rows, columns)
        self.weight(f"{prefix}.bias", columns)
        product = self.node("MatMul", [x, f"{prefix}.weight"], f"{prefix}.product")
        return self.node("Add", [product, f"{prefix}.bias"], f"{prefix}.out")

    def norm(self, x, prefix, features, epsilon):
        self.weight(f"{prefix}.gamma", features, std=1)
        self.weight(f"{prefix}.beta", features)
        return self.node("LayerNormalization", [x, f"{prefix}.gamma", f"{prefix}.beta"], f"{prefix}.out", axis=-1,
                         epsilon=f"{epsilon:.1e}")

    def heads(self, x, prefix, order):
        split = self.node("Reshape", [x, "split"], f"{prefix}.split")
        return self.node("Transpose", [split], f"{prefix}.heads", perm=f"[{order}]")

    def joined(self, x, prefix):
        swapped = self.node("Transpose", [x], f"{prefix}.swapped", perm="[0,2,1,3]")
        return self.node("Reshape", [swapped, "joined"], f"{prefix}.joined")

    def table(self, name, ids, rows, features):
        self.weight(name, rows, features)
        return self.node("Gather", [name, ids], f"{name}.rows", axis=0)


def scalars(graph):
    graph.constant("split", "int64", [0, 0, 12, 64])
    graph.constant("joined", "int64", [0, 0, 768])
    for name, value in {"eight": 8, "half": 0.5, "one": 1, "sqrt2": 1.4142135, "lowest": -3.4028235e38,
                        "cubic": 0.044715, "tanh_scale": 0.7978846, "three": 3}.items():
        graph.constant(name, "float32", [value])


def positions(graph, ids):
    """0, 1, ... as many as the sequence has."""
    for name, value in {"zero": 0, "step": 1}.items():
        graph.constant(name, "int64", [value])
    shape = graph.node("Shape", [ids], "shape")
    length = graph.node("Gather", [shape, "step"], "length", axis=0)
    return graph.node("Range", ["zero", length, "step"], "positions")


def attention(graph, q, k, v, prefix, mask):
    """softmax(q k^T / 8, masked) v of heads; `mask` takes scores and gives scores."""
    scores = graph.node("MatMul", [q, k], f"{prefix}.scores")
    scaled = graph.node("Div", [scores, "eight"], f"{prefix}.scaled")
    weights = graph.node("Softmax", [mask(scaled, prefix)], f"{prefix}.weights", axis=-1)
    return graph.node("MatMul", [weights, v], f"{prefix}.mixed")


def gelu_erf(graph, x, prefix):
    part = graph.node("Erf", [graph.node("Div", [x, "sqrt2"], f"{prefix}.scaled")], f"{prefix}.erf")
    factor = graph.node("Add", [part, "one"], f"{prefix}.factor")
    return graph.node("Mul", [graph.node("Mul", [x, factor], f"{prefix}.twice"), "half"], f"{prefix}.gelu")


def gelu_tanh(graph, x, prefix):
    cube = graph.node("Pow", [x, "three"], f"{prefix}.cube")
    inner = graph.node("Add", [x, graph.node("Mul", [cube, "cubic"], f"{prefix}.bent")], f"{prefix}.inner")
    part = graph.node("Tanh", [graph.node("Mul", [inner, "tanh_scale"], f"{prefix}.scaled")], f"{prefix}.tanh")
    factor = graph.node("Add", [part, "one"], f"{prefix}.factor")
    return graph.node("Mul", [graph.node("Mul", [x, "half"], f"{prefix}.half"), factor], f"{prefix}.gelu")


def bert(layers):
    graph = Graph()
    graph.line("input input_ids int64[batch,seq]")
    graph.line("input attention_mask int64[batch,seq]")
    graph.line("input token_type_ids int64[batch,seq]")
    graph.line("output hidden float32[batch,seq,768]")
    scalars(graph)
    words = graph.table("embeddings.word", "input_ids", 30522, 768)
    types = graph.table("embeddings.type", "token_type_ids", 2, 768)
    places = graph.table("embeddings.position", positions(graph, "input_ids"), 512, 768)
    x = graph.node("Add", [graph.node("Add", [words, types], "words_and_types"), places], "embedded")
    x = graph.norm(x, "embeddings.norm", 768, 1e-12)
    graph.constant("mask_axes", "int64", [1, 2])
    wide = graph.node("Unsqueeze", ["attention_mask", "mask_axes"], "mask.wide")
    kept = graph.node("Cast", [wide], "mask.kept", to=1)
    hidden = graph.node("Sub", ["one", kept], "mask.hidden")
    bias = graph.node("Mul", [hidden, "lowest"], "mask.bias")

    for layer in range(layers):
        at = f"layer.{layer}"
        q = graph.heads(graph.linear(x, f"{at}.query", 768, 768), f"{at}.query", "0,2,1,3")
        k = graph.heads(graph.linear(x, f"{at}.key", 768, 768), f"{at}.key", "0,2,3,1")
        v = graph.heads(graph.linear(x, f"{at}.value", 768, 768), f"{at}.value", "0,2,1,3")
        mixed = attention(graph, q, k, v, at, lambda s, prefix: graph.node("Add", [s, bias], f"{prefix}.masked"))
        out = graph.linear(graph.joined(mixed, at), f"{at}.output", 768, 768)
        x = graph.norm(graph.node("Add", [out, x], f"{at}.sum1"), f"{at}.norm1", 768, 1e-12)
        inner = gelu_erf(graph, graph.linear(x, f"{at}.up", 768, 3072), f"{at}.act")
        out = graph.linear(inner, f"{at}.down", 3072, 768)
        x = graph.norm(graph.node("Add", [out, x], f"{at}.sum2"), f"{at}.norm2", 768, 1e-12)
    graph.node("Identity", [x], "hidden")
    return graph


def gpt2(layers):
    graph = Graph()
    graph.line("input input_ids int64[batch,seq]")
    graph.line("output logits float32[batch,seq,50257]")
    scalars(graph)
    words = graph.table("wte", "input_ids", 50257, 768)
    order = positions(graph, "input_ids")
    x = graph.node("Add", [words, graph.table("wpe", order, 1024, 768)], "embedded")
    graph.constant("thirds", "int64", [768, 768, 768])
    rows = graph.node("Reshape", [order, graph.constant("rows_shape", "int64", [1, 1, -1, 1])], "rows")
    columns = graph.node("Reshape", [order, graph.constant("columns_shape", "int64", [1, 1, 1, -1])], "columns")
    allowed = graph.node("GreaterOrEqual", [rows, columns], "allowed")

    for layer in range(layers):
        at = f"h.{layer}"
        normed = graph.norm(x, f"{at}.norm1", 768, 1e-5)
        packed = graph.linear(normed, f"{at}.qkv", 768, 2304)
        graph.line(f"node Split {packed},thirds -> {at}.q,{at}.k,{at}.v axis=-1")
        q = graph.heads(f"{at}.q", f"{at}.q", "0,2,1,3")
        k = graph.heads(f"{at}.k", f"{at}.k", "0,2,3,1")
        v = graph.heads(f"{at}.v", f"{at}.v", "0,2,1,3")
        mixed = attention(graph, q, k, v, at,
                          lambda s, prefix: graph.node("Where", [allowed, s, "lowest"], f"{prefix}.masked"))
        out = graph.linear(graph.joined(mixed, at), f"{at}.output", 768, 768)
        x = graph.node("Add", [out, x], f"{at}.sum1")
        inner = gelu_tanh(graph, graph.linear(graph.norm(x, f"{at}.norm2", 768, 1e-5), f"{at}.up", 768, 3072), f"{at}.act")
        x = graph.node("Add", [graph.linear(inner, f"{at}.down", 3072, 768), x], f"{at}.sum2")
    x = graph.norm(x, "norm", 768, 1e-5)
    graph.weight("head", 768, 50257)
    graph.node("MatMul", [x, "head"], "logits")
    return graph


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=["bert-base", "gpt2-small"])
    parser.add_argument("--layers", type=int, default=12)
    arguments = parser.parse_args()
    graph = (bert if arguments.model == "bert-base" else gpt2)(arguments.layers)
    print("\n".join(graph.lines))


if __name__ == "__main__":
    main()
