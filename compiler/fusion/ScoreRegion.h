//===- ScoreRegion.h - Scale, score and mask of a score ---------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scalar code between Q K^T and the softmax is taken apart into the three
// places that attn.attention has for it:
//
//   %1 = arith.mulf %s, %c                   scale = c
//   %2 = arith.addf %1, %bias          ->    score: s + bias
//   %3 = arith.select %m, %-inf, %2          mask:  not m
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Builders.h"

namespace attnc::fusion {

struct ScoreParts {
  double scale;      ///< factor that `s` was multiplied with
  mlir::Value score; ///< what is left of the score
  mlir::Value mask;  ///< i1, true where the key counts; null if every key does
};

/// Takes apart `root`, which is computed from `s` by code in `s`'s block; new
/// code goes to `builder`.
///
/// A mask is a condition that does not depend on s and turns the score to -inf:
/// select(c, x, -inf), or x + select(c, 0, -inf). A finite fill value stays in
/// the score, since a row of which all keys are filled averages V in that case;
/// x + select(c, 0, f) is select(c, x, f) there if f is -1e30 or less, where
/// every x up to 1e13 is lost in the sum.
/// The two forms of -inf differ from A4 only where a masked score is NaN or
/// +inf and where a row has no key left.
ScoreParts splitScore(mlir::OpBuilder &builder, mlir::Value root, mlir::Value s);

} // namespace attnc::fusion
