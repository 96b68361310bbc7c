//===- Passes.td - The passes of compiler/fusion --------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTNC_COMPILER_FUSION_PASSES_TD
#define ATTNC_COMPILER_FUSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def FoldWeights : Pass<"fold-weights", "::mlir::ModuleOp"> {
  let summary = "What is made of weights alone becomes a weight";
  let description = [{
    Transposes, slices, reshapes, conversions and concatenations of `attn.weight` become ops of the weights dialect,
    which are carried out when the artefact is written.
  }];
  let dependentDialects = ["::attnc::attn::AttnDialect", "::attnc::weights::WeightsDialect"];
  let statistics = [Statistic<"numFolded", "num-folded", "ops folded">];
}

def SimplifyGraph : Pass<"simplify-graph", "::mlir::func::FuncOp"> {
  let summary = "Drop what exporters write and nobody needs";
  let description = [{
    Computes on constants (sqrt of a head size), moves constant factors into the ops
    that use them, removes multiplications by one, conversions to the same type and
    the maximum that is subtracted in front of a softmax, and joins chains of
    reshapes and transposes.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def FoldConstants : Pass<"fold-constants", "::mlir::func::FuncOp"> {
  let summary = "Masks that are computed from constants become constants";
  let description = [{
    What reads nothing but constants is evaluated by the reference, if that takes few steps and the result has at most two
    values or 1 KiB.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect"];
  let statistics = [Statistic<"numFolded", "num-folded", "tensors that became constants">];
}

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
    Option<"remarks", "remarks", "bool", "false", "Say of every softmax what was fused or what prevented it, and what its mask allows">
  ];
  let statistics = [
    Statistic<"numRaised", "raised", "Number of softmaxes raised to attn.attention">,
    Statistic<"numLeft", "left", "Number of softmaxes left as they are">
  ];
}

def SetComputeType : Pass<"set-compute-type", "::mlir::func::FuncOp"> {
  let summary = "Products and attention read operands of another float type";
  let description = [{
    Operands of contractions and q, k and v of attention are converted, weights when the artefact is written. Sums are
    f32, and so is what stands between products.
  }];
  let dependentDialects = ["::attnc::attn::AttnDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let options = [Option<"typeName", "type", "std::string", "", "f32, bf16 or f16">];
}

def FuseEpilogue : Pass<"fuse-epilogue", "::mlir::func::FuncOp"> {
  let summary = "Make attn.contract of contractions and the elementwise ops behind them";
  let description = [{
    Every contraction of floats becomes an `attn.contract`. Bias, activation, scale
    and residual move into its epilogue when nothing else uses the values in
    between, through reshapes too; transposes of operands and result become layouts.
  }];
  let dependentDialects = ["::attnc::attn::AttnDialect", "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numContracts", "contracts", "Number of contractions made attn.contract">,
    Statistic<"numEpilogues", "epilogues", "Number of those with an epilogue">
  ];
}

def FuseElementwise : Pass<"fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "Join elementwise ops with each other and with reductions";
  let description = [{
    Upstream's fusion with a rule that does not compute anything expensive twice. A
    LayerNorm of nine ops becomes three: sum, sum of squares, normalisation.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect"];
}

def OutlineLayers : Pass<"outline-layers", "::mlir::ModuleOp"> {
  let summary = "Layers that say the same become one function, called with the number of the layer";
  let description = [{
    Looks in public functions for ops in a row that do the same again and again, but for the weights and constants that
    they use. Such a layer becomes a private function, its weights stacks (`weights.stack`) of which
    `attn.layer_weight` reads one. Later stages then see each different layer once.
  }];
  let dependentDialects = ["::attnc::attn::AttnDialect", "::attnc::weights::WeightsDialect",
                           "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numLayers", "layers", "functions made">,
    Statistic<"numCalls", "calls", "layers that became calls">
  ];
}

#endif
