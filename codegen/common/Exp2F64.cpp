//===- Exp2F64.cpp - 2^t on vectors of f64, for every target --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 2^t = 2^n * 2^f with n = round(t) and |f| <= 1/2. 2^f is its Taylor series to degree 13: the next term is below
// (ln 2 / 2)^14 / 14! = 5e-18. n and 2^n come from adding 1.5 * 2^52 + 1023: the low bits then hold n + 1023, and
// shifted by 52 they are 2^n. t is raised to -1023 first, where they are 0, so -inf gives exactly 0. NaN stays NaN,
// since 2^n is multiplied as a float.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/VectorTarget.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

constexpr int kDegree = 13;
constexpr double kLn2 = 0.69314718055994530942;

Value VectorTarget::exp2F64(OpBuilder &b, Location loc, Value t) const {
  auto type = cast<VectorType>(t.getType());
  auto splat = [&](double value) { return constantFloat(b, loc, type, value); };
  Value floor = splat(-1023.0);
  Value below = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, floor, t); // false for NaN
  t = arith::SelectOp::create(b, loc, below, floor, t);
  Value magic = splat(0x1.8p52 + 1023.0);
  Value z = arith::AddFOp::create(b, loc, t, magic);
  Value f = arith::SubFOp::create(b, loc, t, arith::SubFOp::create(b, loc, z, magic));

  double coefficients[kDegree + 1] = {1.0}; // ln(2)^k / k!
  for (int k = 1; k <= kDegree; ++k)
    coefficients[k] = coefficients[k - 1] * kLn2 / k;
  Value p = splat(coefficients[kDegree]);
  for (int k = kDegree - 1; k >= 0; --k)
    p = multiplyAdd(b, loc, p, f, splat(coefficients[k]));

  VectorType ints = type.clone(b.getI64Type());
  Value shift = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(ints, b.getI64IntegerAttr(52)));
  Value bits = arith::ShLIOp::create(b, loc, arith::BitcastOp::create(b, loc, ints, z), shift);
  return arith::MulFOp::create(b, loc, p, arith::BitcastOp::create(b, loc, type, bits));
}
