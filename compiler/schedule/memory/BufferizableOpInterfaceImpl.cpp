//===- BufferizableOpInterfaceImpl.cpp - attn ops on memrefs --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   %r = attn.contract lhs(%x : tensor) rhs(%w : tensor) captures(%c : tensor) outs(%init : tensor) epilogue {
//   ^bb0(%acc: f32, %n: index, %a: tensor<64xf32>):
//     tensor.extract %a[%n] ...
//
// becomes the same op on memrefs, without result; %r is the buffer of %init:
//
//   attn.contract lhs(%x : memref) rhs(%w : memref) captures(%c : memref) outs(%init : memref) epilogue {
//   ^bb0(%acc: f32, %n: index, %a: memref<64xf32>):
//     memref.load %a[%n] ...
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/memory/BufferizableOpInterfaceImpl.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/Builders.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace attnc;
using namespace mlir::bufferization;

namespace {

/// The captured operand that a region argument of an attn op stands for;
/// captures are the trailing arguments.
template <typename OpTy>
Value captureOf(OpTy op, BlockArgument argument) {
  unsigned leading = argument.getOwner()->getNumArguments() - op.getCaptures().size();
  return op.getCaptures()[argument.getArgNumber() - leading];
}

/// Gives `argument` the type of its buffer; reads inside the region see it
/// through a to_tensor, which folds with the to_buffer of each reader.
void bufferizeArgument(RewriterBase &rewriter, BlockArgument argument, Type bufferType) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToStart(argument.getOwner());
  Type tensorType = argument.getType();
  argument.setType(bufferType);
  auto tensor = ToTensorOp::create(rewriter, argument.getLoc(), tensorType, argument);
  rewriter.replaceAllUsesExcept(argument, tensor, tensor);
}

template <typename OpTy>
struct AttnOpModel : DstBufferizableOpInterfaceExternalModel<AttnOpModel<OpTy>, OpTy> {
  /// Destinations are overwritten, never read.
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const AnalysisState &) const {
    return !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }

  FailureOr<BufferLikeType> getBufferType(Operation *op, Value value, const BufferizationOptions &options,
                                          const BufferizationState &state, SmallVector<Value> &stack) const {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return bufferization::getBufferType(captureOf(cast<OpTy>(op), argument), options, state, stack);
    return bufferization::detail::defaultGetBufferType(value, options, state, stack);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const BufferizationOptions &options,
                          BufferizationState &state) const {
    SmallVector<Value> operands, results;
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = operand.get();
      if (isa<TensorType>(value.getType())) {
        FailureOr<Value> buffer = getBuffer(rewriter, value, options, state);
        if (failed(buffer))
          return failure();
        value = *buffer;
      }
      operands.push_back(value);
      if (cast<DestinationStyleOpInterface>(op).isDpsInit(&operand))
        results.push_back(value);
    }
    auto onBuffers = cast<OpTy>(cloneWithoutRegions(rewriter, op, TypeRange(), operands));
    for (auto [from, to] : llvm::zip(op->getRegions(), onBuffers->getRegions())) {
      to.takeBody(from);
      for (BlockArgument argument : to.getArguments())
        if (isa<TensorType>(argument.getType()))
          bufferizeArgument(rewriter, argument, captureOf(onBuffers, argument).getType());
    }
    replaceOpWithBufferizedValues(rewriter, op, ValueRange(results).take_front(op->getNumResults()));
    return success();
  }
};

/// attn.weight @w : tensor  ->  tile.weight @w : memref, which is never written. The same for a layer's weight.
template <typename OpTy>
struct WeightOpModel : BufferizableOpInterface::ExternalModel<WeightOpModel<OpTy>, OpTy> {
  bool bufferizesToMemoryRead(Operation *, OpOperand &, const AnalysisState &) const { return false; }
  bool bufferizesToMemoryWrite(Operation *, OpOperand &, const AnalysisState &) const { return false; }
  AliasingValueList getAliasingValues(Operation *, OpOperand &, const AnalysisState &) const { return {}; }
  bool isWritable(Operation *, Value, const AnalysisState &) const { return false; }

  FailureOr<BufferLikeType> getBufferType(Operation *, Value value, const BufferizationOptions &,
                                          const BufferizationState &, SmallVector<Value> &) const {
    auto type = cast<RankedTensorType>(value.getType());
    return cast<BufferLikeType>(MemRefType::get(type.getShape(), type.getElementType()));
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const BufferizationOptions &,
                          BufferizationState &) const {
    auto tensor = cast<RankedTensorType>(op->getResult(0).getType());
    auto type = MemRefType::get(tensor.getShape(), tensor.getElementType());
    if (auto layer = dyn_cast<attn::LayerWeightOp>(op))
      replaceOpWithNewBufferizedOp<tile::WeightOp>(rewriter, op, type, layer.getStackAttr(), layer.getLayer());
    else
      replaceOpWithNewBufferizedOp<tile::WeightOp>(rewriter, op, type, cast<attn::WeightOp>(op).getNameAttr(), Value());
    return success();
  }
};
/// attn.windows %x : tensor  ->  memref.reinterpret_cast %x, whose elements lie on one another. They are only read: see
/// copyWrittenWindows. (isWritable = false would forbid to write %x in place before.)
struct WindowsOpModel : BufferizableOpInterface::ExternalModel<WindowsOpModel, attn::WindowsOp> {
  bool bufferizesToMemoryRead(Operation *, OpOperand &, const AnalysisState &) const { return false; }
  bool bufferizesToMemoryWrite(Operation *, OpOperand &, const AnalysisState &) const { return false; }
  AliasingValueList getAliasingValues(Operation *op, OpOperand &, const AnalysisState &) const {
    return {{op->getResult(0), BufferRelation::Unknown}};
  }
  bool isWritable(Operation *, Value, const AnalysisState &) const { return true; }

  static MemRefType typeFor(attn::WindowsOp op, MemRefType source) {
    auto [strides, offset] = source.getStridesAndOffset();
    auto scaled = [](int64_t stride, int64_t by) { return ShapedType::isDynamic(stride) ? stride : stride * by; };
    for (auto [i, dilation] : llvm::enumerate(op.getDilations())) {
      size_t d = static_cast<size_t>(op.getFirstDim()) + i;
      strides.push_back(scaled(strides[d], dilation));
      strides[d] = scaled(strides[d], op.getStrides()[i]);
    }
    auto layout = StridedLayoutAttr::get(op.getContext(), offset, strides);
    return MemRefType::get(op.getType().getShape(), source.getElementType(), layout, source.getMemorySpace());
  }

  FailureOr<BufferLikeType> getBufferType(Operation *op, Value, const BufferizationOptions &options,
                                          const BufferizationState &state, SmallVector<Value> &stack) const {
    auto windows = cast<attn::WindowsOp>(op);
    auto source = bufferization::getBufferType(windows.getSource(), options, state, stack);
    if (failed(source))
      return failure();
    return cast<BufferLikeType>(typeFor(windows, cast<MemRefType>(*source)));
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto windows = cast<attn::WindowsOp>(op);
    FailureOr<Value> source = getBuffer(rewriter, windows.getSource(), options, state);
    ReifiedRankedShapedTypeDims shapes;
    if (failed(source) || failed(windows.reifyResultShapes(rewriter, shapes)))
      return failure();
    Location loc = op->getLoc();
    IndexMath math{rewriter, loc};
    auto parts = memref::ExtractStridedMetadataOp::create(rewriter, loc, *source);
    SmallVector<OpFoldResult> strides = parts.getConstifiedMixedStrides();
    auto scaled = [&](OpFoldResult stride, int64_t by) {
      if (std::optional<int64_t> known = getConstantIntValue(stride))
        return OpFoldResult(rewriter.getIndexAttr(*known * by));
      return OpFoldResult(math.mul(cast<Value>(stride), math.index(by)));
    };
    for (auto [i, dilation] : llvm::enumerate(windows.getDilations())) {
      size_t d = static_cast<size_t>(windows.getFirstDim()) + i;
      strides.push_back(scaled(strides[d], dilation));
      strides[d] = scaled(strides[d], windows.getStrides()[i]);
    }
    replaceOpWithNewBufferizedOp<memref::ReinterpretCastOp>(
        rewriter, op, typeFor(windows, cast<MemRefType>(source->getType())), parts.getBaseBuffer(),
        parts.getConstifiedMixedOffset(), shapes[0], strides);
    return success();
  }
};
} // namespace

void attnc::schedule::registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, attn::AttnDialect *) {
    attn::AttentionOp::attachInterface<AttnOpModel<attn::AttentionOp>>(*context);
    attn::ContractOp::attachInterface<AttnOpModel<attn::ContractOp>>(*context);
    attn::WeightOp::attachInterface<WeightOpModel<attn::WeightOp>>(*context);
    attn::WindowsOp::attachInterface<WindowsOpModel>(*context);
    attn::LayerWeightOp::attachInterface<WeightOpModel<attn::LayerWeightOp>>(*context);
  });
}
