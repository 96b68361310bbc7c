//===- FeatureSplit.h - Where an expression of a feature changes its form -===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A rotary embedding reads x[d + 32] where d < 32 and x[d - 32] elsewhere. As vectors of features that is two loops,
// each without condition and with neighbours in memory:
//
//   d in [0, 32)    x[d] * c[p, d]      + -x[d + 32] * s[p, d]
//   d in [32, 64)   x[d] * c[p, d - 32] +  x[d - 32] * s[p, d - 32]
//
// Within a run of features d = start + step * e every index that is affine in d is first + slope * e. A comparison, a
// minimum or a floor division of such indices has one outcome for all e, or tells at which e the outcome changes: there
// the run is split.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Block.h"
#include "mlir/IR/Value.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/DenseMap.h"
#include <optional>

namespace attnc::schedule {

/// The features start + step * e for e in [0, count).
struct FeatureRun {
  int64_t start, step, count;
};

/// first + slope * e
struct AffineIndex {
  int64_t first, slope;
  int64_t at(int64_t e) const { return first + slope * e; }
};

/// What is known of index and i1 values within one run. Only values that the outcome needs are looked at: what stands
/// behind a decided condition does not count.
class FeatureKnowledge {
public:
  FeatureKnowledge(mlir::Value feature, FeatureRun run) : feature(feature), run(run) {}

  /// The affine form of `value`, if it is known.
  std::optional<AffineIndex> index(mlir::Value value);
  /// The outcome of an i1 `value`, if it is known.
  std::optional<bool> truth(mlir::Value value);
  /// Some e in (0, count) at which an outcome that was asked for changes.
  std::optional<int64_t> split() const { return found; }

private:
  std::optional<AffineIndex> computeIndex(mlir::Value value);
  std::optional<bool> computeTruth(mlir::Value value);
  std::optional<bool> isNegative(AffineIndex value);
  std::optional<AffineIndex> lesser(AffineIndex x, AffineIndex y);
  std::optional<AffineIndex> divide(AffineIndex value, int64_t divisor);

  mlir::Value feature;
  FeatureRun run;
  llvm::DenseMap<mlir::Value, std::optional<AffineIndex>> indices;
  llvm::DenseMap<mlir::Value, std::optional<bool>> truths;
  std::optional<int64_t> found;
};

/// Runs that make up the features [0, extent) with `step` classes, such that what `block` yields from its argument
/// `feature` has one form in each; fewer where there would be more than 32.
llvm::SmallVector<FeatureRun> splitFeatures(mlir::Block &block, mlir::Value feature, int64_t extent, int64_t step);

/// 2 where `block` distinguishes even and odd features (it halves an index that depends on `feature`), else 1.
int64_t stepOfFeatures(mlir::Block &block, mlir::Value feature);

} // namespace attnc::schedule
