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
// Buffers that are never alive together share a slot (Slots.h). The plan says -1 where the total leaves 63 bits: no
// kernel is then called, and F need not ask.
//
// What the header states of it is recorded in the function's row of
// `attnc.entries`: workspace = {bytes = 192} where no extent enters the plan's
// total, workspace = {grows = ["M", "N"]} otherwise, and in both `stack`, the
// scratch of one thread inside of parallel bodies.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"
#include "compiler/schedule/memory/DescribeWorkspace.h"
#include "compiler/schedule/memory/SizeBuilder.h"
#include "dialects/Common/Calls.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_PLANWORKSPACE
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

namespace {
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
    record(function, describeWorkspace(function, plan, describeSlots(function, buffersOf[function], *slots, texts)));
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
    texts[layer] = describeSlots(layer, buffersOf[layer], *slots, texts);
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
  LayerTexts texts;
};
} // namespace
