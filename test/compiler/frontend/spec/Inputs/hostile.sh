# hostile.sh KIND: prints a .attn file that a naive compiler would die of.
head='attention f(q: f32[B, M, H=2, D=4], k: f32[B, N, H, D], v: f32[B, N, H, D]) -> f32[B, M, H, D] {'
case $1 in
brackets) echo "$head mask ="; head -c 300000 /dev/zero | tr '\0' '(' ;;
sum) echo "$head score = s"; for n in $(seq 20000); do echo "+ s"; done; echo "}" ;;
bomb) # every function calls the one before it twice
  echo "def f0(x) = x + 1"
  for n in $(seq 60); do echo "def f$n(x) = f$((n - 1))(x) * f$((n - 1))(x + $n)"; done
  echo "$head score = f60(s) }" ;;
chain)
  echo "def d0 = h"
  for n in $(seq 1500); do echo "def d$n = d$((n - 1)) + 1"; done
  echo "$head score = d1500 }" ;;
lets)
  echo "$head let t0 = s"
  for n in $(seq 1500); do echo "let t$n = t$((n - 1)) * s"; done
  echo "score = t1500 }" ;;
errors) for n in $(seq 300); do echo "def a = 1"; done; echo "$head }" ;;
big) echo "$head }"; head -c 1100000 /dev/zero | tr '\0' ' ' ;;
esac
