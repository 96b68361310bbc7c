//===- Figures.h - What the turns of a run say ------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "bench/decode/Options.h"
#include <functional>

namespace decode {

/// What takes turns: reads (Read.h) first, then libraries and peers.
struct Turn {
  std::string name;
  std::function<double()> time; // seconds
  std::vector<double> seconds;  // of each round
  double error = -1;            // of the result; none where it is negative
};

/// A table on the standard output, and the same in the JSON file of the options. `peaks` are those of each round in
/// flop/s, `bytes` what each turn has to read.
void report(const Options &options, const std::vector<Turn> &turns, const std::vector<double> &peaks, int64_t bytes);

} // namespace decode
