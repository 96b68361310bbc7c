//===- Contraction.h - Sums of products over axes ---------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/fusion/Views.h"

namespace attnc::fusion {

/// out[o] = sum over the other loops of lhs[l] * rhs[r], starting from zero.
struct Contraction {
  mlir::linalg::LinalgOp op;
  Index loops; ///< the axes of the loops
  bool isZero; ///< the destination is filled with zero
  Access operands[2], result;

  mlir::Value lhs() const { return operands[0].tensor; }
  mlir::Value rhs() const { return operands[1].tensor; }
};

/// True for linalg.contract and every other structured op on tensors that sums
/// products of two operands.
bool isContraction(mlir::Operation *op);

/// A contraction of signed integers of 8 bits, into i32 from 0.
bool isByteContraction(mlir::Operation *op);
/// Describes such an op, with fresh axes for its loops.
std::optional<Contraction> matchContraction(mlir::Operation *op, AxisSpace &axes);
/// True if every element of `tensor` is the constant 0.
bool isZeroTensor(mlir::Value tensor);
/// The value that every element of `tensor` has: a splat constant, a fill with
/// a constant, or views of one.
std::optional<llvm::APFloat> getSplatFloat(mlir::Value tensor);

/// contract(..) outs(%c)  ->  contract(..) outs(%zero) + %c, for a contraction that does not start from zero.
void separateDestination(mlir::OpBuilder &builder, mlir::linalg::LinalgOp op);

} // namespace attnc::fusion
