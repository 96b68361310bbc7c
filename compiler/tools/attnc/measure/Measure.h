//===- Measure.h - Timing compiled code -------------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What bench and tune share. Both time in rounds of calls, and set other things
// right beside them: bench the limits of the machine, tune another schedule.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tools/attnc/Loaded.h"

namespace attnc::tool {

/// `asked`, or as many threads as compiled programs use if that is 0.
int threadsToUse(int asked);

/// Code that can be called again and again on the same tensors, allocating nothing.
struct Callable {
  Loaded code;
  Tensors outputs;
  int64_t workspaceBytes = 0;

  /// Compiles, loads, and gets the memory of calls of `entry`. Returns an exit code.
  int load(Compilation &compilation, const emit::EntryInfo &entry, const Tensors &inputs, int threads);
  /// The same, and calls it once.
  int prepare(Compilation &compilation, const emit::EntryInfo &entry, const Tensors &inputs, int threads);
};

/// Calls for `warm` seconds, and returns how many calls a round of `round` seconds has: 1 or more.
int warmUp(Callable &callable, const Tensors &inputs, double warm, double round);

/// Seconds of one of `calls` calls, by clockSeconds of Peak.h.
double timeCalls(Callable &callable, const Tensors &inputs, int calls);

/// A bar on stderr if that is a terminal; `done` from 0 to 1, which takes it away again.
void drawProgress(double done, const std::string &text);

} // namespace attnc::tool
