//===- Memory.cpp - Pages, and what lies in them --------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "bench/decode/Memory.h"
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <sys/mman.h>

using namespace decode;

void Unmap::operator()(char *memory) const { munmap(memory, bytes); }

Memory decode::allocate(size_t bytes, Pages pages) {
  constexpr size_t kHuge = size_t(2) << 20;
  size_t whole = (bytes + kHuge) / kHuge * kHuge; // at least one byte more: prefetches of a read run past its end
  void *memory = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::fprintf(stderr, "decode-bench: error: no memory for %zu MB\n", whole >> 20);
    std::exit(1);
  }
  madvise(memory, whole, pages == Pages::huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return Memory(static_cast<char *>(memory), Unmap{whole});
}

static uint16_t toHalf(float value, Type type) {
  if (type == Type::f16)
    return __builtin_bit_cast(uint16_t, static_cast<_Float16>(value));
  auto bits = __builtin_bit_cast(uint32_t, value); // to nearest, ties to even
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

void decode::fill(char *memory, int64_t elements, Type type, unsigned seed) {
  constexpr int64_t kTable = 1 << 16, kRow = 4096;
  std::minstd_rand random(seed);
  std::uniform_real_distribution<float> number(-1.7f, 1.7f);
  int64_t size = type == Type::f32 ? 4 : 2;
  std::vector<char> table(kTable * size);
  for (int64_t i = 0; i < kTable; ++i) {
    float value = number(random);
    uint16_t half = toHalf(value, type);
    std::memcpy(&table[i * size], type == Type::f32 ? static_cast<void *>(&value) : &half, size);
  }
  for (int64_t i = 0; i < elements; i += kRow) {
    int64_t from = static_cast<int64_t>(random() % (kTable - kRow));
    std::memcpy(memory + i * size, &table[from * size], std::min(kRow, elements - i) * size);
  }
}

double decode::element(const char *memory, int64_t index, Type type) {
  if (type == Type::f32) {
    float value;
    std::memcpy(&value, memory + index * 4, 4);
    return value;
  }
  uint16_t half;
  std::memcpy(&half, memory + index * 2, 2);
  return type == Type::f16 ? static_cast<float>(__builtin_bit_cast(_Float16, half))
                           : __builtin_bit_cast(float, static_cast<uint32_t>(half) << 16);
}

Tensors::Tensors(const Problem &problem, Pages pages) {
  int64_t size = problem.elementBytes(), cacheBytes = problem.cacheElements() * size;
  q = allocate(problem.queryElements() * size, pages);
  cache = allocate(2 * cacheBytes, pages);
  result = allocate(problem.queryElements() * size, pages);
  k = cache.get(), v = k + cacheBytes;
  fill(q.get(), problem.queryElements(), problem.type, 1);
  fill(cache.get(), 2 * problem.cacheElements(), problem.type, 2);
  tree = std::make_unique<bool[]>(problem.M * problem.M);
  for (int64_t i = 0; i < problem.M; ++i)
    for (int64_t d = 0; d < problem.M; ++d)
      tree[i * problem.M + d] = Problem::isAncestor(d, i);
  lengths = std::make_unique<int32_t[]>(problem.B);
  for (int64_t b = 0; b < problem.B; ++b)
    lengths[b] = static_cast<int32_t>(problem.endKey(b));
}

/// One row of the result: o[d] = sum_j p[j] v[j, d] with p = softmax(q . k[j] / sqrt(D)) over the keys that are seen.
static std::vector<double> attend(const Problem &problem, const Tensors &tensors, int64_t b, int64_t h, int64_t i) {
  int64_t features = problem.D, g = h / (problem.H / problem.G);
  std::vector<double> query(features), scores(problem.endKey(b), -INFINITY), row(features, 0.0);
  for (int64_t d = 0; d < features; ++d)
    query[d] = element(tensors.q.get(), problem.query(b, h, i) + d, problem.type) / std::sqrt(features);
  for (int64_t j = problem.firstKey(); j < problem.endKey(b); ++j) {
    if (!problem.sees(b, i, j))
      continue;
    scores[j] = 0;
    for (int64_t d = 0; d < features; ++d)
      scores[j] += query[d] * element(tensors.k, problem.key(b, g, j) + d, problem.type);
  }
  double most = *std::max_element(scores.begin(), scores.end()), total = 0;
  for (int64_t j = problem.firstKey(); j < problem.endKey(b); ++j) {
    double weight = std::exp(scores[j] - most);
    total += weight;
    for (int64_t d = 0; d < features && weight != 0; ++d)
      row[d] += weight * element(tensors.v, problem.key(b, g, j) + d, problem.type);
  }
  for (double &value : row)
    value /= total;
  return row;
}

double decode::largestError(const Problem &problem, const Tensors &tensors, const char *result, Type type) {
  int64_t rows = problem.B * problem.H * problem.M, sample = std::min<int64_t>(rows, 12);
  double worst = 0;
  for (int64_t s = 0; s < sample; ++s) {
    int64_t row = sample == 1 ? 0 : s * (rows - 1) / (sample - 1);
    int64_t b = row / (problem.H * problem.M), h = row / problem.M % problem.H, i = row % problem.M;
    std::vector<double> expected = attend(problem, tensors, b, h, i);
    double largest = 0, off = 0;
    for (int64_t d = 0; d < problem.D; ++d) {
      double difference = std::abs(element(result, problem.query(b, h, i) + d, type) - expected[d]);
      off = std::isfinite(difference) ? std::max(off, difference) : INFINITY;
      largest = std::max(largest, std::abs(expected[d]));
    }
    worst = std::max(worst, off / largest);
  }
  return worst;
}
