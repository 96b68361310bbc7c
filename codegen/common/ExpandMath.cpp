//===- ExpandMath.cpp - Transcendental functions to polynomials -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libm would be called once per lane. Upstream's polynomials replace everything except what stands below, which is
// faster than upstream's form of it:
//
//   x / c   ->  x * (1 / c)                          for a power of two c, where it is the same. For another constant
//               only where the flag arcp allows it, or where erf reads it, whose form below is off by more: x / 41 must
//               not be below 1 at x = 41, for a mask may round it down.
//   2^x     ->  the target's own form where the flag afn allows it: a weight of a softmax may be 3 ulp off, but 2^x in
//               a user's mask is exact for integers. On one lane of a vector where x is a scalar.
//   erf(x)  ->  |x| <  7/8:  x * S(x^2)               S of degree 5, off by 9e-9
//               |x| >= 7/8:  1 - 2^-P(min(|x|, 4))    P of degree 6, off by 2e-9; the sign of x
//
// erf is half of every GELU, and upstream's form selects every coefficient by interval. (Not timed in pairs: a matmul
// of 128x3072x768 with GELU read 89.9% of the peak before and 91.0% after, in different runs.)
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Passes.h"
#include "codegen/common/VectorTarget.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace attnc::codegen;

namespace attnc::codegen {
#define GEN_PASS_DEF_EXPANDMATH
#include "codegen/common/Passes.h.inc"
} // namespace attnc::codegen

/// A product with a rounded reciprocal may stand for `op`.
static bool mayBeInexact(arith::DivFOp op) {
  return bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::arcp) ||
         llvm::all_of(op->getUsers(), llvm::IsaPred<math::ErfOp>);
}

/// x / c -> x * (1 / c), an eighth of the time: exporters write GELU with a division by sqrt(2).
static void divideByConstant(RewriterBase &rewriter, arith::DivFOp op) {
  APFloat divisor(0.0f);
  if (!matchPattern(op.getRhs(), m_ConstantFloat(&divisor)))
    return;
  APFloat reciprocal = APFloat::getOne(divisor.getSemantics());
  reciprocal.divide(divisor, APFloat::rmNearestTiesToEven);
  if (!reciprocal.isNormal() || (!divisor.getExactInverse(nullptr) && !mayBeInexact(op)))
    return;
  Type type = op.getType();
  TypedAttr value = rewriter.getFloatAttr(getElementTypeOrSelf(type), reciprocal);
  if (auto shaped = dyn_cast<ShapedType>(type))
    value = DenseElementsAttr::get(shaped, Attribute(value));
  rewriter.setInsertionPoint(op);
  Value factor = arith::ConstantOp::create(rewriter, op.getLoc(), value);
  rewriter.replaceOpWithNewOp<arith::MulFOp>(op, op.getLhs(), factor);
}

namespace {
/// erf on native vectors, as the file's header says. NaN stays NaN: it is neither clamped nor small.
struct ExpandErf : OpRewritePattern<math::ErfOp> {
  ExpandErf(MLIRContext *context, const VectorTarget &target)
      : OpRewritePattern(context, /*benefit=*/2), target(target) {} // before upstream's

  LogicalResult matchAndRewrite(math::ErfOp op, PatternRewriter &b) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    if (type != VectorType::get({target.info.lanes(32)}, b.getF32Type()))
      return b.notifyMatchFailure(op, "no native vector of f32");
    Location loc = op.getLoc();
    auto splat = [&](float value) -> Value {
      return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, b.getF32FloatAttr(value)));
    };
    auto horner = [&](ArrayRef<float> coefficients, Value at) {
      Value sum = splat(coefficients.back());
      for (float coefficient : llvm::reverse(coefficients.drop_back()))
        sum = target.multiplyAdd(b, loc, sum, at, splat(coefficient));
      return sum;
    };
    Value x = op.getOperand();
    Value magnitude = math::AbsFOp::create(b, loc, x);
    Value square = arith::MulFOp::create(b, loc, x, x);
    Value near = arith::MulFOp::create(b, loc, x, horner(kSmall, square));

    Value four = splat(4.0f); // erfc(4) < 2^-25
    Value beyond = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, magnitude, four);
    Value clamped = arith::SelectOp::create(b, loc, beyond, four, magnitude);
    Value exponent = arith::NegFOp::create(b, loc, horner(kLarge, clamped));
    Value far = arith::SubFOp::create(b, loc, splat(1.0f), target.exp2(b, loc, exponent));
    far = math::CopySignOp::create(b, loc, far, x);

    Value small = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, magnitude, splat(0.875f));
    b.replaceOpWithNewOp<arith::SelectOp>(op, small, near, far);
    return success();
  }

  // Weighted minimax fits: erf(x) / x in x^2 on [0, 7/8]; -log2(erfc(x)) on [7/8, 4].
  static constexpr float kSmall[] = {1.1283791065216064f,    -0.3761255145072937f,   0.11282455176115036f,
                                     -0.026791466400027275f, 0.0050321840681135654f, -0.0006203266675584018f};
  static constexpr float kLarge[] = {0.00020804973610211164f, 1.6272004842758179f,   0.9187379479408264f,
                                     0.1504012644290924f,     -0.03228900954127312f, 0.0044463821686804295f,
                                     -0.00028839692822657526f};
  const VectorTarget &target;
};

struct ExpandExp2 : OpRewritePattern<math::Exp2Op> {
  ExpandExp2(MLIRContext *context, const VectorTarget &target)
      : OpRewritePattern(context, /*benefit=*/2), target(target) {} // before upstream's

  LogicalResult matchAndRewrite(math::Exp2Op op, PatternRewriter &b) const override {
    if (!bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::afn))
      return b.notifyMatchFailure(op, "2^x must be as exact as it can be");
    Type type = op.getType(), element = getElementTypeOrSelf(type);
    auto native = VectorType::get({target.info.lanes(32)}, element);
    if ((!element.isF32() && !element.isF64()) || (type != native && type != element))
      return b.notifyMatchFailure(op, "no native vector, and no scalar");
    Value x = op.getOperand();
    if (type == native) {
      b.replaceOp(op, target.exp2(b, op.getLoc(), x));
      return success();
    }
    Value splat = vector::BroadcastOp::create(b, op.getLoc(), native, x);
    b.replaceOpWithNewOp<vector::ExtractOp>(op, target.exp2(b, op.getLoc(), splat), 0);
    return success();
  }
  const VectorTarget &target;
};

struct ExpandMathPass : attnc::codegen::impl::ExpandMathBase<ExpandMathPass> {
  using ExpandMathBase::ExpandMathBase;
  void runOnOperation() override {
    std::unique_ptr<VectorTarget> vectors = makeVectorTarget(getOperation(), target);
    if (!vectors)
      return signalPassFailure();
    IRRewriter rewriter(&getContext()); // before erf becomes something else
    getOperation()->walk([&](arith::DivFOp op) { divideByConstant(rewriter, op); });
    RewritePatternSet patterns(&getContext());
    math::populateExpansionPatterns(patterns, {"exp2", "powf", "rsqrt", "fpowi", "ipowi", "clampf", "sinh", "cosh"});
    populateMathPolynomialApproximationPatterns(patterns, MathPolynomialApproximationOptions());
    if (!StringRef(vectors->info.features).contains("avx512bf16"))
      arith::populateExpandBFloat16Patterns(patterns); // LLVM would call a function that older libraries lack
    patterns.add<ExpandErf, ExpandExp2>(&getContext(), *vectors);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    if (vectors->info.hasFma)
      return;
    RewritePatternSet split(&getContext()); // after the polynomials, which are made of multiply-adds
    math::populateExpansionPatterns(split, {"fma"});
    if (failed(applyPatternsGreedily(getOperation(), std::move(split))))
      signalPassFailure();
  }
};
} // namespace
