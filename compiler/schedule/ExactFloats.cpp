//===- ExactFloats.cpp - Floats that must not be off by a rounding --------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %l = math.log %n : f32            // an integer comes out of it (dialects/Attn/Decisions.h)
//   %q = arith.divf %l, %c : f32      // likewise, %c is a constant
//   %a = attn.phase %p, %b, %k, %n : index, ... -> f32
// ->
//   %l = truncf(math.log(extf %n))    // correctly rounded, but for one argument in 10^7
//   %q = truncf(divf(extf %l, extf %c))    // x * (1 / c) will do in f64: its error is below any tie of two f32
//   %t = %p * exp2(-log2(%b) * (%k / %n))  // in f64; %p * %table[%d] where only the feature %d is not constant
//   %r = round(%t * 1/(2 pi))
//   %a = truncf(%t - %r * high(2 pi) - %r * low(2 pi))
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Attn/Decisions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include <cmath>

using namespace mlir;
using namespace attnc;

namespace attnc::schedule {
#define GEN_PASS_DEF_EXACTFLOATS
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

/// IEEE 754 says what these give; what else there is in math is as exact as its implementation.
static bool isExact(Operation *op) {
  return !isa<math::MathDialect>(op->getDialect()) ||
         isa<math::AbsFOp, math::CeilOp, math::CopySignOp, math::FloorOp, math::FmaOp, math::RoundOp, math::RoundEvenOp,
             math::SqrtOp, math::TruncOp>(op);
}

/// x / c may become x * (1 / c), which is exact for powers of two alone.
static bool isDivisionByConstant(Operation *op) {
  auto division = dyn_cast<arith::DivFOp>(op);
  if (!division || !matchPattern(division.getRhs(), m_Constant()))
    return false;
  llvm::APFloat divisor(0.0f);
  return !matchPattern(division.getRhs(), m_ConstantFloat(&divisor)) || !divisor.getExactInverse(nullptr);
}

/// `type` with another type of elements.
static Type withElement(Type type, Type element) {
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped ? Type(shaped.clone(element)) : element;
}

/// op(x) : f32  ->  truncf(op(extf x))
static void computeInF64(Operation *op) {
  OpBuilder b(op);
  Location loc = op->getLoc();
  Type type = op->getResult(0).getType(), wide = withElement(type, b.getF64Type());
  b.setInsertionPointAfter(op);
  Value narrowed = arith::TruncFOp::create(b, loc, type, op->getResult(0));
  op->getResult(0).replaceAllUsesExcept(narrowed, narrowed.getDefiningOp());
  op->getResult(0).setType(wide);
  b.setInsertionPoint(op);
  for (OpOperand &operand : op->getOpOperands())
    if (isa<FloatType>(getElementTypeOrSelf(operand.get().getType())))
      operand.set(b.createOrFold<arith::ExtFOp>(loc, wide, operand.get()));
}

namespace {
/// Arithmetic on scalars of f64.
struct F64 {
  OpBuilder &b;
  Location loc;

  Value constant(double value) { return arith::ConstantOp::create(b, loc, b.getF64FloatAttr(value)); }
  Value widen(Value x) {
    Type type = x.getType();
    if (type.isIndex())
      return b.createOrFold<arith::SIToFPOp>(loc, b.getF64Type(),
                                             b.createOrFold<arith::IndexCastOp>(loc, b.getI64Type(), x));
    return type.isF64() ? x : b.createOrFold<arith::ExtFOp>(loc, b.getF64Type(), x);
  }
  Value times(Value x, Value y) { return b.createOrFold<arith::MulFOp>(loc, x, y); }
  Value over(Value x, Value y) { return b.createOrFold<arith::DivFOp>(loc, x, y); }
  Value minus(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
};
} // namespace

namespace {
/// Constant folding of what depends on the feature alone, feature by feature.
class Evaluation {
public:
  Evaluation(Value feature, int64_t at) { known[feature] = Builder(feature.getContext()).getIndexAttr(at); }

  /// Null if something else in `value` is unknown, or too much of it.
  Attribute operator()(Value value) {
    auto [it, isNew] = known.try_emplace(value);
    if (!isNew || known.size() > kMaxValues)
      return it->second;
    Attribute result;
    if (!matchPattern(value, m_Constant(&result)))
      result = fold(value.getDefiningOp());
    return known[value] = result;
  }

private:
  Attribute fold(Operation *op, bool mayRepeat = true) {
    if (!op || op->getNumRegions() != 0 || op->getNumResults() != 1)
      return {};
    SmallVector<Attribute> operands;
    for (Value operand : op->getOperands())
      if (operands.push_back((*this)(operand)); !operands.back())
        return {};
    SmallVector<OpFoldResult> results;
    if (failed(op->fold(operands, results)))
      return {};
    if (results.empty()) // in place: a constant moved to the right
      return mayRepeat ? fold(op, false) : Attribute();
    auto same = dyn_cast<Value>(results.front());
    return same ? (*this)(same) : cast<Attribute>(results.front());
  }

  static constexpr size_t kMaxValues = 64;
  DenseMap<Value, Attribute> known;
};
} // namespace

static std::optional<double> toNumber(Attribute attribute) {
  if (auto integer = dyn_cast_or_null<IntegerAttr>(attribute))
    return static_cast<double>(integer.getInt());
  if (auto real = dyn_cast_or_null<FloatAttr>(attribute))
    return real.getValueAsDouble();
  return std::nullopt;
}

/// A table of base^(-numerator / denominator), and where in it a feature finds its own.
struct Frequencies {
  DenseElementsAttr table;
  Value place;
};

/// What is multiplied by a constant in `numerator`, or all of it: features of equal angles then read one element.
static Value placeOf(Value numerator) {
  auto product = numerator.getDefiningOp<arith::MulIOp>();
  for (int side : {0, 1})
    if (product && matchPattern(product->getOperand(side), m_Constant()))
      return product->getOperand(1 - side);
  return numerator;
}

/// The frequencies of all features, if they are known now.
static std::optional<Frequencies> tabulate(attn::PhaseOp op, Value feature, int64_t features) {
  constexpr int64_t kMaxSize = 1 << 17;
  Builder b(op.getContext());
  Value place = placeOf(op.getNumerator());
  SmallVector<double> table;
  for (int64_t d = 0; d < features; ++d) {
    Evaluation evaluate(feature, d);
    std::optional<double> base = toNumber(evaluate(op.getBase())), numerator = toNumber(evaluate(op.getNumerator())),
                          denominator = toNumber(evaluate(op.getDenominator()));
    auto index = dyn_cast_or_null<IntegerAttr>(evaluate(place));
    if (!base || !numerator || !denominator || !index || index.getInt() < 0 || index.getInt() >= kMaxSize)
      return std::nullopt;
    table.resize(std::max<size_t>(table.size(), index.getInt() + 1));
    table[index.getInt()] =
        std::pow(static_cast<long double>(*base), -static_cast<long double>(*numerator) / *denominator);
  }
  auto type = RankedTensorType::get({static_cast<int64_t>(table.size())}, b.getF64Type());
  return Frequencies{DenseElementsAttr::get(type, ArrayRef<double>(table)), place};
}

/// A capture of `attention` that holds `table`; its argument of `region`.
static Value capture(attn::AttentionOp attention, DenseElementsAttr table, Region &region) {
  for (auto [n, captured] : llvm::enumerate(attention.getCaptures()))
    if (DenseElementsAttr other; matchPattern(captured, m_Constant(&other)) && other == table)
      return attention.captureArgument(region, n);
  OpBuilder b(attention);
  attention.getCapturesMutable().append(arith::ConstantOp::create(b, attention.getLoc(), table).getResult());
  for (Region &each : attention->getRegions())
    if (!each.empty())
      each.addArgument(table.getType(), attention.getLoc());
  return attention.captureArgument(region, attention.getCaptures().size() - 1);
}

/// base^(-numerator / denominator) out of a table of all features, or nothing.
static Value readFrequency(F64 f, attn::PhaseOp op) {
  constexpr int64_t kMaxFeatures = 1 << 16;
  auto attention = op->getParentOfType<attn::AttentionOp>();
  if (!attention)
    return {};
  for (Region *region : {&attention.getQuery(), &attention.getKey()}) {
    int64_t features = attention.getExtent('D');
    if (!region->findAncestorBlockInRegion(*op->getBlock()) || features > kMaxFeatures)
      continue;
    Value feature = attn::AttentionOp::argumentOf(*region, 'd');
    if (std::optional<Frequencies> known = tabulate(op, feature, features))
      return tensor::ExtractOp::create(f.b, op.getLoc(), capture(attention, known->table, *region), known->place);
  }
  return {};
}

/// position * base^(-numerator / denominator)
static Value emitAngle(F64 f, attn::PhaseOp op) {
  if (Value frequency = readFrequency(f, op))
    return f.times(f.widen(op.getPosition()), frequency);
  Value base = f.b.createOrFold<math::Log2Op>(op.getLoc(), f.widen(op.getBase()));
  Value exponent = f.times(f.over(f.widen(op.getNumerator()), f.widen(op.getDenominator())),
                           f.b.createOrFold<arith::NegFOp>(op.getLoc(), base));
  return f.times(f.widen(op.getPosition()), math::Exp2Op::create(f.b, op.getLoc(), exponent));
}

/// 2 pi in two parts: whole numbers of turns below 2^24 times the first are exact.
constexpr double kTurnHigh = 0x1.921fb54p+2, kTurnLow = 6.283185307179586476925286766559L - kTurnHigh;
constexpr double kTurns = 0.15915494309189533576888376337251; // 1 / (2 pi)

constexpr double kRound = 0x1.8p52; // adding it rounds to an integer

static void expandPhase(attn::PhaseOp op) {
  OpBuilder b(op);
  F64 f{b, op.getLoc()};
  Value angle = emitAngle(f, op);
  Value shifted = arith::AddFOp::create(b, op.getLoc(), f.times(angle, f.constant(kTurns)), f.constant(kRound));
  Value turns = f.minus(shifted, f.constant(kRound));
  Value rest = f.minus(f.minus(angle, f.times(turns, f.constant(kTurnHigh))), f.times(turns, f.constant(kTurnLow)));
  if (!op.getType().isF64())
    rest = arith::TruncFOp::create(b, op.getLoc(), op.getType(), rest);
  op.replaceAllUsesWith(rest);
  op.erase();
}

namespace {
struct ExactFloatsPass : attnc::schedule::impl::ExactFloatsBase<ExactFloatsPass> {
  void runOnOperation() override {
    SmallVector<Operation *> inexact;
    SmallVector<attn::PhaseOp> phases;
    llvm::DenseSet<Value> deciding = attn::findDecidingFloats(getOperation());
    getOperation()->walk([&](Operation *op) {
      if (auto phase = dyn_cast<attn::PhaseOp>(op))
        phases.push_back(phase);
      else if (op->getNumResults() == 1 && deciding.contains(op->getResult(0)) &&
               getElementTypeOrSelf(op->getResult(0).getType()).getIntOrFloatBitWidth() < 64 &&
               (!isExact(op) || isDivisionByConstant(op)))
        inexact.push_back(op);
    });
    llvm::for_each(inexact, computeInF64);
    llvm::for_each(phases, expandPhase);
    numExact += inexact.size() + phases.size();
  }
};
} // namespace
