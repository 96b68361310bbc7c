//===- AttnCanonicalize.cpp - Simpler forms of attn.attention -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The canonical form says each thing once and in the plainest place:
//
//   captures(%c : f32)  score { s * %c }  mask { true }   with %c = 0.5
// becomes
//   {scale = 0.5 * scale}
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/AttnOps.h"
#include "dialects/Attn/Smooth.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include <cmath>

using namespace mlir;
using namespace attnc::attn;

static Value yieldedBy(Region &region) {
  return region.empty() ? Value() : cast<YieldOp>(region.front().getTerminator()).getValue();
}

static void erase(Region &region) {
  region.dropAllReferences();
  region.getBlocks().clear();
}

namespace {
/// A mask that is the constant true, a score, query or key that is the identity, or a sink of -inf says nothing: drop
/// the region.
struct DropTrivialRegion : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    Value mask = yieldedBy(op.getMask()), score = yieldedBy(op.getScore());
    SmallVector<Region *> trivial;
    if (mask && matchPattern(mask, m_One()))
      trivial.push_back(&op.getMask());
    if (score && score == op.argumentOf(op.getScore(), 's'))
      trivial.push_back(&op.getScore());
    for (Region *row : {&op.getQuery(), &op.getKey()})
      if (isIdentity(*row))
        trivial.push_back(row);
    if (isMinusInfinity(yieldedBy(op.getSink())))
      trivial.push_back(&op.getSink());
    if (trivial.empty())
      return rewriter.notifyMatchFailure(op, "no region is trivial");
    rewriter.modifyOpInPlace(op, [&] { llvm::for_each(trivial, [](Region *region) { erase(*region); }); });
    return success();
  }

private:
  /// Yields the very feature that it is asked for.
  static bool isIdentity(Region &row) {
    Value value = yieldedBy(row);
    auto feature = value ? value.getDefiningOp<FeatureOp>() : FeatureOp();
    return feature && feature.getPosition() == AttentionOp::argumentOf(row, 'd');
  }
  static bool isMinusInfinity(Value value) {
    FloatAttr constant;
    return value && matchPattern(value, m_Constant(&constant)) && constant.getValue().isInfinity() &&
           constant.getValue().isNegative();
  }
};

/// A capture that no region reads is no operand.
struct DropUnusedCapture : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    for (unsigned c = 0, e = op.getCaptures().size(); c < e; ++c)
      if (op.isUnusedCapture(c)) {
        rewriter.modifyOpInPlace(op, [&] { op.eraseCapture(c); });
        return success();
      }
    return rewriter.notifyMatchFailure(op, "every capture is read");
  }
};

/// A captured scalar constant becomes a constant inside the regions, where it folds.
struct InlineConstantCapture : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    bool changed = false;
    for (auto [c, capture] : llvm::enumerate(op.getCaptures())) {
      auto constant = capture.getDefiningOp<arith::ConstantOp>();
      if (!constant || isa<ShapedType>(capture.getType()))
        continue;
      for (Region &region : op->getRegions())
        if (!region.empty())
          changed |= inlineInto(op.captureArgument(region, c), constant, rewriter);
    }
    return success(changed);
  }

private:
  static bool inlineInto(BlockArgument argument, arith::ConstantOp constant, PatternRewriter &rewriter) {
    if (argument.use_empty())
      return false;
    rewriter.setInsertionPointToStart(argument.getOwner());
    rewriter.replaceAllUsesWith(argument, rewriter.clone(*constant)->getResult(0));
    return true;
  }
};

/// score { f(s * c) } is score { f(s) } with scale * c, for finite c other than 0; likewise s / c. The score must read
/// s nowhere else, and f must be smooth: what rounds or compares could tell s * c from the sum of products that have been
/// scaled once. (Not for 0: 0 * inf is NaN, and such a row must stay NaN.)
struct FoldFactorIntoScale : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (op.getScore().empty() || !op.argumentOf(op.getScore(), 's').hasOneUse())
      return rewriter.notifyMatchFailure(op, "the score does not read s exactly once");
    Value s = op.argumentOf(op.getScore(), 's');
    Operation *user = *s.user_begin();
    std::optional<double> factor = factorOf(user, s);
    if (!factor)
      return rewriter.notifyMatchFailure(op, "s is not multiplied by a constant");
    if (!isReadSmoothly(user->getResult(0)))
      return rewriter.notifyMatchFailure(op, "something hangs on the last bit of the product");
    double scale = op.getScaleValue() * *factor;
    if (!std::isfinite(scale) || scale == 0)
      return rewriter.notifyMatchFailure(op, "the folded scale would not be finite and other than 0");
    rewriter.replaceOp(user, s);
    rewriter.modifyOpInPlace(op, [&] { op.setScale(APFloat(scale)); });
    return success();
  }

private:
  /// c of s * c, c * s or (its inverse) s / c.
  static std::optional<double> factorOf(Operation *user, Value s) {
    if (!isa<arith::MulFOp, arith::DivFOp>(user))
      return std::nullopt;
    bool left = user->getOperand(0) == s;
    FloatAttr constant;
    if (!matchPattern(user->getOperand(left ? 1 : 0), m_Constant(&constant)))
      return std::nullopt;
    double value = constant.getValueAsDouble();
    if (isa<arith::MulFOp>(user))
      return value;
    return left ? std::optional<double>(1.0 / value) : std::nullopt;
  }
};
} // namespace

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropTrivialRegion, DropUnusedCapture, InlineConstantCapture, FoldFactorIntoScale>(context);
}
