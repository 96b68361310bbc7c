//===- Slots.cpp - Which temporaries share memory -------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/memory/Slots.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

static FailureOr<Size> sizeOf(memref::AllocOp alloc) {
  MemRefType type = alloc.getType();
  Size size;
  Type element = type.getElementType();
  size.scale = element.isIndex() ? 8 : llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  for (int64_t d = 0; d < type.getRank(); ++d) {
    Extent extent = extentOf(alloc, d);
    if (!extent.isStatic())
      size.extents.push_back(extent);
    else if (llvm::MulOverflow(size.scale, extent.dim, size.scale))
      return alloc.emitError("a temporary of this size does not fit into memory");
  }
  llvm::sort(size.extents, [](const Extent &a, const Extent &b) {
    return std::pair(a.base.getAsOpaquePointer(), a.dim) < std::pair(b.base.getAsOpaquePointer(), b.dim);
  });
  return size;
}

Value attnc::schedule::emitSlotSize(OpBuilder &builder, Location loc, int64_t scale, ValueRange extents) {
  Value bytes = constantIndex(builder, loc, scale);
  for (Value extent : extents)
    bytes = builder.createOrFold<arith::MulIOp>(loc, bytes, extent);
  Value more = constantIndex(builder, loc, kAlignment - 1);
  Value mask = constantIndex(builder, loc, -kAlignment);
  bytes = builder.createOrFold<arith::AddIOp>(loc, bytes, more);
  return builder.createOrFold<arith::AndIOp>(loc, bytes, mask);
}

//===----------------------------------------------------------------------===//
// Lifetimes
//===----------------------------------------------------------------------===//

/// Moves buffers and views of them to right before their first user, last ones
/// first: lifetimes start at a use, and the order of buffers is the order of
/// their lifetimes.
static void sinkBuffers(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    bool movable = isa<memref::AllocOp>(op) || (isa<ViewLikeOpInterface>(op) && isMemoryEffectFree(&op));
    if (!movable || op.use_empty())
      continue;
    Operation *first = nullptr;
    for (Operation *user : op.getUsers())
      if (Operation *ancestor = block.findAncestorOpInBlock(*user); !first || ancestor->isBeforeInBlock(first))
        first = ancestor;
    op.moveBefore(first);
  }
}

/// The last op of the block that may touch `memref` or a view of it. An op that
/// hands it on in a way not known here keeps it alive to the end.
static Operation *lastUse(Block &block, Operation *made, Value memref) {
  Operation *last = made;
  auto extend = [&](Operation *use) {
    if (last->isBeforeInBlock(use))
      last = use;
  };
  for (Operation *user : memref.getUsers()) {
    Operation *ancestor = block.findAncestorOpInBlock(*user);
    extend(ancestor);
    bool handsOn = llvm::any_of(user->getResultTypes(), [](Type type) { return isa<BaseMemRefType>(type); });
    if (isa<ViewLikeOpInterface, arith::SelectOp>(user)) {
      for (Value view : user->getResults())
        if (isa<BaseMemRefType>(view.getType()))
          extend(lastUse(block, ancestor, view));
    } else if (handsOn) {
      extend(block.getTerminator());
    }
  }
  return last;
}

FailureOr<SmallVector<Buffer>> attnc::schedule::findBuffers(func::FuncOp function) {
  Block &block = function.front();
  SmallVector<memref::DeallocOp> deallocs;
  WalkResult nested = function.walk([&](Operation *op) {
    if (auto dealloc = dyn_cast<memref::DeallocOp>(op))
      deallocs.push_back(dealloc);
    if (isa<memref::AllocOp>(op) && op->getBlock() != &block && !op->getParentOfType<scf::ForallOp>()) {
      op->emitError("a temporary is made inside a loop or branch; only those "
                    "of the outermost block can be planned");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  if (nested.wasInterrupted())
    return failure();
  for (memref::DeallocOp dealloc : deallocs)
    dealloc.erase();
  sinkBuffers(block);
  llvm::DenseMap<Operation *, unsigned> positions;
  for (auto [position, op] : llvm::enumerate(block))
    positions[&op] = position;
  SmallVector<Buffer> buffers;
  for (auto alloc : block.getOps<memref::AllocOp>())
    buffers.push_back({alloc, positions[alloc], positions[lastUse(block, alloc, alloc)], 0});
  return buffers;
}

//===----------------------------------------------------------------------===//
// Slots
//===----------------------------------------------------------------------===//

/// The free slot of the same extents that needs to grow least; none if there is
/// no free one.
static Slot *findSlot(MutableArrayRef<Slot> slots, const Size &size, unsigned first) {
  Slot *best = nullptr;
  auto misfit = [&](const Slot &slot) { return std::abs(slot.size.scale - size.scale); };
  for (Slot &slot : slots)
    if (slot.freeFrom <= first && slot.size.extents == size.extents && (!best || misfit(slot) < misfit(*best)))
      best = &slot;
  return best;
}

FailureOr<SmallVector<Slot>> attnc::schedule::assignSlots(MutableArrayRef<Buffer> buffers) {
  SmallVector<Slot> slots;
  for (auto [number, buffer] : llvm::enumerate(buffers)) {
    FailureOr<Size> size = sizeOf(buffer.alloc);
    if (failed(size))
      return failure();
    Slot *slot = findSlot(slots, *size, buffer.first);
    if (!slot) {
      SmallVector<Value> values;
      for (auto [d, extent] : llvm::enumerate(buffer.alloc.getMixedSizes()))
        if (!extentOf(buffer.alloc, d).isStatic())
          values.push_back(cast<Value>(extent));
      slot = &slots.emplace_back();
      slot->size = *size;
      slot->values = values;
    }
    if (slot->occupants++ == 0 || size->scale > slot->size.scale)
      slot->largest = number;
    slot->size.scale = std::max(slot->size.scale, size->scale);
    slot->freeFrom = buffer.last + 1;
    buffer.slot = slot - slots.data();
  }
  return slots;
}

//===----------------------------------------------------------------------===//
// The workspace
//===----------------------------------------------------------------------===//

void attnc::schedule::emitViews(func::FuncOp function, ArrayRef<Buffer> buffers, MutableArrayRef<Slot> slots) {
  OpBuilder builder(function.getContext());
  auto bytes = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
  auto attrs = builder.getDictionaryAttr(builder.getNamedAttr("attnc.workspace", builder.getUnitAttr()));
  unsigned position = function.getNumArguments();
  (void)function.insertArgument(position, bytes, attrs, function.getLoc());
  Value workspace = function.getArgument(position);

  builder.setInsertionPointToStart(&function.front());
  int64_t start = 0;
  for (Slot &slot : slots)
    if (slot.size.extents.empty()) {
      slot.offset = constantIndex(builder, function.getLoc(), start);
      start += llvm::alignTo(slot.size.scale, kAlignment);
    }
  Value next = constantIndex(builder, function.getLoc(), start);
  for (const Buffer &buffer : buffers) {
    Slot &slot = slots[buffer.slot];
    memref::AllocOp alloc = buffer.alloc;
    builder.setInsertionPoint(alloc);
    if (!slot.offset) {
      slot.offset = next;
      Value size = emitSlotSize(builder, alloc.getLoc(), slot.size.scale, slot.values);
      next = builder.createOrFold<arith::AddIOp>(alloc.getLoc(), next, size);
    }
    Value view = memref::ViewOp::create(builder, alloc.getLoc(), alloc.getType(), workspace, slot.offset,
                                        alloc.getDynamicSizes());
    alloc.replaceAllUsesWith(view);
    alloc.erase();
  }
}
