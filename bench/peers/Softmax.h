//===- Softmax.h - Streaming softmax for peers without one ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What stands between the two matmuls of a library that has only matmuls. It is
// written so that the matmuls decide: exp2 is a polynomial of degree 5 on whole
// vectors, two passes over the scores, in cache.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "bench/peers/Worker.h"
#include <cstring>

namespace peers {

inline constexpr int kLanes = 16;
using Vector = float __attribute__((vector_size(4 * kLanes)));
using Integers = int32_t __attribute__((vector_size(4 * kLanes)));

inline Vector load(const float *from) { // of any alignment
  Vector value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline void store(float *to, Vector value) { std::memcpy(to, &value, sizeof value); }

/// 2^x for x <= 0, to 2e-7; 0 below -126. With x = n + f, |f| <= 1/2: 2^n goes into the exponent, 2^f is a polynomial.
inline Vector exp2(Vector x) {
  x = __builtin_elementwise_max(x, Vector{} - 127.0f);
  Vector n = __builtin_elementwise_roundeven(x), f = x - n;
  Vector p = Vector{} + 1.33336498402e-3f;
  p = p * f + 9.61793571697e-3f;
  p = p * f + 5.55041086648e-2f;
  p = p * f + 2.40226506959e-1f;
  p = p * f + 6.93147180560e-1f;
  p = p * f + 1.0f;
  Integers exponent = (__builtin_convertvector(n, Integers) + 127) << 23; // 0 for n = -127
  return p * __builtin_bit_cast(Vector, exponent);
}

/// A row to bf16, to nearest; whole vectors where the CPU has an instruction for it.
inline void narrow(const float *from, uint16_t *to, int64_t count) {
  int64_t at = 0;
#ifdef __AVX512BF16__
  using Halves = __bf16 __attribute__((vector_size(2 * kLanes)));
  for (; at + kLanes <= count; at += kLanes) {
    auto halves = __builtin_convertvector(load(from + at), Halves);
    std::memcpy(to + at, &halves, sizeof halves);
  }
#endif
  for (; at < count; ++at)
    to[at] = narrow(from[at]);
}

/// What a query has met so far.
struct Running {
  float max = -INFINITY, sum = 0;
};

/// A row of a block of scores, scaled by log2(e): scores [begin, end) become exp2(score - max), the other of `columns`
/// become 0. Returns what earlier sums and outputs must be multiplied by: exp2(old max - new max).
inline float weigh(float *scores, int64_t columns, int64_t begin, int64_t end, Running &running) {
  std::memset(scores, 0, static_cast<size_t>(begin) * sizeof(float));
  std::memset(scores + end, 0, static_cast<size_t>(columns - end) * sizeof(float));
  if (begin >= end)
    return 1;
  int64_t whole = begin + (end - begin) / kLanes * kLanes;
  Vector tail = Vector{} - INFINITY; // the scores past the last whole vector
  std::memcpy(&tail, scores + whole, static_cast<size_t>(end - whole) * sizeof(float));
  Vector highest = tail;
  for (int64_t at = begin; at < whole; at += kLanes)
    highest = __builtin_elementwise_max(highest, load(scores + at));
  float max = std::max(running.max, __builtin_reduce_max(highest));
  Vector sums = {};
  for (int64_t at = begin; at < whole; at += kLanes) {
    Vector weights = exp2(load(scores + at) - max);
    store(scores + at, weights);
    sums += weights;
  }
  Vector last = exp2(tail - max); // exp2(-inf) is 0
  std::memcpy(scores + whole, &last, static_cast<size_t>(end - whole) * sizeof(float));
  sums += last;
  float sum = 0;
  for (int lane = 0; lane < kLanes; ++lane)
    sum += sums[lane];
  float factor = std::exp2(running.max - max); // 0 for the first block
  running.max = max;
  running.sum = running.sum * factor + sum;
  return factor;
}

} // namespace peers
