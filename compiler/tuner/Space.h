//===- Space.h - The schedules that are worth a measurement -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/Schedule.h"
#include "mlir/IR/BuiltinOps.h"
#include <optional>
#include <utility>
#include <vector>

namespace attnc::tuner {

/// What can be chosen for one op on one machine.
struct Space {
  schedule::Machine machine;
  std::optional<std::pair<int64_t, int64_t>> attention; ///< D and Dv, where it is one
  bool hasWeight = false;                               ///< a contraction with a constant side: packed at compile time
  bool isProduct = false;                               ///< one without
  std::vector<int64_t> forms = {};                      ///< of an attention, to try: places in schedule::forms()
};

/// Of an op, an attention or a contraction, at level fused.
Space spaceOf(mlir::Operation *op, const schedule::Machine &machine);

/// Sizes that depend on one another are tried together; one group after the other, each from the best of the last.
enum class Group { AttentionForm, AttentionTile, AttentionBlocks, ContractTile, ContractBlocks };
std::vector<Group> groupsOf(const Space &space);

/// Whether `sizes` forces nothing but sizes of `groups`.
bool forcesOnly(const schedule::Schedule &sizes, llvm::ArrayRef<Group> groups);

/// Candidates that differ from `start` in the sizes of `group`, nearest to it first. Left out: what the registers
/// cannot hold or would idle with, tiles that do not fit the caches, and what is the default by other words.
std::vector<schedule::Schedule> propose(const Space &space, Group group, const schedule::Schedule &start);

} // namespace attnc::tuner
