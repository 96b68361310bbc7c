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
/// A mask that is the constant true, or a score that is its own argument, says nothing: drop the region.
struct DropTrivialRegion : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    Value mask = yieldedBy(op.getMask()), score = yieldedBy(op.getScore());
    bool allowsAll = mask && matchPattern(mask, m_One());
    bool isIdentity = score && score == op.getScore().getArgument(0);
    if (!allowsAll && !isIdentity)
      return rewriter.notifyMatchFailure(op, "no region is trivial");
    rewriter.modifyOpInPlace(op, [&] {
      if (allowsAll)
        erase(op.getMask());
      if (isIdentity)
        erase(op.getScore());
    });
    return success();
  }
};

/// A capture that neither region reads is no operand.
struct DropUnusedCapture : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    for (unsigned c = 0, e = op.getCaptures().size(); c < e; ++c) {
      auto unused = [&](Region &region, unsigned indices) {
        return region.empty() || region.getArgument(indices + c).use_empty();
      };
      if (!unused(op.getScore(), AttentionOp::kScoreIndices) || !unused(op.getMask(), AttentionOp::kMaskIndices))
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        op.getCapturesMutable().erase(c);
        if (!op.getScore().empty())
          op.getScore().eraseArgument(AttentionOp::kScoreIndices + c);
        if (!op.getMask().empty())
          op.getMask().eraseArgument(AttentionOp::kMaskIndices + c);
      });
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
      changed |= inlineInto(op.getScore(), AttentionOp::kScoreIndices + c, constant, rewriter);
      changed |= inlineInto(op.getMask(), AttentionOp::kMaskIndices + c, constant, rewriter);
    }
    return success(changed);
  }

private:
  static bool inlineInto(Region &region, unsigned argument, arith::ConstantOp constant, PatternRewriter &rewriter) {
    if (region.empty() || region.getArgument(argument).use_empty())
      return false;
    rewriter.setInsertionPointToStart(&region.front());
    rewriter.replaceAllUsesWith(region.getArgument(argument), rewriter.clone(*constant)->getResult(0));
    return true;
  }
};

/// score { f(s * c) } is score { f(s) } with scale * c, for finite c other than 0; likewise s / c. The score must read
/// s nowhere else. (Not for 0: 0 * inf is NaN, and such a row must stay NaN.)
struct FoldFactorIntoScale : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (op.getScore().empty() || !op.getScore().getArgument(0).hasOneUse())
      return rewriter.notifyMatchFailure(op, "the score does not read s exactly once");
    Value s = op.getScore().getArgument(0);
    Operation *user = *s.user_begin();
    std::optional<double> factor = factorOf(user, s);
    if (!factor)
      return rewriter.notifyMatchFailure(op, "s is not multiplied by a constant");
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
