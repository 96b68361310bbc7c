//===- PlanWorkspace.cpp - Temporaries -> views into one workspace --------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   func.func @f(%x: memref<?x4xf32>, %out: memref<?x4xf32>) {
//     %a = memref.alloc(%n) : memref<?x4xf32>      // dead before %b
//     %b = memref.alloc(%n) : memref<?x4xf32>
//     ...
//   func.func private @f__plan(%x: memref<?x4xf32>) -> (index, index)
//
// becomes
//
//   func.func @f(%x: ..., %out: ..., %workspace: memref<?xi8> {attnc.workspace}) {
//     %a = memref.view %workspace[%c0][%n] : memref<?xi8> to memref<?x4xf32>
//     %b = memref.view %workspace[%c0][%n] : memref<?xi8> to memref<?x4xf32>
//     ...
//   func.func private @f__plan(%x: memref<?x4xf32>) -> (index, index, index) {
//     ...                                        // the last: 16 * %n, rounded up to 64
//
// A layer, a function that others call, has a workspace of its own, which its callers take for the time of a call from
// theirs, as one buffer more:
//
//     %bytes = ...                               // what the layer's slots need, by extents of the operands
//     %w = memref.view %workspace[%c0][%bytes] : memref<?xi8> to memref<?xi8>
//     call @layer(%a, %b, %w)
//
// A slot of the workspace holds one buffer after another. Sizes are compared as
// c * e1 * e2 * ... with a constant c and named extents; a buffer fits a free
// slot of the same extents, which grows to the larger constant. Other sizes
// cannot be compared at compile time and get their own slots. The plan says -1
// where the total leaves 63 bits: no kernel is then called, and F need not ask.
//
// What the header states of it is recorded in the function's row of
// `attnc.entries`: workspace = {bytes = 192} where no extent enters the plan's
// total, workspace = {grows = ["M", "N"]} otherwise, and in both `stack`, the
// scratch of one thread inside of parallel bodies.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"
#include "compiler/schedule/rows/RowProgram.h"
#include "dialects/Common/Builders.h"
#include "dialects/Common/Calls.h"
#include "dialects/Common/DimNames.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/TypeSwitch.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_PLANWORKSPACE
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

static constexpr int64_t kAlignment = 64; // one cache line, one zmm

namespace {
/// Bytes of a buffer: `scale` times the product of `extents`, which are sorted.
struct Size {
  int64_t scale = 1;
  SmallVector<Extent> extents;
};

/// A part of the workspace. `values` are the extents as values of F, in any
/// order.
struct Slot {
  Size size;
  SmallVector<Value> values;
  unsigned freeFrom; // first position in the block at which the last occupant
                     // is dead
  Value offset;
};

struct Buffer {
  memref::AllocOp alloc;
  unsigned first, last; // positions in the block, inclusive
  unsigned slot;
};
} // namespace

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

/// bytes of a slot, rounded up: (scale * extents + 63) & -64.
static Value emitSize(OpBuilder &builder, Location loc, int64_t scale, ValueRange extents) {
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

/// Every buffer of `function` outside parallel bodies (whose scratch is their
/// own), in order of first use.
static FailureOr<SmallVector<Buffer>> findBuffers(func::FuncOp function) {
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

static FailureOr<SmallVector<Slot>> assignSlots(MutableArrayRef<Buffer> buffers) {
  SmallVector<Slot> slots;
  for (Buffer &buffer : buffers) {
    FailureOr<Size> size = sizeOf(buffer.alloc);
    if (failed(size))
      return failure();
    Slot *slot = findSlot(slots, *size, buffer.first);
    if (!slot) {
      SmallVector<Value> values;
      for (auto [d, extent] : llvm::enumerate(buffer.alloc.getMixedSizes()))
        if (!extentOf(buffer.alloc, d).isStatic())
          values.push_back(cast<Value>(extent));
      slot = &slots.emplace_back(Slot{*size, values, 0, Value()});
    }
    slot->size.scale = std::max(slot->size.scale, size->scale);
    slot->freeFrom = buffer.last + 1;
    buffer.slot = slot - slots.data();
  }
  return slots;
}

//===----------------------------------------------------------------------===//
// The workspace
//===----------------------------------------------------------------------===//

/// Replaces every buffer by a view. Offsets of static slots come first and are
/// constants; each dynamic slot starts where the one before it ends, computed
/// at its first buffer, where its extents are known.
static void emitViews(func::FuncOp function, ArrayRef<Buffer> buffers, MutableArrayRef<Slot> slots) {
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
      Value size = emitSize(builder, alloc.getLoc(), slot.size.scale, slot.values);
      next = builder.createOrFold<arith::AddIOp>(alloc.getLoc(), next, size);
    }
    Value view = memref::ViewOp::create(builder, alloc.getLoc(), alloc.getType(), workspace, slot.offset,
                                        alloc.getDynamicSizes());
    alloc.replaceAllUsesWith(view);
    alloc.erase();
  }
}

//===----------------------------------------------------------------------===//
// The plan
//===----------------------------------------------------------------------===//

namespace {
/// Recomputes values of a function elsewhere: of F in its plan, of a layer where it is called.
class SizeBuilder {
public:
  /// In the plan, which returns the extents of outputs already.
  static SizeBuilder inPlan(func::FuncOp function, func::ReturnOp ret) {
    auto plan = cast<func::FuncOp>(ret->getParentOp());
    SizeBuilder sizes(function, ret);
    for (auto [from, to] : llvm::zip(function.getArguments(), plan.getArguments()))
      sizes.inputs.map(from, to);
    sizes.outputExtents = llvm::to_vector(ret.getOperands());
    return sizes;
  }
  /// Before a call of the layer `function`.
  static SizeBuilder atCall(func::FuncOp function, func::CallOp call) {
    SizeBuilder sizes(function, call);
    sizes.inputs.map(function.getArguments().take_front(call.getNumOperands()), call.getOperands());
    return sizes;
  }

  /// `value` of the function here; null if it does not follow from extents.
  Value clone(Value value) {
    if (Value known = mapping.lookupOrNull(value))
      return known;
    Operation *op = value.getDefiningOp();
    if (!op)
      return Value();
    if (auto dim = dyn_cast<memref::DimOp>(op))
      return cloneDim(dim);
    if (!isa<arith::ArithDialect, affine::AffineDialect>(op->getDialect()))
      return Value();
    for (Value operand : op->getOperands())
      if (!clone(operand))
        return Value();
    builder.clone(*op, mapping);
    return mapping.lookup(value);
  }

  /// The extents of `slots` here, one slot behind the other.
  FailureOr<SmallVector<Value>> extentsOf(ArrayRef<Slot> slots) {
    SmallVector<Value> extents;
    for (const Slot &slot : slots)
      for (Value value : slot.values) {
        extents.push_back(clone(value));
        if (!extents.back())
          return emitError(value.getLoc()) << "the size of a temporary of '" << function.getSymName()
                                           << "' does not follow from the extents of its inputs";
      }
    return extents;
  }

  /// The bytes of all slots, or `overflow` where they leave 63 bits.
  Value emitTotal(ArrayRef<Slot> slots, ArrayRef<Value> allExtents, int64_t overflow) {
    Value total = constantIndex(builder, loc, 0), fits = arith::ConstantIntOp::create(builder, loc, 1, 1);
    for (const Slot &slot : slots) {
      ArrayRef<Value> extents = allExtents.take_front(slot.values.size());
      allExtents = allExtents.drop_front(slot.values.size());
      Value size = emitSize(builder, loc, slot.size.scale, extents);
      total = builder.createOrFold<arith::AddIOp>(loc, total, size);
      fits = both(fits, productFits(slot.size.scale, extents));
      if (!extents.empty()) // neither the rounding nor the sum wrapped
        fits = both(fits, compare(arith::CmpIPredicate::sge, total, constant(0)));
    }
    return builder.createOrFold<arith::SelectOp>(loc, fits, total, constant(overflow));
  }

private:
  SizeBuilder(func::FuncOp function, Operation *place) : function(function), loc(place->getLoc()), builder(place) {}

  Value constant(int64_t value) { return constantIndex(builder, loc, value); }
  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return builder.createOrFold<arith::CmpIOp>(loc, predicate, lhs, rhs);
  }
  Value both(Value lhs, Value rhs) { return builder.createOrFold<arith::AndIOp>(loc, lhs, rhs); }

  /// scale * e1 * e2 * ... <= 2^63 - 64, asked before each multiplication: bytes <= limit / max(e, 1).
  Value productFits(int64_t scale, ValueRange extents) {
    Value fits = arith::ConstantIntOp::create(builder, loc, 1, 1), bytes = constant(scale);
    Value limit = constant(std::numeric_limits<int64_t>::max() - (kAlignment - 1));
    for (Value extent : extents) {
      Value divisor = builder.createOrFold<arith::MaxSIOp>(loc, extent, constant(1));
      Value most = builder.createOrFold<arith::DivUIOp>(loc, limit, divisor);
      fits = both(fits, compare(arith::CmpIPredicate::ule, bytes, most));
      bytes = builder.createOrFold<arith::MulIOp>(loc, bytes, extent);
    }
    return fits;
  }

  /// An extent of an input is read again; one of an output is a result of the
  /// plan already; one of a buffer or a view is computed from its sizes.
  Value cloneDim(memref::DimOp dim) {
    std::optional<int64_t> position = dim.getConstantIndex();
    Value result = position ? cloneExtent(dim.getSource(), *position) : Value();
    if (result)
      mapping.map(dim.getResult(), result);
    return result;
  }

  Value cloneExtent(Value memref, int64_t dim) {
    auto type = cast<MemRefType>(memref.getType());
    if (!type.isDynamicDim(dim))
      return constant(type.getDimSize(dim));
    if (auto argument = dyn_cast<BlockArgument>(memref))
      return cloneArgumentExtent(argument, dim);
    return TypeSwitch<Operation *, Value>(memref.getDefiningOp())
        .Case([&](memref::AllocOp op) { return cloneSize(op.getMixedSizes()[dim]); })
        .Case([&](memref::CastOp op) { return cloneExtent(op.getSource(), dim); })
        .Case([&](memref::ReinterpretCastOp op) { return cloneSize(op.getMixedSizes()[dim]); })
        .Case([&](memref::ExpandShapeOp op) { return cloneSize(op.getMixedOutputShape()[dim]); })
        .Case([&](memref::CollapseShapeOp op) {
          Value product = constant(1);
          for (int64_t d : op.getReassociationIndices()[dim]) {
            Value extent = product ? cloneExtent(op.getSrc(), d) : Value();
            product = extent ? builder.createOrFold<arith::MulIOp>(loc, product, extent) : Value();
          }
          return product;
        })
        .Case([&](memref::SubViewOp op) {
          llvm::SmallBitVector dropped = op.getDroppedDims();
          SmallVector<OpFoldResult> kept;
          for (auto [d, size] : llvm::enumerate(op.getMixedSizes()))
            if (!dropped.test(d))
              kept.push_back(size);
          return cloneSize(kept[dim]);
        })
        .Default([](Operation *) { return Value(); });
  }

  Value cloneSize(OpFoldResult size) {
    std::optional<int64_t> known = getConstantIntValue(size);
    return known ? constant(*known) : clone(cast<Value>(size));
  }

  Value cloneArgumentExtent(BlockArgument argument, int64_t dim) {
    if (argument.getOwner() != &function.front())
      return Value();
    if (Value input = inputs.lookupOrNull(argument))
      return emitExtent(input, dim);
    return outputExtents[extentsBefore(argument) + dim];
  }

  /// The extent of a memref here, the same value for what is known to be equal.
  Value emitExtent(Value memref, int64_t dim) {
    Extent extent = extentOf(memref, dim);
    if (extent.isStatic())
      return constant(extent.dim);
    return extent.dim < 0 ? extent.base : builder.createOrFold<memref::DimOp>(loc, extent.base, extent.dim);
  }

  /// How many extents precede the extents of output `argument`.
  unsigned extentsBefore(BlockArgument argument) {
    unsigned count = 0;
    for (BlockArgument other : function.getArguments().take_front(argument.getArgNumber()))
      if (!inputs.contains(other))
        count += cast<MemRefType>(other.getType()).getRank();
    return count;
  }

  func::FuncOp function;
  Location loc;
  OpBuilder builder;
  IRMapping inputs, mapping;
  SmallVector<Value> outputExtents;
};

/// The symbols of the inputs' extents that `value` of the plan is computed from; "?" for one without name.
void collectSymbols(Value value, llvm::SmallSetVector<StringAttr, 4> &symbols, llvm::DenseSet<Operation *> &seen) {
  Operation *op = value.getDefiningOp();
  if (!op || !seen.insert(op).second)
    return;
  auto dim = dyn_cast<memref::DimOp>(op);
  if (!dim) {
    for (Value operand : op->getOperands())
      collectSymbols(operand, symbols, seen);
    return;
  }
  auto argument = cast<BlockArgument>(dim.getSource()); // all that a plan can ask
  StringAttr name = DimNames::ofArgument(argument).text(dim.getConstantIndex().value_or(-1));
  symbols.insert(name ? name : StringAttr::get(op->getContext(), "?"));
}

/// Bytes of the largest parallel body's own memory, in `function` and in what it calls.
int64_t stackBytes(func::FuncOp function) {
  int64_t largest = 0;
  llvm::SmallPtrSet<Operation *, 4> callees; // layers are called often
  function.walk([&](func::CallOp call) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
    if (callee && !callee.isDeclaration() && callees.insert(callee).second)
      largest = std::max(largest, stackBytes(callee));
  });
  function.walk([&](scf::ForallOp body) {
    int64_t bytes = 0;
    body.walk([&](memref::AllocaOp scratch) {
      MemRefType type = scratch.getType();
      if (type.hasStaticShape())
        bytes += llvm::alignTo(type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8), kAlignment);
    });
    largest = std::max(largest, bytes);
  });
  return largest;
}

/// {bytes, stack} or {grows, stack}.
DictionaryAttr describeWorkspace(func::FuncOp function, func::FuncOp plan) {
  Builder builder(function.getContext());
  Value total = plan.front().getTerminator()->getOperands().back();
  NamedAttribute stack = builder.getNamedAttr("stack", builder.getI64IntegerAttr(stackBytes(function)));
  if (std::optional<int64_t> bytes = getConstantIntValue(total))
    return builder.getDictionaryAttr({builder.getNamedAttr("bytes", builder.getI64IntegerAttr(*bytes)), stack});
  llvm::SmallSetVector<StringAttr, 4> symbols;
  llvm::DenseSet<Operation *> seen;
  collectSymbols(total, symbols, seen);
  SmallVector<Attribute> names(symbols.begin(), symbols.end());
  return builder.getDictionaryAttr({builder.getNamedAttr("grows", builder.getArrayAttr(names)), stack});
}

struct PlanWorkspacePass : schedule::impl::PlanWorkspaceBase<PlanWorkspacePass> {
  LogicalResult run(func::FuncOp function) {
    auto plan = getOperation().lookupSymbol<func::FuncOp>((function.getSymName() + "__plan").str());
    if (!plan)
      return function.emitError("has no plan to tell callers the size of its "
                                "workspace; run split-plan first");
    FailureOr<SmallVector<Slot>> slots = place(function);
    if (failed(slots))
      return failure();
    auto ret = cast<func::ReturnOp>(plan.front().getTerminator());
    SizeBuilder sizes = SizeBuilder::inPlan(function, ret);
    FailureOr<SmallVector<Value>> extents = sizes.extentsOf(*slots);
    if (failed(extents))
      return failure();
    ret.getOperandsMutable().append(sizes.emitTotal(*slots, *extents, -1));
    plan.setFunctionType(
        FunctionType::get(&getContext(), plan.getArgumentTypes(), ValueRange(ret.getOperands()).getTypes()));
    record(function, describeWorkspace(function, plan));
    emitViews(function, buffersOf[function], *slots);
    return success();
  }

  /// Gives every buffer of `function` its slot.
  FailureOr<SmallVector<Slot>> place(func::FuncOp function) {
    FailureOr<SmallVector<Buffer>> buffers = findBuffers(function);
    if (failed(buffers))
      return failure();
    FailureOr<SmallVector<Slot>> slots = assignSlots(*buffers);
    if (failed(slots))
      return failure();
    numBuffers += buffers->size();
    numReused += buffers->size() - slots->size();
    for (const Slot &slot : *slots)
      staticBytes += slot.size.extents.empty() ? llvm::alignTo(slot.size.scale, kAlignment) : 0;
    buffersOf[function] = std::move(*buffers);
    return slots;
  }

  /// Equal for equal extents.
  static SmallVector<std::pair<void *, int64_t>> keyOf(ArrayRef<Value> extents) {
    return llvm::map_to_vector(extents, [](Value value) -> std::pair<void *, int64_t> {
      auto dim = value.getDefiningOp<memref::DimOp>();
      std::optional<int64_t> position = dim ? dim.getConstantIndex() : std::nullopt;
      return position ? std::pair(dim.getSource().getAsOpaquePointer(), *position)
                      : std::pair(value.getAsOpaquePointer(), int64_t(-1));
    });
  }

  /// Plans a layer. Its callers hand it a buffer of theirs; calls of equal extents name one size.
  LogicalResult runLayer(func::FuncOp layer, ArrayRef<func::CallOp> calls) {
    FailureOr<SmallVector<Slot>> slots = place(layer);
    if (failed(slots))
      return failure();
    if (slots->empty())
      return success();
    std::map<std::pair<Block *, SmallVector<std::pair<void *, int64_t>>>, Value> known;
    auto bytes = MemRefType::get({ShapedType::kDynamic}, IntegerType::get(&getContext(), 8));
    for (func::CallOp call : calls) {
      SizeBuilder sizes = SizeBuilder::atCall(layer, call);
      FailureOr<SmallVector<Value>> extents = sizes.extentsOf(*slots);
      if (failed(extents))
        return failure();
      Value &size = known[{call->getBlock(), keyOf(*extents)}];
      if (!size)
        size = sizes.emitTotal(*slots, *extents, std::numeric_limits<int64_t>::max());
      OpBuilder builder(call);
      call.getOperandsMutable().append(
          memref::AllocOp::create(builder, call.getLoc(), bytes, size, builder.getI64IntegerAttr(kAlignment))
              .getResult());
    }
    emitViews(layer, buffersOf[layer], *slots);
    return success();
  }

  /// Adds `workspace` to the row of `attnc.entries` that is called as `function`, if there is one.
  void record(func::FuncOp function, DictionaryAttr workspace) {
    auto entries = getOperation()->getAttrOfType<ArrayAttr>("attnc.entries");
    SmallVector<Attribute> rows(entries ? entries.getValue() : ArrayRef<Attribute>());
    for (Attribute &row : rows) {
      auto entry = dyn_cast<DictionaryAttr>(row);
      if (!entry || entry.getAs<StringAttr>("name") != function.getSymNameAttr())
        continue;
      NamedAttrList list(entry);
      list.set("workspace", workspace);
      row = list.getDictionary(&getContext());
    }
    if (entries)
      getOperation()->setAttr("attnc.entries", ArrayAttr::get(&getContext(), rows));
  }

  void runOnOperation() override {
    bool bad = false;
    for (auto &[layer, calls] : findCalledFunctions(getOperation()))
      bad |= failed(runLayer(layer, calls));
    if (bad)
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isDeclaration())
        bad |= failed(run(function));
    if (bad)
      signalPassFailure();
  }

  DenseMap<func::FuncOp, SmallVector<Buffer>> buffersOf;
};
} // namespace
