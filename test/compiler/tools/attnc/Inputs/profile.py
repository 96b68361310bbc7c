"""profile.py JSON TRACE BENCH LAYERS: whether what `attnc profile` writes agrees with itself and with `attnc bench --json`."""
import json
import sys

profile, trace, bench = (json.load(open(path)) for path in sys.argv[1:4])
layers = int(sys.argv[4])
rows = profile["rows"]

# The rows are the call, within what a busy machine does to it.
assert abs(sum(row["seconds"] for row in rows) / profile["row_seconds"] - 1) < 1e-6
assert abs(sum(row["share"] for row in rows) - 1) < 1e-6
assert 0.8 < profile["row_seconds"] / profile["call_seconds"] < 1.25, (profile["row_seconds"], profile["call_seconds"])

# The arithmetic of attentions and matmuls is what bench counts, layers included.
products = sum(row["flops"] for row in rows if row["op"] in ("attention", "matmul", "convolution"))
assert products == bench["flops"], (products, bench["flops"])
assert profile["dims"] == bench["dims"], (profile["dims"], bench["dims"])

# Each layer has the same ops, at nodes of its own.
ops = [[row["op"] for row in rows if row.get("layer") == layer] for layer in range(layers)]
assert all(each and each == ops[0] for each in ops), ops
assert not any(row.get("layer", -1) >= layers for row in rows)
places = [row["place"] for row in rows]
assert len(set(places)) == len(places), places

for row in rows:
    peak, bandwidth = profile["peak_gflops"][row["arithmetic"]] * 1e9, profile["peak_bytes_per_second"]
    least = max(row["flops"] / peak, row["bytes"] / bandwidth)
    assert row["is_known"] and row["seconds"] > 0, row
    assert abs(row["fraction_of_roof"] - least / row["seconds"]) <= 1e-6 * row["fraction_of_roof"], row
    assert row["bound"] == ("memory" if row["bytes"] / bandwidth > row["flops"] / peak else "compute"), row

# A span in the trace for each layer, around those of its ops; spans of one level do not overlap.
spans = trace["traceEvents"]
assert [span["name"] for span in spans if "op" not in span["args"]] == [f"layer {layer}" for layer in range(layers)]
assert {span["name"] for span in spans if "op" in span["args"]} == set(places[1:])
ends = [0]
for span in spans:
    end = span["ts"] + span["dur"]
    while len(ends) > 1 and span["ts"] >= ends[-1] - 1e-3:
        ends.pop()
    assert len(ends) == 1 or end <= ends[-1] + 1e-3, span
    ends.append(end)
print("consistent")
