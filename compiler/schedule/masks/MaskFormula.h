//===- MaskFormula.h - A mask as integer inequalities -----------*- C++ -*-===//
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
// A value read from a tensor that is declared `sorted` never falls along the tensor's last dimension. Comparisons of
// such values, one of the key and one of the query, are kept beside the inequalities:
//
//   doc[b, j] == doc[b, i]                         doc[b, j] >= doc[b, i] and doc[b, j] <= doc[b, i]
//
// min, max and select of integers are split into cases. An operation that may wrap around has no form as an inequality
// (MaskRanges.h); where a uniform value of any size is compared with something moderate, the nearest moderate value does
// as well:
//
//   i - j < w, w : i64                             s1 - 1 - (d0 - d1) >= 0,  s1 = min(max(w, -2^41), 2^41)
//
// What has no such form (a remainder of another value, an id read
// from a tensor) is left out of its conjunction, which then says more than the mask; it is listed, so that a user can
// be told and another analysis asked.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/masks/MaskRanges.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Region.h"
#include "llvm/ADT/SetVector.h"

namespace attnc::schedule {

/// Dimensions of the expressions.
enum MaskDim : unsigned { kQueryDim = 0, kKeyDim = 1 };

/// `key` predicate `query`, one of >=, >, <, <=. They are values inside the region; key depends on no index but that of
/// the key and never falls as it rises, query likewise.
struct SortedAtom {
  mlir::Value key, query;
  mlir::arith::CmpIPredicate predicate;
  bool keyVaries, queryVaries; ///< or it is the same everywhere

  mlir::Value side(unsigned dim) const { return dim == kKeyDim ? key : query; }
  bool varies(unsigned dim) const { return dim == kKeyDim ? keyVaries : queryVaries; }
  bool operator==(const SortedAtom &) const = default;
  /// The predicate with side(dim) on its left.
  mlir::arith::CmpIPredicate seenFrom(unsigned dim) const;
};

/// All `atoms` are >= 0, all `sorted` hold. Not `exact`: some condition was left out, so that the true set is a subset.
struct MaskConjunction {
  llvm::SmallVector<mlir::AffineExpr> atoms;
  bool exact = true;
  llvm::SmallVector<SortedAtom> sorted = {};
};

/// What a symbol of the inequalities stands for: a value inside the region that depends on neither index. A bool counts
/// as 0 or 1.
struct MaskSymbol {
  mlir::Value value;
  bool isClamped; ///< held within kModerate

  bool operator==(const MaskSymbol &) const = default;
};

struct MaskFormula {
  llvm::SmallVector<MaskConjunction> allowed; ///< the mask holds in one of these
  llvm::SmallVector<MaskConjunction> masked;  ///< its negation likewise
  llvm::SmallVector<MaskSymbol> symbols;
  AffineRanges ranges; ///< of expressions in the symbols
  /// Symbols that may be beyond kModerate. Where one is, the inequalities say nothing.
  llvm::SmallVector<unsigned> wild;
  llvm::SmallSetVector<mlir::Operation *, 4> opaque; ///< what was left out
  llvm::SmallSetVector<mlir::Value, 4> searched;     ///< sorted tensors that are read, as arguments of the region

  bool tooManyCases = false; ///< some were put together, into one that says more

  /// The formula says exactly what the mask says, where no symbol is beyond kModerate.
  bool isExact() const { return opaque.empty() && !tooManyCases; }
};

/// Reads one element of a tensor or memref, operand 0, at the operands that follow.
bool isElementRead(mlir::Operation *op);

/// `tensor`, an argument of `mask`, is captured from a parameter of the function that says `attnc.sorted`: its elements
/// never fall along the last dimension.
bool isSorted(mlir::Region &mask, mlir::Value tensor);

/// Reads `mask`, a region of one block with arguments (b, h, i, j, M, N, captures) that yields i1.
MaskFormula readMaskFormula(mlir::Region &mask);

} // namespace attnc::schedule
