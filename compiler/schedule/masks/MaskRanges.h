//===- MaskRanges.h - How large the integers of a mask may be ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integers of a mask wrap around, the inequalities that are made of it do not:
//
//   i + w >= j, w : i64       says no when w = 2^63 - 1, for i + w is then negative
//
// So an operation is read as what it says in mathematics only where intervals show that it stays within its type.
// Positions and extents are small; a captured integer of 64 bits may be anything. Where it stands in an inequality it is
// taken to be moderate, and code that uses the inequality asks at run time whether it is.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/IntegerRanges.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Region.h"
#include <optional>

namespace attnc::schedule {

/// A closed interval of integers.
struct Span {
  int64_t low, high;
  bool isWithin(Span other) const { return other.low <= low && high <= other.high; }
};

/// Positions, extents, batches and heads: there is an element in memory for each. (-1 is the last of none.)
inline constexpr Span kPositions{-1, int64_t(1) << 38};
/// Any other value that stands in an inequality; beyond what a distance between positions can be.
inline constexpr Span kModerate{-(int64_t(1) << 41), int64_t(1) << 41};

/// The values that integers of a mask may have.
class ValueRanges {
public:
  explicit ValueRanges(mlir::Region &mask);

  Span of(mlir::Value value) const;
  /// The result of `op`, a sum, difference, product or conversion, may differ from what it is in mathematics.
  bool mayWrap(mlir::Operation *op) const;

private:
  IntegerRanges ranges;
};

/// The values that expressions of positions and symbols may have, in mathematics.
class AffineRanges {
public:
  void addSymbol(Span span) { symbols.push_back(span); }

  /// Nothing where the expression or a part of it may be beyond 2^62: it must not be computed in 64 bits.
  std::optional<Span> of(mlir::AffineExpr expr) const;
  bool fits(mlir::AffineExpr expr) const { return of(expr).has_value(); }

private:
  llvm::SmallVector<Span> symbols;
};

} // namespace attnc::schedule
