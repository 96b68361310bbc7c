//===- Integers.cpp - Integer operations without undefined behaviour ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Integers.h"
#include "compiler/frontend/onnx/Model.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;

namespace {
class IntegerEmitter {
public:
  IntegerEmitter(OpBuilder &builder, Location loc) : b(builder), loc(loc) {}

  Value constant(Type type, const APInt &value) {
    return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
  }
  Value constant(Value like, int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getIntegerAttr(like.getType(), value));
  }
  Value is(arith::CmpIPredicate predicate, Value x, Value y) {
    return b.createOrFold<arith::CmpIOp>(loc, predicate, x, y);
  }
  Value is(arith::CmpFPredicate predicate, Value x, Value y) {
    return b.createOrFold<arith::CmpFOp>(loc, predicate, x, y);
  }
  Value select(Value condition, Value yes, Value no) {
    return b.createOrFold<arith::SelectOp>(loc, condition, yes, no);
  }
  /// `y`, or 1 where it is 0 or -1: what the hardware may divide by.
  Value safeDivisor(Value y) {
    Value special = b.createOrFold<arith::OrIOp>(loc, is(arith::CmpIPredicate::eq, y, constant(y, 0)),
                                                 is(arith::CmpIPredicate::eq, y, constant(y, -1)));
    return select(special, constant(y, 1), y);
  }
  /// `y` without a sign, or 1 where it is 0.
  Value positiveDivisor(Value y) { return select(is(arith::CmpIPredicate::eq, y, constant(y, 0)), constant(y, 1), y); }

private:
  OpBuilder &b;
  Location loc;
};
} // namespace

Value attnc::onnx::emitQuotient(OpBuilder &b, Location loc, Value x, Value y, bool isUnsigned) {
  IntegerEmitter e(b, loc);
  if (isUnsigned)
    return b.createOrFold<arith::DivUIOp>(loc, x, e.positiveDivisor(y));
  Value quotient = b.createOrFold<arith::DivSIOp>(loc, x, e.safeDivisor(y));
  Value negated = b.createOrFold<arith::SubIOp>(loc, e.constant(x, 0), x);
  return e.select(e.is(arith::CmpIPredicate::eq, y, e.constant(y, -1)), negated, quotient);
}

Value attnc::onnx::emitRemainder(OpBuilder &b, Location loc, Value x, Value y, bool isUnsigned) {
  if (isUnsigned)
    return b.createOrFold<arith::RemUIOp>(loc, x, IntegerEmitter(b, loc).positiveDivisor(y));
  return b.createOrFold<arith::RemSIOp>(loc, x, IntegerEmitter(b, loc).safeDivisor(y));
}

Value attnc::onnx::emitFlooredRemainder(OpBuilder &b, Location loc, Value x, Value y) {
  using P = arith::CmpIPredicate;
  IntegerEmitter e(b, loc);
  Value rest = emitRemainder(b, loc, x, y), zero = e.constant(x, 0);
  // A remainder that is not 0 and has another sign than y: their sum lies between them.
  Value differ = e.is(P::slt, b.createOrFold<arith::XOrIOp>(loc, rest, y), zero);
  Value moves = b.createOrFold<arith::AndIOp>(loc, differ, e.is(P::ne, rest, zero));
  return e.select(moves, b.createOrFold<arith::AddIOp>(loc, rest, y), rest);
}

Value attnc::onnx::emitToInteger(OpBuilder &b, Location loc, Value x, Type target) {
  using P = arith::CmpFPredicate;
  IntegerEmitter e(b, loc);
  unsigned width = target.getIntOrFloatBitWidth();
  bool isUnsigned = target.isUnsignedInteger();
  Type to = storedType(target);
  if (x.getType().getIntOrFloatBitWidth() < 32) // 2^63 is no f16
    x = arith::ExtFOp::create(b, loc, b.getF32Type(), x);
  auto number = [&](double value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(x.getType(), value));
  };
  double limit = std::ldexp(1.0, static_cast<int>(width) - (isUnsigned ? 0 : 1));
  APInt most = isUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  APInt least = isUnsigned ? APInt::getZero(width) : APInt::getSignedMinValue(width);
  Value result = isUnsigned ? arith::FPToUIOp::create(b, loc, to, x).getResult()
                            : arith::FPToSIOp::create(b, loc, to, x).getResult(); // poison where it is not chosen
  result = e.select(e.is(P::OGE, x, number(limit)), e.constant(to, most), result);
  result = e.select(e.is(P::OLT, x, number(isUnsigned ? 0 : -limit)), e.constant(to, least), result);
  return e.select(e.is(P::UNO, x, x), e.constant(to, APInt::getZero(width)), result);
}

Value attnc::onnx::emitPosition(OpBuilder &b, Location l, Value position, Value extent) {
  Value zero = arith::ConstantIndexOp::create(b, l, 0), one = arith::ConstantIndexOp::create(b, l, 1);
  Value at = arith::IndexCastOp::create(b, l, b.getIndexType(), position);
  Value isNegative = arith::CmpIOp::create(b, l, arith::CmpIPredicate::slt, at, zero);
  Value wrapped = arith::SelectOp::create(b, l, isNegative, arith::AddIOp::create(b, l, at, extent), at);
  Value last = arith::SubIOp::create(b, l, extent, one);
  return arith::MaxSIOp::create(b, l, arith::MinSIOp::create(b, l, wrapped, last), zero);
}
