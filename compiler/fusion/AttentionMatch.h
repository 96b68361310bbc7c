//===- AttentionMatch.h - Is this softmax an attention? ---------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A softmax is attention if, with axes followed through every reshape and
// transpose,
//
//   scores[b.., m, n] = f(sum over d of q[b.., m, d] * k[b.., n, d], b.., m, n)
//   weights           = softmax of scores over exactly n
//   result[b.., m, e] = sum over exactly n of weights[b.., m, n] * v[b.., n, e]
//
// f is elementwise; the weights have no other use, and what stands between them
// and the second product changes nothing (WeightsGuard.h). K and V may lack a
// part of the heads (it is broadcast to them): those are grouped heads.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/fusion/Contraction.h"
#include "compiler/fusion/ScalarExpression.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <memory>

namespace attnc::fusion {

/// The parts of one attention. Axes are resolved; batch axes are those that
/// both products share.
struct AttentionMatch {
  mlir::linalg::SoftmaxOp softmax;
  AxisSpace axes;
  Access q, k,
      v;                    ///< what is read for Q, K and V, behind views and constant factors
  double scale = 1.0;       ///< product of the constant factors on q and k
  Access result;            ///< the value to replace: behind the views that follow the
                            ///< second product
  mlir::Type resultElement; ///< element type of the second product
  std::unique_ptr<ScalarExpression> score;
  std::unique_ptr<ScalarExpression> weight; ///< what the second product reads, from the softmax's result

  DimIndex batch, heads; ///< B and H; `groups` is the leading part of `heads`
                         ///< that K and V have: G
  DimIndex groups;
  DimIndex queries, keys, features, outputs; ///< M, N, D, E; a single query or key has no axis

  /// In terms of the axes that are left: following a tensor splits and merges them.
  void resolve();
};

/// Why a softmax is no attention: the op that stops it, and what is the matter
/// with it.
struct Mismatch {
  enum Kind {
    Other,
    NoProduct,   ///< its scores are no product, or no product reads its weights
    SharedAxis,  ///< it runs over an axis that Q and K share (batch, heads)
    SeveralAxes, ///< it runs over the keys and other axes at once
    NotSummed,   ///< it runs over another axis than P V sums over
  };
  mlir::Operation *op;
  std::string reason;
  Kind kind = Other;
};

/// Describes the attention around `softmax`, or says in `mismatch` why there is
/// none. With `shared`, its weights may have other uses: they are a result too.
std::unique_ptr<AttentionMatch> matchAttention(mlir::linalg::SoftmaxOp softmax, Mismatch &mismatch,
                                               bool shared = false);

/// Follows views; with `scale`, also multiplications with constants, which it multiplies into *scale.
void followScaled(AxisSpace &axes, Access &access, bool broadcasts, double *scale);

} // namespace attnc::fusion
