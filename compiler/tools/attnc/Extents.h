//===- Extents.h - Run-time extents of tensors in a function ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tools/attnc/Tensors.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace attnc::tool {

/// Answers how large tensors of `function` are when it is called on `inputs`,
/// without running it: follows shapes through destinations, casts, reshapes,
/// slices and index arithmetic. Nothing where the IR does not tell.
class Extents {
public:
  Extents(mlir::func::FuncOp function, const Tensors &inputs) : function(function), inputs(inputs) {}

  std::optional<int64_t> dim(mlir::Value tensor, int64_t index);
  /// Of role `letter` of an attention.
  std::optional<int64_t> of(attn::AttentionOp op, char letter);
  std::optional<int64_t> value(mlir::Value index);
  std::optional<int64_t> value(mlir::OpFoldResult index);

private:
  std::optional<int64_t> computeDim(mlir::OpResult tensor, int64_t index);
  std::optional<int64_t> computeValue(mlir::Operation *op);
  std::optional<int64_t> product(mlir::Value tensor, llvm::ArrayRef<int64_t> dims);

  mlir::func::FuncOp function;
  const Tensors &inputs;
  llvm::DenseMap<mlir::Value, std::optional<int64_t>> known;
};

} // namespace attnc::tool
