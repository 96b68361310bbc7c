//===- RandomRules.h - Masks that models have, at random --------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <functional>
#include <rapidcheck.h>

namespace attnc::test {

using Rule = std::function<bool(int64_t, int64_t)>;

inline int64_t below(int64_t bound) { return *rc::gen::inRange<int64_t>(0, bound); }

/// One of the masks that models have, with random parameters.
inline Rule randomRule(int64_t rows, int64_t columns) {
  int64_t offset = below(columns) - rows / 2, window = 1 + below(columns), prefix = below(columns);
  int64_t size = 1 + below(columns), few = below(4);
  auto causal = [=](int64_t i, int64_t j) { return j <= i + offset; };
  auto near = [=](int64_t i, int64_t j) { return i + offset - j < window; };
  switch (below(9)) {
  case 0:
    return causal;
  case 1:
    return [=](int64_t i, int64_t j) { return causal(i, j) && near(i, j); };
  case 2:
    return [=](int64_t i, int64_t j) { return causal(i, j) || j < prefix; };
  case 3:
    return [=](int64_t, int64_t j) { return j < prefix; };
  case 4:
    return [=](int64_t i, int64_t j) { return causal(i, j) && j >= prefix; };
  case 5:
    return [=](int64_t i, int64_t j) { return i / size == j / size; };
  case 6:
    return [=](int64_t i, int64_t j) { return j / size <= i / size; };
  case 7: // attention sinks in front of a window
    return [=](int64_t i, int64_t j) { return causal(i, j) && (near(i, j) || j < few); };
  default: // a few tokens that see everything and are seen
    return [=](int64_t i, int64_t j) { return std::abs(i - j) < few || i < few || j < few; };
  }
}

} // namespace attnc::test
