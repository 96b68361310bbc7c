//===- NvptxVectors.cpp - The NVIDIA instructions of the shared lowering --===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread has no vectors; LLVM makes L scalars of one. Arithmetic needs nothing special. For 2^t there is an
// instruction for one scalar:
//
//   ex2.approx.f32   2^t, at most 2 ulp off (PTX ISA, "ex2"); 0 for -inf, +inf for +inf, NaN for NaN, subnormal results
//                    are kept
//
//===----------------------------------------------------------------------===//

#include "codegen/common/VectorTarget.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attnc::codegen;

namespace {
class NvptxVectors : public VectorTarget {
public:
  using VectorTarget::VectorTarget;

  Value multiplyAdd(OpBuilder &builder, Location loc, Value a, Value b, Value c) const override {
    return math::FmaOp::create(builder, loc, a, b, c);
  }

protected:
  Value exp2F32(OpBuilder &builder, Location loc, Value t) const override {
    auto type = cast<VectorType>(t.getType());
    Value result = ub::PoisonOp::create(builder, loc, type);
    for (int64_t lane = 0; lane < type.getDimSize(0); ++lane) {
      Value scalar = vector::ExtractOp::create(builder, loc, t, lane);
      Value power = LLVM::CallIntrinsicOp::create(builder, loc, type.getElementType(),
                                                  builder.getStringAttr("llvm.nvvm.ex2.approx.f32"), ValueRange{scalar})
                        .getResult(0);
      result = vector::InsertOp::create(builder, loc, power, result, lane);
    }
    return result;
  }
};
} // namespace

std::unique_ptr<VectorTarget> attnc::codegen::makeNvptxVectors(const TargetInfo &info) {
  return std::make_unique<NvptxVectors>(info);
}
