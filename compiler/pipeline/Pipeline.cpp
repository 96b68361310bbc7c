//===- Pipeline.cpp - The order of the stages -----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/pipeline/Pipeline.h"
#include "codegen/common/Passes.h"
#include "compiler/fusion/Pipeline.h"
#include "compiler/schedule/Passes.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace attnc;

llvm::ArrayRef<Level> attnc::levels() {
  static constexpr Level table[] = {{"attn", "what is computed, on tensors, as the front end made it"},
                                    {"fused", "the same with attention recognised and epilogues joined"},
                                    {"scheduled", "the same for one target: how each op is computed is its attribute"},
                                    {"tile", "loops over blocks on memrefs: contractions with epilogues, row programs"},
                                    {"llvm", "the LLVM dialect for one target"}};
  return table;
}

/// attn -> fused: larger ops.
static void buildFused(OpPassManager &pm, const PipelineOptions &options) {
  fusion::buildFusionPipeline(pm, {options.remarks, options.computeType});
}

/// A GPU has thousands of threads, each with little memory: small items, small panels.
static schedule::Schedule forGpu(schedule::Schedule sizes) {
  auto fill = [](int64_t &size, int64_t value) { size = size ? size : value; };
  fill(sizes.attentionForm, schedule::formNumber("transposed")); // each form is a kernel
  fill(sizes.contractRowBlock, 16);
  fill(sizes.contractPackRowBlock, 32);
  fill(sizes.contractSumChunk, 64);
  return sizes;
}

/// fused -> scheduled: decisions.
static void buildScheduled(OpPassManager &pm, const PipelineOptions &options) {
  schedule::Schedule sizes = options.target.isGpu() ? forGpu(options.schedule) : options.schedule;
  pm.addPass(schedule::createVerifyCalls());
  if (options.target.isGpu())
    pm.addPass(schedule::createInlineLayers());
  // On tensors, as users and the tuner see an op; before memory, which the choice does not depend on.
  pm.addPass(schedule::createChooseSchedules({spellSchedule(sizes), spellRecords(options.records), options.remarks}));
}

/// scheduled -> tile: memory and loops.
static void buildTile(OpPassManager &pm, const PipelineOptions &options) {
  pm.addPass(schedule::createVerifyCalls()); // again: a module may start here
  schedule::buildSchedulePrologue(pm);
  // On buffers, because a block of keys is a view of memory; before linalg, because a contraction's epilogue may leave
  // elementwise code behind.
  pm.addPass(schedule::createAttentionToTile({options.remarks}));
  pm.addPass(schedule::createContractToTile());
  schedule::buildScheduleEpilogue(pm, options.target.isGpu() ? 64 : schedule::kGrain);
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (options.marks) // last, because a mark keeps what is on its two sides apart
    pm.addPass(schedule::createMarkOps());
}

/// tile -> llvm: instructions of the target.
static void buildLlvm(OpPassManager &pm, const PipelineOptions &options) {
  codegen::buildOutliningPipeline(pm, options.target);
  codegen::buildLoweringPipeline(pm, options.target);
}

schedule::Machine attnc::machineOf(const codegen::TargetInfo &target) {
  return {target.lanes(32), target.vectorRegisters, target.l1Bytes, target.l2Bytes,
          target.hasDots(codegen::Element::bf16)};
}

static void setTarget(ModuleOp module, const codegen::TargetInfo &target) {
  module.getContext()->getOrLoadDialect<tile::TileDialect>();
  MLIRContext *context = module.getContext();
  SmallVector<Attribute> dots; // by what panels hold
  for (const codegen::DotInstruction *dot : target.dots)
    dots.push_back(tile::EncodingAttr::get(context, dot->group, typeOf(dot->rhs, context)));
  module->setAttr("tile.target",
                  tile::TargetAttr::get(context, target.lanes(32), target.vectorRegisters, target.l1Bytes,
                                        target.l2Bytes, dots.empty() ? ArrayAttr() : ArrayAttr::get(context, dots),
                                        target.prefetchesFar ? UnitAttr::get(context) : UnitAttr()));
}

namespace {
/// Passes on a module. Nesting is implicit: a pass on functions runs on every function of it.
struct ModulePasses : PassManager {
  explicit ModulePasses(ModuleOp module)
      : PassManager(module.getContext(), ModuleOp::getOperationName(), Nesting::Implicit) {
#ifdef ATTNC_EXPENSIVE_CHECKS
    enableVerifier(true);
#else
    enableVerifier(false);
#endif
  }
};
} // namespace

LogicalResult attnc::outlineBodies(ModuleOp module, const codegen::TargetInfo &target) {
  ModulePasses pm(module);
  codegen::buildOutliningPipeline(pm, target);
  return pm.run(module);
}

LogicalResult attnc::lowerOutlined(ModuleOp module, const codegen::TargetInfo &target) {
  ModulePasses pm(module);
  setTarget(module, target);
  codegen::buildLoweringPipeline(pm, target);
  return pm.run(module);
}

LogicalResult attnc::runPipeline(ModuleOp module, llvm::StringRef from, llvm::StringRef to,
                                 const PipelineOptions &options) {
  using Build = void (*)(OpPassManager &, const PipelineOptions &);
  static constexpr Build builds[] = {nullptr, buildFused, buildScheduled, buildTile, buildLlvm}; // beside levels()
  ModulePasses pm(module);
  if (options.configure)
    options.configure(pm);
  setTarget(module, options.target);
  bool started = false;
  for (auto [level, build] : llvm::zip(levels(), builds)) {
    if (started)
      build(pm, options);
    started |= level.name == from;
    if (level.name == to)
      break;
  }
  return pm.run(module);
}
