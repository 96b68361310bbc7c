//===- CallingConvention.cpp - Results are memory of the caller -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/memory/CallingConvention.h"
#include "compiler/schedule/memory/Extents.h"
#include "dialects/Common/Calls.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

using namespace mlir;
using namespace attnc;

/// strided<[?, .., ?, 1], offset: ?> for a tensor of rank >= 1.
static StridedLayoutAttr innermostContiguous(RankedTensorType type) {
  SmallVector<int64_t> strides(type.getRank(), ShapedType::kDynamic);
  strides.back() = 1;
  return StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides);
}

/// Row-major, nothing between rows.
static MemRefLayoutAttrInterface withoutGaps(RankedTensorType type) {
  return AffineMapAttr::get(AffineMap::getMultiDimIdentityMap(type.getRank(), type.getContext()));
}

static void setLayout(func::FuncOp function, unsigned argument, MemRefLayoutAttrInterface layout) {
  function.setArgAttr(argument, bufferization::BufferizationDialect::kBufferLayoutAttrName, layout);
}

/// The argument that result `number` of `function` is the new value of; none if it is an ordinary one.
static std::optional<unsigned> inoutArgument(func::FuncOp function, unsigned number) {
  auto argument = function.getResultAttrOfType<IntegerAttr>(number, "attnc.inout");
  return argument ? std::optional<unsigned>(argument.getInt()) : std::nullopt;
}

static Value rootOf(Value tensor);

/// What a layer writes its result `number` to, as an operand of `call`; null if not known.
static Value destinationOf(func::CallOp call, unsigned number) {
  auto layer = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
  if (!layer || layer.isDeclaration())
    return Value();
  auto argument = dyn_cast<BlockArgument>(rootOf(layer.front().getTerminator()->getOperand(number)));
  return argument ? call.getOperand(argument.getArgNumber()) : Value();
}

/// Where the elements of `tensor` were before ops that update parts of it.
static Value rootOf(Value tensor) {
  while (auto result = dyn_cast<OpResult>(tensor)) {
    Operation *op = result.getOwner();
    if (auto destination = dyn_cast<DestinationStyleOpInterface>(op)) // insert_slice and the like among them
      tensor = destination.getTiedOpOperand(result)->get();
    else if (auto insert = dyn_cast<tensor::InsertOp>(op))
      tensor = insert.getDest();
    else if (Value updated =
                 isa<func::CallOp>(op) ? destinationOf(cast<func::CallOp>(op), result.getResultNumber()) : Value())
      tensor = updated;
    else
      break;
  }
  return tensor;
}

/// `value`, to be written over what `argument` holds. Where it is not made of that, a copy: two states may be exchanged.
static Value apartFrom(OpBuilder &b, Value value, Value argument) {
  if (rootOf(value) == argument)
    return value;
  return bufferization::AllocTensorOp::create(b, value.getLoc(), cast<RankedTensorType>(value.getType()),
                                              /*dynamicSizes=*/ValueRange(), /*copy=*/value);
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
    setLayout(function, number, type.getRank() > 0 ? innermostContiguous(type) : withoutGaps(type));
  }
}

/// Tensor results -> trailing memref arguments, each with the attributes of its result and its number. They may have gaps
/// between rows, as inputs may: callers may want a result in a slice of a larger tensor.
static void passEntryResults(func::FuncOp function) {
  OpBuilder builder(function.getContext());
  auto ret = cast<func::ReturnOp>(function.front().getTerminator());
  SmallVector<std::pair<unsigned, unsigned>> inouts; // result, argument
  SmallVector<Value> kept;
  for (auto [number, result] : llvm::enumerate(SmallVector<Value>(ret.getOperands()))) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type) {
      kept.push_back(result);
      continue;
    }
    NamedAttrList attrs(function.getResultAttrDict(number));
    attrs.set("attnc.result", builder.getI64IntegerAttr(number));
    MemRefLayoutAttrInterface layout;
    if (type.getRank() > 0)
      layout = innermostContiguous(type);
    auto memref = MemRefType::get(type.getShape(), type.getElementType(), layout);
    unsigned position = function.getNumArguments();
    (void)function.insertArgument(position, memref, attrs.getDictionary(function.getContext()), result.getLoc());
    if (std::optional<unsigned> argument = inoutArgument(function, number)) {
      inouts.emplace_back(number, *argument);
      continue;
    }
    builder.setInsertionPoint(ret);
    auto store = bufferization::MaterializeInDestinationOp::create(builder, ret.getLoc(), /*result=*/Type(), result,
                                                                   function.getArgument(position));
    store.setRestrict(true);
    store.setWritable(true);
  }
  builder.setInsertionPoint(ret);
  SmallVector<Value> states; // all of them before one is written
  for (auto [number, argument] : inouts)
    states.push_back(apartFrom(builder, ret.getOperand(number), function.getArgument(argument)));
  for (auto [inout, state] : llvm::zip_equal(inouts, states)) { // last: others may read what the states were
    Value argument = function.getArgument(inout.second);
    function.setArgAttr(inout.second, bufferization::BufferizationDialect::kWritableAttrName,
                        builder.getBoolAttr(true));
    kept.push_back(
        bufferization::MaterializeInDestinationOp::create(builder, ret.getLoc(), state.getType(), state, argument)
            .getResult());
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
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (type && llvm::none_of(calls, [&](func::CallOp call) { return mayHaveGaps(call.getOperand(number)); }))
      setLayout(layer, number, withoutGaps(type));
  }
}

/// The argument that result `number` of `layer` updates, if its callers use it no more; null else.
static Value updatedArgument(func::FuncOp layer, ArrayRef<func::CallOp> calls, Value result) {
  auto argument = dyn_cast<BlockArgument>(rootOf(result));
  if (!argument || argument == result || argument.getOwner() != &layer.front())
    return Value();
  bool isLast =
      llvm::all_of(calls, [&](func::CallOp call) { return call.getOperand(argument.getArgNumber()).hasOneUse(); });
  return isLast ? argument : Value();
}

/// Whether `tensor` is a result of the function around it.
static bool isReturned(Value tensor) {
  return llvm::any_of(tensor.getUsers(), [](Operation *user) { return isa<func::ReturnOp>(user); });
}

/// Memory for result `number` of `call`, without gaps. One that the caller returns gets memory of its own and is copied:
/// the output may have gaps, and then all layers would read with strides that nobody knows.
static FailureOr<Value> makeDestination(func::CallOp call, unsigned number) {
  auto type = cast<RankedTensorType>(call.getResultTypes()[number]);
  OpBuilder b(call);
  SmallVector<Value> sizes;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (!type.isDynamicDim(d))
      continue;
    sizes.push_back(schedule::extentOfResult(b, call, number, d));
    if (!sizes.back())
      return call.emitError() << "the extent of dimension " << d << " of result " << number << " of @"
                              << call.getCallee() << " is no named extent of an argument";
  }
  if (isReturned(call.getResult(number)))
    return bufferization::AllocTensorOp::create(b, call.getLoc(), type, sizes).getResult();
  return tensor::EmptyOp::create(b, call.getLoc(), type.getShape(), type.getElementType(), sizes).getResult();
}

/// Results of a layer -> tensors that it writes and returns.
static LogicalResult passLayerResults(func::FuncOp layer, ArrayRef<func::CallOp> calls) {
  OpBuilder b(layer.front().getTerminator());
  auto ret = cast<func::ReturnOp>(layer.front().getTerminator());
  for (unsigned number = 0; number < layer.getNumResults(); ++number) {
    Value result = ret.getOperand(number), destination = updatedArgument(layer, calls, result);
    if (destination)
      layer.setArgAttr(cast<BlockArgument>(destination).getArgNumber(),
                       bufferization::BufferizationDialect::kWritableAttrName, b.getBoolAttr(true));
    for (func::CallOp call : destination ? ArrayRef<func::CallOp>() : calls) {
      FailureOr<Value> memory = makeDestination(call, number);
      if (failed(memory))
        return failure();
      call.getOperandsMutable().append(*memory);
    }
    if (!destination) {
      NamedAttrList attrs(layer.getResultAttrDict(number));
      attrs.set("attnc.result", b.getI64IntegerAttr(number));
      unsigned position = layer.getNumArguments();
      (void)layer.insertArgument(position, result.getType(), attrs.getDictionary(layer.getContext()), layer.getLoc());
      setLayout(layer, position, withoutGaps(cast<RankedTensorType>(result.getType())));
      destination = layer.getArgument(position);
    }
    ret.setOperand(number, bufferization::MaterializeInDestinationOp::create(b, ret.getLoc(), result.getType(), result,
                                                                             destination)
                               .getResult());
  }
  return success();
}

LogicalResult schedule::passResultsByDestination(ModuleOp module) {
  CalledFunctions layers = findCalledFunctions(module);
  for (auto &[layer, calls] : layers) {
    declareLayerInputs(layer, calls);
    if (failed(passLayerResults(layer, calls)))
      return failure();
  }
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (function.isDeclaration() || layers.contains(function))
      continue;
    declareInputs(function);
    passEntryResults(function);
  }
  return success();
}
