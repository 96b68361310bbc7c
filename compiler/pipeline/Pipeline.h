//===- Pipeline.h - The order of the stages ---------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/common/Target.h"
#include "compiler/schedule/Schedule.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include <functional>

namespace mlir {
class PassManager;
} // namespace mlir

namespace attnc {

struct PipelineOptions {
  codegen::TargetInfo target;
  schedule::Schedule schedule;                             ///< what is forced on every op; checked by the passes
  std::vector<schedule::Schedule> records = {};            ///< the same op by op, in order, and before it
  std::string computeType = {};                            ///< of products and attention; as the model says if empty
  bool marks = false;                                      ///< for a profile: mark-ops behind level tile
  bool remarks = false;                                    ///< say what was fused and what stopped it
  std::function<void(mlir::PassManager &)> configure = {}; ///< printing, timing, reproducers
};

/// One level of the IR and how to get there from the level before.
struct Level {
  llvm::StringLiteral name, summary;
};

/// What schedules know of `target`.
schedule::Machine machineOf(const codegen::TargetInfo &target);

/// attn, fused, scheduled, tile, llvm: in order.
llvm::ArrayRef<Level> levels();

/// Lowers `module` from level `from` to level `to` (names of `levels()`). Both must exist, `from` not after `to`.
/// Errors are diagnostics at the user's locations.
mlir::LogicalResult runPipeline(mlir::ModuleOp module, llvm::StringRef from, llvm::StringRef to,
                                const PipelineOptions &options);

/// From level tile to llvm in two steps, between which functions may part into modules of their own: parallel bodies
/// become functions, each of which is there once;
mlir::LogicalResult outlineBodies(mlir::ModuleOp module, const codegen::TargetInfo &target);
/// and functions become instructions of the target.
mlir::LogicalResult lowerOutlined(mlir::ModuleOp module, const codegen::TargetInfo &target);

} // namespace attnc
