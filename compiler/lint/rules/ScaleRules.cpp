//===- ScaleRules.cpp - Scores with a scale that is not 1/sqrt(D) ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Inputs.h"
#include "compiler/lint/Rules.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;

namespace attnc::lint {

/// Equal up to the rounding of f16 and of constants with few digits.
static bool isNear(double a, double b) { return std::abs(a - b) <= 2e-3 * std::abs(b); }

/// By what the product of q and k is multiplied, the factors in the score counted; nothing if that depends on an input,
/// or if the score bends more than a soft cap does.
static std::optional<double> scaleOf(const Site &site) {
  if (site.kind != Site::Attention || !site.features.isStatic() || site.features.size < 2)
    return std::nullopt;
  Probe probe(site);
  double scores[3];
  for (int s : {0, 1, 2}) {
    Probe::Number score = probe.value(site.score, {double(s), 0, 0, 5, 5, 8, 8});
    if (!score)
      return std::nullopt;
    scores[s] = *score;
  }
  double slope = scores[1] - scores[0];
  if (!isNear(scores[2] - scores[0], 2 * slope))
    return std::nullopt;
  return site.scale * slope;
}

/// Whether the score adds numbers of a table, or of an input of floats: relative positions, as in T5.
static bool hasBias(const Site &site) {
  if (llvm::any_of(inputsOf(site, site.score), [](BlockArgument input) { return !isWhole(input); }))
    return true;
  bool readsTable = false;
  for (Operation &op : *site.code)
    if (auto read = dyn_cast<tensor::ExtractOp>(op); read && isa<FloatType>(read.getType()))
      readsTable |= readsWeights(read.getTensor());
  return readsTable;
}

/// T5 has no scale, in any of its attentions: its weights are trained so. Some of these have relative positions.
static bool isLikeT5(const Model &model) {
  return llvm::any_of(model.sites, [](const Site &site) {
    std::optional<double> scale = scaleOf(site);
    return scale && isNear(*scale, 1) && hasBias(site);
  });
}

/// q and k of unit length need none.
static bool isNormalised(const Site &site) {
  attn::AttentionOp op = site.attention();
  return op && !op.getQuery().empty() && !op.getKey().empty();
}

static void checkMissing(const Model &model, Findings &findings) {
  if (isLikeT5(model))
    return;
  for (const Site &site : model.sites) {
    std::optional<double> scale = scaleOf(site);
    if (scale && isNear(*scale, 1) && !isNormalised(site))
      findings.warn(&site, fmt::format("the scores are not scaled; 1/sqrt({}) = {:.4g} is expected", site.features.size,
                                       1 / std::sqrt(site.features.size)));
  }
}

/// One of two factors, of q and k, of the scores, or in the score of the language, is the whole scale already.
static bool isMadeOfTwo(const Site &site, double scale) {
  double whole = 1 / std::sqrt(static_cast<double>(site.features.size));
  return isNear(site.outerScale, whole) || isNear(scale / site.outerScale, whole) || isNear(site.scale, whole);
}

static void checkTwice(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    std::optional<double> scale = scaleOf(site);
    double features = static_cast<double>(site.features.size);
    if (!scale || !isNear(*scale, 1 / features))
      continue;
    std::string message =
        fmt::format("the scores are multiplied by {0:.4g} = 1/{1}, not by 1/sqrt({1})", *scale, site.features.size);
    isMadeOfTwo(site, *scale) ? findings.warn(&site, message + ": the scale is applied twice")
                              : findings.note(&site, message + "; models trained with muP have it so");
  }
}

/// The number below the root, if it is another than that of the features.
static std::string wrongNumber(const Site &site, double scale) {
  auto isRootOf = [&](int64_t number) {
    return number > 1 && number != site.features.size && isNear(scale, 1 / std::sqrt(number));
  };
  if (site.heads.isStatic() && site.heads.size > 1 && isRootOf(site.heads.size * site.features.size))
    return fmt::format("{}, the width of all {} heads", site.heads.size * site.features.size, site.heads.size);
  if (site.heads.isStatic() && isRootOf(site.heads.size))
    return fmt::format("{}, the number of heads", site.heads.size);
  if (site.keys.isStatic() && isRootOf(site.keys.size))
    return fmt::format("{}, the number of keys", site.keys.size);
  return "";
}

static void checkWrongNumber(const Model &model, Findings &findings) {
  for (const Site &site : model.sites)
    if (std::optional<double> scale = scaleOf(site); scale && !isNear(*scale, 1 / double(site.features.size)))
      if (std::string number = wrongNumber(site, *scale); !number.empty())
        findings.warn(&site, fmt::format("the scores are divided by the root of {}; the {} features of a head are "
                                         "expected there",
                                         number, site.features.size));
}

static void checkInverted(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    std::optional<double> scale = scaleOf(site);
    double features = static_cast<double>(site.features.size);
    if (scale && (isNear(*scale, std::sqrt(features)) || isNear(*scale, features)))
      findings.warn(&site, fmt::format("the scores are multiplied by {:.4g}, where they should be divided", *scale));
    if (scale && *scale < 0)
      findings.warn(&site,
                    fmt::format("the scores are multiplied by {:.4g}: the least similar key counts most", *scale));
  }
}

llvm::ArrayRef<Rule> scaleRules() {
  static constexpr Rule rows[] = {
      {"scale-missing", "Scores without a scale",
       "products of D features grow with sqrt(D), so that the softmax sees almost one key only (T5, which is trained "
       "so, "
       "is known by its relative positions)",
       "multiply the scores, or q, by 1/sqrt(D)", checkMissing},
      {"scale-twice", "Scores with a scale of 1/D (a note, if it is one factor)",
       "the scale is 1/sqrt(D); it is 1/D if q is scaled and the scores are too (scaled_dot_product_attention and "
       "`attention` of the language do it by themselves), or if the root was forgotten",
       "scale once", checkTwice},
      {"scale-number", "Scores divided by the root of another number than the features of a head",
       "the variance of a product of rows is the number of their features, D, and no other",
       "divide by sqrt(D), where D is the last extent of q behind the split into heads", checkWrongNumber},
      {"scale-inverted", "Scores multiplied by sqrt(D), or by a negative number",
       "large scores make the softmax see one key only, and negative ones turn the order of the keys round",
       "divide by sqrt(D), or multiply by 1/sqrt(D)", checkInverted},
  };
  return rows;
}

} // namespace attnc::lint
