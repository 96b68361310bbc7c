//===- OutlineParallel.cpp - scf.forall to the runtime's parallel-for -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before:
//   func.func @f(%x: memref<?xf32>) {
//     scf.forall (%i) in (%n) { body(%i, %x) }
//   }
// After:
//   func.func @f(%x: memref<?xf32>, %context: !llvm.ptr) {
//     // the captured values in a struct on the stack
//     call of @attnc_rt_parallel_for(%context, %n, @f_body_thunk, %captures)
//   }
//   func.func private @f_body(%begin: index, %end: index, %x: memref<?xf32>) {
//     scf.for %i = %begin to %end { body(%i, %x) }
//   }
//
// Layers, functions that others call, pass the context on. Marks and bad indices become calls with it.
//
// The call is a func.call of a declaration `@f_body.launch(context, count, captures...)`; PackEntries gives it its body
// in the LLVM dialect, where memref descriptors are values that can be stored.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Passes.h"
#include "dialects/Common/Builders.h"
#include "dialects/Common/Calls.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"

namespace attnc::codegen {
#define GEN_PASS_DEF_OUTLINEPARALLEL
#include "codegen/common/Passes.h.inc"
} // namespace attnc::codegen

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

/// Notes the rank of every argument (-1: no memref) for PackEntries, which sees descriptor fields only.
static void recordRanks(func::FuncOp function) {
  SmallVector<int64_t> ranks;
  for (Type type : function.getArgumentTypes()) {
    auto memref = dyn_cast<MemRefType>(type);
    ranks.push_back(memref ? memref.getRank() : -1);
  }
  function->setAttr("attnc.ranks", DenseI64ArrayAttr::get(function.getContext(), ranks));
}

/// A constant; with `globals` also the address of a global, or a view of one by constants.
static bool isConstant(Value value, bool globals) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumResults() != 1)
    return false;
  if (op->hasTrait<OpTrait::ConstantLike>() || (globals && isa<memref::GetGlobalOp>(op)))
    return true;
  return isa<ViewLikeOpInterface>(op) && isMemoryEffectFree(op) &&
         llvm::all_of(op->getOperands(), [&](Value operand) { return isConstant(operand, globals); });
}

/// Constants are cheaper to repeat in the body than to pass.
static void sinkConstants(scf::ForallOp forall, bool globals) {
  OpBuilder builder(forall.getContext());
  bool changed = true;
  while (changed) { // a view's operands follow it, to before it
    changed = false;
    SetVector<Value> outside;
    getUsedValuesDefinedAbove(forall.getRegion(), outside);
    for (Value value : outside) {
      if (!isConstant(value, globals))
        continue;
      builder.setInsertionPointToStart(forall.getBody());
      value.replaceUsesWithIf(builder.clone(*value.getDefiningOp())->getResult(0), [&](OpOperand &use) {
        return forall.getRegion().isAncestor(use.getOwner()->getParentRegion());
      });
      changed = true;
    }
  }
}

/// The body over items [begin, end), with the captured values as further arguments.
static func::FuncOp outlineBody(OpBuilder &builder, scf::ForallOp forall, ArrayRef<Value> captures, StringRef name) {
  Location loc = forall.getLoc();
  SmallVector<Type> types(2, builder.getIndexType());
  llvm::append_range(types, ValueRange(captures).getTypes());
  auto body = func::FuncOp::create(builder, loc, name, builder.getFunctionType(types, {}));
  body.setPrivate();
  OpBuilder inside = OpBuilder::atBlockBegin(body.addEntryBlock());
  IRMapping mapping;
  mapping.map(captures, body.getArguments().drop_front(2));
  Value one = constantIndex(inside, loc, 1);
  auto loop = scf::ForOp::create(inside, loc, body.getArgument(0), body.getArgument(1), one);
  func::ReturnOp::create(inside, loc);
  inside.setInsertionPointToStart(loop.getBody());
  mapping.map(forall.getInductionVar(0), loop.getInductionVar());
  for (Operation &op : forall.getBody()->without_terminator())
    inside.clone(op, mapping);
  // Scratch memory is per body, not per item: an alloca in a loop would grow the stack, wherever it stands there.
  SmallVector<memref::AllocaOp> scratch;
  loop.walk([&](memref::AllocaOp alloca) { scratch.push_back(alloca); });
  for (memref::AllocaOp alloca : scratch)
    if (alloca->getNumOperands() == 0)
      alloca->moveBefore(loop);
  return body;
}

/// tile.mark 7 -> attnc_rt_parallel_for(%context, 8, null, null)
///
/// A loop without a body: who runs such a program provides the loops, and takes the count of one for a number.
static void lowerMark(tile::MarkOp mark, Value context, SymbolTable &symbols) {
  OpBuilder b(mark);
  Location loc = mark.getLoc();
  Type pointer = context.getType(), nothing = LLVM::LLVMVoidType::get(b.getContext());
  auto parallelFor = symbols.lookup<LLVM::LLVMFuncOp>("attnc_rt_parallel_for");
  if (!parallelFor) {
    OpBuilder outside(mark->getParentOfType<func::FuncOp>());
    auto type = LLVM::LLVMFunctionType::get(nothing, {pointer, b.getI64Type(), pointer, pointer});
    parallelFor = LLVM::LLVMFuncOp::create(outside, loc, "attnc_rt_parallel_for", type);
    symbols.insert(parallelFor);
  }
  Value count = LLVM::ConstantOp::create(b, loc, b.getI64Type(), b.getI64IntegerAttr(mark.getNumber() + 1));
  Value null = LLVM::ZeroOp::create(b, loc, pointer);
  LLVM::CallOp::create(b, loc, parallelFor, ValueRange{context, count, null, null});
  mark.erase();
}

/// tile.bad_index 3[%element] = %value of %extent -> attnc_rt_bad_index(%context, 3, %element, %value, %extent)
static void lowerBadIndex(tile::BadIndexOp op, Value context, SymbolTable &symbols) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  Type i64 = b.getI64Type();
  auto callee = symbols.lookup<LLVM::LLVMFuncOp>("attnc_rt_bad_index");
  if (!callee) {
    OpBuilder outside(op->getParentOfType<func::FuncOp>());
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {context.getType(), i64, i64, i64, i64});
    callee = LLVM::LLVMFuncOp::create(outside, loc, "attnc_rt_bad_index", type);
    symbols.insert(callee);
  }
  SmallVector<Value> operands{context, LLVM::ConstantOp::create(b, loc, i64, op.getInputAttr())};
  for (Value number : {op.getElement(), op.getValue(), op.getExtent()})
    operands.push_back(arith::IndexCastOp::create(b, loc, i64, number));
  LLVM::CallOp::create(b, loc, callee, operands);
  op.erase();
}

namespace {
struct OutlineParallelPass : attnc::codegen::impl::OutlineParallelBase<OutlineParallelPass> {
  using OutlineParallelBase::OutlineParallelBase;

  LogicalResult outline(scf::ForallOp forall, Value context, SymbolTable &symbols) {
    if (forall.getRank() != 1 || !isConstantIntValue(forall.getMixedLowerBound()[0], 0) ||
        !isConstantIntValue(forall.getMixedStep()[0], 1) || forall.getNumResults() != 0)
      return forall.emitError("expected a parallel loop over one range from 0 in steps of 1, without results");
    sinkConstants(forall, sinkGlobals);
    SetVector<Value> used;
    getUsedValuesDefinedAbove(forall.getRegion(), used);
    auto function = forall->getParentOfType<func::FuncOp>();
    OpBuilder builder(function);
    std::string name = (function.getSymName() + "__parallel").str();
    func::FuncOp body = outlineBody(builder, forall, used.getArrayRef(), name);
    symbols.insert(body);

    builder.setInsertionPoint(forall);
    Value count = getValueOrCreateConstantIndexOp(builder, forall.getLoc(), forall.getMixedUpperBound()[0]);
    SmallVector<Value> operands{context, count};
    llvm::append_range(operands, used);
    OpBuilder outside(function);
    auto launch = func::FuncOp::create(outside, forall.getLoc(), (body.getSymName() + "__launch").str(),
                                       outside.getFunctionType(ValueRange(operands).getTypes(), {}));
    launch.setPrivate();
    launch->setAttr("attnc.launches", FlatSymbolRefAttr::get(body.getSymNameAttr()));
    symbols.insert(launch);
    func::CallOp::create(builder, forall.getLoc(), launch, operands);
    forall.erase();
    return success();
  }

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    Type pointer = LLVM::LLVMPointerType::get(&getContext());
    CalledFunctions called = findCalledFunctions(getOperation());
    for (func::FuncOp function : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      if (function.isDeclaration())
        continue;
      if (function.isPrivate() && !called.contains(function)) { // F__plan, or a helper that launchers do not concern
        if (function.getSymName().ends_with("__plan"))
          recordRanks(function);
        continue;
      }
      if (failed(function.insertArgument(function.getNumArguments(), pointer, {}, function.getLoc())))
        return signalPassFailure();
      if (!function.isPrivate())
        recordRanks(function);
      Value context = function.getArguments().back();
      SmallVector<scf::ForallOp> loops;
      function.walk([&](scf::ForallOp forall) { loops.push_back(forall); });
      for (scf::ForallOp forall : loops)
        if (failed(outline(forall, context, symbols)))
          return signalPassFailure();
      function.walk([&](tile::MarkOp mark) { lowerMark(mark, context, symbols); });
      function.walk([&](tile::BadIndexOp op) { lowerBadIndex(op, context, symbols); });
    }
    for (auto &[callee, calls] : called)
      for (func::CallOp call : calls)
        call.getOperandsMutable().append(call->getParentOfType<func::FuncOp>().getArguments().back());
  }
};
} // namespace
