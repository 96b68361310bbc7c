//===- SplitPlan.cpp - F -> F and F__plan ---------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   func.func @f(%x: tensor<?x4xf32>) -> tensor<?x?xf32> {
//     %y = <any computation> : tensor<?x?xf32>
//     return %y
//   }
//
// gains, when y's extents are those of x,
//
//   func.func private @f__plan(%x: tensor<?x4xf32>) -> (index, index) {
//     %d = tensor.dim %x, %c0
//     return %d, %c4
//   }
//
// The plan starts as a copy of F that returns the extents of what F returns.
// Moving each `tensor.dim` up to the arguments leaves the computation dead.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"
#include "compiler/schedule/memory/Extents.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_SPLITPLAN
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;

/// Makes F__plan beside `function`: a copy that returns all extents of all
/// results, not yet simplified.
static func::FuncOp clonePlan(func::FuncOp function) {
  OpBuilder builder(function.getContext());
  builder.setInsertionPointAfter(function);
  auto plan = cast<func::FuncOp>(builder.clone(*function));
  plan.setSymName((function.getSymName() + "__plan").str());
  plan.setPrivate();
  plan.removeResAttrsAttr();

  auto ret = cast<func::ReturnOp>(plan.front().getTerminator());
  builder.setInsertionPoint(ret);
  SmallVector<Value> extents;
  for (Value result : ret.getOperands())
    for (int64_t d = 0, e = cast<RankedTensorType>(result.getType()).getRank(); d < e; ++d)
      extents.push_back(builder.createOrFold<tensor::DimOp>(result.getLoc(), result, d));
  ret.getOperandsMutable().assign(extents);
  plan.setFunctionType(builder.getFunctionType(plan.getArgumentTypes(), ValueRange(extents).getTypes()));
  return plan;
}

/// What a plan may hold: extents of arguments and arithmetic on indices and
/// scalars.
static bool isCheap(Operation *op) {
  if (isa<tensor::DimOp>(op))
    return isa<BlockArgument>(op->getOperand(0));
  auto isScalar = [](Type type) { return type.isIntOrIndexOrFloat(); };
  return isa<arith::ArithDialect, affine::AffineDialect, func::FuncDialect>(op->getDialect()) &&
         llvm::all_of(op->getOperandTypes(), isScalar) && llvm::all_of(op->getResultTypes(), isScalar);
}

static LogicalResult verifyPlan(func::FuncOp plan, func::FuncOp function) {
  bool bad = false;
  plan.walk([&](Operation *op) {
    if (op == plan || isCheap(op))
      return;
    bad = true;
    op->emitError() << "an extent of a result of '" << function.getSymName() << "' depends on what '" << op->getName()
                    << "' computes; extents must follow from the extents of the inputs";
  });
  return failure(bad);
}

/// Public functions with a body whose results are all ranked tensors (a user
/// error otherwise is the front end's).
static SmallVector<func::FuncOp> entryPoints(ModuleOp module) {
  SmallVector<func::FuncOp> entries;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    if (function.isPublic() && !function.isDeclaration())
      entries.push_back(function);
  return entries;
}

/// A plan can only be made when results are ranked tensors and its name is
/// free.
static LogicalResult checkEntry(func::FuncOp function) {
  for (Type type : function.getResultTypes())
    if (!isa<RankedTensorType>(type))
      return function.emitError() << "result of type " << type << ": an entry point returns ranked tensors only";
  if (!function.getBody().hasOneBlock())
    return function.emitError("an entry point must have a single block");
  std::string name = (function.getSymName() + "__plan").str();
  if (Operation *taken = SymbolTable::lookupSymbolIn(function->getParentOp(), name)) {
    auto diagnostic = function.emitError() << "the name '" << name << "' is needed for the plan of this function";
    diagnostic.attachNote(taken->getLoc()) << "it is taken here";
    return diagnostic;
  }
  return success();
}

namespace {
struct SplitPlanPass : schedule::impl::SplitPlanBase<SplitPlanPass> {
  void runOnOperation() override {
    SmallVector<std::pair<func::FuncOp, func::FuncOp>> plans;
    bool bad = false;
    for (func::FuncOp function : entryPoints(getOperation())) {
      if (failed(checkEntry(function)))
        bad = true;
      else
        plans.emplace_back(clonePlan(function), function);
    }
    if (bad || failed(schedule::resolveExtents(getOperation())))
      return signalPassFailure();
    for (auto [plan, function] : plans)
      bad |= failed(verifyPlan(plan, function));
    if (bad)
      signalPassFailure();
  }
};
} // namespace
