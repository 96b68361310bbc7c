//===- MarkOps.cpp - Marks in front of what numbered ops have become ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before:
//
//   %s = arith.muli %a, %b
//   scf.forall (%i) in (%n) {...}          loc(fused<7>["node 'fc1' (MatMul)"])
//   scf.forall (%i) in (%m) {...}          loc(fused<7>["node 'fc1' (MatMul)"])
//   call @layer(...)                       loc(fused<8>[...])
//
// After:
//
//   %s = arith.muli %a, %b
//   tile.mark 7
//   scf.forall (%i) in (%n) {...}
//   scf.forall (%i) in (%m) {...}
//   tile.mark 8
//   call @layer(...)                       // which has marks of its own
//
// Where ops were joined, the last one's number stands for all, and the module says so: tile.joined = [array<i64: 5, 6, 7>].
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"
#include "dialects/Common/Calls.h"
#include "dialects/Common/Locations.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_MARKOPS
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;

/// Index arithmetic, views and scalars that are read are scheduled to where they are free: no time is taken for them.
static bool takesTime(Operation &op) {
  return !isMemoryEffectFree(&op) && !isa<memref::AllocaOp, memref::AllocOp, memref::DeallocOp, memref::LoadOp>(op);
}

/// A loop or branch that runs one after the other, around ops of other numbers than its own: of a graph's own control
/// flow, not of how one op is computed.
static bool holdsOthers(Operation &op) {
  if (!isa<scf::ForOp, scf::IfOp, scf::WhileOp, scf::IndexSwitchOp>(op))
    return false;
  std::optional<int64_t> own = numberOf(op.getLoc());
  return op
      .walk<WalkOrder::PreOrder>([&](Operation *inner) {
        std::optional<int64_t> number = numberOf(inner->getLoc());
        if (number && number != own && takesTime(*inner))
          return WalkResult::interrupt();
        bool isOne = isa<scf::ForallOp>(inner) || isa<tile::TileDialect>(inner->getDialect());
        return isOne ? WalkResult::skip() : WalkResult::advance();
      })
      .wasInterrupted();
}

using Joined = llvm::SmallSetVector<Attribute, 4>;

static void markBlock(Block &block, Joined &joined) {
  std::optional<int64_t> current;
  for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
    if (!takesTime(op))
      continue;
    if (holdsOthers(op)) {
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          markBlock(inner, joined);
      current.reset();
      continue;
    }
    std::optional<int64_t> number = numberOf(op.getLoc());
    bool isCall = isa<func::CallOp>(op);
    if (number && (number != current || isCall)) {
      OpBuilder builder(&op);
      tile::MarkOp::create(builder, op.getLoc(), *number);
      if (SmallVector<int64_t> numbers = joinedNumbers(op.getLoc()); numbers.size() > 1)
        joined.insert(builder.getDenseI64ArrayAttr(numbers));
    }
    current = isCall ? std::nullopt : number ? number : current;
  }
}

namespace {
struct MarkOpsPass : attnc::schedule::impl::MarkOpsBase<MarkOpsPass> {
  void runOnOperation() override {
    CalledFunctions called = findCalledFunctions(getOperation());
    Joined joined;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isDeclaration() && (function.isPublic() || called.contains(function))) // plans compute nothing
        markBlock(function.getBody().front(), joined);
    if (!joined.empty())
      getOperation()->setAttr(tile::MarkOp::getJoinedAttrName(), ArrayAttr::get(&getContext(), joined.getArrayRef()));
  }
};
} // namespace
