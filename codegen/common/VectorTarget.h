//===- VectorTarget.h - What a target offers to shared lowering -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/common/Target.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"
#include <memory>

namespace attnc::codegen {

/// The instructions that differ from target to target. Values are vectors of f32 of native width, or of as many f64.
class VectorTarget {
public:
  explicit VectorTarget(TargetInfo info) : info(std::move(info)) {}
  virtual ~VectorTarget() = default;

  /// 2^t, at most 3 ulp off. Exactly 0 for t = -inf; NaN of either sign stays NaN; +inf gives +inf or NaN.
  mlir::Value exp2(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value t) const {
    return mlir::getElementTypeOrSelf(t.getType()).isF64() ? exp2F64(builder, loc, t) : exp2F32(builder, loc, t);
  }

  /// a * b + c, fused where the target has it.
  virtual mlir::Value multiplyAdd(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value a, mlir::Value b,
                                  mlir::Value c) const = 0;

  /// The same with a relative error of 7.5e-5: enough where the result is rounded to bf16.
  virtual mlir::Value roughExp2(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value t) const {
    return exp2(builder, loc, t);
  }

  /// sum[l] + the dot product of the groups that words l of a and b (vectors of i32) hold. `dot` is one of `info.dots`.
  mlir::Value dotProducts(mlir::OpBuilder &builder, mlir::Location loc, const DotInstruction &dot, mlir::Value sum,
                          mlir::Value a, mlir::Value b) const;

  const TargetInfo info;

protected:
  virtual mlir::Value exp2F32(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value t) const = 0;

private:
  mlir::Value exp2F64(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value t) const;
};

/// By the target's family: of codegen/x86, codegen/nvptx, ...
std::unique_ptr<VectorTarget> makeVectorTarget(const TargetInfo &info);

/// The target that a pass option names; null after an error at `user`.
std::unique_ptr<VectorTarget> makeVectorTarget(mlir::Operation *user, llvm::StringRef name);
std::unique_ptr<VectorTarget> makeX86Vectors(const TargetInfo &info);
std::unique_ptr<VectorTarget> makeNvptxVectors(const TargetInfo &info);

} // namespace attnc::codegen
