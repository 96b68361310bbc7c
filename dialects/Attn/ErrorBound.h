//===- ErrorBound.h - How far off compiled attention may be -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A bound on |compiled - exact| for every output element, from the types, the lengths, the error of 2^t and the
// magnitudes of the inputs; nothing is measured. u is the unit roundoff of sums (2^-24, 2^-53 for f64), all keys below
// are allowed ones:
//
//   t_j is off by        T = (D + 8) u (max_j (|scale| sum_d |q_d k_jd| + |s'_j - s_j|) + max_j |s'_j|)
//                            D multiply-adds; the roundings of scale, log2(e), q, k, an addend, m log2(e)
//   a weight is off by   e^T (1 + eps) - 1,        eps: 2^t, and storing the weight
//   sums are off by      g = 1.25 (c + 8) u        c additions in a row, rescalings: the weights of a block, min(n, 256);
//                            for O blocks too, min(n, 1024) / 16 (compiler/schedule/attention/LongSums.h)
//   so an output by      eta sum_j w_j |v_j|,      1 + eta = (e^T (1 + eps) / (1 - eps))^2 (1 + g) (1 + g_O) (1 + 4u)
//                            and never by more than two means of v are apart, 2 max_j |v_j| and the errors of sums
//   and lse by           T + log((1 + eps)(1 + g)) + 6u (|lse| + max_j |s'_j| + 1)
//
// plus the rounding of the output to its type, plus what weights and values lose that are flushed to 0. Nothing is
// stated where a sum of weights of 2^30 could exceed the type of sums. After Higham, Accuracy and Stability of
// Numerical Algorithms, ch. 3; the weighted form is that of a quotient of two perturbed sums.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Attn/AttnOps.h"
#include "dialects/Attn/RefTensor.h"

namespace attnc::attn {

/// A weight may grow to 2^30 before the maximum of its row is raised: safe in f32, and then the rescaling is rare.
/// Compiled code (compiler/schedule) and the bound agree on it.
constexpr double kRescaleThreshold = 30;
/// Sums over keys are carried to a total after so many keys (compiler/schedule/attention/LongSums.h).
constexpr int64_t kEpochKeys = 1024;

/// Bounds of a run of the interpreter, for what code compiled from the same function may differ.
struct ErrorBounds {
  /// The compiled code has dot products of bf16: weights of bf16 inputs are bf16 themselves, of a rougher 2^t.
  bool bf16Dots = false;
  /// For each result of the function: its bound, element by element, or nothing where none is known. One is known for
  /// the results of an attention whose score is s, or s plus products of captured and whole numbers, and that reads q
  /// and k as they are. Not a number or infinite: no statement about that element.
  std::vector<std::optional<RefTensor>> results;
  /// For results without a bound that an attention computes: the same formula from magnitudes alone, doubled, since
  /// transforms and scores may magnify errors. What to expect, and no promise.
  std::vector<std::optional<RefTensor>> estimates;
  /// Of all attentions with a mask: the pairs of queries and keys, and those that the mask allows.
  int64_t pairs = 0, allowedPairs = 0;
};

/// The slack of ErrorBounds::estimates.
constexpr double kEstimateSlack = 2;

/// ErrorBounds says for which ops that is so.
bool hasErrorBound(AttentionOp op);

/// What one row's rounding is made of; scores in natural units.
struct RowMagnitudes {
  int64_t features; ///< D
  int64_t keys;     ///< n: allowed ones
  double products;  ///< max_j |scale| sum_d |q_d k_jd| + |s'_j - s_j|
  double scores;    ///< max_j |s'_j|
};

/// The arithmetic of compiled code for one op.
class RoundingModel {
public:
  RoundingModel(AttentionOp op, bool bf16Dots);
  /// The bound of an output `value` with weighted magnitude sum_j w_j |v_j|, where max_j |v_j| is `largest`.
  double outputBound(const RowMagnitudes &row, double value, double magnitude, double largest) const;
  double lseBound(const RowMagnitudes &row, double lse) const;

private:
  double scoreError(const RowMagnitudes &row) const;
  double sumError(int64_t additions) const;

  double unit, weights, runs; ///< u, eps, how many computations differ from the exact one
  double smallest, greatest;  ///< normal numbers of the type of sums
  mlir::FloatType outputType, lseType;
};

} // namespace attnc::attn
