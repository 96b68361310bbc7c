//===- StreamingSoftmax.h - Softmax over scores that come in turn -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The softmax of a query whose scores come some at a time (Milakov and Gimelshein, arXiv:1805.02867), with a maximum
// that follows only where it must (FlashAttention-4). Of scores s, u > 0 log2 units per unit of a score:
//
//   max is -inf: no score was met
//   t = u * (s - max)                              // log2 of the weight of s
//   if s is finite and t > threshold:              // its weight would be too large; a first score is infinitely far up
//     max' = s, or ahead of it;  t' = u * (s - max')
//     everything added up so far *= 2^(t' - t)     // nothing where nothing was met
//   p = 2^t under the maximum that there is then;  sum += p;  O += p * v
//
// max changes to finite numbers only, so that no inf - inf occurs: a score of -inf has the weight 0, NaN and +inf reach
// the weights and the sum of their own query. Equal scores have equal weights, whatever their size.
//
// The same lines serve a row of scores in memory (compiler/schedule/attention/RowSoftmax.cpp), which takes its largest
// score at once, and queries in the lanes of a register tile (codegen/common/LowerSoftmaxStep.cpp), which look at each
// key. Code and the bound of its errors (dialects/Attn/ErrorBound.h) are about the same softmax.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Builders.h"
#include <cstdint>

namespace attnc {

/// What has risen rises on: a maximum that must be raised again goes so many log2 units beyond its score. The weight
/// of that score is then 2^-20.
inline constexpr int kRaisedAhead = 20;

/// Keys of a block: so many at once have their weights added up from 0.
inline constexpr int64_t kFewestKeys = 16, kMostKeys = 256;

/// The arithmetic above, as code. Values are floats: scalars, or a query in each lane of a vector.
class StreamingSoftmax {
public:
  /// What is known of the scores that were met.
  struct State {
    mlir::Value max;
    mlir::Value shift; ///< what a product u * s is taken below: u * max, rounded once; max itself where not fused
    mlir::Value limit; ///< no score up to it raises max: one comparison. Null: t is compared
  };

  /// `isFused`: t is one fused multiply-add, u * s - shift, where |u * max| keeps the fractions that weights need.
  /// Elsewhere (far) max is subtracted first, shift is 0 and limit -inf.
  StreamingSoftmax(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value unit, mlir::Value threshold, bool isFused)
      : b(builder), loc(loc), unit(unit), threshold(threshold), isFused(isFused) {}

  /// Some score was met.
  mlir::Value isSet(mlir::Value max);
  mlir::Value isFinite(mlir::Value value);

  /// t of a score.
  mlir::Value exponent(const State &state, mlir::Value score);
  /// t where max is not far.
  mlir::Value nearExponent(mlir::Value shift, mlir::Value score);
  /// max must rise to `score`, whose exponent is `t`.
  mlir::Value raises(const State &state, mlir::Value score, mlir::Value t);
  /// The state that has a finite `max`.
  State stateOf(mlir::Value max);
  /// log2 of what has been added up is multiplied by where `score` raises max: t' - t.
  mlir::Value correction(const State &raised, mlir::Value score, mlir::Value t);

private:
  mlir::Value isNear(mlir::Value max);
  mlir::Value number(double value);

  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Value unit, threshold;
  bool isFused;
};

} // namespace attnc
