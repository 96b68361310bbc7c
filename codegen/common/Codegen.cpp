//===- Codegen.cpp - The order of the code-generation passes --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Passes.h"
#include "codegen/nvptx/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace attnc::codegen;

void attnc::codegen::buildOutliningPipeline(OpPassManager &pm, const TargetInfo &target) {
  pm.addPass(createLowerWeights(LowerWeightsOptions{target.isGpu()}));
  if (target.isGpu())
    pm.addPass(createMoveToDevice()); // what is sequential becomes a parallel loop too
  // Bodies become functions first: scratch memory and loops are then per body, and lowering sees plain scf.for.
  pm.addPass(createOutlineParallel(OutlineParallelOptions{target.isGpu()}));
  // Before they grow.
  pm.addPass(createMergeFunctions());
}

void attnc::codegen::buildLoweringPipeline(OpPassManager &pm, const TargetInfo &target) {
  pm.addPass(createLowerTile(LowerTileOptions{target.name}));
  // From the top, it would take the square of a long block's length: what folds puts every loop around it, with all that
  // the loop holds, to the question whether it is dead.
  pm.addPass(createCanonicalizerPass(GreedyRewriteConfig().setUseTopDownTraversal(false)));
  pm.addPass(createCSEPass());
  // After vectorisation, because the expansions are elementwise and cheap to vectorise but not to recognise.
  pm.addPass(createExpandMath(ExpandMathOptions{target.name}));
  // After canonicalisation, which makes conversions out of two others.
  pm.addPass(createExpandConversions(ExpandConversionsOptions{target.name}));
  // Addresses of rows are computed once per tile, not once per k.
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(memref::createExpandStridedMetadataPass()); // while there are few blocks
  pm.addPass(createLowerAffinePass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());

  pm.addPass(createSCFToControlFlowPass());
  ConvertVectorToLLVMPassOptions vectors;
  vectors.x86Vector = !target.isGpu();
  pm.addPass(createConvertVectorToLLVMPass(vectors));
  pm.addPass(createConvertToLLVMPass()); // the rest at once: a walk for each dialect took twice as long
  // Blocks that LLVM's own passes simplify are left to them.
  GreedyRewriteConfig config;
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  pm.addPass(createCanonicalizerPass(config));
  pm.addPass(createCSEPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  if (target.isGpu())
    pm.addPass(createBuildKernels()); // takes the launchers that PackEntries would build for threads
  else
    pm.addPass(createFloatsAsBits(FloatsAsBitsOptions{target.name}));
  // Last: it wraps functions whose memref arguments have become descriptor fields.
  pm.addPass(createPackEntries());
}
