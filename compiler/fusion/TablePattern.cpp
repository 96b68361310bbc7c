//===- TablePattern.cpp - A matrix of bits as comparisons -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The set is covered greedily: of the first element that no part holds yet, the largest part is taken that holds it and
// nothing outside of the set. Every part lies within the set, and at the end all of the set lies in the parts, so that
// the result is exact.
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/TablePattern.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include <numeric>

using llvm::SmallVector;

namespace attnc::fusion {

namespace {
/// More than that, and reading the table is as good.
constexpr unsigned kMaxParts = 4, kMaxComparisons = 8, kMaxRuns = 8;

Interval intersection(Interval a, Interval b) { return {std::max(a.low, b.low), std::min(a.high, b.high)}; }

/// The set: its runs of columns, row by row.
class RunSet {
public:
  /// Nothing where a row has too many runs.
  static std::optional<RunSet> read(const BitMatrix &matrix, bool wanted, Blocks rowBlocks, Blocks columnBlocks);

  bool contains(const PatternPart &part) const;
  /// How many elements `part` has.
  int64_t area(const PatternPart &part) const;
  Interval rowsAround(int64_t row, int64_t column) const;
  Interval columnsAround(int64_t row, int64_t column) const { return *findRun(row, column); }

  int64_t rows = 0, columns = 0;
  std::vector<SmallVector<Interval, 2>> runs;

private:
  const Interval *findRun(int64_t row, int64_t column) const {
    const Interval *run = llvm::find_if(runs[row], [&](Interval run) { return run.contains(column); });
    return run == runs[row].end() ? nullptr : run;
  }
};

/// The columns of `part` in a row.
Interval columnsOf(const PatternPart &part, int64_t row) {
  return intersection(part.columns, {row + part.diagonals.low, row + part.diagonals.high});
}
} // namespace

std::optional<RunSet> RunSet::read(const BitMatrix &matrix, bool wanted, Blocks rowBlocks, Blocks columnBlocks) {
  RunSet set;
  set.rows = rowBlocks.of(matrix.rows - 1) + 1;
  set.columns = columnBlocks.of(matrix.columns - 1) + 1;
  set.runs.resize(set.rows);
  for (int64_t row = 0; row < set.rows; ++row) {
    auto &found = set.runs[row];
    for (int64_t column = 0; column < set.columns; ++column) {
      if (matrix.at(rowBlocks.firstOf(row), columnBlocks.firstOf(column)) != wanted)
        continue;
      if (!found.empty() && found.back().high == column - 1)
        found.back().high = column;
      else if (found.size() < kMaxRuns)
        found.push_back({column, column});
      else
        return std::nullopt;
    }
  }
  return set;
}

bool RunSet::contains(const PatternPart &part) const {
  for (int64_t row = part.rows.low; row <= part.rows.high; ++row) {
    Interval wanted = columnsOf(part, row);
    if (wanted.low > wanted.high)
      continue;
    const Interval *run = findRun(row, wanted.low);
    if (!run || run->high < wanted.high)
      return false;
  }
  return true;
}

int64_t RunSet::area(const PatternPart &part) const {
  int64_t count = 0;
  for (int64_t row = part.rows.low; row <= part.rows.high; ++row) {
    Interval inRow = columnsOf(part, row);
    count += std::max<int64_t>(0, inRow.high - inRow.low + 1);
  }
  return count;
}

Interval RunSet::rowsAround(int64_t row, int64_t column) const {
  Interval around{row, row};
  while (around.low > 0 && findRun(around.low - 1, column))
    --around.low;
  while (around.high < rows - 1 && findRun(around.high + 1, column))
    ++around.high;
  return around;
}

//===----------------------------------------------------------------------===//
// Covering
//===----------------------------------------------------------------------===//

/// Moves `bound`, one of `part`, as far towards `end` as the set allows.
static void extend(const RunSet &set, PatternPart &part, int64_t &bound, int64_t end) {
  int64_t step = end < bound ? -1 : 1, reached = 0, beyond = std::abs(end - bound) + 1, start = bound;
  while (beyond - reached > 1) {
    int64_t distance = reached + (beyond - reached) / 2;
    bound = start + step * distance;
    (set.contains(part) ? reached : beyond) = distance;
  }
  bound = start + step * reached;
}

/// A part that cannot be larger: whatever bound is moved further, it leaves the set. Which one it is depends on the order
/// in which bounds are moved.
static PatternPart extendAll(const RunSet &set, PatternPart part, bool columnsFirst) {
  auto extendColumns = [&] {
    extend(set, part, part.columns.high, set.columns - 1);
    extend(set, part, part.columns.low, 0);
  };
  if (columnsFirst)
    extendColumns();
  extend(set, part, part.diagonals.high, set.columns - 1);
  extend(set, part, part.diagonals.low, 1 - set.rows);
  extend(set, part, part.rows.high, set.rows - 1);
  extend(set, part, part.rows.low, 0);
  extendColumns();
  return part;
}

/// The largest part around an element, of those that grow out of its row, its column, its diagonal, and corners of these.
static PatternPart largestPart(const RunSet &set, int64_t row, int64_t column) {
  int64_t diagonal = column - row, first = 1 - set.rows, last = set.columns - 1;
  Interval rows[] = {{0, set.rows - 1}, set.rowsAround(row, column), {row, row}};
  Interval columns[] = {{0, set.columns - 1}, set.columnsAround(row, column), {column, column}};
  SmallVector<Interval, 4> diagonals{{first, last}};
  if (set.rows > 1 && set.columns > 1)
    diagonals.append({{first, diagonal}, {diagonal, last}, {diagonal, diagonal}});
  PatternPart best{};
  int64_t bestArea = 0;
  for (Interval r : rows)
    for (Interval c : columns)
      for (Interval d : diagonals) {
        if (!set.contains({r, c, d}))
          continue;
        for (bool columnsFirst : {false, true}) {
          PatternPart part = extendAll(set, {r, c, d}, columnsFirst);
          if (int64_t area = set.area(part); area > bestArea)
            best = part, bestArea = area;
        }
      }
  return best;
}

/// The first element of `run` in a row that no part holds, from either end; nothing if they hold all.
static std::optional<int64_t> findUncovered(llvm::ArrayRef<PatternPart> parts, int64_t row, Interval run,
                                            bool fromEnd) {
  int64_t column = fromEnd ? run.high : run.low;
  while (run.contains(column)) {
    const PatternPart *holder = llvm::find_if(parts, [&](const PatternPart &part) {
      return part.rows.contains(row) && columnsOf(part, row).contains(column);
    });
    if (holder == parts.end())
      return column;
    Interval held = columnsOf(*holder, row);
    column = fromEnd ? held.low - 1 : held.high + 1;
  }
  return std::nullopt;
}

/// Which parts are found depends on where one begins: at the first row or at the last.
static std::optional<TablePattern> cover(const RunSet &set, Blocks rowBlocks, Blocks columnBlocks, bool fromEnd) {
  TablePattern pattern{rowBlocks, columnBlocks, set.rows, set.columns, {}};
  for (int64_t count = 0; count < set.rows; ++count) {
    int64_t row = fromEnd ? set.rows - 1 - count : count;
    for (Interval run : set.runs[row])
      while (std::optional<int64_t> column = findUncovered(pattern.parts, row, run, fromEnd)) {
        if (pattern.parts.size() == kMaxParts)
          return std::nullopt;
        pattern.parts.push_back(largestPart(set, row, *column));
      }
  }
  if (pattern.countComparisons() > kMaxComparisons)
    return std::nullopt;
  return pattern;
}

static bool isSimpler(const std::optional<TablePattern> &a, const std::optional<TablePattern> &b) {
  return a && (!b || a->countComparisons() < b->countComparisons());
}

namespace {
/// Indices at which something changes, in any order, and the largest blocks that begin at all of them.
class Boundaries {
public:
  void add(int64_t index) {
    fromStart = std::gcd(fromStart, index);
    distance = std::gcd(distance, index - (first ? first : index));
    first = first ? first : index;
  }
  Blocks blocks(int64_t count) const {
    if (first == 0)
      return {count};
    return distance > fromStart ? Blocks{distance, (distance - first % distance) % distance} : Blocks{fromStart};
  }

private:
  int64_t first = 0, fromStart = 0, distance = 0;
};
} // namespace

/// The largest blocks of rows and columns such that all elements of a block are the same.
static std::pair<Blocks, Blocks> findBlocks(const BitMatrix &matrix) {
  Boundaries rows, columns;
  for (int64_t row = 0; row < matrix.rows; ++row) {
    const uint8_t *now = &matrix.bits[row * matrix.columns];
    if (row > 0 && !std::equal(now, now + matrix.columns, now - matrix.columns))
      rows.add(row);
    for (int64_t column = 1; column < matrix.columns; ++column)
      if (now[column] != now[column - 1])
        columns.add(column);
  }
  return {rows.blocks(matrix.rows), columns.blocks(matrix.columns)};
}

static std::optional<TablePattern> findPattern(const BitMatrix &matrix, bool wanted, Blocks rowBlocks,
                                               Blocks columnBlocks) {
  std::optional<RunSet> set = RunSet::read(matrix, wanted, rowBlocks, columnBlocks);
  if (!set)
    return std::nullopt;
  std::optional<TablePattern> forwards = cover(*set, rowBlocks, columnBlocks, /*fromEnd=*/false);
  if (forwards && forwards->parts.size() <= 1)
    return forwards;
  std::optional<TablePattern> backwards = cover(*set, rowBlocks, columnBlocks, /*fromEnd=*/true);
  return isSimpler(backwards, forwards) ? backwards : forwards;
}

std::optional<TablePattern> findPattern(const BitMatrix &matrix, bool wanted) {
  std::optional<TablePattern> pattern = findPattern(matrix, wanted, {}, {});
  if (pattern && pattern->parts.size() == 1)
    return pattern;
  auto [rowBlocks, columnBlocks] = findBlocks(matrix);
  if (rowBlocks.size == 1 && columnBlocks.size == 1)
    return pattern;
  std::optional<TablePattern> blocks = findPattern(matrix, wanted, rowBlocks, columnBlocks);
  return !pattern || (blocks && blocks->parts.size() < pattern->parts.size()) ? blocks : pattern;
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

bool TablePattern::contains(int64_t row, int64_t column) const {
  row = rowBlocks.of(row), column = columnBlocks.of(column);
  return llvm::any_of(parts, [&](const PatternPart &part) {
    return part.rows.contains(row) && part.columns.contains(column) && part.diagonals.contains(column - row);
  });
}

unsigned TablePattern::countComparisons() const {
  unsigned count = 0;
  for (const PatternPart &part : parts)
    for (bool bound : {boundsRowsBelow(part), boundsRowsAbove(part), boundsColumnsBelow(part), boundsColumnsAbove(part),
                       boundsDiagonalsBelow(part), boundsDiagonalsAbove(part)})
      count += bound;
  return count;
}

} // namespace attnc::fusion
