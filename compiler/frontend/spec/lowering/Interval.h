//===- Interval.h - The values an integer can have --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cstdint>
#include <limits>

namespace attnc::spec {

/// A closed interval. Whatever overflows 64 bits wraps around at run time, so
/// its interval is everything.
struct Interval {
  int64_t low = std::numeric_limits<int64_t>::min();
  int64_t high = std::numeric_limits<int64_t>::max();

  static Interval exactly(int64_t value) { return {value, value}; }
  bool isConstant() const { return low == high; }
  bool isWithin(int64_t first, int64_t last) const { return first <= low && high <= last; }

  Interval operator+(Interval other) const {
    Interval sum;
    if (llvm::AddOverflow(low, other.low, sum.low) || llvm::AddOverflow(high, other.high, sum.high))
      return {};
    return sum;
  }
  Interval operator-(Interval other) const {
    Interval difference;
    if (llvm::SubOverflow(low, other.high, difference.low) || llvm::SubOverflow(high, other.low, difference.high))
      return {};
    return difference;
  }
  Interval operator*(Interval other) const {
    int64_t corners[4];
    if (llvm::MulOverflow(low, other.low, corners[0]) || llvm::MulOverflow(low, other.high, corners[1]) ||
        llvm::MulOverflow(high, other.low, corners[2]) || llvm::MulOverflow(high, other.high, corners[3]))
      return {};
    auto [least, most] = std::minmax_element(corners, corners + 4);
    return {*least, *most};
  }
  Interval unionWith(Interval other) const { return {std::min(low, other.low), std::max(high, other.high)}; }
};

inline Interval min(Interval a, Interval b) { return {std::min(a.low, b.low), std::min(a.high, b.high)}; }
inline Interval max(Interval a, Interval b) { return {std::max(a.low, b.low), std::max(a.high, b.high)}; }

} // namespace attnc::spec
