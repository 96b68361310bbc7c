//===- Pipeline.cpp - The order of the passes of schedule/ ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void attnc::schedule::buildSchedulePrologue(OpPassManager &manager) {
  // First: which floats decide is seen on tensors, before elements are loads and stores.
  manager.addNestedPass<func::FuncOp>(createExactFloats());
  // On tensors, because a plan is F with its computation dead: only values
  // without memory effects die.
  manager.addPass(createSplitPlan());
  // Before bufferization, because equal extents must be one value for equal
  // shapes to be seen.
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createBufferize());
  manager.addPass(createExtendInPlace()); // while a copy is one op
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createVerifyBuffers());
}

void attnc::schedule::buildScheduleEpilogue(OpPassManager &manager, int64_t grain) {
  // After attention and contractions, which take their ops away: what is left
  // is element by element.
  manager.addNestedPass<func::FuncOp>(createLowerLinalgToTile(LowerLinalgToTileOptions{grain}));
  // Folds extents of collapsed views and single iterations, so that lifetimes
  // and sizes are seen through them.
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  // Late, because every pass before may add scratch; before the workspace is planned, where large scratch ends.
  manager.addNestedPass<func::FuncOp>(createSpillScratch());
  // Late, because every pass before may add or drop a temporary.
  manager.addPass(createPlanWorkspace());
  // Last, because an expand_shape says more than a cast to whoever asks where a
  // memory is used or how large it is.
  manager.addNestedPass<func::FuncOp>(createExpandViews());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}
