//===- MaskFormula.h - A mask as integer inequalities ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A mask region becomes a disjunction of conjunctions of inequalities `e >= 0`, where e is an affine expression (with
// floor division and remainder by constants) of the query index d0, the key index d1 and uniform symbols:
//
//   j <= i + N - M and i + N - M - j < 4096        one conjunction: d0 + s0 - d1 >= 0,  d1 - d0 - s0 + 4095 >= 0
//   j < prefix or j <= i                           two
//
// min, max and select of integers are split into cases. What has no such form (a remainder of another value, an id read
// from a tensor) is left out of its conjunction, which then says more than the mask; it is listed, so that a user can
// be told and another analysis asked.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Region.h"
#include "llvm/ADT/SetVector.h"

namespace attnc::schedule {

/// Dimensions of the expressions.
enum MaskDim : unsigned { kQueryDim = 0, kKeyDim = 1 };

/// All `atoms` are >= 0. Not `exact`: some condition was left out, so that the true set is a subset.
struct MaskConjunction {
  llvm::SmallVector<mlir::AffineExpr> atoms;
  bool exact = true;
};

struct MaskFormula {
  llvm::SmallVector<MaskConjunction> allowed; ///< the mask holds in one of these
  llvm::SmallVector<MaskConjunction> masked;  ///< its negation likewise
  /// Value of symbol s: a value inside the region that depends on neither index. A bool counts as 0 or 1.
  llvm::SmallVector<mlir::Value> symbols;
  llvm::SmallSetVector<mlir::Operation *, 4> opaque; ///< what was left out

  bool tooManyCases = false; ///< some were put together, into one that says more

  /// The formula says exactly what the mask says.
  bool isExact() const { return opaque.empty() && !tooManyCases; }
};

/// Reads `mask`, a region of one block with arguments (b, h, i, j, M, N, captures) that yields i1.
MaskFormula readMaskFormula(mlir::Region &mask);

} // namespace attnc::schedule
