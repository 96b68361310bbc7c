//===- MoveToDevice.cpp - The host touches no tensor ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before:
//   %n = memref.dim %x, %c0
//   %s = memref.load %x[%c0]
//   memref.store %s, %y[%c0]
//   scf.forall (%i) in (%n) { ... }
// After:
//   %n = memref.dim %x, %c0
//   scf.forall (%once) in (1) {
//     %s = memref.load %x[%c0]
//     memref.store %s, %y[%c0]
//   }
//   scf.forall (%i) in (%n) { ... }
//
// Neighbours share one loop: a kernel of one thread is slow, but starting it costs more. What is only read, such as a
// scalar argument, is read again by every loop that needs it, with the arithmetic on it:
//
//   %s = memref.load %strength[]                   scf.forall (%i) in (%n) {
//   scf.forall (%i) in (%n) { use %s }      ->       %s = memref.load %strength[]; use %s
//
//===----------------------------------------------------------------------===//

#include "codegen/nvptx/Passes.h"
#include "compiler/support/Unsupported.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"

namespace attnc::codegen {
#define GEN_PASS_DEF_MOVETODEVICE
#include "codegen/nvptx/Passes.h.inc"
} // namespace attnc::codegen

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

/// An argument that nothing writes to: its users read it, or view it for users that do.
static bool isOnlyRead(Value memref) {
  return llvm::all_of(memref.getUsers(), [](Operation *user) {
    if (isa<memref::LoadOp, memref::DimOp>(user))
      return true;
    return isa<ViewLikeOpInterface>(user) && isMemoryEffectFree(user) && isOnlyRead(user->getResult(0));
  });
}

/// Whether `value` can be computed again anywhere, and must be on the device: it is read from an argument.
static bool comesFromArgument(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || isa<BaseMemRefType>(value.getType()))
    return false;
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return isa<BlockArgument>(load.getMemRef()) && isOnlyRead(load.getMemRef()) &&
           llvm::none_of(load.getIndices(), comesFromArgument);
  return op->getNumRegions() == 0 && isMemoryEffectFree(op) && llvm::any_of(op->getOperands(), comesFromArgument);
}

/// Clones what `loop` uses of such values into it.
static void readInside(scf::ForallOp loop) {
  OpBuilder builder(loop.getContext());
  for (bool changed = true; changed;) { // the operands of a clone follow it, to before it
    changed = false;
    llvm::SetVector<Value> outside;
    getUsedValuesDefinedAbove(loop.getRegion(), outside);
    for (Value value : outside) {
      if (!comesFromArgument(value))
        continue;
      builder.setInsertionPointToStart(loop.getBody());
      unsigned index = cast<OpResult>(value).getResultNumber();
      replaceAllUsesInRegionWith(value, builder.clone(*value.getDefiningOp())->getResult(index), loop.getRegion());
      changed = true;
    }
  }
}

static bool holdsParallelLoop(Operation *op) {
  return op->walk([](scf::ForallOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

/// An op between the first and the last of `run` that needs a result of one of them goes with them.
static bool dependsOn(Operation *op, const llvm::SetVector<Operation *> &run) {
  bool found = false;
  op->walk([&](Operation *nested) {
    for (Value operand : nested->getOperands())
      found |= operand.getDefiningOp() && run.contains(operand.getDefiningOp());
  });
  return found;
}

/// Moves `run`, ops of one block in order, into a parallel loop of one item behind the last of them.
static LogicalResult moveRun(const llvm::SetVector<Operation *> &run) {
  if (run.empty())
    return success();
  OpBuilder builder(run.back()->getContext());
  builder.setInsertionPointAfter(run.back());
  auto once = scf::ForallOp::create(builder, run.front()->getLoc(), ArrayRef<OpFoldResult>{builder.getIndexAttr(1)},
                                    ValueRange(), std::nullopt);
  for (Operation *op : run)
    op->moveBefore(once.getBody()->getTerminator());
  for (Operation *op : run)
    for (Operation *user : op->getUsers())
      if (!once->isAncestor(user))
        return emitUnsupported(op) << "on a GPU, a value read from a tensor cannot decide what the host does next";
  return success();
}

namespace {
struct MoveToDevicePass : codegen::impl::MoveToDeviceBase<MoveToDevicePass> {
  LogicalResult visit(Block &block) {
    llvm::SetVector<Operation *> run;
    auto flush = [&] {
      numMoved += !run.empty();
      LogicalResult moved = moveRun(run);
      run.clear();
      return moved;
    };
    for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
      if (!holdsParallelLoop(&op)) {
        if (!isMemoryEffectFree(&op) || dependsOn(&op, run))
          run.insert(&op);
        continue;
      }
      if (failed(flush()))
        return failure();
      if (isa<scf::ForallOp>(op))
        continue;
      for (Region &region : op.getRegions())
        for (Block &nested : region)
          if (failed(visit(nested)))
            return failure();
    }
    return flush();
  }

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isDeclaration())
        continue;
      WalkResult tests = function.walk([](tile::BadIndexOp op) {
        emitUnsupported(op) << "on a GPU, what an input names (pages of keys, by a table) cannot be tested before the "
                               "first write; compile this for a CPU, as in --target=x86-64-v3";
        return WalkResult::interrupt();
      });
      if (tests.wasInterrupted())
        return signalPassFailure();
      function.walk([](scf::ForallOp loop) { readInside(loop); });
      (void)runRegionDCE(rewriter, function->getRegions());
      if (failed(visit(function.front())))
        return signalPassFailure();
    }
  }
};
} // namespace
