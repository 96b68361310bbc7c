//===- RotationRules.cpp - Rotary embeddings of one side ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Contraction.h"
#include "compiler/lint/Inputs.h"
#include "compiler/lint/Reshapes.h"
#include "compiler/lint/Rules.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::lint {

/// In a region of the op, feature d is made of another one as well.
static bool isRotated(Region &region) {
  if (region.empty())
    return false;
  llvm::SmallDenseSet<Value> features;
  for (attn::FeatureOp feature : region.getOps<attn::FeatureOp>())
    features.insert(feature->getOperand(0));
  return features.size() > 1;
}

/// A table of two or more dimensions other than of weights that are multiplied: sines of positions.
static bool isTable(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  bool isMatrix = type && isa<FloatType>(type.getElementType()) &&
                  llvm::count_if(type.getShape(), [](int64_t extent) { return extent != 1; }) > 1;
  return isMatrix && matchPattern(tensor, m_Constant()) && !fusion::getSplatFloat(tensor);
}

using Tensors = llvm::SetVector<Value>;

/// The tensors of which slices are in `part`, element by element.
static Tensors slicedIn(Value part) {
  Tensors seen, sliced;
  seen.insert(part);
  for (size_t at = 0; at < seen.size(); ++at) {
    Operation *op = seen[at].getDefiningOp();
    if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op))
      sliced.insert(behindViews(slice.getSource()));
    else if (op && (fusion::isView(op, /*broadcasts=*/true) || fusion::isPointwise(op)))
      seen.insert(op->operand_begin(), op->operand_end());
  }
  return sliced;
}

/// Concat(-x[d/2:], x[:d/2]): each part is made of slices of one tensor.
static bool isTurned(Value whole) {
  SmallVector<Value> parts = concatenated(whole);
  if (parts.size() < 2)
    return false;
  Tensors common = slicedIn(parts.front());
  for (Value part : ArrayRef(parts).drop_front()) {
    Tensors other = slicedIn(part);
    common.remove_if([&](Value tensor) { return !other.contains(tensor); });
  }
  return !common.empty();
}

/// In a graph: halves or pairs of features change places, and sines come in on the way.
static bool isRotated(Value tensor) {
  bool turns = false, hasSines = false;
  for (Value source : sourcesOf(tensor)) {
    Operation *op = source.getDefiningOp();
    turns |= isa_and_nonnull<tensor::InsertSliceOp>(op) && isTurned(source);
    hasSines |= isTable(source) || (fusion::isPointwise(op) && !op->getRegion(0).getOps<math::SinOp>().empty());
  }
  return turns && hasSines;
}

static void checkOneSide(const Model &model, Findings &findings) {
  for (const Site &site : model.sites) {
    if (site.kind != Site::Attention)
      continue;
    attn::AttentionOp op = site.attention();
    bool q = isRotated(site.q) || (op && isRotated(op.getQuery())),
         k = isRotated(site.k) || (op && isRotated(op.getKey()));
    if (q != k)
      findings.warn(&site, fmt::format("{} is rotated by its position and {} is not", q ? "q" : "k", q ? "k" : "q"));
  }
}

llvm::ArrayRef<Rule> rotationRules() {
  static constexpr Rule rows[] = {
      {"rotation-one-sided", "A rotary embedding of q or of k alone",
       "only a product of two rows that are both rotated depends on the distance between their positions",
       "rotate both, each by its own position; keys in a cache are rotated before they are put there", checkOneSide},
  };
  return rows;
}

} // namespace attnc::lint
