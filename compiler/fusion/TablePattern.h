//===- TablePattern.h - A matrix of bits as comparisons ---------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Masks that come as numbers mostly follow a rule. It is found as a union of parts, each of which bounds the row, the
// column and the diagonal (column - row):
//
//   1 . . . .                1 1 . . .                           1 1 . . .                        1 1 . . .
//   1 1 . . .  column <= row 1 1 . . .  column <= row            1 1 . . .  column/2 == row/2     1 1 1 . .  (column - row
//   1 1 1 . .                1 1 1 . .  or column <= 1           . . 1 1 .                        . 1 1 1 .  from -1 to 1)
//   1 1 1 1 .                1 1 1 1 .                           . . 1 1 .                        . . 1 1 1  and column <= 3
//   1 1 1 1 1                1 1 1 1 1                           . . . . 1                        . . . 1 .
//
// A pattern says of every element what the matrix says; of one that differs in a single element, another pattern or none
// is found.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <optional>
#include <vector>

namespace attnc::fusion {

struct BitMatrix {
  int64_t rows, columns;
  std::vector<uint8_t> bits; ///< 0 or 1, row by row

  bool at(int64_t row, int64_t column) const { return bits[row * columns + column]; }
};

/// Both ends belong to it.
struct Interval {
  int64_t low, high;
  bool contains(int64_t x) const { return low <= x && x <= high; }
};

struct PatternPart {
  Interval rows, columns, diagonals;
};

/// Blocks of `size` indices, of which the first lacks `shift`.
struct Blocks {
  int64_t size = 1, shift = 0;

  int64_t of(int64_t index) const { return (index + shift) / size; }
  int64_t firstOf(int64_t block) const { return block == 0 ? 0 : block * size - shift; }
};

/// An element is set where the blocks of its row and its column and the difference of both lie within one of `parts`.
struct TablePattern {
  Blocks rowBlocks, columnBlocks;
  int64_t rows, columns; ///< how many blocks there are: bounds that reach to the ends say nothing
  llvm::SmallVector<PatternPart, 4> parts;

  bool contains(int64_t row, int64_t column) const;
  bool boundsRowsBelow(const PatternPart &part) const { return part.rows.low > 0; }
  bool boundsRowsAbove(const PatternPart &part) const { return part.rows.high < rows - 1; }
  bool boundsColumnsBelow(const PatternPart &part) const { return part.columns.low > 0; }
  bool boundsColumnsAbove(const PatternPart &part) const { return part.columns.high < columns - 1; }
  bool boundsDiagonalsBelow(const PatternPart &part) const { return part.diagonals.low > 1 - rows; }
  bool boundsDiagonalsAbove(const PatternPart &part) const { return part.diagonals.high < columns - 1; }
  /// Bounds that say something.
  unsigned countComparisons() const;
};

/// A pattern of a few parts of exactly the elements that are `wanted`; nothing if there is none.
std::optional<TablePattern> findPattern(const BitMatrix &matrix, bool wanted);

} // namespace attnc::fusion
