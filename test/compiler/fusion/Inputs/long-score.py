"""long-score.py N: an attention with N additions of the score to itself between q k^T and the softmax, for make-onnx."""
import sys

print("""input q float32[b,4,s,8]
input k float32[b,4,s,8]
input v float32[b,4,s,8]
output y float32[b,4,s,8]
init half float32[] 0.5
node Transpose k -> kt perm=[0,1,3,2]
node MatMul q,kt -> s0""")
for at in range(int(sys.argv[1])):
    print(f"node Add s{at},s{at} -> t{at}\nnode Mul t{at},half -> s{at + 1}")
print(f"node Softmax s{sys.argv[1]} -> p axis=-1\nnode MatMul p,v -> y")
