"""bench.py FILE FLOPS: checks the object that `attnc bench --json` prints."""
import json
import sys

result = json.load(open(sys.argv[1]))
for key in ("seconds", "wall_seconds", "gflops", "peak_gflops", "fraction_of_peak", "bytes", "bytes_per_second",
            "peak_bytes_per_second", "fraction_of_bandwidth", "threads", "rounds", "calls_per_round", "spread",
            "workspace_bytes"):
    assert isinstance(result[key], (int, float)) and result[key] >= 0, key
for key in ("file", "entry", "target", "machine", "clock"):
    assert isinstance(result[key], str) and result[key], key
assert result["flops"] == float(sys.argv[2]), result["flops"]
assert result["rounds"] >= 5 and 0 < result["fraction_of_peak"] < 1.2, result
assert abs(result["gflops"] - result["flops"] / result["seconds"] * 1e-9) < 1e-6 * result["gflops"]
assert abs(result["bytes_per_second"] - result["bytes"] / result["seconds"]) < 1e-6 * result["bytes_per_second"]
assert result["dims"]["M"] == 4 and result["dims"]["D"] == 16, result["dims"]
print("consistent")
