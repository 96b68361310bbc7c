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

/// Query 5 and key j, where the mask is `number` at key 5 and the opposite elsewhere: masks of heads do not tell keys
/// apart.
static PairWeights markedAt(const Site &site, BlockArgument input, double number, int64_t j) {
  auto leaf = [=](Value tensor, const Probe::Indices &indices) -> Probe::Number {
    if (tensor != input)
      return std::nullopt;
    return !indices || indices->empty() || indices->back() == 5 ? number : 1 - number;
  };
  return weightsAt(site, Probe(site, leaf), 5, j);
}

static bool removes(const PairWeights &pair) { return pair.one == 0.0 && !pair.isHidden; }
static bool keeps(const PairWeights &pair) { return pair.one && *pair.one != 0; }
static bool adds(const PairWeights &pair) { return pair.none && *pair.none != 0 && !std::isnan(*pair.none); }

/// Whether keys lose their weight behind the softmax: by position, or where an input says so.
static bool masksBehind(const Site &site) {
  PairWeights future = weightsAt(site, Probe(site), 2, 5), past = weightsAt(site, Probe(site), 5, 2);
  bool isLong = site.shape.queries > 5 && site.shape.keys > 5;
  if (isLong && (removes(future) || removes(past)) && (keeps(future) || keeps(past)))
    return true;
  return llvm::any_of(inputsOf(site, site.weight), [&](BlockArgument input) {
    return llvm::any_of(std::array{0.0, 1.0}, [&](double number) {
      return removes(markedAt(site, input, number, 5)) && keeps(markedAt(site, input, number, 3));
    });
  });
}

static bool addsBehind(const Site &site) {
  if (adds(weightsAt(site, Probe(site), 5, 5)))
    return true;
  return llvm::any_of(inputsOf(site, site.weight), [&](BlockArgument input) {
    return adds(markedAt(site, input, 0, 5)) || adds(markedAt(site, input, 1, 5));
  });
}

static void checkMaskBehind(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    if (!hasWeights(site))
      continue;
    if (addsBehind(site))
      findings.warn(&site, "something is added to the weights behind the softmax: a mask there hides nothing");
    else if (masksBehind(site))
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
    bool isScale =
        features > 1 && std::abs(*pair.one * std::sqrt(features) - 1) < 2e-3 && std::abs(site.scale - 1) < 1e-3;
    bool isDropout = *pair.one > 1 && *pair.one <= 2; // 1 / (1 - rate)
    if (!isScale && !isDropout)
      continue;
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
    auto type = softmax ? cast<ShapedType>(softmax.getInput().getType()) : ShapedType();
    if (!softmax || type.getDimSize(softmax.getDimension()) != 1)
      continue;
    bool isOneQuery = type.getRank() < 2 || type.getDimSize(type.getRank() - 2) == 1; // of a call with one token
    std::string message = "the softmax runs over one element: every weight is 1, whatever the scores are";
    isOneQuery ? findings.note(&site, message) : findings.warn(&site, message);
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
