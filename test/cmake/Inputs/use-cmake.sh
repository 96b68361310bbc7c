# use-cmake.sh SRC GENERATOR: the project of docs/usage.md, with libraries of models and programs in C++, built again after
# changes.
set -euo pipefail
src=$1 inputs=$1/test/cmake/Inputs
awk '/^```/ { on = $0 == "```cmake"; next } on' "$src/docs/usage.md" > CMakeLists.txt
cat >> CMakeLists.txt <<'END'
attnc_add_library(shift SHARED SOURCES shift.onnx TARGETS x86-64-v3 x86-64 OPTIONS --checks)
add_executable(cpp main.cpp)
target_link_libraries(cpp PRIVATE shift attnc::runtime)
attnc_add_library(models SOURCES tiny-gemma2/ shift.onnx)
add_executable(models_user models.cpp)
target_link_libraries(models_user PRIVATE models)
END
cp "$inputs/main.c" "$inputs/main.cpp" "$inputs/models.cpp" .
cp -r "$src/examples/tiny-gemma2" .
cmake -G "$2" -S . -B out -DCMAKE_PREFIX_PATH="$TREE" > log 2>&1 || { cat log; exit 1; }
build() {
  echo "$1:"
  cmake --build out > log 2>&1 || { cat log; exit 1; }
  grep -o 'Compiling attention.*' log || true
  out/program
  out/cpp
  out/models_user
}
build 'at first'
build 'nothing new'
printf '\0\0\0\100\0\0\0\100\0\0\0\100\0\0\0\100' > w.bin # 2, 2, 2, 2
build 'new weights'
touch causal.attn
build 'new description'
