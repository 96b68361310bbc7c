//===- MaskRules.cpp - Masks that inputs bring ----------------------------===//
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

/// A key of this score, beside others around 0, counts for nothing.
constexpr double kNegligible = -30;

static bool isHidden(Probe::Number score) { return score && *score <= kNegligible; }

/// What a site's masks may read: whole numbers, booleans, and floats that are called masks.
static SmallVector<BlockArgument> maskInputs(const Site &site) {
  SmallVector<BlockArgument> inputs;
  if (site.kind != Site::Attention)
    return inputs;
  for (Value value : {site.score, site.mask})
    for (BlockArgument input : inputsOf(site, value))
      if ((isWhole(input) || isNamed(input, {"mask"})) && !llvm::is_contained(inputs, input))
        inputs.push_back(input);
  return inputs;
}

using CheckInput = void (*)(const Site &site, BlockArgument input, Findings &findings);

template <CheckInput check>
static void checkInputs(const Model &model, Findings &findings) {
  for (const Site &site : model.sites)
    for (BlockArgument input : maskInputs(site))
      check(site, input, findings);
}

//===----------------------------------------------------------------------===//
// Which elements hide
//===----------------------------------------------------------------------===//

/// Lengths: keys behind them are hidden. Asked for key 5. Those of padding may stand before the keys.
static void checkLength(const Site &site, BlockArgument input, Findings &findings) {
  bool isOfKeys = !isNamed(input, {"pad", "left", "start", "offset"});
  if (isOfKeys && isHidden(scoreWith(site, input, 8)) && !isHidden(scoreWith(site, input, 2)) &&
      scoreWith(site, input, 2))
    findings.warn(&site, fmt::format("keys before '{0}' are hidden and those behind it are seen", nameOf(input)));
}

static void checkPolarity(const Site &site, BlockArgument input, Findings &findings) {
  if (isNamed(input, {"length", "lens"}))
    return checkLength(site, input, findings);
  Probe::Number zero = scoreWith(site, input, 0), one = scoreWith(site, input, 1);
  if (!zero || !one)
    return;
  bool zeroHides = isHidden(zero) && *one > *zero + 1, oneHides = isHidden(one) && *zero > *one + 1;
  bool marksKept = isNamed(input, {"attention_mask", "valid", "keep"}) && !isNamed(input, {"invalid"});
  if (marksKept && oneHides)
    findings.warn(&site,
                  fmt::format("keys with '{0}' = 1 are hidden and those with 0 are seen; in '{0}' 1 means a token "
                              "and 0 padding",
                              nameOf(input)));
  if (isNamed(input, {"key_padding_mask"}) && zeroHides)
    findings.warn(&site, fmt::format("keys with '{0}' = 0 are hidden and those with 1 are seen; in '{0}' true means "
                                     "padding",
                                     nameOf(input)));
}

/// tokens == pad: all but one number are seen. Hidden unless a token is that number is the opposite.
static void checkPadding(const Site &site, BlockArgument input, Findings &findings) {
  if (!isWhole(input) || getElementTypeOrSelf(input.getType()).isInteger(1))
    return;
  int seen = 0, hidden = 0;
  for (double id : {0, 1, 2, 3, 17, 100}) {
    Probe::Number score = scoreWith(site, input, id);
    hidden += isHidden(score);
    seen += score && !isHidden(score);
  }
  if (hidden == 5 && seen == 1 && isNamed(input, {"token", "input_ids", "src", "tgt"}))
    findings.warn(&site,
                  fmt::format("only keys where '{}' is one particular number are seen, all other tokens are hidden",
                              nameOf(input)));
}

//===----------------------------------------------------------------------===//
// How they hide
//===----------------------------------------------------------------------===//

static void checkSign(const Site &site, BlockArgument input, Findings &findings) {
  for (double number : {0, 1})
    if (Probe::Number score = scoreWith(site, input, number); score && *score >= -kHidden)
      return findings.warn(&site, fmt::format("keys with '{}' = {} get {:.4g} added to their score: they take all the "
                                              "weight instead of losing it",
                                              nameOf(input), number, *score));
}

/// Where an element makes the score 0 whatever q and k are, and nothing else hides the key.
static void checkProduct(const Site &site, BlockArgument input, Findings &findings) {
  for (double number : {0, 1}) {
    Probe::Number low = scoreWith(site, input, number, 0), high = scoreWith(site, input, number, 10);
    Probe::Number other = scoreWith(site, input, 1 - number, 10);
    if (low && high && other && *low == *high && !isHidden(low) && *other != *high)
      findings.warn(&site,
                    fmt::format("keys with '{}' = {} have score {:.4g}, which is a weight of e^{:.4g} like any other, "
                                "and not none",
                                nameOf(input), number, *low, *low));
  }
}

static void checkWeak(const Site &site, BlockArgument input, Findings &findings) {
  if (!isNamed(input, {"mask", "pad", "valid", "keep"}))
    return;
  Probe::Number zero = scoreWith(site, input, 0), one = scoreWith(site, input, 1);
  if (!zero || !one || std::max(*zero, *one) > 1 || scoreWith(site, input, 0, 1) == scoreWith(site, input, 0, 0))
    return;
  double low = std::min(*zero, *one), gap = std::abs(*zero - *one);
  if (gap > 1.5 && low > kNegligible)
    findings.warn(&site,
                  fmt::format("'{}' lowers the score of a hidden key by {:.4g} only: it keeps e^-{:.4g} of its weight",
                              nameOf(input), gap, gap));
}

/// Query 5 and key 3: is it the element of the query that hides, and not that of the key?
static bool hidesAt(const Site &site, BlockArgument input, int64_t marked, double number) {
  auto leaf = [&](Value tensor, const Probe::Indices &indices) -> Probe::Number {
    if (tensor != input || !indices || indices->empty())
      return std::nullopt;
    return indices->back() == marked ? number : 1 - number;
  };
  return isHidden(Probe(site, leaf).score({0, 0, 0, 5, 3, 8, 8}));
}

static void checkQueries(const Site &site, BlockArgument input, Findings &findings) {
  bool isFlag = getElementTypeOrSelf(input.getType()).isInteger(1) || isNamed(input, {"mask", "pad", "valid", "keep"});
  if (site.shape.hides || maskInputs(site).size() > 1 || !isFlag)
    return;
  for (double number : {0, 1})
    if (hidesAt(site, input, 5, number) && !hidesAt(site, input, 3, number) && !hidesAt(site, input, 0, number))
      findings.warn(&site,
                    fmt::format("'{}' hides whole queries and no key: every key is seen by the others", nameOf(input)));
}

//===----------------------------------------------------------------------===//
// What follows the mask
//===----------------------------------------------------------------------===//

/// The op on the way from the product to the score that makes a number of what a mask has made as low as it can be.
static Operation *leakOf(const Site &site, Probe &probe, const Point &point) {
  Probe::Number score = probe.score(point);
  if (!score || *score <= kHidden)
    return nullptr;
  Operation *leak = nullptr;
  llvm::DenseSet<Value> ofProduct{site.argument(0)};
  for (Operation &op : *site.code) {
    auto isOfProduct = [&](Value operand) { return ofProduct.contains(operand); };
    if (op.getNumResults() != 1 || llvm::none_of(op.getOperands(), isOfProduct))
      continue;
    ofProduct.insert(op.getResult(0));
    if (!isa<math::TanhOp, math::ErfOp, arith::MaximumFOp, arith::MaxNumFOp>(op))
      continue;
    Probe::Number number = probe.value(op.getResult(0), point);
    for (Value operand : op.getOperands())
      if (Probe::Number before = probe.value(operand, point);
          before && *before <= kHidden && number && *number > kHidden)
        leak = &op;
  }
  return leak;
}

static void warnOfLeak(const Site &site, Operation *leak, Findings &findings) {
  findings.warn(&site,
                fmt::format("the mask is applied before '{}', which makes a finite score of it: hidden keys keep some "
                            "weight",
                            leak->getName().stripDialect().str()));
}

static void checkCap(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    if (site.kind != Site::Attention || !site.hasScore())
      continue;
    Operation *leak = nullptr;
    Probe plain(site);
    for (auto [i, j] : {std::pair(2, 5), {5, 2}, {1, 7}})
      leak = leak ? leak : leakOf(site, plain, {0, 0, 0, i, j, site.shape.queries, site.shape.keys});
    for (BlockArgument input : maskInputs(site))
      for (double number : {0, 1}) {
        Probe probe(site, [&](Value tensor, const Probe::Indices &) -> Probe::Number {
          return tensor == input ? Probe::Number(number) : std::nullopt;
        });
        leak = leak ? leak : leakOf(site, probe, {0, 0, 0, 5, 5, 8, 8});
      }
    if (leak)
      warnOfLeak(site, leak, findings);
  }
}

//===----------------------------------------------------------------------===//
// Positions by a product or a small number
//===----------------------------------------------------------------------===//

namespace {
/// The scores of a pair behind the query, and of its own position, for s = 0 and 10.
struct FourScores {
  Probe::Number future[2], own[2];
};
} // namespace

/// Floats that are not known are 0; what lies behind the query must not depend on them.
static FourScores scoresOf(const Site &site) {
  FourScores scores;
  Probe zeros(site), ones(site, [](Value tensor, const Probe::Indices &) {
    return isa<FloatType>(getElementTypeOrSelf(tensor.getType())) ? Probe::Number(1) : std::nullopt;
  });
  for (int at : {0, 1}) {
    Point future{10.0 * at, 0, 0, 2, 5, site.shape.queries, site.shape.keys}, own = future;
    own.i = 5;
    scores.future[at] = zeros.score(future) == ones.score(future) ? zeros.score(future) : std::nullopt;
    scores.own[at] = zeros.score(own) == ones.score(own) ? zeros.score(own) : std::nullopt;
  }
  return scores;
}

static bool isLong(const Site &site) { return site.shape.queries >= 8 && site.shape.keys >= 8; }

static void checkPositionProduct(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    if (site.kind != Site::Attention || !isLong(site) || !site.hasScore())
      continue;
    FourScores scores = scoresOf(site);
    if (scores.future[0] && scores.future[0] == scores.future[1] && !isHidden(scores.future[0]) && scores.own[0] &&
        scores.own[1] && scores.own[0] != scores.own[1])
      findings.warn(&site,
                    fmt::format("keys behind the query have score {:.4g} whatever q and k are: they are not hidden, "
                                "and count like others",
                                *scores.future[0]));
  }
  checkInputs<checkProduct>(model, findings);
}

static void checkPositionSign(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    if (site.kind != Site::Attention || !isLong(site))
      continue;
    FourScores scores = scoresOf(site);
    for (Probe::Number score : {scores.future[0], scores.own[0]})
      if (score && *score >= -kHidden) {
        findings.warn(&site,
                      fmt::format("positions get {:.4g} added to their score: they take all the weight instead of "
                                  "losing it",
                                  *score));
        break;
      }
  }
  checkInputs<checkSign>(model, findings);
}

static void checkPositionWeak(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    if (site.kind != Site::Attention || !isLong(site) || !site.hasScore())
      continue;
    Probe probe(site);
    auto at = [&](int64_t i, int64_t j) { return probe.score({0, 0, 0, i, j, site.shape.queries, site.shape.keys}); };
    Probe::Number low = at(2, 5);
    bool isMask = low && *low < -1.5 && *low > kNegligible && at(0, 7) == low && at(1, 2) == low;
    if (isMask && at(2, 2) == 0.0 && at(5, 1) == 0.0 && at(7, 0) == 0.0)
      findings.warn(&site,
                    fmt::format("keys behind the query are lowered by {0:.4g} only: they keep e^-{0:.4g} of their "
                                "weight",
                                -*low));
  }
  checkInputs<checkWeak>(model, findings);
}

//===----------------------------------------------------------------------===//
// Finite masks, of the whole model
//===----------------------------------------------------------------------===//

static void checkFinite(const Model &model, Findings &findings) {
  std::string first;
  size_t count = 0;
  for (const Site &site : model.sites)
    for (BlockArgument input : maskInputs(site))
      for (double number : {0, 1})
        if (Probe::Number score = scoreWith(site, input, number); score && *score <= kHidden && std::isfinite(*score)) {
          first = first.empty() ? fmt::format("'{}' = {} gives {:.4g}", nameOf(input), number, *score) : first;
          ++count;
        }
  if (count)
    findings.note(nullptr,
                  fmt::format("masks are finite ({}): a query of which every key is masked averages all of them, "
                              "padding included, where -inf and this compiler's masks give 0",
                              first));
}

llvm::ArrayRef<Rule> maskRules() {
  static constexpr Rule rows[] = {
      {"mask-polarity", "A mask that hides what it should show",
       "an attention_mask is 1 for tokens, a key_padding_mask is true for padding, keys at a length and beyond are "
       "hidden",
       "negate the mask where it is made boolean, or exchange the branches of Where", checkInputs<checkPolarity>},
      {"padding-inverted", "Only padding is seen",
       "a comparison of tokens with the number of padding marks what to hide, not what to see",
       "hide where token == pad, or see where token != pad", checkInputs<checkPadding>},
      {"mask-sign", "A large positive number where a large negative one hides a key",
       "the softmax gives all weight to the largest score",
       "subtract, or add (1 - mask) * -1e4 and not (1 - mask) * 1e4; -inf is better", checkPositionSign},
      {"mask-multiplied", "A mask that is multiplied into the scores",
       "a score of 0 is an ordinary score, with a weight of e^0",
       "set hidden scores to -inf (Where), or add -inf to them", checkPositionProduct},
      {"mask-weak", "A mask of a few units",
       "-10 leaves 5e-5 of a key's weight, which a score that is 10 higher makes up for", "use -inf",
       checkPositionWeak},
      {"mask-before-cap", "A mask below a soft cap or another bounded function",
       "the cap turns -inf into a finite number, so that hidden keys keep some weight",
       "cap the scores first, mask them afterwards", checkCap},
      {"mask-of-queries", "A padding mask along the queries",
       "rows of padding queries become empty, and all other queries go on seeing the padding keys",
       "broadcast the mask along the queries: (B, 1, 1, N), not (B, 1, N, 1)", checkInputs<checkQueries>},
      {"mask-finite", "Finite masks (a note)", "they hide a key only beside one that is not masked",
       "use -inf, if rows without any key can occur", checkFinite},
  };
  return rows;
}

} // namespace attnc::lint
