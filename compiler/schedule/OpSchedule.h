//===- OpSchedule.h - The schedule that an op carries -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/Schedule.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace attnc::schedule {

/// The machine of `module`'s `tile.target`. Emits an error if there is none.
mlir::FailureOr<Machine> machineFor(mlir::ModuleOp module);

/// The same as `op` sees it: a vector of as many f64 as f32 takes two registers.
Machine machineFor(attn::AttentionOp op, Machine machine);
Machine machineFor(attn::ContractOp op, Machine machine);

/// The form and sizes of the op's attribute; 0 where that says nothing.
Schedule scheduleOf(attn::AttentionOp op);
Schedule scheduleOf(attn::ContractOp op);

/// Writes the form and the sizes, which are all known, to the op's attribute. `few` is the form for the ranges of
/// numbers of queries in `fewQueries`; may be empty.
void setSchedule(attn::AttentionOp op, const Schedule &sizes, llvm::StringRef few, llvm::ArrayRef<int64_t> fewQueries,
                 bool oneBody);
void setSchedule(attn::ContractOp op, const Schedule &sizes);

/// Whether the op can be given `sizes`, not all of which must be known; where not, says what would do.
mlir::LogicalResult checkSizes(mlir::Operation *op, const Schedule &sizes, const Machine &machine);

/// Whether the op has a schedule that `machine` can use, with nothing left open. Emits an error that says what would do.
mlir::LogicalResult verifySchedule(attn::AttentionOp op, const Machine &machine);
mlir::LogicalResult verifySchedule(attn::ContractOp op, const Machine &machine);

} // namespace attnc::schedule
