//===- Scalars.h - Bodies of elementwise operations -------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One element each, of floats or integers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/Integers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace attnc::onnx::scalar {
using B = mlir::OpBuilder;
using L = mlir::Location;
using V = mlir::Value;

inline bool isFloat(V value) { return llvm::isa<mlir::FloatType>(value.getType()); }

/// `number` in the type of `like`.
inline V constantLike(B &b, L l, V like, double number) {
  mlir::Type type = like.getType();
  mlir::TypedAttr attr = llvm::isa<mlir::FloatType>(type)
                             ? mlir::TypedAttr(b.getFloatAttr(type, number))
                             : mlir::TypedAttr(b.getIntegerAttr(type, static_cast<int64_t>(number)));
  return mlir::arith::ConstantOp::create(b, l, attr);
}

template <typename FloatOp, typename IntegerOp>
V either(B &b, L l, V x, V y) {
  return isFloat(x) ? V(FloatOp::create(b, l, x, y)) : V(IntegerOp::create(b, l, x, y));
}
inline V add(B &b, L l, V x, V y) { return either<mlir::arith::AddFOp, mlir::arith::AddIOp>(b, l, x, y); }
inline V sub(B &b, L l, V x, V y) { return either<mlir::arith::SubFOp, mlir::arith::SubIOp>(b, l, x, y); }
inline V mul(B &b, L l, V x, V y) { return either<mlir::arith::MulFOp, mlir::arith::MulIOp>(b, l, x, y); }
inline V div(B &b, L l, V x, V y) {
  return isFloat(x) ? V(mlir::arith::DivFOp::create(b, l, x, y)) : emitQuotient(b, l, x, y);
}
/// NaN wins.
inline V max(B &b, L l, V x, V y) { return either<mlir::arith::MaximumFOp, mlir::arith::MaxSIOp>(b, l, x, y); }
inline V min(B &b, L l, V x, V y) { return either<mlir::arith::MinimumFOp, mlir::arith::MinSIOp>(b, l, x, y); }
/// False where either is NaN.
inline V less(B &b, L l, V x, V y) {
  if (isFloat(x))
    return mlir::arith::CmpFOp::create(b, l, mlir::arith::CmpFPredicate::OLT, x, y);
  return mlir::arith::CmpIOp::create(b, l, mlir::arith::CmpIPredicate::slt, x, y);
}
inline V equal(B &b, L l, V x, V y) {
  if (isFloat(x))
    return mlir::arith::CmpFOp::create(b, l, mlir::arith::CmpFPredicate::OEQ, x, y);
  return mlir::arith::CmpIOp::create(b, l, mlir::arith::CmpIPredicate::eq, x, y);
}
inline V isNaN(B &b, L l, V x) { return mlir::arith::CmpFOp::create(b, l, mlir::arith::CmpFPredicate::UNO, x, x); }
inline V select(B &b, L l, V condition, V yes, V no) { return mlir::arith::SelectOp::create(b, l, condition, yes, no); }
inline V sigmoid(B &b, L l, V x) { // 1 / (1 + exp(-x))
  V one = constantLike(b, l, x, 1);
  V exp = mlir::math::ExpOp::create(b, l, mlir::arith::NegFOp::create(b, l, x));
  return mlir::arith::DivFOp::create(b, l, one, mlir::arith::AddFOp::create(b, l, one, exp));
}
inline V softplus(B &b, L l, V x) { // max(x, 0) + log1p(exp(-|x|))
  V small = mlir::math::ExpOp::create(b, l, mlir::arith::NegFOp::create(b, l, mlir::math::AbsFOp::create(b, l, x)));
  return add(b, l, max(b, l, x, constantLike(b, l, x, 0)), mlir::math::Log1pOp::create(b, l, small));
}

} // namespace attnc::onnx::scalar
