//===- Pipeline.cpp - The passes of this room in order --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Pipeline.h"
#include "compiler/fusion/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void attnc::fusion::buildFusionPipeline(OpPassManager &manager, const FusionOptions &options) {
  // First, because what is a weight is looked into no more.
  manager.addPass(createFoldWeights());
  OpPassManager &graph = manager.nest<func::FuncOp>();
  // Early, because a factor must be a constant to be a scale.
  graph.addPass(createSimplifyGraph());
  // Equal subgraphs become one, because a tensor with two copies looks like two
  // tensors to a region's captures.
  graph.addPass(createCSEPass());
  // Before attention is raised, because masks are what it folds.
  graph.addPass(createFoldConstants());
  // Before the contractions are taken, because Q K^T and P V are contractions.
  graph.addPass(createRaiseAttention({options.remarks}));
  if (!options.computeType.empty()) {
    // While a conversion is an op as any other, which epilogues and row programs take in.
    graph.addPass(createSetComputeType({options.computeType}));
    manager.addPass(createFoldWeights());
  }
  OpPassManager &functions = manager.nest<func::FuncOp>();
  // Before elementwise ops are joined, because an op that joins a bias with a
  // norm can be no epilogue.
  functions.addPass(createFuseEpilogue());
  functions.addPass(createFuseElementwise());
  // What the regions captured twice, reshapes that meet, extents that no op
  // uses.
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
  // Last, because layers are equal once all that is special to the first and the last is fused into them.
  manager.addPass(createOutlineLayers());
}
