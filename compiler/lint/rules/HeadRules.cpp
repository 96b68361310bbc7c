//===- HeadRules.cpp - Heads split, shared and merged wrongly -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Contraction.h"
#include "compiler/lint/Reshapes.h"
#include "compiler/lint/Rules.h"
#include "compiler/lint/Sides.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::fusion;

namespace attnc::lint {

//===----------------------------------------------------------------------===//
// Reshapes that tear positions
//===----------------------------------------------------------------------===//

/// Some of the positions run along a dimension of features, and some do not: [s, c] seen as [h, n, d] is [(h n1), (n2
/// d)].
static bool tearsPositions(const Index &index, ArrayRef<Axis> positions, ArrayRef<Axis> features) {
  bool among = false, apart = false;
  for (const DimIndex &dim : index)
    if (hasAxisOf(dim, positions))
      (hasAxisOf(dim, features) ? among : apart) = true;
  return among && apart;
}

static void checkSplit(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    if (site.kind != Site::Attention)
      continue;
    Sides sides = sidesOf(site);
    std::string which;
    auto add = [&](const char *name, Value tensor, const Access &access, ArrayRef<Axis> rows, ArrayRef<Axis> columns) {
      if (movesPositions(tensor) || tearsPositions(access.index, rows, columns))
        which += (which.empty() ? "" : ", ") + std::string(name);
    };
    add("q", site.q, sides.q, sides.queries, sides.features);
    add("k", site.k, sides.k, sides.keys, sides.features);
    add("v", site.v, sides.v, sides.keys, sides.outputs);
    if (!which.empty())
      findings.warn(&site,
                    fmt::format("{} is reshaped from (B, S, H*D) to (B, H, S, D) without a transpose: each row is "
                                "made of parts of several positions",
                                which));
  }
}

/// The op that reads `value`, if only one does.
static Operation *onlyUser(Value value) { return value.hasOneUse() ? *value.user_begin() : nullptr; }

/// [h, m, e] in one dimension, which is cut in another way then.
static bool isCutAgain(const Sides &sides) {
  auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(onlyUser(sides.result.tensor));
  if (!expand)
    return false;
  return llvm::any_of(sides.result.index, [&](const DimIndex &dim) {
    const Axis *query = llvm::find_if(dim, [&](Axis axis) { return llvm::is_contained(sides.queries, axis); });
    return query != dim.end() && hasAxisOf(ArrayRef<Axis>(dim.begin(), query), sides.heads) &&
           hasAxisOf(ArrayRef<Axis>(query, dim.end()), sides.outputs);
  });
}

/// Heads that are parts of a projection's columns, as d is.
static bool splitFeatures(const Sides &sides) {
  return llvm::any_of(sides.q.index, [&](const DimIndex &dim) {
    return hasAxisOf(dim, sides.heads) && hasAxisOf(dim, sides.features);
  });
}

/// What the projection behind the result sums over has positions in it, and not all heads.
static bool sumsPositions(const Sides &sides) {
  if (!splitFeatures(sides) || !isContraction(onlyUser(sides.result.tensor)))
    return false;
  return llvm::any_of(sides.result.index, [&](const DimIndex &dim) {
    bool allHeads = llvm::all_of(sides.heads, [&](Axis axis) { return llvm::is_contained(dim, axis); });
    return hasAxisOf(dim, sides.queries) && hasAxisOf(dim, sides.outputs) && !allHeads;
  });
}

static void checkMerge(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    if (site.kind != Site::Attention)
      continue;
    Sides sides = sidesOf(site);
    bool isTorn = tearsPositions(sides.result.index, sides.queries, sides.outputs);
    if (isTorn || isCutAgain(sides) || sumsPositions(sides))
      findings.warn(&site,
                    "the result is reshaped from (B, H, S, D) to (B, S, H*D) without a transpose: each row is made "
                    "of several positions of one head");
  }
}

//===----------------------------------------------------------------------===//
// Grouped heads
//===----------------------------------------------------------------------===//

/// Heads that k or v shares, [r] of [r, g], stand before those that it has: query head h reads k head h % G.
static bool isTiled(Sides &sides, Access operand) {
  DimIndex before;
  for (const DimIndex &dim : operand.index)
    llvm::append_range(before, dim);
  followViews(sides.axes, operand, /*broadcasts=*/true);
  DimIndex has;
  for (const DimIndex &dim : sides.axes.resolve(operand.index))
    llvm::append_range(has, dim);
  for (const DimIndex &dim : sides.axes.resolve(sides.q.index))
    for (size_t at = 0; at + 1 < dim.size(); ++at) {
      bool isShared = llvm::is_contained(sides.resolve(before), dim[at]) && !llvm::is_contained(has, dim[at]);
      bool isHead = llvm::is_contained(has, dim[at + 1]) && !llvm::is_contained(sides.features, dim[at + 1]);
      if (isShared && isHead)
        return true;
    }
  return false;
}

/// Concat(k, k): a tensor of several heads, as a whole after itself.
static bool isConcatOfItself(const Site &site, Value operand) {
  SmallVector<Value> parts = concatenated(operand);
  bool isManyHeads = site.heads.isStatic() && parts.size() > 1 && static_cast<int64_t>(parts.size()) < site.heads.size;
  return isManyHeads && llvm::all_equal(parts);
}

static void checkTiled(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    if (site.kind != Site::Attention || !site.match)
      continue;
    Sides sides = sidesOf(site);
    bool k = isTiled(sides, site.match->k) || isConcatOfItself(site, site.k);
    bool v = isTiled(sides, site.match->v) || isConcatOfItself(site, site.v);
    if (k || v)
      findings.warn(&site,
                    fmt::format("the heads of {} are repeated as a whole (0 1 0 1), so that query head h reads head "
                                "h % G; grouped heads are repeated one by one (0 0 1 1)",
                                k && v ? "k and v"
                                : k    ? "k"
                                       : "v"));
  }
}

llvm::ArrayRef<Rule> headRules() {
  static constexpr Rule rows[] = {
      {"heads-split", "Features split into heads by a reshape alone",
       "in (B, S, H*D) the heads of one position lie together; a reshape to (B, H, S, D) cuts the memory elsewhere",
       "reshape to (B, S, H, D), then transpose to (B, H, S, D)", checkSplit},
      {"heads-merge", "Heads merged by a reshape alone",
       "in (B, H, S, D) the positions of one head lie together; a reshape to (B, S, H*D) mixes positions",
       "transpose to (B, S, H, D), then reshape to (B, S, H*D)", checkMerge},
      {"heads-tiled", "Grouped heads in the wrong order",
       "models with fewer heads of k and v are trained with head h / (H/G); tile and expand in front of the heads give "
       "h % "
       "G",
       "repeat each head (repeat_interleave; Unsqueeze and Expand behind the heads), not the block of them (repeat, "
       "Tile)",
       checkTiled},
  };
  return rows;
}

} // namespace attnc::lint
