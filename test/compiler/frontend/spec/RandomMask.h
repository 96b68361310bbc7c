//===- RandomMask.h - Random masks over integers of any size ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Masks that add, multiply, divide and compare positions, literals and captured integers, with many numbers at the ends
// of 64 bits: where integers wrap around and inequalities do not. Standard library only, so that any test can include
// it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace attnc::test {

class RandomMask {
public:
  explicit RandomMask(uint64_t seed) : random(seed) {}

  /// What masks read besides positions, in the order of the parameters; every M or N has that extent.
  static constexpr const char *kParameters = "w: i64, u: i64, t: i32, flag: bool, near: i64[M], ids: i64[N], "
                                             "docs: sorted i64[N], small: i32[N]";

  /// A boolean expression.
  std::string generate(int depth) {
    switch (depth > 0 ? pick(8) : 8) {
    case 0:
    case 1:
      return "(" + generate(depth - 1) + " and " + generate(depth - 1) + ")";
    case 2:
      return "(" + generate(depth - 1) + " or " + generate(depth - 1) + ")";
    case 3:
      return "not " + generate(depth - 1);
    case 4:
      return "((" + generate(depth - 1) + ") " + (pick(2) ? "!=" : "==") + " (" + generate(depth - 1) + "))";
    case 5:
      return "select(" + generate(depth - 1) + ", " + generate(depth - 1) + ", " + generate(depth - 1) + ")";
    default:
      return pick(12) ? comparison(1 + pick(3)) : "flag";
    }
  }

  /// An integer that is often small, often next to a power of two, often at an end of 64 bits.
  int64_t number() {
    switch (pick(8)) {
    case 0:
      return static_cast<int64_t>(random());
    case 1:
      return INT64_MAX - pick(3);
    case 2:
      return INT64_MIN + pick(3);
    case 3:
    case 4: {
      uint64_t power = uint64_t(1) << (20 + pick(44));
      return static_cast<int64_t>((pick(2) ? power : 0 - power) + pick(5) - 2);
    }
    default:
      return pick(100) - 40;
    }
  }

private:
  int pick(int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); }

  std::string comparison(int depth) {
    static const char *const operators[] = {" < ", " <= ", " > ", " >= ", " == ", " != "};
    std::string first = integer(depth), second = integer(pick(depth + 1));
    if (pick(8))
      return "(" + first + operators[pick(6)] + second + ")";
    return "(" + first + operators[pick(2)] + second + operators[pick(2)] + integer(0) + ")";
  }

  /// Text of a literal: the smallest integer has none of its own.
  static std::string literal(int64_t value) {
    if (value == INT64_MIN)
      return "(-9223372036854775807 - 1)";
    return value < 0 ? "(" + std::to_string(value) + ")" : std::to_string(value);
  }

  std::string leaf() {
    static const char *const names[] = {"i", "i", "j", "j", "pos", "M", "N", "b", "w", "u", "t", "near[i]", "ids[j]",
                                        "docs[j]", "small[j]", "docs[i]", "ids[i + 1]"};
    int which = pick(20);
    return which < 17 ? names[which] : literal(number());
  }

  std::string divisor() {
    static const char *const names[] = {"w", "u", "t", "M", "N"};
    int64_t value = number();
    return pick(4) ? literal(value ? value : 7) : names[pick(5)];
  }

  std::string integer(int depth) {
    if (depth == 0)
      return leaf();
    --depth;
    switch (pick(12)) {
    case 0:
    case 1:
      return "(" + integer(depth) + " + " + integer(depth) + ")";
    case 2:
    case 3:
      return "(" + integer(depth) + " - " + integer(depth) + ")";
    case 4:
      return "(" + integer(depth) + " * " + (pick(4) ? literal(number()) : integer(depth)) + ")";
    case 5:
      return "(" + integer(depth) + " // " + divisor() + ")";
    case 6:
      return "(" + integer(depth) + " % " + divisor() + ")";
    case 7:
      return "(-" + integer(depth) + ")";
    case 8:
      return (pick(2) ? "min(" : "max(") + integer(depth) + ", " + integer(depth) + ")";
    case 9:
      return "abs(" + integer(depth) + ")";
    case 10:
      return "(" + integer(depth) + " if " + comparison(depth) + " else " + integer(depth) + ")";
    default:
      return leaf();
    }
  }

  std::mt19937_64 random;
};

} // namespace attnc::test
