//===- Reshapes.cpp - Reshapes that tear positions ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/lint/Reshapes.h"
#include "compiler/fusion/Views.h"

using namespace mlir;
using namespace attnc::fusion;

namespace attnc::lint {

/// The place of the first extent that is not known; a group of static extents has none.
static int64_t dynamicAt(RankedTensorType type, const ReassociationIndices &group) {
  for (auto [at, dim] : llvm::enumerate(group))
    if (type.isDynamicDim(dim))
      return static_cast<int64_t>(at);
  return -1;
}

/// expand(collapse(x)) that moves the positions from before all other extents, (S, H*D), between them, (H, S, D), or
/// back.
static bool isMove(tensor::ExpandShapeOp expand) {
  auto collapse = expand.getSrc().getDefiningOp<tensor::CollapseShapeOp>();
  if (!collapse)
    return false;
  for (auto [from, to] : llvm::zip(collapse.getReassociationIndices(), expand.getReassociationIndices())) {
    int64_t before = dynamicAt(collapse.getSrcType(), from), after = dynamicAt(expand.getResultType(), to);
    if (from.size() < 2 || to.size() < 2 || before < 0 || after < 0 || before == after)
      continue;
    const void *source = extentKey(collapse.getSrc(), from[before]);
    if (source && source == extentKey(expand.getResult(), to[after]))
      return true;
  }
  return false;
}

/// Axes are followed up to the collapsed tensor: the reshape goes on from there.
static bool isMovedBehind(tensor::CollapseShapeOp collapse) {
  return llvm::any_of(collapse->getUsers(), [](Operation *user) {
    auto expand = dyn_cast<tensor::ExpandShapeOp>(user);
    return expand && isMove(expand);
  });
}

bool movesPositions(Value tensor) {
  if (auto collapse = tensor.getDefiningOp<tensor::CollapseShapeOp>(); collapse && isMovedBehind(collapse))
    return true;
  while (Operation *op = tensor.getDefiningOp()) {
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op); expand && isMove(expand))
      return true;
    bool isScaled = isPointwise(op) && op->getNumOperands() > 0;
    if (!isView(op, /*broadcasts=*/true) && !isScaled)
      return false;
    tensor = op->getOperand(0);
  }
  return false;
}

Value behindViews(Value tensor) {
  while (Operation *op = tensor.getDefiningOp()) {
    if (!isView(op, /*broadcasts=*/true))
      break;
    auto structured = dyn_cast<linalg::LinalgOp>(op);
    tensor = structured ? getCopiedOperand(structured)->get() : op->getOperand(0);
  }
  return tensor;
}

SmallVector<Value> concatenated(Value tensor) {
  SmallVector<Value> parts;
  Value whole = behindViews(tensor);
  while (auto insert = whole.getDefiningOp<tensor::InsertSliceOp>()) {
    parts.push_back(behindViews(insert.getSource()));
    whole = insert.getDest();
  }
  if (!whole.getDefiningOp<tensor::EmptyOp>())
    return {};
  return SmallVector<Value>(llvm::reverse(parts));
}

} // namespace attnc::lint
