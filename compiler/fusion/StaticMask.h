//===- StaticMask.h - Constant masks as comparisons -------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporters with static shapes store a causal mask as a tensor of its values. A
// comparison says the same and can bound loops:
//
//   dense<[[0, -inf, -inf],
//          [0,    0, -inf],      ->      select(j <= i, 0, -inf)
//          [0,    0,    0]]>
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace attnc::fusion {

/// Code for `constant[indices]` if that has two values and the one of them forms a band lo <= column - row <= hi of a
/// matrix (all other extents are 1); null if not.
mlir::Value emitBand(mlir::OpBuilder &builder, mlir::Location loc, mlir::DenseElementsAttr constant,
                     mlir::ValueRange indices);

} // namespace attnc::fusion
