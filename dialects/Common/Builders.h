//===- Builders.h - Constants and index arithmetic --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace attnc {

inline mlir::Value constantIndex(mlir::OpBuilder &b, mlir::Location loc, int64_t value) {
  return mlir::arith::ConstantIndexOp::create(b, loc, value);
}

/// `element` of a scalar `type`, or in every lane of a vector.
inline mlir::Value constantOf(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type, mlir::TypedAttr element) {
  if (auto shaped = mlir::dyn_cast<mlir::ShapedType>(type))
    element = mlir::DenseElementsAttr::get(shaped, mlir::Attribute(element));
  return mlir::arith::ConstantOp::create(b, loc, element);
}

/// The float `value`, rounded to the element type.
inline mlir::Value constantFloat(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type, double value) {
  return constantOf(b, loc, type, b.getFloatAttr(mlir::getElementTypeOrSelf(type), value));
}

inline mlir::Value constantInt(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type, int64_t value) {
  return constantOf(b, loc, type, b.getIntegerAttr(mlir::getElementTypeOrSelf(type), value));
}

/// Arithmetic on indices, folded where it is constant: for a class that emits code to inherit, or by itself.
struct IndexMath {
  mlir::OpBuilder &b;
  mlir::Location loc;

  mlir::Value index(int64_t value) { return constantIndex(b, loc, value); }
  mlir::Value add(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::AddIOp>(loc, l, r); }
  mlir::Value sub(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::SubIOp>(loc, l, r); }
  mlir::Value mul(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::MulIOp>(loc, l, r); }
  mlir::Value div(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::DivUIOp>(loc, l, r); }
  mlir::Value rem(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::RemUIOp>(loc, l, r); }
  mlir::Value min(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::MinSIOp>(loc, l, r); }
  mlir::Value max(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::MaxSIOp>(loc, l, r); }
  mlir::Value ceilDiv(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::CeilDivSIOp>(loc, l, r); }
};

} // namespace attnc
