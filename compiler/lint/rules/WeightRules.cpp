//===- WeightRules.cpp - What happens to the weights ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Describe.h"
#include "compiler/lint/Inputs.h"
#include "compiler/lint/Rules.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;

namespace attnc::lint {

/// Graphs in which something may stand between the softmax and the product with v.
static bool hasWeights(const Site &site) {
  return site.kind == Site::Attention && site.weight && site.weight != site.p;
}

namespace {
/// The weight of a pair for p = 0 and 1, and whether the mask before the softmax hides it.
struct PairWeights {
  Probe::Number none, one;
  bool isHidden;
};
} // namespace

static PairWeights weightsAt(const Site &site, Probe probe, int64_t i, int64_t j) {
  Point point{0, 0, 0, i, j, site.shape.queries, site.shape.keys};
  Probe::Number score = probe.score(point);
  return {probe.weight(0, point), probe.weight(1, point), score && *score <= -30};
}

/// Pairs by position, and one pair with each mask at 0 and at 1.
static std::vector<PairWeights> allWeights(const Site &site) {
  std::vector<PairWeights> all;
  for (auto [i, j] : {std::pair(2, 5), {5, 2}, {5, 5}})
    if (i < site.shape.queries && j < site.shape.keys)
      all.push_back(weightsAt(site, Probe(site), i, j));
  for (BlockArgument input : inputsOf(site, site.weight))
    for (double number : {0, 1})
      all.push_back(weightsAt(site,
                              Probe(site,
                                    [=](Value tensor, const Probe::Indices &) -> Probe::Number {
                                      return tensor == input ? Probe::Number(number) : std::nullopt;
                                    }),
                              5, 5));
  return all;
}

static void checkMaskBehind(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    if (!hasWeights(site))
      continue;
    bool removes = false, adds = false, keeps = false;
    for (const PairWeights &pair : allWeights(site)) {
      removes |= pair.one == 0.0 && !pair.isHidden;
      keeps |= pair.one && *pair.one != 0;
      adds |= pair.none && *pair.none != 0 && !std::isnan(*pair.none);
    }
    if (adds)
      findings.warn(&site, "something is added to the weights behind the softmax: a mask there hides nothing");
    else if (removes && keeps)
      findings.warn(&site,
                    "keys are masked behind the softmax: they take their share of the weights, and those that are "
                    "left do not add up to 1");
  }
}

static void checkRescaled(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    if (!hasWeights(site))
      continue;
    PairWeights pair = weightsAt(site, Probe(site), 5, 5);
    if (!pair.one || pair.none != 0.0 || *pair.one == 0 || std::abs(*pair.one - 1) < 1e-3)
      continue;
    double features = site.features.isStatic() ? static_cast<double>(site.features.size) : 1;
    bool isScale = features > 1 && std::abs(*pair.one * std::sqrt(features) - 1) < 2e-3;
    findings.warn(&site, isScale
                             ? fmt::format("the weights are divided by sqrt({}) behind the softmax, where the scores "
                                           "should be before it",
                                           site.features.size)
                             : fmt::format("the weights of a query add up to {:.4g}", *pair.one));
  }
}

/// The softmax that `value` is computed from element by element.
static Operation *softmaxBehind(Value value) {
  for (int steps = 0; steps < 32; ++steps) {
    Operation *op = value.getDefiningOp();
    if (!op || isa<linalg::SoftmaxOp>(op))
      return op;
    if (!fusion::isView(op, /*broadcasts=*/false) && !fusion::isPointwise(op))
      return nullptr;
    value = op->getOperand(0);
  }
  return nullptr;
}

static void checkTwice(const Model &model, Findings &findings) {
  for (const Site &site : model.sites)
    if (auto softmax = dyn_cast<linalg::SoftmaxOp>(site.op))
      if (Operation *first = softmaxBehind(softmax.getInput()))
        findings.warn(&site, fmt::format("its scores are the result of another softmax, {}", placeOf(first)));
}

static void checkOneKey(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    auto softmax = dyn_cast<linalg::SoftmaxOp>(site.op);
    if (softmax && cast<ShapedType>(softmax.getInput().getType()).getDimSize(softmax.getDimension()) == 1)
      findings.warn(&site, "the softmax runs over one element: every weight is 1, whatever the scores are");
  }
}

llvm::ArrayRef<Rule> weightRules() {
  static constexpr Rule rows[] = {
      {"mask-after-softmax", "A mask behind the softmax alone",
       "hidden keys have had their part in the sum by which the softmax divides",
       "mask the scores with -inf before the softmax; a second mask behind it is harmless", checkMaskBehind},
      {"weights-rescaled", "Weights that do not add up to 1",
       "a scale belongs to the scores; a factor of dropout is left of training",
       "scale the scores before the softmax; export the model in inference mode", checkRescaled},
      {"softmax-twice", "Softmax of a softmax",
       "weights lie between 0 and 1, so that the second softmax is nearly uniform", "remove one of the two",
       checkTwice},
      {"softmax-one-key", "Softmax over one element", "it is 1 for every score, so that queries and keys do not matter",
       "give the softmax the axis of the keys; look for a Reshape or Unsqueeze at the wrong place", checkOneKey},
  };
  return rows;
}

} // namespace attnc::lint
