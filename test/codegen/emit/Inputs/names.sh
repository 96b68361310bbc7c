# names.sh SEED FOLDER: artefacts whose names mean something already compile as C and as C++, and link with each other.
set -e
names="$(dirname "$0")/names.py" seed=$1
here=$2
rm -rf "$here" && mkdir -p "$here" && cd "$here"
quiet() { "$@" 2>log || { cat log; exit 1; }; }

# Entries: two static libraries in one program, wholly or as needed; two shared ones.
python3 "$names" entries "$seed" > entries.mlir
for kind in a so; do
  quiet attnc compile entries.mlir --target=x86-64 -o libmany_$kind.$kind
  quiet attnc compile entries.mlir --target=x86-64 --name=other -o libother_$kind.$kind
  python3 "$names" caller many_$kind other_$kind > call_$kind.c
done
for compiler in "cc -x c -std=gnu17" "c++ -x c++ -std=c++20"; do
  compile="$compiler -Wall -Wextra -Werror"
  $compile call_a.c -x none libmany_a.a libother_a.a -o call && ./call
  $compile call_a.c -x none -Wl,--whole-archive libmany_a.a libother_a.a -Wl,--no-whole-archive -o call && ./call
  $compile call_so.c -x none -L. -lmany_so -lother_so -Wl,-rpath,"$PWD" -o call && ./call
done

# Tensors and dimensions.
python3 "$names" locals "$seed" .
for module in [0-9]*.mlir; do
  quiet attnc compile $module --target=x86-64 -o libl.a
  for compiler in "cc -x c -std=c11 -pedantic" "c++ -x c++ -std=c++11" "clang-22 -x c -std=gnu23" "clang++-22 -x c++ -std=c++23"; do
    $compiler -Wall -Wextra -Werror -c l_example.c -o example.o || { cat l_example.c; exit 1; }
  done
  cc example.o libl.a -o example && ./example > out
done
