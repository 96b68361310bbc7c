//===- ExpandViews.cpp - memref.expand_shape -> memref.reinterpret_cast ---===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   %y = memref.expand_shape %x [[0, 1], [2]] output_shape [%b, %s, 32] : memref<?x32xf32> into memref<?x?x32xf32>
//
// becomes
//
//   %stride = arith.muli %s, %c32
//   %y = memref.reinterpret_cast %x to offset: [0], sizes: [%b, %s, 32], strides: [%stride, 32, 1]
//
// Upstream's expand-strided-metadata derives the sizes of a group from its one dynamic extent and crashes on two. Here
// they are operands of the op and need not be derived.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_EXPANDVIEWS
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;

/// Strides of the result: the last of a group has its source's stride, each before it the product of what follows.
/// What the type states is a constant.
static SmallVector<OpFoldResult> expandedStrides(OpBuilder &builder, memref::ExpandShapeOp op, ValueRange strides,
                                                 ArrayRef<int64_t> known) {
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
  // Of a source of rank 0 there is no group: all extents and strides are 1.
  SmallVector<OpFoldResult> result(sizes.size(), builder.getIndexAttr(1));
  for (auto [group, stride] : llvm::zip(op.getReassociationIndices(), strides)) {
    Value next = stride;
    for (int64_t d : llvm::reverse(group)) {
      result[d] = ShapedType::isDynamic(known[d]) ? OpFoldResult(next) : builder.getIndexAttr(known[d]);
      Value size = getValueOrCreateConstantIndexOp(builder, op.getLoc(), sizes[d]);
      next = builder.createOrFold<arith::MulIOp>(op.getLoc(), next, size);
    }
  }
  return result;
}

static void expandView(memref::ExpandShapeOp op) {
  OpBuilder builder(op);
  auto source = memref::ExtractStridedMetadataOp::create(builder, op.getLoc(), op.getSrc());
  auto [known, knownOffset] = op.getResultType().getStridesAndOffset();
  SmallVector<OpFoldResult> strides = expandedStrides(builder, op, source.getStrides(), known);
  OpFoldResult offset =
      ShapedType::isDynamic(knownOffset) ? OpFoldResult(source.getOffset()) : builder.getIndexAttr(knownOffset);
  Value view = memref::ReinterpretCastOp::create(builder, op.getLoc(), op.getResultType(), op.getSrc(), offset,
                                                 op.getMixedOutputShape(), strides);
  op.replaceAllUsesWith(view);
  op.erase();
}

namespace {
struct ExpandViewsPass : attnc::schedule::impl::ExpandViewsBase<ExpandViewsPass> {
  void runOnOperation() override { getOperation().walk(expandView); }
};
} // namespace
