//===- DescribeWorkspace.h - What a workspace holds, in words ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/memory/Slots.h"
#include <map>

namespace attnc::schedule {

/// What the plan of a function is, one line a slot:
///
///   "3072 * batch * seq: MatMul 'layer.0.up' and 4 more, one after another"     the largest, and its successors
///   "9216 * batch * seq + 48 * batch: 12 calls of model_layer"
///
/// and for each called function its own lines, indented.
struct WorkspaceText {
  std::map<std::string, int64_t> terms; ///< of the peak: "batch * seq" -> 3072
  llvm::SmallVector<std::string> lines;

  std::string total() const; ///< "3072 * batch * seq + 64"
};
using LayerTexts = llvm::DenseMap<mlir::func::FuncOp, WorkspaceText>;

/// `layers` has the texts of called functions.
WorkspaceText describeSlots(mlir::func::FuncOp function, llvm::ArrayRef<Buffer> buffers, llvm::ArrayRef<Slot> slots,
                            const LayerTexts &layers);

/// What the header states of it: {bytes, stack, plan} where the total of `plan` is a constant, else {grows, stack, plan}.
mlir::DictionaryAttr describeWorkspace(mlir::func::FuncOp function, mlir::func::FuncOp plan, const WorkspaceText &text);

} // namespace attnc::schedule
