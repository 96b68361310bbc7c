"""long-graphs.py FOLDER: texts for make-onnx, of graphs that are long and have little in them."""
import sys


def chain(name, length, header, step):
    """step(i) -> the node that makes t<i+1> from t<i>."""
    lines = [header, f"output t{length} float32[4,8]"] + [step(i) for i in range(length)]
    with open(f"{sys.argv[1]}/{name}.txt", "w") as file:
        file.write("\n".join(lines) + "\n")


chain("adds", 10000, "input t0 float32[4,8]\ninput b float32[4,8]", lambda i: f"node Add t{i},b -> t{i + 1}")
chain("norms", 100, "input t0 float32[4,8]\ninit g float32[8] 1", lambda i: f"node LayerNormalization t{i},g -> t{i + 1}")
chain("residual", 400, "input t0 float32[4,8]", lambda i: f"node Tanh t{i} -> u{i}\nnode Add t{i},u{i} -> t{i + 1}")
parts = [f"x{i}" for i in range(220)]
chain("concat", 1, "\n".join(f"input {x} float32[4,8]" for x in parts), lambda i: f"node Concat {','.join(parts)} -> t1 axis=0")
