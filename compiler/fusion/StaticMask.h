//===- StaticMask.h - Constant masks as comparisons -------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporters store masks as tensors of their values, of the shape that is needed or the largest there may be. A comparison
// says the same and can bound loops:
//
//   dense<[[0, -inf, -inf],
//          [0,    0, -inf],                                 ->      select(j <= i, 0, -inf)
//          [0,    0,    0]]>
//
//   tensor.extract_slice %mask[%past, 0] [%m, %n] [1, 1]    ->      select(j <= i + %past, 0, -inf)
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/fusion/TablePattern.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/DenseMap.h"

namespace attnc::fusion {

/// A constant of two values, of which those that are `inside` form a pattern along one or two of its dimensions; along
/// the others it does not change.
struct StaticMask {
  mlir::DenseElementsAttr constant;
  llvm::SmallVector<unsigned, 2> dims; ///< row, column; or the column alone
  mlir::TypedAttr inside, outside;
  TablePattern pattern;
};
std::optional<StaticMask> readStaticMask(mlir::DenseElementsAttr constant);

/// Those that were asked for: all layers of a model have the same mask.
class StaticMasks {
public:
  const std::optional<StaticMask> &find(mlir::DenseElementsAttr constant) {
    auto [it, isNew] = known.try_emplace(constant);
    if (isNew)
      it->second = readStaticMask(constant);
    return it->second;
  }

private:
  llvm::DenseMap<mlir::Attribute, std::optional<StaticMask>> known;
};

/// What `tensor` is a slice of, where that is a constant; null if it is not.
mlir::DenseElementsAttr getSlicedConstant(mlir::Value tensor);
/// The indices at which `tensor[indices]` stands in what `tensor` is a slice of.
llvm::SmallVector<mlir::Value> emitSlicedIndices(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value tensor,
                                                 mlir::ValueRange indices);

/// Code for `mask.constant[indices]`.
mlir::Value emitStaticMask(mlir::OpBuilder &builder, mlir::Location loc, const StaticMask &mask,
                           mlir::ValueRange indices);

} // namespace attnc::fusion
