//===- Profile.h - Where the time of a call goes ----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row has the time from its op's mark to the next mark, less what a mark takes, so the rows of a call add up to it. Calls whose times are
// taken and calls whose are not alternate: the second are what the sum of rows is compared with. Rows are means over the
// middle half of the calls, by their length.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tools/attnc/measure/Marks.h"
#include "compiler/tools/attnc/measure/Measure.h"
#include "compiler/tools/attnc/measure/OpWork.h"
#include <map>

namespace attnc::tool {

/// What the machine could do, measured between the calls.
struct Limits {
  std::map<Arithmetic, double> gflops;
  double bandwidth = 0; ///< bytes/s
};

struct ProfileRow {
  OpPath path;      ///< empty: the call itself, from outside to the first op, and from layer to layer
  std::string node; ///< the node of the model, or the line of the file
  OpWork work;
  double seconds = 0; ///< of one call
  int64_t count = 1;  ///< ops that are added up in this row

  /// Whether its arithmetic or its memory takes longer at best, and that time as a share of the row's.
  bool isBoundByMemory(const Limits &limits) const { return atBandwidth(limits) > atPeak(limits); }
  double shareOfRoof(const Limits &limits) const;

private:
  double atPeak(const Limits &limits) const { return work.flops * 1e-9 / limits.gflops.at(work.arithmetic); }
  double atBandwidth(const Limits &limits) const { return work.bytes / limits.bandwidth; }
};

/// A span of one call, for a picture over time.
struct ProfileSpan {
  OpPath path;
  double start, seconds; ///< from the begin of the call
};

struct Profile {
  std::vector<ProfileRow> rows; ///< in the order of the program; the call itself first
  std::vector<ProfileSpan> spans;
  Limits limits;
  double callSeconds = 0; ///< median, without taking times
  double rowSeconds() const;
  size_t calls = 0; ///< whose times were taken
  bool isThreadTime = false;
};

/// Rows of equal ops of the layers as one.
std::vector<ProfileRow> joinLayers(const std::vector<ProfileRow> &rows);

/// What is profiled: a function of a numbered module at level fused, and what is compiled from that with marks.
struct ProfiledCode {
  mlir::ModuleOp module;
  llvm::StringRef function;
  llvm::ArrayRef<std::vector<int64_t>> joined; ///< Compilation::joinedOps
  const codegen::TargetInfo &target;
  Callable &callable; ///< loaded
};

/// The profile of a call on `inputs`, measured for `seconds`. Nothing after an error, which is reported.
std::optional<Profile> profileCalls(const ProfiledCode &code, const Tensors &inputs, double seconds);

} // namespace attnc::tool
