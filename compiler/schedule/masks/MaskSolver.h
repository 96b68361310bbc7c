//===- MaskSolver.h - Inequalities of a mask, solved for blocks -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Questions about a conjunction of inequalities over a box of queries and keys, answered in closed form: a few scalar
// operations, symbolic in lengths, offsets and windows.
//
// For a fixed query every solvable inequality is an interval of keys, and intervals have a common point exactly when
// every two of them meet (Helly's theorem on the line). So "some (i, j) of the box" becomes conditions on i alone:
//
//   j >= G(i), j <= F(i), j in [j0, j1]    some j:   G(i) <= j1,  F(i) >= j0,  G(i) <= F(i)
//
// and each of them, solved for i, is an interval again. Comparisons of sorted values are intervals too, found by search
// (MaskSearch.h), but whether two of their bounds G(i) <= F(i) leave a key is not asked: a document is not empty.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/masks/MaskBounds.h"
#include "compiler/schedule/masks/MaskFormula.h"
#include "compiler/schedule/masks/MaskSearch.h"
#include "dialects/Common/Builders.h"

namespace attnc::schedule {

/// Where `solveFor` finds a dimension: dim >= at, or dim <= at.
struct SolvedBound {
  bool isLower;
  mlir::AffineExpr at;
};

/// Solves `expr >= 0` for `dim`, which must occur once, perhaps inside floor divisions; nothing otherwise, and where the
/// bound could not be computed in 64 bits.
std::optional<SolvedBound> solveFor(mlir::AffineExpr expr, unsigned dim, const AffineRanges &ranges);

/// `meets` is exact for `conjunction`, if that is: no inequality has to be dropped.
bool isSolvable(const MaskConjunction &conjunction, const AffineRanges &ranges);

class MaskSolver : IndexMath {
public:
  /// `symbols` are index values for the formula's symbols, in order; `uniform` is as MaskSearch wants it. Where a wild
  /// symbol is beyond kModerate, no answer means anything.
  MaskSolver(mlir::OpBuilder &builder, mlir::Location loc, const AffineRanges &ranges,
             llvm::ArrayRef<mlir::Value> symbols, mlir::Region &mask, const mlir::IRMapping &uniform)
      : IndexMath{builder, loc}, ranges(ranges), symbols(symbols), search(builder, loc, mask, uniform) {}

  /// i1: some point of the box satisfies one of the conjunctions. Exact for exact conjunctions whose inequalities can
  /// be solved; otherwise it may be true where no point does.
  mlir::Value meets(llvm::ArrayRef<MaskConjunction> conjunctions, IndexRange queries, IndexRange keys);

  /// Keys in `keys` that any query of `queries` may meet by way of `conjunction`; empty (low > high) when there is
  /// none. With `dim` = kQueryDim the transposed question: queries that may meet any key of a range.
  IndexRange partners(const MaskConjunction &conjunction, unsigned dim, IndexRange others, IndexRange whole);

private:
  mlir::Value atMost(mlir::Value lhs, mlir::Value rhs);
  mlir::Value both(mlir::Value lhs, mlir::Value rhs);
  mlir::Value emit(mlir::AffineExpr expr, llvm::ArrayRef<mlir::Value> dims);
  struct Narrowed;
  void require(Narrowed &range, mlir::Value holds);
  void narrowBySorted(Narrowed &range, const SortedAtom &atom, unsigned dim, mlir::Value other);
  mlir::Value meetsOne(const MaskConjunction &conjunction, IndexRange queries, IndexRange keys);

  const AffineRanges &ranges;
  llvm::ArrayRef<mlir::Value> symbols;
  MaskSearch search;
};

/// Index values of the symbols of a formula.
struct SymbolValues {
  llvm::SmallVector<mlir::Value> values;
  mlir::Value areModerate; ///< i1: the wild ones are within kModerate; null where there are none
};

/// Emits the symbols of `mask`'s formula at the insertion point; `uniform` maps arguments of the region.
SymbolValues emitMaskSymbols(mlir::OpBuilder &builder, mlir::Location loc, mlir::Region &mask,
                             const MaskFormula &formula, const mlir::IRMapping &uniform);

} // namespace attnc::schedule
