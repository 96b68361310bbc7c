//===- ExtendInPlace.cpp - An output that begins with an input ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A cache that gets rows is an input and an output of its own in many models: present = concat(past, new). A caller that
// has room behind past lets present begin where past does. Then
//
//   %start = memref.subview %present[0, 0] [%n, 64] [1, 1]
//   linalg.copy ins(%past) outs(%start)
//
// has nothing to do, and becomes
//
//   %differ = arith.cmpi ne, address of %past, address of %present
//   scf.if %differ { linalg.copy ins(%past) outs(%start) }
//
// with `extends = 1` (the number of %past) in the row of `attnc.entries`: the runtime lets this output overlap with that
// input, and lets their addresses be equal only where all strides are, too.
//
// What is read of %past must not have been written over: the copy is all that reads it, and everything that touches
// %present comes behind.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_EXTENDINPLACE
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;

static std::optional<int64_t> resultNumber(func::FuncOp function, Value memory) {
  auto argument = dyn_cast<BlockArgument>(memory);
  if (!argument || argument.getOwner() != &function.front())
    return std::nullopt;
  auto number = function.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(), "attnc.result");
  return number ? std::optional(number.getInt()) : std::nullopt;
}

/// An input of the function that `copy` alone reads.
static bool readsInputAlone(func::FuncOp function, linalg::CopyOp copy) {
  auto input = dyn_cast<BlockArgument>(copy.getInputs()[0]);
  return input && input.getOwner() == &function.front() && !resultNumber(function, input) &&
         llvm::all_of(input.getUsers(), [&](Operation *user) { return user == copy || isa<memref::DimOp>(user); });
}

/// The output at whose start `copy` writes; null if it writes elsewhere.
static Value outputThatBegins(func::FuncOp function, linalg::CopyOp copy) {
  Value target = copy.getOutputs()[0];
  if (auto view = target.getDefiningOp<memref::SubViewOp>()) {
    bool isAtStart = llvm::all_of(view.getMixedOffsets(), [](OpFoldResult offset) { return isZeroInteger(offset); }) &&
                     view.hasUnitStride() && view.getType().getRank() == view.getSourceType().getRank();
    target = isAtStart ? view.getSource() : Value();
  }
  return target && resultNumber(function, target) ? target : Value();
}

/// Whether `memory`, or a view of it, is touched before `copy`.
static bool isTouchedBefore(Value memory, linalg::CopyOp copy) {
  return llvm::any_of(memory.getUsers(), [&](Operation *user) {
    if (isa<ViewLikeOpInterface>(user))
      return isTouchedBefore(user->getResult(0), copy);
    Operation *here = copy->getBlock()->findAncestorOpInBlock(*user);
    return !isa<memref::DimOp>(user) && (!here || here->isBeforeInBlock(copy));
  });
}

static void skipWhereOne(linalg::CopyOp copy, Value output) {
  OpBuilder b(copy);
  Location loc = copy.getLoc();
  Value from = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, copy.getInputs()[0]);
  Value to = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, output);
  Value differ = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, from, to);
  auto branch = scf::IfOp::create(b, loc, differ, /*withElseRegion=*/false);
  copy->moveBefore(branch.thenBlock()->getTerminator());
}

/// Says in the row of `attnc.entries` of `function` that an output extends an input.
static void record(func::FuncOp function, int64_t output, int64_t input) {
  auto module = function->getParentOfType<ModuleOp>();
  auto entries = module->getAttrOfType<ArrayAttr>("attnc.entries");
  SmallVector<Attribute> rows(entries ? entries.getValue() : ArrayRef<Attribute>());
  Builder b(function.getContext());
  for (Attribute &row : rows) {
    NamedAttrList entry(cast<DictionaryAttr>(row));
    auto outputs = dyn_cast_or_null<ArrayAttr>(entry.get("outputs"));
    if (entry.get("name") != function.getSymNameAttr() || !outputs || output >= std::ssize(outputs))
      continue;
    SmallVector<Attribute> tensors(outputs.getValue());
    NamedAttrList tensor(cast<DictionaryAttr>(tensors[output]));
    tensor.set("extends", b.getI64IntegerAttr(input));
    tensors[output] = tensor.getDictionary(b.getContext());
    entry.set("outputs", b.getArrayAttr(tensors));
    row = entry.getDictionary(b.getContext());
  }
  if (entries)
    module->setAttr("attnc.entries", b.getArrayAttr(rows));
}

namespace {
struct ExtendInPlacePass : schedule::impl::ExtendInPlaceBase<ExtendInPlacePass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isDeclaration())
        for (auto copy : llvm::to_vector(function.front().getOps<linalg::CopyOp>())) {
          Value output = outputThatBegins(function, copy);
          if (!output || !readsInputAlone(function, copy) || isTouchedBefore(output, copy))
            continue;
          skipWhereOne(copy, output);
          record(function, *resultNumber(function, output), cast<BlockArgument>(copy.getInputs()[0]).getArgNumber());
          ++numSkipped;
        }
  }
};
} // namespace
