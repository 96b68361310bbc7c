//===- CacheRules.cpp - Keys of the past and of now -----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %0 = tensor.insert_slice %past_key into %empty[0, 0, 0, 0] ...
//   %k = tensor.insert_slice %new into %0[0, 0, %P, 0] ...                 // keys of the past first
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Inputs.h"
#include "compiler/lint/Reshapes.h"
#include "compiler/lint/Rules.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::lint {

namespace {
/// The input that is a cache, if k is made of that and of new keys.
struct Cache {
  BlockArgument input;
  bool isFirst = false; ///< it stands before the new keys
};
} // namespace

static std::optional<Cache> cacheOf(const Site &site) {
  SmallVector<Value> parts = concatenated(site.k);
  if (parts.size() != 2)
    return std::nullopt;
  auto first = dyn_cast<BlockArgument>(parts[0]), last = dyn_cast<BlockArgument>(parts[1]);
  if (bool(first) == bool(last))
    return std::nullopt;
  return Cache{first ? first : last, bool(first)};
}

static void checkOrder(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    std::optional<Cache> cache = site.kind == Site::Attention ? cacheOf(site) : std::nullopt;
    if (cache && !cache->isFirst && isNamed(cache->input, {"past", "cache"}))
      findings.warn(&site, fmt::format("the keys of '{}' are put behind the new ones", nameOf(cache->input)));
  }
}

static void checkNotCausal(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    std::optional<Cache> cache = site.kind == Site::Attention ? cacheOf(site) : std::nullopt;
    bool isMasked = site.shape.future || site.shape.isFarPattern || !inputsOf(site, site.mask).empty() ||
                    !inputsOf(site, site.score).empty();
    if (!cache || !isNamed(cache->input, {"past", "cache"}) || isMasked || site.queries.size == 1)
      continue;
    std::string message =
        fmt::format("{} new tokens at once see each other's future: there is a cache, '{}', and no causal "
                    "mask",
                    site.queries.name, nameOf(cache->input));
    site.queries.isStatic() ? findings.warn(&site, message) : findings.note(&site, message); // may be 1 in each call
  }
}

llvm::ArrayRef<Rule> cacheRules() {
  static constexpr Rule rows[] = {
      {"cache-order", "New keys in front of those of a cache",
       "masks and positions count from the oldest key to the newest; the next call takes the whole for its past",
       "concatenate the past first: Concat(past_key, key)", checkOrder},
      {"cache-not-causal", "A cache, and no causal mask",
       "a model that decodes with a cache was trained with a causal mask; without one, a prompt that is given at once "
       "is read "
       "in both directions",
       "mask j > i + N - M, or compile for one token a call (one query)", checkNotCausal},
  };
  return rows;
}

} // namespace attnc::lint
