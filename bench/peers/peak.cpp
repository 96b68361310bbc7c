//===- peak.cpp - The peak that shares are shares of ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   peer-peak f32|bf16 THREADS
//
// The bursts of `attnc bench`. Prints "ready" and what it measures; every line of its input asks for one burst, and it
// answers in GFLOP/s.
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/measure/Peak.h"
#include <iostream>
#include <string>

using namespace attnc::tool;

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  __builtin_cpu_init();
  bool dots = std::string(argv[1]) == "bf16" && __builtin_cpu_supports("avx512bf16");
  unsigned bits = __builtin_cpu_supports("avx512f") ? 512 : __builtin_cpu_supports("avx2") ? 256 : 128;
  std::cout << "ready " << bits << "-bit " << (dots ? "bf16 dot products" : "FMAs") << std::endl;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << measureFlops(bits, dots ? Arithmetic::bf16Dots : Arithmetic::f32, std::stoi(argv[2])) << std::endl;
}
