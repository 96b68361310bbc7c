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
//   sin, cos  ->  of x less a multiple of pi/2, which is found in f64
//   f(x)    ->  truncf(f(extf x)) for functions of f32 that upstream has no exact form of: 2^x, log, ...; functions
//               of f64 as F64Functions has them
//   e^x     ->  2^n e^r, whose results may be subnormal
//   log(x)  ->  of subnormal x too
//   2^x     ->  the target's own form where the flag afn allows it: a weight of a softmax may be 3 ulp off, but 2^x in
//               a user's mask is exact for integers. On one lane of a vector where x is a scalar.
//   erf(x)  ->  |x| <  7/8:  x * S(x^2)               S of degree 5, off by 9e-9
//               |x| >= 7/8:  1 - 2^-P(min(|x|, 4))    P of degree 6, off by 2e-9; the sign of x
//
// erf is half of every GELU, and upstream's form selects every coefficient by interval. (Not timed in pairs: a matmul
// of 128x3072x768 with GELU read 89.9% of the peak before and 91.0% after, in different runs.)
//
//===----------------------------------------------------------------------===//

#include "codegen/common/F64Functions.h"
#include "codegen/common/Passes.h"
#include "codegen/common/VectorTarget.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <limits>

using namespace mlir;
using namespace attnc;
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
    auto splat = [&](float value) { return constantFloat(b, loc, type, value); };
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

/// e^x = 2^n e^r in f32, with n = round(x / ln 2) and r = x - n ln 2 in two parts. 2^n is multiplied in two steps:
/// results may be subnormal, which upstream's form makes 0. The polynomial is that of Cephes.
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  ExpandExp(MLIRContext *context, const VectorTarget &target)
      : OpRewritePattern(context, /*benefit=*/2), target(target) {} // before upstream's

  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &b) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32())
      return b.notifyMatchFailure(op, "not of f32");
    Location loc = op.getLoc();
    auto splat = [&](float value) { return constant(b, loc, type, b.getF32FloatAttr(value)); };
    auto shaped = dyn_cast<ShapedType>(type);
    Type ints = shaped ? Type(shaped.clone(b.getI32Type())) : b.getI32Type();
    auto bits = [&](int32_t value) { return constant(b, loc, ints, b.getI32IntegerAttr(value)); };
    auto fma = [&](Value x, Value y, Value z) { return target.multiplyAdd(b, loc, x, y, z); };
    auto limit = [&](Value x, arith::CmpFPredicate beyond, float at) { // NaN stays NaN
      return arith::SelectOp::create(b, loc, arith::CmpFOp::create(b, loc, beyond, x, splat(at)), splat(at), x);
    };
    Value x = limit(limit(op.getOperand(), arith::CmpFPredicate::OLT, -105), arith::CmpFPredicate::OGT, 90);

    constexpr float kRound = 0x1.8p23f; // adding it rounds to an integer, which the low bits then hold
    Value z = fma(x, splat(0x1.715476p0f), splat(kRound));
    Value n = arith::SubFOp::create(b, loc, z, splat(kRound));
    Value r = fma(n, splat(-0.693359375f), x); // exact
    r = fma(n, splat(2.12194440e-4f), r);
    Value p = splat(kSeries[0]);
    for (float coefficient : ArrayRef(kSeries).drop_front())
      p = fma(p, r, splat(coefficient));
    p = arith::AddFOp::create(b, loc, fma(p, arith::MulFOp::create(b, loc, r, r), r), splat(1));

    Value whole =
        arith::SubIOp::create(b, loc, arith::BitcastOp::create(b, loc, ints, z), bits(llvm::bit_cast<int32_t>(kRound)));
    Value half = arith::ShRSIOp::create(b, loc, whole, bits(1));
    for (Value part : {half, arith::SubIOp::create(b, loc, whole, half).getResult()}) {
      Value biased = arith::ShLIOp::create(b, loc, arith::AddIOp::create(b, loc, part, bits(127)), bits(23));
      p = arith::MulFOp::create(b, loc, p, arith::BitcastOp::create(b, loc, type, biased));
    }
    b.replaceOp(op, p);
    return success();
  }

private:
  static constexpr float kSeries[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                                      4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  static Value constant(OpBuilder &b, Location loc, Type type, TypedAttr value) {
    if (auto shaped = dyn_cast<ShapedType>(type))
      value = DenseElementsAttr::get(shaped, Attribute(value));
    return arith::ConstantOp::create(b, loc, value);
  }
  const VectorTarget &target;
};

/// log(x) = n ln 2 + log(1+f) in f32 with x = 2^n (1+f), 1+f in [sqrt 1/2, sqrt 2). The polynomial is that of Cephes;
/// upstream's form takes subnormal numbers for 2^-126.
struct ExpandLog : OpRewritePattern<math::LogOp> {
  ExpandLog(MLIRContext *context, const VectorTarget &target)
      : OpRewritePattern(context, /*benefit=*/2), target(target) {} // before upstream's

  LogicalResult matchAndRewrite(math::LogOp op, PatternRewriter &b) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32())
      return b.notifyMatchFailure(op, "not of f32");
    Location loc = op.getLoc();
    auto shaped = dyn_cast<ShapedType>(type);
    Type ints = shaped ? Type(shaped.clone(b.getI32Type())) : b.getI32Type();
    auto splat = [&](float value) { return constantFloat(b, loc, type, value); };
    auto bits = [&](int32_t value) { return constantInt(b, loc, ints, value); };
    auto fma = [&](Value x, Value y, Value z) { return target.multiplyAdd(b, loc, x, y, z); };
    auto test = [&](arith::CmpFPredicate predicate, Value x, float y) -> Value {
      return arith::CmpFOp::create(b, loc, predicate, x, splat(y));
    };
    auto select = [&](Value condition, Value x, Value y) -> Value {
      return arith::SelectOp::create(b, loc, condition, x, y);
    };
    Value x = op.getOperand(), isSmall = test(arith::CmpFPredicate::OLT, x, 0x1p-126f);
    Value scaled =
        arith::BitcastOp::create(b, loc, ints, select(isSmall, arith::MulFOp::create(b, loc, x, splat(0x1p25f)), x));
    constexpr int32_t kRootOfHalf = 0x3f3504f3;
    Value exponent = arith::ShRSIOp::create(b, loc, arith::SubIOp::create(b, loc, scaled, bits(kRootOfHalf)), bits(23));
    Value m = arith::SubIOp::create(b, loc, scaled, arith::ShLIOp::create(b, loc, exponent, bits(23)));
    Value f = arith::SubFOp::create(b, loc, arith::BitcastOp::create(b, loc, type, m), splat(1));
    Value n = arith::SubFOp::create(b, loc, arith::SIToFPOp::create(b, loc, type, exponent),
                                    select(isSmall, splat(25), splat(0)));
    Value z = arith::MulFOp::create(b, loc, f, f), p = splat(kSeries[0]);
    for (float coefficient : ArrayRef(kSeries).drop_front())
      p = fma(p, f, splat(coefficient));
    Value tail = fma(n, splat(-2.12194440e-4f), arith::MulFOp::create(b, loc, arith::MulFOp::create(b, loc, f, z), p));
    Value log = arith::AddFOp::create(b, loc, f, fma(z, splat(-0.5f), tail));
    log = fma(n, splat(0.693359375f), log);

    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    log = select(test(arith::CmpFPredicate::OEQ, x, 0), splat(-kInfinity), log);
    log = select(test(arith::CmpFPredicate::OLT, x, 0), splat(std::numeric_limits<float>::quiet_NaN()), log);
    b.replaceOp(op, select(test(arith::CmpFPredicate::OLT, x, kInfinity), log, x)); // inf and NaN stay what they are
    return success();
  }

private:
  static constexpr float kSeries[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                                      -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                                      2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
  const VectorTarget &target;
};

struct ExpandExp2 : OpRewritePattern<math::Exp2Op> {
  ExpandExp2(MLIRContext *context, const VectorTarget &target)
      : OpRewritePattern(context, /*benefit=*/3), target(target) {} // before the exact one

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

/// Functions of f64, and those of f32 whose upstream forms are off by more than a few ulps.
struct ExpandInF64 : RewritePattern {
  explicit ExpandInF64(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/2, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &b) const override {
    if (!isa<math::MathDialect>(op->getDialect()) || op->getNumResults() != 1)
      return failure();
    Type type = op->getResult(0).getType(), element = getElementTypeOrSelf(type);
    if (!isa<FloatType>(element) || !(element.isF64() || isRough(op)))
      return failure();
    if (element.isF32() && isa<math::SinOp, math::CosOp>(op)) {
      b.replaceOp(op, emitF32Circular(b, op));
      return success();
    }
    SmallVector<Value> operands(op->getOperands());
    for (Value &operand : operands)
      operand = convert(b, operand, b.getF64Type());
    bool fromF32 =
        llvm::all_of(operands, [](Value operand) { return operand.getDefiningOp<arith::ExtFOp>() != nullptr; });
    Value result = emitF64Function(b, op, operands, fromF32);
    if (!result)
      return failure();
    b.replaceOp(op, convert(b, result, element));
    return success();
  }

private:
  static bool isRough(Operation *op) {
    return isa<math::Exp2Op, math::Log2Op, math::Log10Op, math::SinOp, math::CosOp, math::TanOp, math::AsinOp,
               math::AcosOp, math::AtanOp, math::SinhOp, math::CoshOp, math::AsinhOp, math::AcoshOp, math::AtanhOp,
               math::PowFOp, math::CbrtOp>(op);
  }
  /// Through f32: no target converts between f64 and what is narrower.
  static Value convert(OpBuilder &b, Value x, Type element) {
    auto widthOf = [](Type type) { return getElementTypeOrSelf(type).getIntOrFloatBitWidth(); };
    auto cast = [&](Type next) {
      auto shaped = dyn_cast<ShapedType>(x.getType());
      Type type = shaped ? Type(shaped.clone(next)) : next;
      if (widthOf(x.getType()) < widthOf(next))
        x = arith::ExtFOp::create(b, x.getLoc(), type, x);
      else if (widthOf(x.getType()) > widthOf(next))
        x = arith::TruncFOp::create(b, x.getLoc(), type, x);
    };
    if (widthOf(x.getType()) < 32 || widthOf(element) < 32)
      cast(b.getF32Type());
    cast(element);
    return x;
  }
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
    math::populateExpansionPatterns(patterns, {"rsqrt", "fpowi", "ipowi", "clampf"});
    populateMathPolynomialApproximationPatterns(patterns, MathPolynomialApproximationOptions());
    patterns.add<ExpandInF64>(&getContext());
    patterns.add<ExpandErf, ExpandExp, ExpandExp2, ExpandLog>(&getContext(), *vectors);
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
