//===- PositionRules.cpp - Masks that hide the wrong positions ------------===//
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

/// Sites whose positions can be judged: the mask is of positions, and hides some of the keys.
static bool hidesByPosition(const Site &site) { return site.kind == Site::Attention && site.shape.hides; }

/// Whether `limit` is `distance` from where a query stands, if ends or starts are aligned.
static bool isAt(const MaskShape &shape, std::optional<int64_t> limit, int64_t distance) {
  return limit && (*limit == distance || *limit == shape.end() + distance);
}

static void checkInverted(const Model &model, Findings &findings) {
  for (const Site &site : model.sites)
    if (hidesByPosition(site) && !site.shape.future && isAt(site.shape, site.shape.past, 1))
      findings.warn(&site,
                    "a query sees the keys behind it, and neither itself nor the keys before it: the mask is upside "
                    "down");
}

static void checkOffByOne(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    const MaskShape &shape = site.shape;
    if (!hidesByPosition(site) || shape.past || !shape.isBand || shape.endsAt(0) || shape.endsAt(shape.end()))
      continue;
    if (isAt(shape, shape.future, 1))
      findings.warn(&site, "a query sees the key behind its own position: the mask ends one key too late");
    if (isAt(shape, shape.future, -1))
      findings.warn(&site,
                    "a query does not see its own position, and the first one sees nothing: the mask ends one key "
                    "too early");
  }
}

static void checkAlignment(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    const MaskShape &shape = site.shape;
    if (!hidesByPosition(site) || !site.mayDiffer() || !shape.endsAt(0) || shape.end() == 0)
      continue;
    std::string message =
        fmt::format("the causal mask of {} queries and {} keys aligns their starts: query 0 sees key 0 "
                    "only, whatever stands in a cache before it",
                    site.queries.name, site.keys.name);
    site.isWritten() ? findings.note(&site, message) : findings.warn(&site, message);
  }
}

/// How far back a query sees, where what is behind it has no end.
static std::optional<int64_t> oneSidedReach(const MaskShape &shape) {
  if (shape.future || shape.farFuture || !shape.isBand || shape.isFarPattern)
    return std::nullopt;
  if (shape.farPast)
    return shape.farPast;
  if (!shape.past || *shape.past == 0 || *shape.past >= shape.end())
    return shape.past && *shape.past < 0 ? std::optional(-*shape.past) : std::nullopt;
  return shape.end() - *shape.past; // ends are aligned
}

static void checkOneSided(const Model &model, Findings &findings) {
  for (const Site &site : model.sites)
    if (std::optional<int64_t> reach = oneSidedReach(site.shape); reach && site.kind == Site::Attention)
      findings.warn(&site,
                    fmt::format("keys more than {} before a query are hidden, and none behind it: the window lacks "
                                "its other side",
                                *reach));
}

static void checkEmptyRow(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    const MaskShape &shape = site.shape;
    if (!hidesByPosition(site) || !shape.empty || site.isWritten())
      continue;
    Probe::Number score = Probe(site).score({0, 0, 0, *shape.empty, 0, shape.queries, shape.keys});
    if (score && std::isfinite(*score))
      findings.warn(&site, fmt::format("query {} sees no key, but its scores are {:.4g} and not -inf: it averages all "
                                       "values, hidden ones too",
                                       *shape.empty, *score));
    else
      findings.warn(&site,
                    fmt::format("query {} sees no key: its row is NaN in most programs, and 0 here", *shape.empty));
  }
}

/// By how much the bias of query 7 falls from each key up to it to the next, where slopes are 1; nothing if not by the
/// same.
static std::optional<double> fallOf(const Site &site, int64_t head) {
  auto leaf = [](Value tensor, const Probe::Indices &) -> Probe::Number {
    auto input = dyn_cast<BlockArgument>(tensor);
    return input && isNamed(input, {"slope"}) ? Probe::Number(1) : std::nullopt;
  };
  std::vector<double> bias;
  for (int64_t j = 0; j < 8; ++j) {
    Probe::Number score = Probe(site, leaf).value(site.score, {0, 0, head, 7, j, 8, 8});
    if (!score || !std::isfinite(*score))
      return std::nullopt;
    bias.push_back(*score);
  }
  double step = bias[0] - bias[1];
  for (size_t j = 1; j < bias.size(); ++j)
    if (std::abs(bias[j - 1] - bias[j] - step) > 1e-3 * std::abs(step))
      return std::nullopt;
  return step;
}

/// Linear biases have a slope for each head: a table of a graph, or an input that is called so.
static void checkBiasSign(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    bool isLong = site.shape.queries >= 8 && site.shape.keys >= 8;
    if (site.kind != Site::Attention || !isLong || !site.hasScore() || site.heads.size < 2)
      continue;
    std::optional<double> first = fallOf(site, 0), second = fallOf(site, 1);
    bool hasSlopes = llvm::any_of(inputsOf(site, site.score), [](BlockArgument in) { return isNamed(in, {"slope"}); });
    if (first && second && *first > 0 && *second > 0 && (hasSlopes || *first != *second))
      findings.warn(&site,
                    "the bias grows with the distance of a key before its query: far keys count more than near ones");
  }
}

llvm::ArrayRef<Rule> positionRules() {
  static constexpr Rule rows[] = {
      {"causal-inverted", "A causal mask upside down",
       "every query sees the future only, and the last one nothing; it comes of a mask of keys to hide (True: hidden) "
       "where one of keys to see is wanted, or the other way round",
       "negate the mask, or exchange the two values that it chooses from", checkInverted},
      {"causal-off-by-one", "A causal mask that ends one key too late or too early",
       "too late, a query sees the token that it should predict; too early, it does not see itself and the first row "
       "is "
       "empty",
       "hide j > i: triu of a mask of keys to hide begins at diagonal 1, tril of keys to see at 0", checkOffByOne},
      {"causal-alignment", "A causal mask with aligned starts, where there may be more keys than queries",
       "with a cache of past keys, query i stands at i + N - M; a mask j <= i hides all but the oldest keys from it "
       "(is_causal of PyTorch and of ONNX's Attention are so)",
       "compare j with i + N - M, or give the operator its past keys as such; in the language, `causal` aligns the "
       "ends "
       "and `causal_start` the starts",
       checkAlignment},
      {"window-one-sided", "A window that hides the past and not the future",
       "of a sliding window only the condition i - j < w is there, so that all keys behind the query are seen",
       "add j <= i (causal), or take the absolute value of the distance", checkOneSided},
      {"mask-empty-row", "A query from which its position hides every key",
       "softmax of a row of -inf is NaN, and of a row of equal finite numbers an average of all keys, hidden ones too",
       "let each query see its own position", checkEmptyRow},
      {"bias-sign", "A bias that grows with distance",
       "linear biases (ALiBi) lower the scores of far keys; here the sign is the other one",
       "multiply the slope by j - i, not by i - j", checkBiasSign},
  };
  return rows;
}

} // namespace attnc::lint
