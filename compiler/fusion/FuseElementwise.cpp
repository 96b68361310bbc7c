//===- FuseElementwise.cpp - Elementwise chains in one pass over memory ---===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A LayerNorm as exporters write it has nine ops. Three are left, one per pass
// over x:
//
//   %s = linalg.generic { sum of x }
//   %v = linalg.generic { sum of (x - s/E)^2 }
//   %y = linalg.generic { (x - s/E) / sqrt(v/E + eps) * gamma + beta }
//
// The fusion itself is upstream's; this pass decides what to fuse
// (`shouldFuse`), and lets an op read behind reshapes that only add dimensions
// of extent 1, which stand between the statistics and x.
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Passes.h"
#include "compiler/fusion/Views.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace attnc::fusion {
#define GEN_PASS_DEF_FUSEELEMENTWISE
#include "compiler/fusion/Passes.h.inc"

static unsigned bodySize(linalg::LinalgOp op) { return llvm::range_size(op.getBlock()->without_terminator()); }

/// Are the two together a body that is worth having? It is copied each time it grows, and its operands are walked side
/// by side: without limits, a chain of thousands of ops takes the square of its length.
static bool staySmall(linalg::LinalgOp producer, linalg::LinalgOp user, unsigned mostOps) {
  constexpr unsigned kMostInputs = 16;
  return bodySize(producer) + bodySize(user) <= mostOps &&
         producer.getNumDpsInputs() + user.getNumDpsInputs() <= kMostInputs;
}

/// A producer that has one use is better off inside it. With more uses it is
/// computed again in each: only if that is a few additions and multiplications
/// in a small body, which does not draw in the whole chain before it.
static bool shouldFuse(OpOperand *operand) {
  constexpr unsigned kMostOps = 128, kMostOpsAgain = 16, kFewOps = 3, kFewUses = 3;
  auto producer = operand->get().getDefiningOp<linalg::LinalgOp>();
  auto user = cast<linalg::LinalgOp>(operand->getOwner());
  if (!producer || !isPointwise(producer) || !staySmall(producer, user, kMostOps))
    return false;
  if (operand->get().hasOneUse())
    return true;
  auto isGeneric = [](Operation *user) { return isa<linalg::GenericOp>(user); };
  auto body = producer.getBlock()->without_terminator();
  bool cheap = bodySize(producer) <= kFewOps && staySmall(producer, user, kMostOpsAgain) &&
               llvm::all_of(body, [](Operation &op) { return isa<arith::ArithDialect>(op.getDialect()); });
  return cheap && llvm::range_size(operand->get().getUses()) <= kFewUses &&
         llvm::all_of(operand->get().getUsers(), isGeneric);
}

namespace {

/// generic ins(expand_shape %x [[0], [1, 2]] : ?x? into ?x?x1) with (i, j, 0)
/// ->  generic ins(%x) with (i, j).
struct ReadBehindUnitDims : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    for (OpOperand *operand : op.getDpsInputOperands()) {
      auto expand = operand->get().getDefiningOp<tensor::ExpandShapeOp>();
      std::optional<AffineMap> map = expand ? mapOfSource(expand, op.getMatchingIndexingMap(operand)) : std::nullopt;
      if (!map)
        continue;
      SmallVector<AffineMap> maps = op.getIndexingMapsArray();
      maps[operand->getOperandNumber()] = *map;
      if (!inversePermutation(concatAffineMaps(maps, op.getContext())))
        continue; // a loop whose extent only this operand told
      rewriter.modifyOpInPlace(op, [&] {
        op->setOperand(operand->getOperandNumber(), expand.getSrc());
        op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no operand is expanded by units alone");
  }

  /// The dimensions of `map` that are not added ones; nothing if a group has
  /// two others.
  static std::optional<AffineMap> mapOfSource(tensor::ExpandShapeOp expand, AffineMap map) {
    SmallVector<AffineExpr> results;
    for (const ReassociationIndices &group : expand.getReassociationIndices()) {
      AffineExpr kept;
      for (int64_t dim : group) {
        if (expand.getResultType().getDimSize(dim) == 1)
          continue;
        if (kept)
          return std::nullopt;
        kept = map.getResult(dim);
      }
      results.push_back(kept ? kept : getAffineConstantExpr(0, map.getContext()));
    }
    return AffineMap::get(map.getNumDims(), 0, results, map.getContext());
  }
};

struct FuseElementwise : impl::FuseElementwiseBase<FuseElementwise> {
  using FuseElementwiseBase::FuseElementwiseBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ReadBehindUnitDims>(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, &getContext());
    GreedyRewriteConfig config; // there are no branches
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};

} // namespace
} // namespace attnc::fusion
