//===- Exponential.h - exp and log without libm -----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Without branches and conversions of integers, so that loops over them become
// vectors; and without libm, which libraries would ask for.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <stdint.h>

namespace attnc::rt {

/// e^x for x <= 0, within two units in the last place; 0 below -708, NaN for NaN.
__attribute__((always_inline)) inline double expOfNegative(double x) {
  // x = n ln 2 + r with |r| <= ln 2 / 2. The sum with 1.5 * 2^52 has n in its lowest bits.
  constexpr double integers = 0x1.8p52, ln2High = 0x1.62e42fefa38p-1, ln2Low = 0x1.ef35793c7673p-45;
  double clamped = x < -708 ? -708 : x;
  double shifted = clamped * 0x1.71547652b82fep0 + integers;
  double n = shifted - integers;
  double r = (clamped - n * ln2High) - n * ln2Low;
  // 1 + r + r^2/2! + .. + r^13/13!
  constexpr double factors[] = {
      1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
      1.0 / 120,       1.0 / 24,       1.0 / 6,       1.0 / 2,      1,           1};
  double sum = 1.0 / 6227020800;
  for (double factor : factors)
    sum = sum * r + factor;
  double power = __builtin_bit_cast(double, (__builtin_bit_cast(uint64_t, shifted) + 1023) << 52); // 2^n
  return x < -708 ? 0 : sum * power;
}

/// log(x) for normal x >= 1, within two units in the last place. log(1) is 0.
__attribute__((always_inline)) inline double logOfLarge(double x) {
  // x = 2^e m with m from sqrt(1/2) to sqrt(2)
  auto bits = __builtin_bit_cast(uint64_t, x);
  uint64_t e = (bits - 0x3fe6a09e667f3bcd) >> 52;
  auto m = __builtin_bit_cast(double, bits - (e << 52));
  double exponent = __builtin_bit_cast(double, e | 0x4330000000000000) - 0x1p52; // e as a double
  // log m = 2 artanh(t) = 2t + 2t^3/3 + 2t^5/5 + ..
  double t = (m - 1) / (m + 1), square = t * t, sum = 2.0 / 25;
  constexpr double factors[] = {2.0 / 23, 2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13,
                                2.0 / 11, 2.0 / 9,  2.0 / 7,  2.0 / 5,  2.0 / 3};
  for (double factor : factors)
    sum = sum * square + factor;
  return exponent * 0x1.62e42fefa38p-1 + (2 * t + (sum * square * t + exponent * 0x1.ef35793c7673p-45));
}

} // namespace attnc::rt
