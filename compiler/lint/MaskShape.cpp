//===- MaskShape.cpp - Which keys a query sees by position ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/MaskShape.h"
#include "compiler/lint/Probe.h"
#include <set>

using namespace mlir;

namespace attnc::lint {

static Probe::Number ofFloats(Value tensor, double number) {
  return isa<FloatType>(getElementTypeOrSelf(tensor.getType())) ? Probe::Number(number) : std::nullopt;
}

PositionProbe::PositionProbe(const Site &site)
    : zeros(std::make_unique<Probe>(site)),
      ones(std::make_unique<Probe>(site, [](Value tensor, const Probe::Indices &) { return ofFloats(tensor, 1); })) {}

PositionProbe::~PositionProbe() = default;

bool PositionProbe::hides(const Point &point) {
  auto isLow = [](Probe::Number score) { return score && *score <= kHidden; };
  return isLow(zeros->score(point)) && isLow(ones->score(point));
}

/// All of a few; of many both ends and what lies around the middle.
static std::set<int64_t> samples(int64_t extent) {
  std::set<int64_t> chosen;
  for (int64_t at = 0; at < extent; ++at)
    if (extent <= 24 || at < 4 || at >= extent - 4 || std::abs(at - extent / 2) < 3)
      chosen.insert(at);
  return chosen;
}

/// With the keys beside the diagonals that a causal mask may end at.
static std::set<int64_t> keysFor(int64_t query, int64_t queries, int64_t keys) {
  std::set<int64_t> chosen = samples(keys);
  for (int64_t diagonal : {query, query + keys - queries})
    for (int64_t at = diagonal - 2; at <= diagonal + 2; ++at)
      if (at >= 0 && at < keys)
        chosen.insert(at);
  return chosen;
}

/// 8 queries, and 24 keys where there may be others than queries; as many as there are where that is known.
static std::pair<int64_t, int64_t> extentsFor(const Site &site) {
  int64_t queries = site.queries.isStatic() ? site.queries.size : 8;
  int64_t keys = site.keys.isStatic() ? site.keys.size : site.mayDiffer() ? 24 : 8;
  if (site.keys.isStatic() && !site.queries.isStatic())
    queries = std::min<int64_t>(queries, keys);
  return {queries, keys};
}

constexpr int64_t kFar = int64_t(1) << 20;

/// The largest distance in `direction` at which query `own` of very many sees a key; nothing if there is no end.
static std::optional<int64_t> reach(const Site &site, int64_t own, int64_t direction) {
  PositionProbe probe(site);
  auto isSeen = [&](int64_t distance) { return !probe.hides({0, 0, 0, own, own + direction * distance, kFar, kFar}); };
  int64_t hidden = 1;
  while (hidden < kFar / 4 && isSeen(hidden))
    hidden *= 2;
  if (!isSeen(0) || isSeen(hidden))
    return std::nullopt;
  int64_t seen = 0;
  while (hidden - seen > 1)
    (isSeen((seen + hidden) / 2) ? seen : hidden) = (seen + hidden) / 2;
  return seen;
}

/// The same of every query; those in blocks see differently far.
static std::optional<int64_t> reachOfAll(const Site &site, int64_t direction, bool &isPattern) {
  std::optional<int64_t> first = reach(site, kFar / 2, direction);
  for (int64_t step : {1, 37, 1001})
    if (reach(site, kFar / 2 + step, direction) != first)
      return isPattern = true, std::nullopt;
  return first;
}

/// All keys are asked, of many as many as is reasonable.
static bool seesNothing(PositionProbe &probe, int64_t i, int64_t queries, int64_t keys) {
  constexpr int64_t most = 4096;
  for (int64_t j = 0; j < std::min(keys, most); ++j) {
    if (!probe.hides({0, 0, 0, i, j, queries, keys}))
      return false;
  }
  return keys <= most;
}

MaskShape shapeOf(const Site &site) {
  PositionProbe probe(site);
  auto [queries, keys] = extentsFor(site);
  MaskShape shape;
  shape.queries = queries, shape.keys = keys;
  std::vector<std::pair<int64_t, bool>> pairs; // j - i, whether it is seen
  int64_t low = keys, high = -queries;
  for (int64_t i : samples(queries)) {
    bool sees = false;
    for (int64_t j : keysFor(i, queries, keys)) {
      bool isSeen = !probe.hides({0, 0, 0, i, j, queries, keys});
      pairs.emplace_back(j - i, isSeen);
      if (isSeen)
        low = std::min(low, j - i), high = std::max(high, j - i);
      sees |= isSeen;
    }
    if (!sees && !shape.empty && seesNothing(probe, i, queries, keys))
      shape.empty = i;
  }
  for (auto [diagonal, isSeen] : pairs) {
    shape.hides |= !isSeen;
    shape.isBand &= isSeen || diagonal < low || diagonal > high;
    if (diagonal < low)
      shape.past = low;
    if (diagonal > high)
      shape.future = high;
  }
  bool mayBeLong = !site.keys.isStatic() && !StringRef(site.keys.name).contains("<=");
  if (mayBeLong && !shape.past)
    shape.farPast = reachOfAll(site, -1, shape.isFarPattern);
  if (mayBeLong && !shape.future)
    shape.farFuture = reachOfAll(site, 1, shape.isFarPattern);
  return shape;
}

} // namespace attnc::lint
