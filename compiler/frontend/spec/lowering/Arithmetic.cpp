//===- Arithmetic.cpp - The language's operations as arith and math -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/lowering/Arithmetic.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include <cmath>

using namespace mlir;
using namespace attnc::spec;

unsigned SameOperation::getHashValue(const Operation *op) {
  return OperationEquivalence::computeHash(const_cast<Operation *>(op), OperationEquivalence::directHashValue,
                                           OperationEquivalence::ignoreHashValue,
                                           OperationEquivalence::IgnoreLocations);
}

bool SameOperation::isEqual(const Operation *x, const Operation *y) {
  if (x == y)
    return true;
  for (const Operation *special : {getEmptyKey(), getTombstoneKey()})
    if (x == special || y == special)
      return false;
  return OperationEquivalence::isEquivalentTo(const_cast<Operation *>(x), const_cast<Operation *>(y),
                                              OperationEquivalence::IgnoreLocations);
}

/// What was just emitted, or the same operation emitted earlier. Folding sees only through values that are one, so this
/// cannot be left to a later pass.
Value Arithmetic::unique(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return value;
  FloatAttr constant;
  if (matchPattern(op, m_Constant(&constant)) && constant.getValue().isNaN()) // there is one NaN, `nan`
    op->setAttr("value", FloatAttr::get(constant.getType(), APFloat::getQNaN(constant.getValue().getSemantics())));
  auto [earlier, isNew] = emitted.insert(op);
  if (isNew || *earlier == op)
    return value;
  op->erase();
  return (*earlier)->getResult(0);
}

//===----------------------------------------------------------------------===//
// Constants and conversions
//===----------------------------------------------------------------------===//

Operand Arithmetic::integer(int64_t value) {
  return {Operand::Int, unique(arith::ConstantIndexOp::create(builder, *loc, value)), Interval::exactly(value)};
}

Operand Arithmetic::number(double value) {
  return {Operand::Float, unique(arith::ConstantOp::create(builder, *loc, builder.getFloatAttr(floatType, value)))};
}

Operand Arithmetic::boolean(bool value) {
  return {Operand::Bool, unique(arith::ConstantOp::create(builder, *loc, builder.getBoolAttr(value))),
          Interval::exactly(value)};
}

Operand Arithmetic::captured(Value element) {
  Type type = element.getType();
  if (type.isIndex())
    return {Operand::Int, element};
  if (type.isInteger(1))
    return {Operand::Bool, element, {0, 1}};
  if (auto width = dyn_cast<IntegerType>(type)) {
    int64_t limit = width.getWidth() < 64 ? int64_t(1) << (width.getWidth() - 1) : 0;
    return {Operand::Int, emit<arith::IndexCastOp>(builder.getIndexType(), element),
            limit ? Interval{-limit, limit - 1} : Interval{}};
  }
  if (type == floatType)
    return {Operand::Float, element};
  if (type.getIntOrFloatBitWidth() < floatType.getWidth())
    return {Operand::Float, emit<arith::ExtFOp>(floatType, element)};
  return {Operand::Float, emit<arith::TruncFOp>(floatType, element)};
}

Operand Arithmetic::toFloat(Operand x) {
  if (x.type == Operand::Float)
    return x;
  if (x.type == Operand::Bool)
    return select(x, number(1), number(0));
  Value wide = emit<arith::IndexCastOp>(builder.getI64Type(), x.value);
  return {Operand::Float, emit<arith::SIToFPOp>(floatType, wide)};
}

/// Truncates towards zero. NaN gives 0, and what lies beyond +-2^30 gives
/// +-2^30: a 32-bit conversion is what every target has for vectors, and both
/// limits are exact in f32.
Operand Arithmetic::toInt(Operand x) {
  if (x.type == Operand::Int)
    return x;
  if (x.type == Operand::Bool)
    return select(x, integer(1), integer(0));
  constexpr int64_t kLimit = int64_t(1) << 30;
  FloatAttr constant;
  if (matchPattern(x.value, m_Constant(&constant))) {
    double value = constant.getValueAsDouble();
    return integer(std::isnan(value) ? 0 : static_cast<int64_t>(std::clamp<double>(value, -kLimit, kLimit)));
  }
  Value isNumber = emit<arith::CmpFOp>(arith::CmpFPredicate::OEQ, x.value, x.value);
  Value finite = emit<arith::SelectOp>(isNumber, x.value, number(0).value);
  Value low = emit<arith::MaximumFOp>(finite, number(-kLimit).value);
  Value bounded = emit<arith::MinimumFOp>(low, number(kLimit).value);
  Value narrow = emit<arith::FPToSIOp>(builder.getI32Type(), bounded);
  return {Operand::Int, emit<arith::IndexCastOp>(builder.getIndexType(), narrow), {-kLimit, kLimit}};
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

Operand Arithmetic::negate(Operand x) {
  if (x.type == Operand::Float)
    return {Operand::Float, emit<arith::NegFOp>(x.value)};
  return intBinary(Operator::Subtract, integer(0), x);
}

Operand Arithmetic::logicalNot(Operand x) {
  Interval range{1 - x.range.high, 1 - x.range.low};
  return {Operand::Bool, emit<arith::XOrIOp>(x.value, boolean(true).value), range};
}

Operand Arithmetic::binary(Operator op, Operand x, Operand y) {
  if (op == Operator::And)
    return {Operand::Bool, emit<arith::AndIOp>(x.value, y.value), min(x.range, y.range)};
  if (op == Operator::Or)
    return {Operand::Bool, emit<arith::OrIOp>(x.value, y.value), max(x.range, y.range)};
  if (op >= Operator::Less && op <= Operator::NotEqual)
    return compare(op, x, y);
  return x.type == Operand::Int ? intBinary(op, x, y) : floatBinary(op, x, y);
}

Operand Arithmetic::intBinary(Operator op, Operand x, Operand y) {
  switch (op) {
  case Operator::Add:
    return {Operand::Int, emit<arith::AddIOp>(x.value, y.value), x.range + y.range};
  case Operator::Subtract:
    return {Operand::Int, emit<arith::SubIOp>(x.value, y.value), x.range - y.range};
  case Operator::Multiply:
    return {Operand::Int, emit<arith::MulIOp>(x.value, y.value), x.range * y.range};
  case Operator::FloorDivide:
    return floorDivide(x, y);
  default:
    break;
  }
  assert(op == Operator::Modulo);
  // x % y = x - (x // y) * y; so x % 0 = x.
  Operand product = intBinary(Operator::Multiply, floorDivide(x, y), y);
  Operand rest = intBinary(Operator::Subtract, x, product);
  if (y.range.isConstant() && y.range.low > 0)
    rest.range = {0, y.range.low - 1};
  return rest;
}

/// Whether `value` is max(_, c) with a constant c >= 1.
static bool isAtLeastOne(Value value) {
  auto max = value.getDefiningOp<arith::MaxSIOp>();
  IntegerAttr bound;
  return max && matchPattern(max.getRhs(), m_Constant(&bound)) && bound.getInt() >= 1;
}

/// Rounds down. x // 0 = 0, and x // -1 = -x wraps like every other operation.
/// The divisor that the hardware sees is never 0 or -1, even where the
/// operation is hoisted out of a loop that does not run.
Operand Arithmetic::floorDivide(Operand x, Operand y) {
  if (y.range.isConstant()) {
    int64_t divisor = y.range.low;
    if (divisor == 0)
      return integer(0);
    if (divisor == -1)
      return negate(x);
    Value quotient = emit<arith::FloorDivSIOp>(x.value, integer(divisor).value);
    auto floor = [&](int64_t value) { return llvm::divideFloorSigned(value, divisor); };
    Interval range{std::min(floor(x.range.low), floor(x.range.high)),
                   std::max(floor(x.range.low), floor(x.range.high))};
    return {Operand::Int, quotient, range};
  }
  if (y.range.low >= 1) { // an extent
    Value divisor = isAtLeastOne(y.value) ? y.value : emit<arith::MaxSIOp>(y.value, integer(1).value);
    return {Operand::Int, emit<arith::FloorDivSIOp>(x.value, divisor)};
  }
  // special = y == 0 or y == -1;  x // y = y == 0 ? 0 : y == -1 ? -x : x
  // floordiv (special ? 1 : y)
  Value isZero = compare(Operator::Equal, y, integer(0)).value;
  Value isMinusOne = compare(Operator::Equal, y, integer(-1)).value;
  Value special = emit<arith::OrIOp>(isZero, isMinusOne);
  Value divisor = emit<arith::SelectOp>(special, integer(1).value, y.value);
  Value quotient = emit<arith::FloorDivSIOp>(x.value, divisor);
  Value signedQuotient = emit<arith::SelectOp>(isMinusOne, negate(x).value, quotient);
  return {Operand::Int, emit<arith::SelectOp>(isZero, integer(0).value, signedQuotient)};
}

Operand Arithmetic::floatBinary(Operator op, Operand x, Operand y) {
  switch (op) {
  case Operator::Add:
    return {Operand::Float, emit<arith::AddFOp>(x.value, y.value)};
  case Operator::Subtract:
    return {Operand::Float, emit<arith::SubFOp>(x.value, y.value)};
  case Operator::Multiply:
    return {Operand::Float, emit<arith::MulFOp>(x.value, y.value)};
  case Operator::Divide:
    return {Operand::Float, emit<arith::DivFOp>(x.value, y.value)};
  default:
    break;
  }
  // x // y = floor(x / y);  x % y = x - floor(x / y) * y
  Operand quotient = function(Builtin::Floor, floatBinary(Operator::Divide, x, y));
  if (op == Operator::FloorDivide)
    return quotient;
  assert(op == Operator::Modulo);
  return floatBinary(Operator::Subtract, x, floatBinary(Operator::Multiply, quotient, y));
}

static arith::CmpIPredicate intPredicate(Operator op) {
  switch (op) {
  case Operator::Less:
    return arith::CmpIPredicate::slt;
  case Operator::LessEqual:
    return arith::CmpIPredicate::sle;
  case Operator::Greater:
    return arith::CmpIPredicate::sgt;
  case Operator::GreaterEqual:
    return arith::CmpIPredicate::sge;
  case Operator::Equal:
    return arith::CmpIPredicate::eq;
  default:
    return arith::CmpIPredicate::ne;
  }
}

/// IEEE: every comparison with NaN is false, except `!=`.
static arith::CmpFPredicate floatPredicate(Operator op) {
  switch (op) {
  case Operator::Less:
    return arith::CmpFPredicate::OLT;
  case Operator::LessEqual:
    return arith::CmpFPredicate::OLE;
  case Operator::Greater:
    return arith::CmpFPredicate::OGT;
  case Operator::GreaterEqual:
    return arith::CmpFPredicate::OGE;
  case Operator::Equal:
    return arith::CmpFPredicate::OEQ;
  default:
    return arith::CmpFPredicate::UNE;
  }
}

/// What is known of an integer comparison from the intervals: {1, 1}, {0, 0} or
/// {0, 1}.
static Interval compareIntervals(Operator op, Interval x, Interval y) {
  auto decided = [](bool always, bool never) {
    return always ? Interval{1, 1} : never ? Interval{0, 0} : Interval{0, 1};
  };
  bool same = x.isConstant() && y.isConstant() && x.low == y.low;
  bool apart = x.high < y.low || y.high < x.low;
  switch (op) {
  case Operator::Less:
    return decided(x.high < y.low, x.low >= y.high);
  case Operator::LessEqual:
    return decided(x.high <= y.low, x.low > y.high);
  case Operator::Greater:
    return decided(x.low > y.high, x.high <= y.low);
  case Operator::GreaterEqual:
    return decided(x.low >= y.high, x.high < y.low);
  case Operator::Equal:
    return decided(same, apart);
  default:
    return decided(apart, same);
  }
}

Operand Arithmetic::compare(Operator op, Operand x, Operand y) {
  if (x.type == Operand::Float)
    return {Operand::Bool, emit<arith::CmpFOp>(floatPredicate(op), x.value, y.value), {0, 1}};
  return {Operand::Bool, emit<arith::CmpIOp>(intPredicate(op), x.value, y.value),
          compareIntervals(op, x.range, y.range)};
}

Operand Arithmetic::select(Operand condition, Operand x, Operand y) {
  if (condition.range.isConstant())
    return condition.range.low != 0 ? x : y;
  return {x.type, emit<arith::SelectOp>(condition.value, x.value, y.value), x.range.unionWith(y.range)};
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

Operand Arithmetic::minimum(Operand x, Operand y) {
  if (x.type == Operand::Float)
    return {Operand::Float, emit<arith::MinimumFOp>(x.value, y.value)};
  return {Operand::Int, emit<arith::MinSIOp>(x.value, y.value), min(x.range, y.range)};
}

Operand Arithmetic::maximum(Operand x, Operand y) {
  if (x.type == Operand::Float)
    return {Operand::Float, emit<arith::MaximumFOp>(x.value, y.value)};
  return {Operand::Int, emit<arith::MaxSIOp>(x.value, y.value), max(x.range, y.range)};
}

/// Of integers: max(x, -x), as math.absi has no defined value for the smallest
/// one.
Operand Arithmetic::absolute(Operand x) {
  if (x.type == Operand::Float)
    return {Operand::Float, emit<math::AbsFOp>(x.value)};
  return maximum(x, negate(x));
}

/// The function of a constant, in f64. Folding in f32 would be as exact as the C library's functions of f32 are.
static std::optional<double> foldFunction(Builtin builtin, double x) {
  switch (builtin) {
  case Builtin::Exp:
    return std::exp(x);
  case Builtin::Exp2:
    return std::exp2(x);
  case Builtin::Log:
    return std::log(x);
  case Builtin::Log2:
    return std::log2(x);
  case Builtin::Tanh:
    return std::tanh(x);
  case Builtin::Sin:
    return std::sin(x);
  case Builtin::Cos:
    return std::cos(x);
  default:
    return std::nullopt; // exact in any type
  }
}

Operand Arithmetic::function(Builtin builtin, Operand x) {
  FloatAttr constant;
  if (matchPattern(x.value, m_Constant(&constant)))
    if (std::optional<double> value = foldFunction(builtin, constant.getValueAsDouble()))
      return number(*value);
  switch (builtin) {
  case Builtin::Exp:
    return {Operand::Float, emit<math::ExpOp>(x.value)};
  case Builtin::Exp2:
    return {Operand::Float, emit<math::Exp2Op>(x.value)};
  case Builtin::Log:
    return {Operand::Float, emit<math::LogOp>(x.value)};
  case Builtin::Log2:
    return {Operand::Float, emit<math::Log2Op>(x.value)};
  case Builtin::Tanh:
    return {Operand::Float, emit<math::TanhOp>(x.value)};
  case Builtin::Sqrt:
    return {Operand::Float, emit<math::SqrtOp>(x.value)};
  case Builtin::Sin:
    return {Operand::Float, emit<math::SinOp>(x.value)};
  case Builtin::Cos:
    return {Operand::Float, emit<math::CosOp>(x.value)};
  case Builtin::Floor:
    return {Operand::Float, emit<math::FloorOp>(x.value)};
  default:
    break;
  }
  llvm_unreachable("not a function of one float");
}

Operand Arithmetic::phase(Operand position, Operand base, Operand numerator, Operand denominator) {
  return {Operand::Float, unique(attnc::attn::PhaseOp::create(builder, *loc, floatType, position.value, base.value,
                                                              numerator.value, denominator.value))};
}

Operand Arithmetic::extract(Value tensor, ValueRange indices) {
  return captured(unique(tensor::ExtractOp::create(builder, *loc, tensor, indices)));
}

Operand Arithmetic::clampIndex(Operand index, Operand extent) {
  Operand last = intBinary(Operator::Subtract, extent, integer(1));
  return maximum(minimum(index, last), integer(0));
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Operand Arithmetic::feature(Operand position) {
  return {Operand::Float, unique(attnc::attn::FeatureOp::create(builder, *loc, floatType, position.value))};
}

Operand Arithmetic::openSum(int64_t features) {
  auto sum = attnc::attn::SumOp::create(builder, *loc, floatType);
  open.push_back({builder.saveInsertionPoint(), emitted}); // what is emitted inside is not seen outside
  Block &body = sum.getBody().emplaceBlock();
  builder.setInsertionPointToEnd(&body);
  return {Operand::Int, body.addArgument(builder.getIndexType(), *loc), {0, std::max<int64_t>(features - 1, 0)}};
}

/// `summand` may be poison: the sum is then thrown away with everything else.
Operand Arithmetic::closeSum(Operand summand) {
  auto sum = cast<attnc::attn::SumOp>(builder.getBlock()->getParentOp());
  if (!summand.isPoison())
    attnc::attn::YieldOp::create(builder, *loc, toFloat(summand).value);
  builder.restoreInsertionPoint(open.back().first);
  emitted = std::move(open.back().second);
  open.pop_back();
  return summand.isPoison() ? Operand() : Operand{Operand::Float, sum.getResult()};
}
