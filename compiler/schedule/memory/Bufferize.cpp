//===- Bufferize.cpp - Tensors to memrefs ---------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
//     %e = tensor.empty(%n) : tensor<?x4xf32>
//     %y = linalg.exp ins(%x) outs(%e)
//     return %y
//   }
//
// becomes
//
//   func.func @f(%x: memref<?x4xf32, strided<[?, 1], offset: ?>>, %out: memref<?x4xf32> {attnc.result = 0 : i64}) {
//     linalg.exp ins(%x) outs(%out)
//     return
//   }
//
// Steps: 1. spell compound tensor ops with simple ones, one fill per
// destination, and a copy of what is read after it was written over;
// 2. results are materialised in destination arguments;
// 3. a tensor.empty that ends in a destination becomes that destination; 4.
// one-shot bufferization, which copies only where two uses of a buffer
// conflict; 5. folding of what it leaves.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/Transforms/Bufferize.h"
#include "compiler/schedule/Passes.h"
#include "compiler/schedule/memory/CallingConvention.h"
#include "compiler/schedule/memory/Extents.h"
#include "compiler/schedule/rows/CompoundOps.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/Alignment.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_BUFFERIZE
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;

//===----------------------------------------------------------------------===//
// 1. One fill per destination
//===----------------------------------------------------------------------===//

/// Every destination gets its own `tensor.empty` and `linalg.fill`. CSE has
/// merged equal ones; with one buffer for two destinations bufferization would
/// fill once and copy, which costs a read more than filling twice.
static void splitSharedFills(ModuleOp module) {
  SmallVector<OpOperand *> destinations;
  module.walk([&](DestinationStyleOpInterface op) {
    for (OpOperand &init : op.getDpsInitsMutable())
      if (Operation *made = init.get().getDefiningOp(); isa_and_present<linalg::FillOp, tensor::EmptyOp>(made))
        destinations.push_back(&init);
  });
  OpBuilder builder(module.getContext());
  for (OpOperand *use : destinations)
    for (OpOperand *next = use; next;) {
      Operation *made = next->get().getDefiningOp();
      if (!isa_and_present<linalg::FillOp, tensor::EmptyOp>(made) || made->hasOneUse())
        break;
      builder.setInsertionPoint(next->getOwner());
      Operation *own = builder.clone(*made);
      next->set(own->getResult(0));
      auto fill = dyn_cast<linalg::FillOp>(own);
      next = fill ? &fill.getDpsInitsMutable()[0] : nullptr;
    }
}

static bool isView(Operation *op) {
  return isa<tensor::ExtractSliceOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(op);
}

/// The uses of `tensor`, and of views of it, that do more than read it.
static void findWriters(Value tensor, SmallVectorImpl<OpOperand *> &writers) {
  for (OpOperand &use : tensor.getUses()) {
    Operation *user = use.getOwner();
    auto destination = dyn_cast<DestinationStyleOpInterface>(user);
    auto insert = dyn_cast<tensor::InsertSliceOp>(user);
    if (isView(user))
      findWriters(user->getResult(0), writers);
    else if (insert        ? &use == &insert.getDestMutable()
             : destination ? destination.isDpsInit(&use)
                           : !isa<tensor::DimOp, tensor::ExtractOp>(user))
      writers.push_back(&use);
  }
}

/// Elements of windows lie on one another: who writes into them, or may, gets a copy.
static void copyWrittenWindows(ModuleOp module) {
  SmallVector<OpOperand *> writers;
  module.walk([&](attn::WindowsOp windows) { findWriters(windows.getResult(), writers); });
  for (OpOperand *use : writers) {
    OpBuilder b(use->getOwner());
    Location loc = use->getOwner()->getLoc();
    Value tensor = use->get();
    Value empty =
        tensor::EmptyOp::create(b, loc, tensor::getMixedSizes(b, loc, tensor), getElementTypeOrSelf(tensor.getType()));
    use->set(linalg::CopyOp::create(b, loc, tensor, empty)->getResult(0));
  }
}

/// What `tensor` is a view of.
static Value viewed(Value tensor) {
  for (Operation *op = tensor.getDefiningOp(); op && isView(op); op = tensor.getDefiningOp())
    tensor = op->getOperand(0);
  return tensor;
}

/// Whether `tensor` or a view of it is used behind `writer`.
static bool isUsedBehind(Value tensor, Operation *writer) {
  return llvm::any_of(tensor.getUsers(), [&](Operation *user) {
    if (isView(user) || isa<attn::WindowsOp>(user))
      return isUsedBehind(user->getResult(0), writer);
    Operation *here = writer->getBlock()->findAncestorOpInBlock(*user);
    return here && here != writer && writer->isBeforeInBlock(here);
  });
}

/// The same elements in a tensor of its own: parts put together are put together again.
static Value ownCopy(OpBuilder &b, Value tensor) {
  Operation *made = tensor.getDefiningOp();
  if (isa_and_present<tensor::InsertSliceOp, tensor::EmptyOp>(made)) {
    Value below = isa<tensor::EmptyOp>(made) ? Value() : ownCopy(b, cast<tensor::InsertSliceOp>(made).getDest());
    Operation *own = b.clone(*made);
    if (below)
      cast<tensor::InsertSliceOp>(own).getDestMutable().assign(below);
    return own->getResult(0);
  }
  auto type = cast<RankedTensorType>(tensor.getType());
  Value empty = tensor::EmptyOp::create(b, tensor.getLoc(), tensor::getMixedSizes(b, tensor.getLoc(), tensor),
                                        type.getElementType());
  return linalg::CopyOp::create(b, tensor.getLoc(), tensor, empty).getResult(0);
}

/// An op writes over its destination. Where that is read behind it, too,
///
///   %x = linalg.generic outs(%e)      %y = tensor.insert_slice %part into %x      return %y, %x
///
/// one-shot bufferization would copy %x; but step 3 does not see that, and would put %e into the caller's memory for %y.
static void copyWhatIsReadLater(ModuleOp module) {
  SmallVector<OpOperand *> written;
  module.walk([&](DestinationStyleOpInterface op) {
    for (OpOperand &init : op.getDpsInitsMutable())
      if (isa<RankedTensorType>(init.get().getType()))
        if (Operation *made = viewed(init.get()).getDefiningOp(); made && !isa<linalg::FillOp, tensor::EmptyOp>(made))
          written.push_back(&init);
  });
  OpBuilder builder(module.getContext());
  for (OpOperand *init : written)
    if (isUsedBehind(viewed(init->get()), init->getOwner())) {
      builder.setInsertionPoint(init->getOwner());
      init->set(ownCopy(builder, init->get()));
    }
}

//===----------------------------------------------------------------------===//
// 4. One-shot bufferization
//===----------------------------------------------------------------------===//

static bufferization::OneShotBufferizationOptions bufferizationOptions() {
  bufferization::OneShotBufferizationOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.bufferAlignment = kAlignment;
  // Arguments say their layout; results, which are dropped, have that of what is returned.
  options.setFunctionBoundaryTypeConversion(bufferization::LayoutMapOption::InferLayoutMap);
  options.unknownTypeConverterFn = [](TensorType type, Attribute space, const bufferization::BufferizationOptions &) {
    return bufferization::getMemRefTypeWithStaticIdentityLayout(type, space);
  };
  // linalg.copy and not memref.copy, which would become a call into MLIR's
  // runtime for strided operands.
  options.memCpyFn = [](OpBuilder &builder, Location loc, Value from, Value to) {
    linalg::CopyOp::create(builder, loc, from, to);
    return success();
  };
  return options;
}

//===----------------------------------------------------------------------===//
// 5. Folding
//===----------------------------------------------------------------------===//

static void foldAway(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  MLIRContext *context = module.getContext();
  for (RegisteredOperationName name : context->getRegisteredOperations())
    if (StringRef dialect = name.getDialectNamespace(); dialect == "memref" || dialect == "bufferization")
      name.getCanonicalizationPatterns(patterns, context);
  linalg::CopyOp::getCanonicalizationPatterns(patterns,
                                              context); // a copy onto itself
  (void)applyPatternsGreedily(module, std::move(patterns));
}

/// Entries return nothing: what is still returned is the state of an argument. (Upstream does it for private functions.)
static void dropReturnedArguments(func::FuncOp function) {
  auto ret = cast<func::ReturnOp>(function.front().getTerminator());
  for (unsigned number = ret.getNumOperands(); number-- > 0;)
    if (isa<BlockArgument>(ret.getOperand(number))) {
      ret->eraseOperand(number);
      (void)function.eraseResult(number);
    }
}

namespace {
struct BufferizePass : schedule::impl::BufferizeBase<BufferizePass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    schedule::decomposeCompoundOps(module);
    if (failed(schedule::passResultsByDestination(module)))
      return signalPassFailure();
    // Their temporaries were sized by the tensor at hand, be it a reshape: equal extents must be one value again.
    if (failed(schedule::resolveExtents(module)))
      return signalPassFailure();
    copyWrittenWindows(module);
    copyWhatIsReadLater(module);
    splitSharedFills(module);
    IRRewriter rewriter(&getContext());
    if (failed(bufferization::eliminateEmptyTensors(rewriter, module)))
      return signalPassFailure();
    bufferization::OneShotBufferizationOptions options = bufferizationOptions();
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotModuleBufferize(module, options, state)))
      return signalPassFailure();
    bufferization::removeBufferizationAttributesInModule(module);
    if (failed(bufferization::dropEquivalentBufferResults(module))) // destinations that are returned
      return signalPassFailure();
    foldAway(module);
    for (func::FuncOp function : module.getOps<func::FuncOp>())
      if (function.isPublic() && !function.isDeclaration())
        dropReturnedArguments(function);
    module.walk([&](Operation *op) {
      numCopies += isa<linalg::CopyOp, memref::CopyOp>(op);
      numAllocs += isa<memref::AllocOp>(op);
    });
  }
};
} // namespace
