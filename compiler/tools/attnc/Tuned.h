//===- Tuned.h - Schedules from the tuning database -------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tools/attnc/Compilation.h"
#include "compiler/tuner/Database.h"

namespace attnc::tool {

/// What measurements of `op` for `target` on this machine are filed under.
tuner::Workload workloadOf(tuner::OpKey op, const codegen::TargetInfo &target, int threads);

/// The keys of the ops that have a schedule, in order, of `compilation`, which is brought to level fused; their extents in
/// a call that binds `dims`. Nothing after an error, which is reported.
std::optional<std::vector<tuner::OpKey>> keysInCall(Compilation &compilation, const DimBindings &dims);

/// Opens the database at `path`; says so where its records are too old to be used.
llvm::Expected<std::unique_ptr<tuner::Database>> openDatabase(const std::string &path);

/// Gives every op of `compilation`, which is at level fused, for every target the best schedule that --tuned's database
/// has, and says which. Without a record the default stays. Returns an exit code.
int useTunedSchedules(Compilation &compilation);

/// "12% faster than the default"; `speed` is a ratio of times.
std::string spellSpeed(double speed);

/// Leaves out of `measured`, which comes from `database`, what `target` cannot do, with a warning each.
void dropImpossible(tuner::Measurements &measured, llvm::StringRef database, const codegen::TargetInfo &target);

} // namespace attnc::tool
