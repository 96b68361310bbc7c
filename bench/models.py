#!/usr/bin/env python3
"""Models as ONNX files of the real sizes, with random weights: text for make-onnx.

Usage: bench/models.py bert-base|bert-base-int8|gpt2-small|vit-b16|whisper-base|resnet50 [--layers N] > model.txt
       make-onnx model.txt -o model.onnx

The graphs are those that exporters write: a projection is MatMul and Add, heads are made by Reshape and Transpose, Gelu
is spelt out, batch and sequence are dynamic. ResNet-50 is its convolutions, with the norms folded into them."""
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

    def list(self, name, value):
        self.line(f"init {name} int64[1] {value}")
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


    def conv(self, x, prefix, outputs, inputs, *sizes, **attributes):
        fan = inputs
        for size in sizes:
            fan *= size
        self.weight(f"{prefix}.weight", outputs, inputs, *sizes, std=round(fan**-0.5, 6))
        self.weight(f"{prefix}.bias", outputs)
        return self.node("Conv", [x, f"{prefix}.weight", f"{prefix}.bias"], f"{prefix}.out", **attributes)


class Int8Graph(Graph):
    """Projections of quantised tensors, as quantisation tools write them: QuantizeLinear and DequantizeLinear around
    what is multiplied, rows in uint8 with one scale, weights in int8 with one for each column."""

    def __init__(self):
        super().__init__()
        self.rounded = {}
        self.line("init grain float32[] 0.05")
        self.line("init middle uint8[] 128")

    def quantised(self, x):
        if x not in self.rounded:
            codes = self.node("QuantizeLinear", [x, "grain", "middle"], f"{x}.codes")
            self.rounded[x] = self.node("DequantizeLinear", [codes, "grain", "middle"], f"{x}.rounded")
        return self.rounded[x]

    def linear(self, x, prefix, rows, columns):
        self.count += 1
        self.line(f"init {prefix}.codes int8[{rows},{columns}] random {self.count} 30")
        self.line(f"init {prefix}.scales float32[{columns}] {0.02 / 30:.6f}")
        self.line(f"init {prefix}.zeros int8[{columns}] 0")
        weight = self.node("DequantizeLinear", [f"{prefix}.codes", f"{prefix}.scales", f"{prefix}.zeros"],
                           f"{prefix}.weight", axis=1)
        self.weight(f"{prefix}.bias", columns)
        product = self.node("MatMul", [self.quantised(x), weight], f"{prefix}.product")
        return self.node("Add", [product, f"{prefix}.bias"], f"{prefix}.out")


def scalars(graph, heads=12):
    graph.constant("split", "int64", [0, 0, heads, 64])
    graph.constant("joined", "int64", [0, 0, heads * 64])
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


def bert(layers, graph=None):
    graph = graph or Graph()
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


def encoder_layer(graph, x, at, features, epsilon):
    """Norms first, as in vision transformers and Whisper."""
    normed = graph.norm(x, f"{at}.norm1", features, epsilon)
    q = graph.heads(graph.linear(normed, f"{at}.query", features, features), f"{at}.query", "0,2,1,3")
    k = graph.heads(graph.linear(normed, f"{at}.key", features, features), f"{at}.key", "0,2,3,1")
    v = graph.heads(graph.linear(normed, f"{at}.value", features, features), f"{at}.value", "0,2,1,3")
    mixed = attention(graph, q, k, v, at, lambda s, prefix: s)
    out = graph.linear(graph.joined(mixed, at), f"{at}.output", features, features)
    x = graph.node("Add", [out, x], f"{at}.sum1")
    up = graph.linear(graph.norm(x, f"{at}.norm2", features, epsilon), f"{at}.up", features, 4 * features)
    out = graph.linear(gelu_erf(graph, up, f"{at}.act"), f"{at}.down", 4 * features, features)
    return graph.node("Add", [out, x], f"{at}.sum2")


def vit(layers):
    graph = Graph()
    graph.line("input image float32[batch,3,224,224]")
    graph.line("output logits float32[batch,1000]")
    scalars(graph)
    patches = graph.conv("image", "patches", 768, 3, 16, 16, strides="[16,16]")
    graph.constant("flat", "int64", [0, 768, 196])
    rows = graph.node("Transpose", [graph.node("Reshape", [patches, "flat"], "patches.flat")], "tokens", perm="[0,2,1]")
    graph.weight("class_token", 1, 1, 768)
    graph.constant("first", "int64", [0])
    graph.constant("ends", "int64", [1, 1])
    shape = graph.node("Shape", ["image"], "shape")
    batch = graph.node("Gather", [shape, graph.constant("places", "int64", [0, 0])], "batches", axis=0)
    batch = graph.node("Slice", [batch, graph.list("slice_from", 0), graph.list("slice_to", 1)], "batch")
    token = graph.node("Expand", ["class_token", graph.node("Concat", [batch, "ends"], "token.shape", axis=0)], "token")
    x = graph.node("Concat", [token, rows], "with_token", axis=1)
    x = graph.node("Add", [x, graph.weight("positions", 1, 197, 768)], "embedded")
    for layer in range(layers):
        x = encoder_layer(graph, x, f"layer.{layer}", 768, 1e-6)
    x = graph.norm(x, "norm", 768, 1e-6)
    first = graph.node("Gather", [x, "first"], "class", axis=1)
    out = graph.linear(first, "head", 768, 1000)
    graph.node("Identity", [out], "logits")
    return graph


def whisper(layers):
    graph = Graph()
    graph.line("input mel float32[batch,80,3000]")
    graph.line("output features float32[batch,1500,512]")
    scalars(graph, heads=8)
    x = gelu_erf(graph, graph.conv("mel", "conv1", 512, 80, 3, pads="[1,1]"), "conv1.act")
    x = gelu_erf(graph, graph.conv(x, "conv2", 512, 512, 3, pads="[1,1]", strides="[2]"), "conv2.act")
    x = graph.node("Transpose", [x], "frames", perm="[0,2,1]")
    x = graph.node("Add", [x, graph.weight("positions", 1500, 512)], "embedded")
    for layer in range(layers):
        x = encoder_layer(graph, x, f"layer.{layer}", 512, 1e-5)
    x = graph.norm(x, "norm", 512, 1e-5)
    graph.node("Identity", [x], "features")
    return graph


def resnet(_):
    graph = Graph()
    graph.line("input image float32[batch,3,224,224]")
    graph.line("output logits float32[batch,1000]")
    relu = lambda x: graph.node("Relu", [x], f"{x}.relu")
    x = relu(graph.conv("image", "stem", 64, 3, 7, 7, strides="[2,2]", pads="[3,3,3,3]"))
    x = graph.node("MaxPool", [x], "pooled", kernel_shape="[3,3]", strides="[2,2]", pads="[1,1,1,1]")
    inputs = 64
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512))):
        for block in range(blocks):
            at, stride = f"stage{stage}.{block}", 2 if block == 0 and stage > 0 else 1
            y = relu(graph.conv(x, f"{at}.a", width, inputs, 1, 1))
            y = relu(graph.conv(y, f"{at}.b", width, width, 3, 3, strides=f"[{stride},{stride}]", pads="[1,1,1,1]"))
            y = graph.conv(y, f"{at}.c", 4 * width, width, 1, 1)
            if block == 0:
                x = graph.conv(x, f"{at}.skip", 4 * width, inputs, 1, 1, strides=f"[{stride},{stride}]")
            x = relu(graph.node("Add", [y, x], f"{at}.sum"))
            inputs = 4 * width
    x = graph.node("GlobalAveragePool", [x], "mean")
    x = graph.node("Flatten", [x], "flat", axis=1)
    out = graph.linear(x, "head", 2048, 1000)
    graph.node("Identity", [out], "logits")
    return graph


MODELS = {"bert-base": bert, "bert-base-int8": lambda layers: bert(layers, Int8Graph()), "gpt2-small": gpt2,
          "vit-b16": vit, "whisper-base": whisper, "resnet50": resnet}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=list(MODELS))
    parser.add_argument("--layers", type=int, default=12)
    arguments = parser.parse_args()
    print("\n".join(MODELS[arguments.model](arguments.layers).lines))


if __name__ == "__main__":
    main()
