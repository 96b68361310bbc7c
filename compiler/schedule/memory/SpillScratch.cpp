//===- SpillScratch.cpp - Large scratch memory off the stack --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Threads promise 1 MB of stack (attnc_parallel_for). Where the bodies of a parallel loop want more than half of it, as
// an attention with heads of 16,384 features does, their larger buffers come out of the workspace: 64 MB of it at most,
// in parts for up to 64 slots, each of which does its share of the items one after the other.
//
//   scf.forall (%item) in (%items) {
//     %q = memref.alloca() : memref<16384x16xf32>
//     ...
// becomes
//   %memory = memref.alloc() : memref<67108864xi8>
//   %slots = min(%items, 64)
//   scf.forall (%slot) in (%slots) {
//     %q = memref.view %memory[%slot * 1048576] : memref<67108864xi8> to memref<16384x16xf32>
//     scf.for %item = %slot to %items step %slots {
//       ...
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"
#include "dialects/Common/Alignment.h"
#include "dialects/Common/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_SPILLSCRATCH
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;

constexpr int64_t kStack = 512 << 10; // half of what is promised: spilled registers and the loop's caller need some too
constexpr int64_t kSmall = 4 << 10;   // buffers that stay: counters, maxima, sums
constexpr int64_t kMemory = 64 << 20, kFewestSlots = 4, kMostSlots = 64;

static int64_t bytesOf(memref::AllocaOp buffer) {
  MemRefType type = buffer.getType();
  if (!type.hasStaticShape() || !type.getLayout().isIdentity())
    return 0;
  return llvm::alignTo(type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8), kAlignment);
}

/// The buffers of `loop` that leave the stack: none where all fit.
static SmallVector<memref::AllocaOp> largeBuffers(scf::ForallOp loop) {
  SmallVector<memref::AllocaOp> large;
  int64_t total = 0;
  loop.walk([&](memref::AllocaOp buffer) {
    total += bytesOf(buffer);
    if (bytesOf(buffer) > kSmall)
      large.push_back(buffer);
  });
  return total > kStack ? large : SmallVector<memref::AllocaOp>();
}

/// Views of part `slot` of new memory with `slots` parts take the place of `buffers`.
static void moveToMemory(OpBuilder &b, Location loc, int64_t slots, Value slot, ArrayRef<memref::AllocaOp> buffers) {
  auto function = slot.getParentRegion()->getParentOfType<func::FuncOp>();
  for (memref::AllocaOp buffer : buffers) {
    int64_t bytes = bytesOf(buffer);
    OpBuilder outside = OpBuilder::atBlockBegin(&function.front()); // where a workspace can be planned
    Value memory = memref::AllocOp::create(outside, loc, MemRefType::get({slots * bytes}, b.getI8Type()), ValueRange(),
                                           b.getI64IntegerAttr(kAlignment));
    b.setInsertionPointToStart(slot.getParentBlock());
    Value offset = arith::MulIOp::create(b, loc, slot, constantIndex(b, loc, bytes));
    Value view = memref::ViewOp::create(b, loc, buffer.getType(), memory, offset, ValueRange());
    buffer.replaceAllUsesWith(view);
    buffer.erase();
  }
}

static void spill(scf::ForallOp loop, ArrayRef<memref::AllocaOp> buffers) {
  Location loc = loop.getLoc();
  OpBuilder b(loop);
  Value items = getValueOrCreateConstantIndexOp(b, loc, loop.getMixedUpperBound()[0]);
  int64_t bytes = 0;
  for (memref::AllocaOp buffer : buffers)
    bytes += bytesOf(buffer);
  int64_t most = std::clamp(kMemory / bytes, kFewestSlots, kMostSlots);
  Value slots = arith::MinSIOp::create(b, loc, items, constantIndex(b, loc, most));
  auto outer = scf::ForallOp::create(b, loc, ArrayRef<OpFoldResult>{slots}, ValueRange(), std::nullopt);
  b.setInsertionPointToStart(outer.getBody());
  auto inner = scf::ForOp::create(b, loc, outer.getInductionVar(0), items, slots);
  Block *body = loop.getBody();
  body->getTerminator()->erase();
  inner.getBody()->getOperations().splice(inner.getBody()->begin(), body->getOperations());
  loop.getInductionVar(0).replaceAllUsesWith(inner.getInductionVar());
  moveToMemory(b, loc, most, outer.getInductionVar(0), buffers);
  loop.erase();
}

namespace {
struct SpillScratchPass : attnc::schedule::impl::SpillScratchBase<SpillScratchPass> {
  void runOnOperation() override {
    SmallVector<scf::ForallOp> loops;
    getOperation().walk([&](scf::ForallOp loop) {
      if (loop.getRank() == 1 && loop.getNumResults() == 0 && !loop->getParentOfType<scf::ForallOp>())
        loops.push_back(loop);
    });
    for (scf::ForallOp loop : loops)
      if (SmallVector<memref::AllocaOp> large = largeBuffers(loop); !large.empty())
        spill(loop, large);
  }
};
} // namespace
