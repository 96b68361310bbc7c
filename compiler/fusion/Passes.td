//===- Passes.td - The passes of compiler/fusion --------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTNC_COMPILER_FUSION_PASSES_TD
#define ATTNC_COMPILER_FUSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def RaiseAttention : Pass<"raise-attention", "::mlir::func::FuncOp"> {
  let summary = "Make attn.attention of a softmax between two products";
  let description = [{
    Recognises softmax(f(Q K^T)) V by what it computes: each dimension is followed
    to the axes of the mathematics (batch, head, query, key, feature) through
    transposes, reshapes and broadcasts, so that it does not matter how a graph
    arranges its tensors. Factors become the scale, everything else between the
    product and the softmax the score and mask regions; transposes of the
    operands and the result become layouts.

    A softmax that mixes heads inside one position is left alone with a warning:
    see AxisRole.h.
  }];
  let dependentDialects = ["::attnc::attn::AttnDialect", "::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
  let options = [
    Option<"remarks", "remarks", "bool", "false", "Say of every softmax what was fused or what prevented it">
  ];
  let statistics = [
    Statistic<"numRaised", "raised", "Number of softmaxes raised to attn.attention">,
    Statistic<"numLeft", "left", "Number of softmaxes left as they are">
  ];
}

#endif
