//===- Options.h - What decode-bench is asked to do -------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "bench/decode/Memory.h"

namespace decode {

struct Named {
  std::string name, text;
};

struct Options {
  Problem problem;
  std::vector<Named> libraries, plains, peers;
  std::string inputs, json;
  int threads = 1, rounds = 15;
  Pages pages = Pages::small;
};

/// Ends the program with a message and the usage where the command line is wrong.
Options readOptions(int argc, char **argv);
[[noreturn]] void misused(const std::string &why);

/// The problem and the threads as workers of bench/peers/Worker.h read them.
std::string settings(const Options &options);

} // namespace decode
