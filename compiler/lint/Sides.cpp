//===- Sides.cpp - The tensors of a site, by axes -------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Sides.h"

using namespace mlir;
using namespace attnc::fusion;

namespace attnc::lint {

static Sides ofMatch(const AttentionMatch &match) {
  Sides sides{match.axes,  match.q,       match.k,    match.v,        match.result,
              match.heads, match.queries, match.keys, match.features, match.outputs};
  followViews(sides.axes, sides.q, /*broadcasts=*/false);
  return sides;
}

static Sides ofOp(attn::AttentionOp op) {
  Sides sides;
  llvm::DenseMap<char, DimIndex> roles;
  auto access = [&](Value tensor, StringRef layout) {
    Access result{tensor, sides.axes.createIndex(tensor)};
    for (auto [dim, letter] : llvm::enumerate(layout)) {
      auto [role, isNew] = roles.try_emplace(letter, result.index[dim]);
      if (!isNew && succeeded(sides.axes.unify(role->second, result.index[dim])))
        result.index[dim] = role->second;
    }
    return result;
  };
  sides.q = access(op.getQ(), op.getQLayout());
  sides.k = access(op.getK(), op.getKLayout());
  sides.v = access(op.getV(), op.getVLayout());
  sides.result = access(op->getResult(0), op.getOLayout());
  sides.heads = roles['H'], sides.queries = roles['M'], sides.keys = roles['N'];
  sides.features = roles['D'], sides.outputs = roles['E'];
  for (Access *operand : {&sides.q, &sides.k, &sides.v})
    followViews(sides.axes, *operand, /*broadcasts=*/false);
  while (sides.result.tensor.hasOneUse() &&
         followViewForwards(sides.axes, sides.result, *sides.result.tensor.user_begin())) {
  }
  return sides;
}

/// Biases and norms stand between a projection and the split into heads, or behind it: on, to what was split.
static void followElementwise(AxisSpace &axes, Access &access) {
  while (true) {
    followViews(axes, access, /*broadcasts=*/false);
    Operation *op = access.tensor.getDefiningOp();
    std::optional<Index> loops = isPointwise(op) ? loopsOf(cast<linalg::LinalgOp>(op), access.index) : std::nullopt;
    OpOperand *next = nullptr;
    for (OpOperand *operand : loops ? cast<linalg::LinalgOp>(op).getDpsInputOperands() : SmallVector<OpOperand *>())
      if (cast<linalg::LinalgOp>(op).getMatchingIndexingMap(operand).isPermutation())
        next = next ? next : operand;
    if (!next)
      return;
    access = {next->get(), *indexThrough(cast<linalg::LinalgOp>(op).getMatchingIndexingMap(next), *loops)};
  }
}

Sides sidesOf(const Site &site) {
  Sides sides = site.match ? ofMatch(*site.match) : ofOp(site.attention());
  for (Access *operand : {&sides.q, &sides.k, &sides.v})
    followElementwise(sides.axes, *operand);
  for (DimIndex *role : {&sides.heads, &sides.queries, &sides.keys, &sides.features, &sides.outputs})
    *role = sides.axes.resolve(*role);
  for (Access *access : {&sides.q, &sides.k, &sides.v, &sides.result})
    access->index = sides.axes.resolve(access->index);
  return sides;
}

bool hasAxisOf(ArrayRef<Axis> dim, ArrayRef<Axis> role) {
  return llvm::any_of(dim, [&](Axis axis) { return llvm::is_contained(role, axis); });
}

} // namespace attnc::lint
