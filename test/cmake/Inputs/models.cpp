// Two libraries that attnc_add_library has made of one list: of a model's folder and of an ONNX file.
#include "models_shift.h"
#include "models_tiny-gemma2.h"
#include <cstdio>

int main() {
  std::printf("models: %s %s %s\n", local_entry()->name, global_entry()->name, models_shift_entry()->name);
}
