//===- InlineLayers.cpp - Calls of layers to what they compute ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For targets whose launches stand in one function: a GPU's host.
//
// Before:
//
//   %1 = call @model_layer(%c1, %0) : (index, tensor<?x768xf32>) -> tensor<?x768xf32>
//   func.func private @model_layer(%layer: index, %x: tensor<?x768xf32>) -> tensor<?x768xf32> {
//     %w = attn.layer_weight @layer.*.q[%layer] : tensor<768x768xf32>
//     ...
//
// After:
//
//   %w = attn.weight @layer.1.q : tensor<768x768xf32>
//   ...
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/Calls.h"
#include "dialects/Common/Locations.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_INLINELAYERS
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;

static void inlineCall(func::FuncOp callee, func::CallOp call) {
  OpBuilder b(call);
  IRMapping mapping;
  mapping.map(callee.getArguments(), call.getOperands());
  Block &body = callee.front();
  std::optional<int64_t> layer = call.getNumOperands() ? getConstantIntValue(call.getOperand(0)) : std::nullopt;
  for (Operation &op : body.without_terminator()) {
    Location loc = layer ? locationInLayer(op.getLoc(), *layer) : op.getLoc();
    b.clone(op, mapping)->setLoc(CallSiteLoc::get(loc, call.getLoc()));
  }
  for (auto [result, value] : llvm::zip_equal(call.getResults(), body.getTerminator()->getOperands()))
    result.replaceAllUsesWith(mapping.lookupOrDefault(value));
  call.erase();
}

namespace {
struct InlineLayersPass : attnc::schedule::impl::InlineLayersBase<InlineLayersPass> {
  void runOnOperation() override {
    CalledFunctions layers = findCalledFunctions(getOperation());
    if (layers.empty())
      return;
    for (auto &[layer, calls] : layers) { // callees first: what is cloned holds no calls
      for (func::CallOp call : calls)
        inlineCall(layer, call);
      layer.erase();
    }
    // Numbers of layers are known now: weights, and the constants of each.
    RewritePatternSet patterns(&getContext());
    attn::LayerWeightOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::ExtractOp::getCanonicalizationPatterns(patterns, &getContext());
    (void)applyPatternsGreedily(getOperation(), std::move(patterns));
    weights::eraseUnused(getOperation());
  }
};
} // namespace
