//===- StreamingSoftmax.cpp - Softmax over scores that come in turn -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Common/StreamingSoftmax.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace attnc;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

Value StreamingSoftmax::number(double value) { return constantFloat(b, loc, unit.getType(), value); }

Value StreamingSoftmax::isSet(Value max) {
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ONE, max, number(-kInfinity));
}

Value StreamingSoftmax::isFinite(Value value) {
  Value size = math::AbsFOp::create(b, loc, value);
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, size, number(kInfinity));
}

/// u * max keeps the fractions that weights need, to 2^-4 of a log2 unit; or nothing was met.
Value StreamingSoftmax::isNear(Value max) {
  auto element = cast<FloatType>(getElementTypeOrSelf(unit.getType()));
  int precision = static_cast<int>(APFloat::semanticsPrecision(element.getFloatSemantics()));
  Value size = math::AbsFOp::create(b, loc, arith::MulFOp::create(b, loc, max, unit));
  Value isSmall =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, size, number(std::ldexp(1.0, precision - 4)));
  Value isUnset = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, max, number(-kInfinity));
  return arith::OrIOp::create(b, loc, isSmall, isUnset);
}

Value StreamingSoftmax::nearExponent(Value shift, Value score) {
  if (isFused)
    return math::FmaOp::create(b, loc, score, unit, arith::NegFOp::create(b, loc, shift));
  return arith::MulFOp::create(b, loc, arith::SubFOp::create(b, loc, score, shift), unit);
}

Value StreamingSoftmax::exponent(const State &state, Value score) {
  Value near = nearExponent(state.shift, score);
  if (!isFused)
    return near;
  Value far = arith::MulFOp::create(b, loc, arith::SubFOp::create(b, loc, score, state.max), unit);
  return arith::SelectOp::create(b, loc, isNear(state.max), near, far);
}

Value StreamingSoftmax::raises(const State &state, Value score, Value t) {
  auto isAbove = [&](Value value, Value bound) -> Value {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, value, bound);
  };
  if (!state.limit)
    return arith::AndIOp::create(b, loc, isFinite(score), isAbove(t, threshold));
  Value above = arith::AndIOp::create(b, loc, isFinite(score), isAbove(score, state.limit));
  if (!isFused)
    return above;
  Value isTrue = arith::OrIOp::create(b, loc, isNear(state.max), isAbove(t, threshold)); // far: limit says nothing
  return arith::AndIOp::create(b, loc, above, isTrue);
}

StreamingSoftmax::State StreamingSoftmax::stateOf(Value max) {
  Value limit = arith::AddFOp::create(b, loc, max, arith::DivFOp::create(b, loc, threshold, unit));
  if (!isFused)
    return {max, max, limit};
  Value near = isNear(max), shift = arith::MulFOp::create(b, loc, max, unit);
  return {max, arith::SelectOp::create(b, loc, near, shift, number(0.0)),
          arith::SelectOp::create(b, loc, near, limit, number(-kInfinity))};
}

Value StreamingSoftmax::correction(const State &raised, Value score, Value t) {
  return arith::SubFOp::create(b, loc, exponent(raised, score), t);
}
