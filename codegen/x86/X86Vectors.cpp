//===- X86Vectors.cpp - The x86 instructions of the shared lowering -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 2^t = 2^n * 2^f with n = round(t) and |f| <= 1/2; 2^f by a minimax polynomial of degree 5 (2.6 ulp). The two
// forms differ in how they make n and 2^n:
//
//   scalef (AVX-512)  n = roundeven(t);                      p * 2^n by vscalefps, which gives 0 for -inf and keeps NaN
//   magic             z = t + 1.5 * 2^23 + 127, n = z - ...; 2^n = bits(z) << 23, multiplied as a float so that NaN
//                     stays NaN. t is raised to -127 first: there bits(z) << 23 = 0, so -inf gives exactly 0.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/VectorTarget.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

namespace {

/// Minimax coefficients of 2^f on [-1/2, 1/2], constant term first.
constexpr float kRoughExp2[] = {0.999928073f, 0.693260984f, 0.242611124f, 0.0551716748f};
constexpr float kExp2[] = {1.00000007f, 0.693146967f, 0.240221198f, 0.0555071323f, 0.0096755404f, 0.00132764871f};

class X86Vectors : public VectorTarget {
public:
  using VectorTarget::VectorTarget;

  Value multiplyAdd(OpBuilder &builder, Location loc, Value a, Value b, Value c) const override {
    if (info.hasFma)
      return math::FmaOp::create(builder, loc, a, b, c);
    return arith::AddFOp::create(builder, loc, arith::MulFOp::create(builder, loc, a, b), c);
  }

  Value roughExp2(OpBuilder &builder, Location loc, Value t) const override {
    return info.hasScalef ? exp2Scalef(builder, loc, t, kRoughExp2) : exp2Magic(builder, loc, t);
  }

protected:
  Value exp2F32(OpBuilder &builder, Location loc, Value t) const override {
    return info.hasScalef ? exp2Scalef(builder, loc, t, kExp2) : exp2Magic(builder, loc, t);
  }

private:
  Value polynomial(OpBuilder &builder, Location loc, ArrayRef<float> coefficients, Value f) const {
    Value p = constantFloat(builder, loc, f.getType(), coefficients.back());
    for (float coefficient : llvm::reverse(coefficients.drop_back()))
      p = multiplyAdd(builder, loc, p, f, constantFloat(builder, loc, f.getType(), coefficient));
    return p;
  }

  Value exp2Scalef(OpBuilder &builder, Location loc, Value t, ArrayRef<float> coefficients) const {
    Type type = t.getType();
    Value n = math::RoundEvenOp::create(builder, loc, t);
    Value f = arith::SubFOp::create(builder, loc, t, n);
    Value p = polynomial(builder, loc, coefficients, f);
    Value zero = constantFloat(builder, loc, type, 0.0f);
    Value all = arith::ConstantIntOp::create(builder, loc, -1, 16);
    Value currentRounding = arith::ConstantIntOp::create(builder, loc, 4, 32);
    return LLVM::CallIntrinsicOp::create(builder, loc, type,
                                         builder.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
                                         ValueRange{p, n, zero, all, currentRounding})
        .getResult(0);
  }

  Value exp2Magic(OpBuilder &builder, Location loc, Value t) const {
    Type type = t.getType();
    Type ints = cast<VectorType>(type).clone(builder.getI32Type());
    constexpr float kMagic = 12582912.0f; // 1.5 * 2^23: adding it rounds to an integer
    Value floor = constantFloat(builder, loc, type, -127.0f);
    // maxps(floor, t): the second operand wins when t is NaN.
    Value below = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, floor, t);
    t = arith::SelectOp::create(builder, loc, below, floor, t);
    Value magic = constantFloat(builder, loc, type, kMagic + 127.0f);
    Value z = arith::AddFOp::create(builder, loc, t, magic);
    Value n = arith::SubFOp::create(builder, loc, z, magic);
    Value p = polynomial(builder, loc, kExp2, arith::SubFOp::create(builder, loc, t, n));
    Value bits = arith::BitcastOp::create(builder, loc, ints, z);
    bits = arith::ShLIOp::create(builder, loc, bits, constantInt(builder, loc, ints, 23));
    return arith::MulFOp::create(builder, loc, p, arith::BitcastOp::create(builder, loc, type, bits));
  }
};

} // namespace

std::unique_ptr<VectorTarget> attnc::codegen::makeX86Vectors(const TargetInfo &info) {
  return std::make_unique<X86Vectors>(info);
}
