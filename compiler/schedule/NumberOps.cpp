//===- NumberOps.cpp - Numbers for the ops of functions -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before:
//
//   %1 = linalg.exp ins(%x) outs(%0)      loc("node 'e' (Exp)")
//
// After:
//
//   %1 = linalg.exp ins(%x) outs(%0)      loc(fused<7 : i64>["node 'e' (Exp)"])
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/NumberOps.h"
#include "compiler/schedule/Passes.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/Locations.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_NUMBEROPS
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;

/// Constants, weights, extents and scalars take no time of their own.
static bool isCounted(Operation *op) {
  bool hasTensor = llvm::any_of(op->getResultTypes(), llvm::IsaPred<TensorType>);
  return hasTensor && !op->hasTrait<OpTrait::ConstantLike>() && !isa<attn::LayerWeightOp>(op);
}

static void numberBlock(Block &block, int64_t &next) {
  for (Operation &op : block.without_terminator()) {
    if (isCounted(&op))
      op.setLoc(numbered(op.getLoc(), next++));
    if (isa<scf::SCFDialect>(op.getDialect()))
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          numberBlock(inner, next);
  }
}

void attnc::schedule::numberOps(ModuleOp module) {
  int64_t next = 0;
  for (auto function : module.getOps<func::FuncOp>())
    for (Block &block : function.getBody())
      numberBlock(block, next);
}

namespace {
struct NumberOpsPass : attnc::schedule::impl::NumberOpsBase<NumberOpsPass> {
  void runOnOperation() override { attnc::schedule::numberOps(getOperation()); }
};
} // namespace
