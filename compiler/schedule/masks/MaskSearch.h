//===- MaskSearch.h - Bounds by binary search in sorted tensors -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a captured tensor is declared `sorted`, values read from it never fall along its last dimension, and so a
// comparison of such a value with one of the other side is an interval: with f never falling,
//
//   f(j) >= v    j >= P(v),    P(v) = the first j with f(j) >= v
//   f(j) >  v    j >= Q(v),    Q(v) = the first j with f(j) >  v
//   f(j) <  v    j <  P(v);    f(j) <= v    j < Q(v)
//
// P and Q are found by binary search at run time, between the ends of a range. Nothing is read outside the tensors and
// every answer lies within the range or one behind it, whatever the elements are: data that is not sorted gives other
// blocks, never another memory.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/masks/MaskBounds.h"
#include "compiler/schedule/masks/MaskFormula.h"

namespace attnc::schedule {

class MaskSearch {
public:
  /// `uniform` maps the arguments of `mask` but the two indices to their values.
  MaskSearch(mlir::OpBuilder &builder, mlir::Location loc, mlir::Region &mask, const mlir::IRMapping &uniform)
      : b(builder), loc(loc), mask(mask), uniform(uniform) {}

  /// `value` of the region, which depends on no index but `dim`, where that is `at`; as an index.
  mlir::Value evaluate(mlir::Value value, unsigned dim, mlir::Value at);

  /// The first x of `range` with value(x) >= bound, or > bound with `strictly`; one behind the range if there is none.
  /// `value` never falls along `dim`.
  mlir::Value first(mlir::Value value, unsigned dim, bool strictly, mlir::Value bound, IndexRange range);

private:
  mlir::Value search(llvm::function_ref<mlir::Value(mlir::Value)> reached, mlir::Value low, mlir::Value high);

  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Region &mask;
  const mlir::IRMapping &uniform;
};

} // namespace attnc::schedule
