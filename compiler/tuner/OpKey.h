//===- OpKey.h - What an op computes, as a name -----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Measurements are filed by the op, so that what one model learned serves the
// next. Two ops are the same where their hashes are equal, and as large where
// their extents are of one class:
//
//   hash      kind, layouts, element types, D and E, scale, the regions op by op; not names, places, values of weights
//   extents   "B=1,G=4,H=16,M=2048,N=2048": up to 16 as they are, above that up to the next power of two
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/support/DimBindings.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace attnc::tuner {

struct OpKey {
  std::string hash;
  std::string extents; ///< of the letters that are known

  bool operator==(const OpKey &) const = default;
};

/// An op that has a schedule.
struct ScheduledOp {
  mlir::Operation *op;
  OpKey key;
};

/// The ops of `module`, at level fused, that have a schedule, in order.
std::vector<ScheduledOp> scheduledOps(mlir::ModuleOp module);

/// An extent's class, by the largest of it: 0 to 16, 32, 64, 128, ...
int64_t classOf(int64_t extent);

/// "B=1,M=2048": sorted by name.
std::string spellDims(const DimBindings &dims);

/// "attention of 2048 x 2048, D = 64" and the like, for people.
std::string describeOp(const ScheduledOp &op);

} // namespace attnc::tuner
