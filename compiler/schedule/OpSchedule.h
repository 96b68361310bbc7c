//===- ScheduleTarget.h - Schedules meet the module's target ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/Schedule.h"
#include "mlir/IR/BuiltinOps.h"

namespace attnc::schedule {

/// The machine of `module`'s `tile.target`. Emits an error if there is none, or if it cannot use what `forced` forces.
mlir::FailureOr<Machine> machineFor(mlir::ModuleOp module, const Schedule &forced);

} // namespace attnc::schedule
