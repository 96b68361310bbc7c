//===- IntegerRanges.h - Intervals of integer values ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %p in [0, 100]             told
//   %x = arith.addi %p, %c1    in [1, 101], once inferred
//   %y                         whatever its type holds
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Value.h"
#include "mlir/Interfaces/InferIntRangeInterface.h"
#include "llvm/ADT/DenseMap.h"

namespace attnc::schedule {

class IntegerRanges {
public:
  void set(mlir::Value value, const mlir::ConstantIntRanges &range) { known.insert({value, range}); }

  /// What `op` makes of the ranges of its operands: operations come in their order, and each is looked at once.
  void infer(mlir::Operation &op);

  /// Of an integer or index.
  mlir::ConstantIntRanges of(mlir::Value value) const;

private:
  llvm::DenseMap<mlir::Value, mlir::ConstantIntRanges> known;
};

} // namespace attnc::schedule
