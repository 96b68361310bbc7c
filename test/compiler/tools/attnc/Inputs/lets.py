"""lets.py KIND N: an attention with a chain of N lets, each of which reads the one before twice."""
import sys

kinds = {  # the first let, what follows, the statement
    "remainders": ("i - j", "{p} + {p} % {m}", "mask = {p} > 0"),
    "sums": ("i - j", "{p} + {p}", "mask = {p} > 0"),
    "extrema": ("i - j", "min({p}, max({p} - {n}, j))", "mask = {p} > 0"),
    "magnitudes": ("i - j", "abs({p} - {n})", "mask = {p} > 0"),
    "choices": ("i - j", "{p} if {p} > {n} else {p} - j", "mask = {p} > 0"),
    "conditions": ("i > j", "({p} and i > {n}) or (not {p} and j < {n})", "mask = {p}"),
    "ladders": ("i > j", "({p} or i > {n}) and (j < {n} or {p} != (i + j > {n}))", "mask = {p}"),
    "differences": ("i > j", "{p} != (j > i - {n})", "mask = {p}"),
    "uniform": ("w", "{p} * 3 + {p} // {m}", "mask = {p} > j"),
    "rows": ("d - i", "{p} + {p} % {m}", "query = q[d] * float({p} % 8)"),
    "scores": ("float(i - j)", "{p} + tanh({p}) / {m}", "score = s + tanh({p})"),
}
first, then, statement = kinds[sys.argv[1]]
print("attention l(q: f32[B, M, H=2, D=32], k: f32[B, N, H, D], v: f32[B, N, H, D], w: i64) -> f32[B, M, H, D] {")
print("  let a0 = %s" % first)
for n in range(1, int(sys.argv[2]) + 1):
    print("  let a%d = %s" % (n, then.format(p="a%d" % (n - 1), n=n, m=n + 2)))
print("  %s\n}" % statement.format(p="a" + sys.argv[2]))
