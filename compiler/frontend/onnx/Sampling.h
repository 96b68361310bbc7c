//===- Sampling.h - Images read between their elements ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The places are computed, and may lie anywhere: an element that would be outside is never read, also where a place is NaN.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/Scalars.h"

namespace attnc::onnx::scalar {

inline V number(B &b, L l, mlir::Type type, double value) {
  return mlir::arith::ConstantOp::create(b, l, llvm::cast<mlir::TypedAttr>(b.getFloatAttr(type, value)));
}

/// An index as a float.
inline V toFloat(B &b, L l, V index, mlir::Type type) {
  V whole = mlir::arith::IndexCastOp::create(b, l, b.getI64Type(), index);
  return mlir::arith::SIToFPOp::create(b, l, type, whole);
}

/// The whole float `place` as an index held inside of `extent`.
inline V toIndex(B &b, L l, V place, V extent) {
  V zero = mlir::arith::ConstantIndexOp::create(b, l, 0), one = mlir::arith::ConstantIndexOp::create(b, l, 1);
  V integer = emitToInteger(b, l, place, b.getI64Type());
  V whole = mlir::arith::IndexCastOp::create(b, l, b.getIndexType(), integer);
  return max(b, l, zero, min(b, l, whole, mlir::arith::SubIOp::create(b, l, extent, one)));
}

/// Whether first <= place <= last.
inline V isBetween(B &b, L l, V place, V first, V last) {
  using P = mlir::arith::CmpFPredicate;
  return mlir::arith::AndIOp::create(b, l, mlir::arith::CmpFOp::create(b, l, P::OGE, place, first),
                                     mlir::arith::CmpFOp::create(b, l, P::OLE, place, last));
}

} // namespace attnc::onnx::scalar
