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

/// What measurements of `program` (a programHash) for `target` on this machine are filed under; dims are left empty.
tuner::Workload workloadOf(std::string program, const codegen::TargetInfo &target, int threads);

/// Gives every target of `compilation`, which is loaded and not lowered, the best schedule that --tuned's database has,
/// and says which. Without a record it says so, and the default stays. Returns an exit code.
int useTunedSchedules(Compilation &compilation);

/// "12% faster than the default"; `speed` is a ratio of times.
std::string spellSpeed(double speed);

/// Leaves out of `measured`, which comes from `database`, what `target` cannot do, with a warning each.
void dropImpossible(tuner::Measurements &measured, llvm::StringRef database, const codegen::TargetInfo &target);

} // namespace attnc::tool
