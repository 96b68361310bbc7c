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
// A layer, a private function that others call, has tensors as destinations until 4., and its callers pass buffers:
//
//   func.func private @layer(%x: memref<?x4xf32>, %out: memref<?x4xf32> {attnc.result = 0 : i64})
//   %out = memref.alloc(%n) : memref<?x4xf32>
//   call @layer(%x, %out)
//
// Steps: 1. spell compound tensor ops with simple ones, one fill per
// destination; 2. results are materialised in destination arguments;
// 3. a tensor.empty that ends in a destination becomes that destination; 4.
// one-shot bufferization, which copies only where two uses of a buffer
// conflict; 5. folding of what it leaves.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/Transforms/Bufferize.h"
#include "compiler/schedule/Passes.h"
#include "compiler/schedule/memory/Extents.h"
#include "compiler/schedule/rows/CompoundOps.h"
#include "dialects/Common/Calls.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"

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

//===----------------------------------------------------------------------===//
// 2. The calling convention
//===----------------------------------------------------------------------===//

/// strided<[?, .., ?, 1], offset: ?> for a tensor of rank >= 1.
static StridedLayoutAttr innermostContiguous(RankedTensorType type) {
  SmallVector<int64_t> strides(type.getRank(), ShapedType::kDynamic);
  strides.back() = 1;
  return StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides);
}

/// Inputs are read-only, and callers may pass slices of larger tensors. Only a reshape that merges dimensions needs its
/// operand without gaps; bufferization copies there.
static void declareInputs(func::FuncOp function) {
  OpBuilder builder(function.getContext());
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      continue;
    unsigned number = argument.getArgNumber();
    function.setArgAttr(number, bufferization::BufferizationDialect::kWritableAttrName, builder.getBoolAttr(false));
    if (type.getRank() > 0)
      function.setArgAttr(number, bufferization::BufferizationDialect::kBufferLayoutAttrName,
                          innermostContiguous(type));
  }
}

/// Tensor results -> trailing memref arguments, each with the attributes of its result and its number. A result with the
/// attribute attnc.strided may have gaps between rows, as inputs may.
static void passResultsByDestination(func::FuncOp function) {
  OpBuilder builder(function.getContext());
  auto ret = cast<func::ReturnOp>(function.front().getTerminator());
  builder.setInsertionPoint(ret);
  SmallVector<Value> kept;
  SmallVector<DictionaryAttr> keptAttrs;
  SmallVector<Value> results(ret.getOperands());
  for (auto [number, result] : llvm::enumerate(results)) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    NamedAttrList attrs(function.getResultAttrDict(number));
    if (!type) {
      kept.push_back(result);
      keptAttrs.push_back(attrs.getDictionary(function.getContext()));
      continue;
    }
    attrs.set("attnc.result", builder.getI64IntegerAttr(number));
    MemRefLayoutAttrInterface layout; // without gaps, unless callers may want the result in a slice of a larger tensor
    if (attrs.getNamed("attnc.strided") && type.getRank() > 0)
      layout = innermostContiguous(type);
    auto memref = MemRefType::get(type.getShape(), type.getElementType(), layout);
    unsigned position = function.getNumArguments();
    (void)function.insertArgument(position, memref, attrs.getDictionary(function.getContext()), result.getLoc());
    auto store = bufferization::MaterializeInDestinationOp::create(builder, ret.getLoc(), /*result=*/Type(), result,
                                                                   function.getArgument(position));
    store.setRestrict(true);
    store.setWritable(true);
  }
  ret.getOperandsMutable().assign(kept);
  function.removeResAttrsAttr();
  function.setFunctionType(builder.getFunctionType(function.getArgumentTypes(), ValueRange(kept).getTypes()));
}

/// Whether the memory of `tensor` may have gaps between its rows: an input, or a part of something.
static bool mayHaveGaps(Value tensor) {
  while (Operation *op = tensor.getDefiningOp()) {
    if (isa<tensor::ExtractSliceOp>(op))
      return true;
    if (!isa<tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      return false;
    tensor = op->getOperand(0);
  }
  return true;
}

/// Inputs of a layer are read-only too. Where a caller has none with gaps, code need not count with them.
static void declareLayerInputs(func::FuncOp layer, ArrayRef<func::CallOp> calls) {
  declareInputs(layer);
  for (BlockArgument argument : layer.getArguments()) {
    unsigned number = argument.getArgNumber();
    if (llvm::none_of(calls, [&](func::CallOp call) { return mayHaveGaps(call.getOperand(number)); }))
      layer.removeArgAttr(number, bufferization::BufferizationDialect::kBufferLayoutAttrName);
  }
}

/// Results of a layer -> trailing tensors that it writes and returns, which its callers make.
static LogicalResult passLayerResultsByDestination(func::FuncOp layer, ArrayRef<func::CallOp> calls) {
  OpBuilder b(layer.front().getTerminator());
  auto ret = cast<func::ReturnOp>(layer.front().getTerminator());
  for (unsigned number = 0; number < layer.getNumResults(); ++number) {
    auto type = cast<RankedTensorType>(layer.getResultTypes()[number]);
    for (func::CallOp call : calls) {
      OpBuilder outside(call);
      SmallVector<Value> sizes;
      for (int64_t d = 0; d < type.getRank(); ++d) {
        if (!type.isDynamicDim(d))
          continue;
        sizes.push_back(schedule::extentOfResult(outside, call, number, d));
        if (!sizes.back())
          return call.emitError() << "the extent of dimension " << d << " of result " << number << " of @"
                                  << layer.getSymName() << " is no named extent of an argument";
      }
      call.getOperandsMutable().append(
          tensor::EmptyOp::create(outside, call.getLoc(), type.getShape(), type.getElementType(), sizes).getResult());
    }
    NamedAttrList attrs(layer.getResultAttrDict(number));
    attrs.set("attnc.result", b.getI64IntegerAttr(number));
    unsigned position = layer.getNumArguments();
    (void)layer.insertArgument(position, type, attrs.getDictionary(layer.getContext()), layer.getLoc());
    auto stored = bufferization::MaterializeInDestinationOp::create(b, ret.getLoc(), type, ret.getOperand(number),
                                                                    layer.getArgument(position));
    ret.setOperand(number, stored.getResult());
  }
  return success();
}

//===----------------------------------------------------------------------===//
// 4. One-shot bufferization
//===----------------------------------------------------------------------===//

static bufferization::OneShotBufferizationOptions bufferizationOptions() {
  bufferization::OneShotBufferizationOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.bufferAlignment = 64; // one cache line, one zmm
  options.setFunctionBoundaryTypeConversion(bufferization::LayoutMapOption::IdentityLayoutMap);
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

namespace {
struct BufferizePass : schedule::impl::BufferizeBase<BufferizePass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    schedule::decomposeCompoundOps(module);
    CalledFunctions layers = findCalledFunctions(module);
    for (auto &[layer, calls] : layers) {
      declareLayerInputs(layer, calls);
      if (failed(passLayerResultsByDestination(layer, calls)))
        return signalPassFailure();
    }
    // Their temporaries were sized by the tensor at hand, be it a reshape: equal extents must be one value again.
    if (failed(schedule::resolveExtents(module)))
      return signalPassFailure();
    splitSharedFills(module);
    for (func::FuncOp function : module.getOps<func::FuncOp>()) {
      if (function.isDeclaration() || layers.contains(function))
        continue;
      declareInputs(function);
      passResultsByDestination(function);
    }
    IRRewriter rewriter(&getContext());
    if (failed(bufferization::eliminateEmptyTensors(rewriter, module)))
      return signalPassFailure();
    bufferization::OneShotBufferizationOptions options = bufferizationOptions();
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotModuleBufferize(module, options, state)))
      return signalPassFailure();
    bufferization::removeBufferizationAttributesInModule(module);
    if (failed(bufferization::dropEquivalentBufferResults(module))) // a layer returns its destinations
      return signalPassFailure();
    foldAway(module);
    module.walk([&](Operation *op) {
      numCopies += isa<linalg::CopyOp, memref::CopyOp>(op);
      numAllocs += isa<memref::AllocOp>(op);
    });
  }
};
} // namespace
