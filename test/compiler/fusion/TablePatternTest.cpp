//===- TablePatternTest.cpp - Patterns of matrices of bits ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A pattern says what the matrix says, element by element, and is found for every mask that people store. With one
// element flipped, what is found is another one.
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/TablePattern.h"
#include "test/compiler/fusion/RandomRules.h"
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

using namespace attnc::fusion;
using namespace attnc::test;

namespace {
BitMatrix tabulate(int64_t rows, int64_t columns, const Rule &rule) {
  BitMatrix matrix{rows, columns, {}};
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      matrix.bits.push_back(rule(i, j));
  return matrix;
}

/// Does `pattern` say what `matrix` says?
bool matches(const TablePattern &pattern, const BitMatrix &matrix, bool wanted) {
  for (int64_t i = 0; i < matrix.rows; ++i)
    for (int64_t j = 0; j < matrix.columns; ++j)
      if (pattern.contains(i, j) != (matrix.at(i, j) == wanted))
        return false;
  return true;
}

/// Comparisons of the pattern of a matrix, or -1.
int comparisons(int64_t rows, int64_t columns, const Rule &rule) {
  BitMatrix matrix = tabulate(rows, columns, rule);
  std::optional<TablePattern> pattern = findPattern(matrix, true);
  EXPECT_TRUE(!pattern || matches(*pattern, matrix, true));
  return pattern ? static_cast<int>(pattern->countComparisons()) : -1;
}
} // namespace

TEST(TablePattern, SaysItWithFewComparisons) {
  EXPECT_EQ(comparisons(40, 40, [](int64_t i, int64_t j) { return j <= i; }), 1);
  EXPECT_EQ(comparisons(7, 40, [](int64_t i, int64_t j) { return j <= i + 33; }), 1);
  EXPECT_EQ(comparisons(40, 40, [](int64_t i, int64_t j) { return j <= i && i - j < 8; }), 2);
  EXPECT_EQ(comparisons(40, 40, [](int64_t i, int64_t j) { return j <= i || j < 7; }), 2);
  EXPECT_EQ(comparisons(40, 40, [](int64_t, int64_t j) { return j < 29; }), 1);
  EXPECT_EQ(comparisons(1, 40, [](int64_t, int64_t j) { return j < 29; }), 1);
  EXPECT_EQ(comparisons(40, 1, [](int64_t i, int64_t) { return i < 29; }), 1);
  EXPECT_EQ(comparisons(40, 40, [](int64_t i, int64_t j) { return j <= i && j >= 5; }), 2);
  EXPECT_EQ(comparisons(40, 40, [](int64_t i, int64_t j) { return i / 8 == j / 8; }), 2);
  EXPECT_EQ(comparisons(45, 45, [](int64_t i, int64_t j) { return j / 8 <= i / 8; }), 1);
  EXPECT_EQ(comparisons(45, 40, [](int64_t i, int64_t j) { return (j + 5) / 8 <= (i + 3) / 8; }), 1); // cut out of more
  EXPECT_EQ(comparisons(40, 40, [](int64_t i, int64_t j) { return (i < 13) == (j < 13); }), 4);
  EXPECT_EQ(comparisons(40, 40, [](int64_t i, int64_t j) { return j <= i && (i - j < 8 || j < 2); }), 4);
}

TEST(TablePattern, IsNotFoundInWhatHasNone) {
  EXPECT_EQ(comparisons(40, 40, [](int64_t i, int64_t j) { return (i * 7 + j * 3) % 5 < 2; }), -1);
  EXPECT_EQ(comparisons(40, 40, [](int64_t i, int64_t j) { return (i + j) % 2 == 0; }), -1);
}

RC_GTEST_PROP(TablePattern, IsFoundForTheMasksOfModels, ()) {
  int64_t rows = 1 + below(24), columns = 1 + below(24);
  BitMatrix matrix = tabulate(rows, columns, randomRule(rows, columns));
  std::optional<TablePattern> pattern = findPattern(matrix, true);
  RC_ASSERT(pattern.has_value());
  RC_ASSERT(matches(*pattern, matrix, true));
}

// A mask with a flipped element has another pattern, or none.
RC_GTEST_PROP(TablePattern, DiffersWhereOneElementDoes, ()) {
  int64_t rows = 1 + below(24), columns = 1 + below(24);
  BitMatrix matrix = tabulate(rows, columns, randomRule(rows, columns));
  std::optional<TablePattern> whole = findPattern(matrix, true);
  matrix.bits[below(rows * columns)] ^= 1;
  RC_ASSERT(whole && !matches(*whole, matrix, true));
  for (bool wanted : {true, false})
    if (std::optional<TablePattern> flipped = findPattern(matrix, wanted))
      RC_ASSERT(matches(*flipped, matrix, wanted));
}

RC_GTEST_PROP(TablePattern, SaysWhatRandomBitsSay, ()) {
  int64_t rows = 1 + below(6), columns = 1 + below(6);
  BitMatrix matrix = tabulate(rows, columns, [](int64_t, int64_t) { return below(2) != 0; });
  for (bool wanted : {true, false})
    if (std::optional<TablePattern> pattern = findPattern(matrix, wanted))
      RC_ASSERT(matches(*pattern, matrix, wanted));
}
