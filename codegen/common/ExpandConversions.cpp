//===- ExpandConversions.cpp - Conversions between floats -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a target has no instruction, LLVM calls a function that C libraries lack and older compilers' libraries too
// (__truncsfbf2, __truncdfhf2, ...). Here such conversions become integer arithmetic, on scalars and vectors alike:
//
//   bf16 -> f32   bits << 16
//   f32  -> bf16  (bits + 0x7fff + lowest kept bit) >> 16; NaN stays NaN
//   f16  -> f32   bits << 13, the exponent moved by 112; subnormals by a subtraction
//   f32  -> f16   the other way round; subnormals by an addition, which rounds
//   f64  -> f16, bf16    by way of f32 rounded to odd, so that the second rounding is the only one
//   f16, bf16 -> f64     by way of f32
//   integers -> f16, bf16    by way of f64 where f32 is too small, else f32
//
// Round to odd: toward zero, and the last bit is set where anything was lost. That bit lies below the half of the
// narrow type's last bit, so a tie is seen to be none:
//
//   f64 1 + 2^-8 + 2^-40   nearest f32: 1 + 2^-8, a tie for bf16: 1         (wrong)
//                          odd f32: 1 + 2^-8 + 2^-23          : 1 + 2^-7    (right)
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Passes.h"
#include "codegen/common/Target.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace attnc::codegen {
#define GEN_PASS_DEF_EXPANDCONVERSIONS
#include "codegen/common/Passes.h.inc"
} // namespace attnc::codegen

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

namespace {

/// Integer and float arithmetic on values of the shape of one operand.
class Bits {
public:
  Bits(PatternRewriter &b, Location loc, Type shape) : b(b), loc(loc), shape(shape) {}

  Type like(Type element) {
    auto vector = dyn_cast<VectorType>(shape);
    return vector ? Type(vector.clone(element)) : element;
  }
  Type f32() { return like(b.getF32Type()); }
  Type f64() { return like(b.getF64Type()); }
  Type integer(unsigned width) { return like(b.getIntegerType(width)); }

  Value constant(Value as, int64_t value) { return constantInt(b, loc, as.getType(), value); }
  Value cast(Value x, Type type) { return arith::BitcastOp::create(b, loc, type, x); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value add(Value x, int64_t y) { return add(x, constant(x, y)); }
  Value both(Value x, int64_t y) { return arith::AndIOp::create(b, loc, x, constant(x, y)); }
  Value either(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value left(Value x, int64_t y) { return arith::ShLIOp::create(b, loc, x, constant(x, y)); }
  Value right(Value x, int64_t y) { return arith::ShRUIOp::create(b, loc, x, constant(x, y)); }
  Value widen(Value x) { return arith::ExtUIOp::create(b, loc, integer(32), x); }
  Value narrow(Value x) { return arith::TruncIOp::create(b, loc, integer(16), x); }
  /// Magnitudes, whose sign bit is clear: signed comparisons, which SSE2 has.
  Value less(Value x, int64_t y) { return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, constant(x, y)); }
  Value more(Value x, int64_t y) { return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, x, constant(x, y)); }
  Value compare(arith::CmpFPredicate how, Value x, Value y) { return arith::CmpFOp::create(b, loc, how, x, y); }
  Value choose(Value condition, Value yes, Value no) { return arith::SelectOp::create(b, loc, condition, yes, no); }
  Value choose(Value condition, int64_t yes, Value no) { return choose(condition, constant(no, yes), no); }
  Value addFloats(Value x, int64_t y) {
    return cast(arith::AddFOp::create(b, loc, cast(x, f32()), cast(constant(x, y), f32())), integer(32));
  }
  Value subtractFloats(Value x, int64_t y) {
    return cast(arith::SubFOp::create(b, loc, cast(x, f32()), cast(constant(x, y), f32())), integer(32));
  }

  PatternRewriter &b;
  Location loc;
  Type shape;
};

Value bf16ToF32(Bits &c, Value x) { return c.cast(c.left(c.widen(c.cast(x, c.integer(16))), 16), c.f32()); }

Value f32ToBf16(Bits &c, Value x) {
  Value bits = c.cast(x, c.integer(32));
  Value rounded = c.right(c.add(bits, c.add(c.both(c.right(bits, 16), 1), 0x7fff)), 16);
  Value quiet = c.either(c.right(bits, 16), c.constant(bits, 0x40));
  Value isNan = c.compare(arith::CmpFPredicate::UNO, x, x);
  return c.cast(c.narrow(c.choose(isNan, quiet, rounded)), c.like(c.b.getBF16Type()));
}

// Exponents as they stand in the bits of an f32.
constexpr int64_t kExponent = 1 << 23;                // one
constexpr int64_t kBiases = (127 - 15) * kExponent;   // the difference of the biases of f32 and f16
constexpr int64_t kInfinity = 255 * kExponent;        // exponent of infinity and NaN
constexpr int64_t kTooLarge = (127 + 16) * kExponent; // 2^16
constexpr int64_t kSmallest = (127 - 14) * kExponent; // 2^-14, the smallest normal f16
constexpr int64_t kLastBit =
    (127 - 14 - 10 + 23) * kExponent; // 2^-1, whose last bit is worth 2^-24 as a subnormal's is

Value f16ToF32(Bits &c, Value x) {
  Value half = c.widen(c.cast(x, c.integer(16)));
  Value magnitude = c.left(c.both(half, 0x7fff), 13);
  Value normal = c.add(magnitude, kBiases);
  Value special = c.add(normal, kBiases); // exponent 31 + 2 * 112 = 255
  Value subnormal = c.subtractFloats(c.add(normal, kExponent), kSmallest);
  Value result = c.choose(c.less(magnitude, kExponent), subnormal, normal);
  result = c.choose(c.more(magnitude, 31 * kExponent - 1), special, result);
  return c.cast(c.either(result, c.left(c.both(half, 0x8000), 16)), c.f32());
}

Value f32ToF16(Bits &c, Value x) {
  Value bits = c.cast(x, c.integer(32));
  Value magnitude = c.both(bits, 0x7fffffff);
  Value odd = c.both(c.right(magnitude, 13), 1);
  Value normal = c.right(c.add(c.add(magnitude, 0xfff - kBiases), odd), 13); // rounds up to infinity where it must
  Value subnormal = c.add(c.addFloats(magnitude, kLastBit), -kLastBit);
  Value result = c.choose(c.less(magnitude, kSmallest), subnormal, normal);
  result = c.choose(c.more(magnitude, kTooLarge - 1), 0x7c00, result);
  result = c.choose(c.more(magnitude, kInfinity), 0x7e00, result);
  return c.cast(c.narrow(c.either(result, c.both(c.right(bits, 16), 0x8000))), c.like(c.b.getF16Type()));
}

/// f64 to f32, rounded to odd; NaN and infinity stay what they are.
Value f64ToOdd(Bits &c, Value x) {
  auto magnitude = [&](Value value, Type bits, int64_t mask, Type type) {
    return c.cast(c.both(c.cast(value, bits), mask), type);
  };
  Value near = arith::TruncFOp::create(c.b, c.loc, c.f32(), x);
  Value back = arith::ExtFOp::create(c.b, c.loc, c.f64(), near);
  Value isLarger = c.compare(arith::CmpFPredicate::OGT, magnitude(back, c.integer(64), INT64_MAX, c.f64()),
                             magnitude(x, c.integer(64), INT64_MAX, c.f64()));
  Value bits = c.cast(near, c.integer(32));
  Value towardZero = c.choose(isLarger, c.add(bits, -1), bits); // the magnitude stands in the lower bits
  Value isInexact = c.compare(arith::CmpFPredicate::ONE, back, x);
  Value odd = c.either(towardZero, c.constant(bits, 1));
  return c.cast(c.choose(isInexact, odd, bits), c.f32());
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// What the target converts by itself.
struct Native {
  bool halves, brains; // f16 <-> f32, f32 -> bf16
};

bool isShort(Type type) { return isa<Float16Type, BFloat16Type>(type); }

struct ExpandExtF : OpRewritePattern<arith::ExtFOp> {
  ExpandExtF(MLIRContext *context, Native native) : OpRewritePattern(context), native(native) {}
  LogicalResult matchAndRewrite(arith::ExtFOp op, PatternRewriter &b) const override {
    Type from = getElementTypeOrSelf(op.getIn().getType()), to = getElementTypeOrSelf(op.getType());
    Bits c(b, op.getLoc(), op.getType());
    if (!isShort(from) || (from.isF16() && native.halves) || (from.isBF16() && native.brains))
      return b.notifyMatchFailure(op, "the target can do it");
    if (to.isF64()) {
      Value middle = arith::ExtFOp::create(b, op.getLoc(), c.f32(), op.getIn());
      b.replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(), middle);
      return success();
    }
    b.replaceOp(op, from.isF16() ? f16ToF32(c, op.getIn()) : bf16ToF32(c, op.getIn()));
    return success();
  }
  Native native;
};

struct ExpandTruncF : OpRewritePattern<arith::TruncFOp> {
  ExpandTruncF(MLIRContext *context, Native native) : OpRewritePattern(context), native(native) {}
  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &b) const override {
    Type from = getElementTypeOrSelf(op.getIn().getType()), to = getElementTypeOrSelf(op.getType());
    Bits c(b, op.getLoc(), op.getType());
    if (!isShort(to))
      return b.notifyMatchFailure(op, "the target can do it");
    if (from.isF64()) {
      b.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), f64ToOdd(c, op.getIn()));
      return success();
    }
    if ((to.isF16() && native.halves) || (to.isBF16() && native.brains))
      return b.notifyMatchFailure(op, "the target can do it");
    b.replaceOp(op, to.isF16() ? f32ToF16(c, op.getIn()) : f32ToBf16(c, op.getIn()));
    return success();
  }
  Native native;
};

/// int -> f16 becomes int -> f32 -> f16.
template <typename Op>
struct ExpandIntegerToFloat : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &b) const override {
    if (!isShort(getElementTypeOrSelf(op.getType())))
      return b.notifyMatchFailure(op, "the target can do it");
    Bits c(b, op.getLoc(), op.getType());
    bool isWide = getElementTypeOrSelf(op.getIn().getType()).getIntOrFloatBitWidth() > 24;
    Value exact = Op::create(b, op.getLoc(), isWide ? c.f64() : c.f32(), op.getIn());
    b.template replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), exact);
    return success();
  }
};

/// f16 -> int becomes f16 -> f32 -> int.
template <typename Op>
struct ExpandFloatToInteger : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &b) const override {
    if (!isShort(getElementTypeOrSelf(op.getIn().getType())))
      return b.notifyMatchFailure(op, "the target can do it");
    Bits c(b, op.getLoc(), op.getType());
    Value wide = arith::ExtFOp::create(b, op.getLoc(), c.f32(), op.getIn());
    b.template replaceOpWithNewOp<Op>(op, op.getType(), wide);
    return success();
  }
};

/// Any other arithmetic on f16 and bf16 is done in f32.
struct ComputeInF32 : RewritePattern {
  ComputeInF32(MLIRContext *context, Native native)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context), native(native) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &b) const override {
    auto isExpanded = [&](Type type) {
      Type element = getElementTypeOrSelf(type);
      return (element.isF16() && !native.halves) || (element.isBF16() && !native.brains);
    };
    bool isArithmetic = isa_and_present<arith::ArithDialect, math::MathDialect>(op->getDialect()) &&
                        op->hasTrait<OpTrait::Elementwise>();
    if (!isArithmetic || isa<arith::ExtFOp, arith::TruncFOp, arith::SelectOp, arith::BitcastOp>(op) ||
        !(llvm::any_of(op->getOperandTypes(), isExpanded) || llvm::any_of(op->getResultTypes(), isExpanded)))
      return failure();
    auto wide = [&](Type type) { return isExpanded(type) ? Bits(b, op->getLoc(), type).f32() : type; };
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(isExpanded(operand.getType())
                             ? arith::ExtFOp::create(b, op->getLoc(), wide(operand.getType()), operand).getResult()
                             : operand);
    SmallVector<Type> types(llvm::map_range(op->getResultTypes(), wide));
    Operation *done = b.create(op->getLoc(), op->getName().getIdentifier(), operands, types, op->getAttrs());
    SmallVector<Value> results;
    for (auto [result, type] : llvm::zip(done->getResults(), op->getResultTypes()))
      results.push_back(isExpanded(type) ? arith::TruncFOp::create(b, op->getLoc(), type, result).getResult()
                                         : Value(result));
    b.replaceOp(op, results);
    return success();
  }
  Native native;
};

struct ExpandConversionsPass : attnc::codegen::impl::ExpandConversionsBase<ExpandConversionsPass> {
  using ExpandConversionsBase::ExpandConversionsBase;
  void runOnOperation() override {
    FailureOr<TargetInfo> info = parseTarget(target);
    if (failed(info)) {
      getOperation()->emitError("unknown target '") << target << "'";
      return signalPassFailure();
    }
    // F16C comes with level v3, as FMA does. A GPU has f16, and bf16 in newer chips only.
    Native native{info->hasFma, info->hasBf16};
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandExtF, ExpandTruncF, ComputeInF32>(&getContext(), native);
    patterns.add<ExpandIntegerToFloat<arith::SIToFPOp>, ExpandIntegerToFloat<arith::UIToFPOp>,
                 ExpandFloatToInteger<arith::FPToSIOp>, ExpandFloatToInteger<arith::FPToUIOp>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
