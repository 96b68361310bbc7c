//===- Problem.h - A decode step: shapes, and which keys are read -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace decode {

enum class Type { f32, bf16, f16 };

/// M queries of each of B sequences against caches k and v of N keys, of which all, a window, a tree of drafts at the
/// end or the first lengths[b] are seen.
struct Problem {
  int64_t B = 1, H = 32, G = 8, M = 1, N = 8192, D = 128;
  Type type = Type::f32;
  bool tokensOutside =
      false;          // k and v are [B, N, G, D], q and the result [B, M, H, D]; else [B, G, N, D], [B, H, M, D]
  int64_t window = 0; // the last so many keys; 0: all
  bool tree = false;  // the M queries are the last M keys, and see their ancestors among them
  std::vector<int64_t> lengths; // of each sequence, or empty

  int64_t elementBytes() const { return type == Type::f32 ? 4 : 2; }
  int64_t queryElements() const { return B * H * M * D; }
  int64_t cacheElements() const { return B * G * N * D; }

  /// The first element of row `row` of head `head`, where a sequence has so many heads and rows.
  int64_t place(int64_t batch, int64_t head, int64_t row, int64_t heads, int64_t rows) const {
    return (tokensOutside ? (batch * rows + row) * heads + head : (batch * heads + head) * rows + row) * D;
  }
  int64_t query(int64_t b, int64_t h, int64_t i) const { return place(b, h, i, H, M); }
  int64_t key(int64_t b, int64_t g, int64_t j) const { return place(b, g, j, G, N); }

  /// Keys [firstKey, endKey) of sequence b are seen by some query.
  int64_t firstKey() const { return window ? std::max<int64_t>(0, N - M + 1 - window) : 0; }
  int64_t endKey(int64_t b) const { return lengths.empty() ? N : lengths[b]; }

  /// Draft 0 is the root; draft d continues draft (d - 1) / 2.
  static bool isAncestor(int64_t ancestor, int64_t draft) {
    while (draft > ancestor)
      draft = (draft - 1) / 2;
    return draft == ancestor;
  }
  bool sees(int64_t b, int64_t i, int64_t j) const {
    if (j >= endKey(b))
      return false;
    int64_t position = i + N - M;
    if (window && (j > position || position - j >= window))
      return false;
    return !tree || j < N - M || isAncestor(j - (N - M), i);
  }

  /// Of the pairs that are seen: a product and a sum for every feature, in Q K^T and in P V.
  double flops() const {
    int64_t pairs = 0;
    for (int64_t b = 0; b < B; ++b)
      for (int64_t i = 0; i < M; ++i)
        for (int64_t j = firstKey(); j < endKey(b); ++j)
          pairs += sees(b, i, j);
    return 4.0 * static_cast<double>(H * D * pairs);
  }
};

} // namespace decode
