//===- Extents.cpp - Run-time extents of tensors in a function ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Extents.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace attnc::tool {

using Extent = std::optional<int64_t>;

Extent Extents::product(Value tensor, ArrayRef<int64_t> dims) {
  int64_t result = 1;
  for (int64_t index : dims) {
    Extent extent = dim(tensor, index);
    if (!extent)
      return std::nullopt;
    result *= *extent;
  }
  return result;
}

Extent Extents::of(attn::AttentionOp op, char letter) {
  attn::ExtentSource source = op.findExtent(letter);
  Extent extent = source.operand ? dim(source.operand, source.dim) : 1;
  return extent ? Extent(*extent * source.factor) : std::nullopt;
}

/// The extent of dimension `index` of the windows of a tensor whose extent there is `source`.
static Extent extentOfWindows(attn::WindowsOp op, int64_t index, Extent source) {
  size_t windowed = static_cast<size_t>(index - op.getFirstDim());
  if (index < op.getFirstDim() || !source)
    return source;
  return std::max<int64_t>((*source - op.getSpan(windowed)) / op.getStrides()[windowed] + 1, 0);
}

/// The dimension of the slice's source that dimension `index` of its result is.
static int64_t undropped(tensor::ExtractSliceOp op, int64_t index) {
  llvm::SmallBitVector dropped = op.getDroppedDims();
  int64_t source = 0;
  for (;; ++source)
    if (!dropped.test(source) && index-- == 0)
      return source;
}

Extent Extents::computeDim(OpResult tensor, int64_t index) {
  Operation *op = tensor.getOwner();
  if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
    return dim(destination.getTiedOpOperand(tensor)->get(), index);
  return llvm::TypeSwitch<Operation *, Extent>(op)
      .Case([&](tensor::EmptyOp empty) { return value(empty.getMixedSizes()[index]); })
      .Case([&](tensor::CastOp cast) { return dim(cast.getSource(), index); })
      .Case([&](tensor::ExpandShapeOp expand) { return value(expand.getMixedOutputShape()[index]); })
      .Case([&](tensor::CollapseShapeOp collapse) {
        return product(collapse.getSrc(), collapse.getReassociationIndices()[index]);
      })
      .Case([&](tensor::ExtractSliceOp slice) { return value(slice.getMixedSizes()[undropped(slice, index)]); })
      .Case([&](attn::WindowsOp windows) -> Extent { // the windows' own extents are known
        return extentOfWindows(windows, index, dim(windows.getSource(), index));
      })
      .Case([&](tensor::PadOp pad) -> Extent {
        Extent source = dim(pad.getSource(), index), low = value(pad.getMixedLowPad()[index]),
               high = value(pad.getMixedHighPad()[index]);
        return source && low && high ? Extent(*low + *source + *high) : std::nullopt;
      })
      .Case([&](tensor::ConcatOp concat) -> Extent {
        int64_t sum = 0;
        for (Value part : concat.getInputs()) {
          Extent extent = dim(part, index);
          if (!extent || static_cast<uint64_t>(index) != concat.getDim())
            return extent;
          sum += *extent;
        }
        return sum;
      })
      .Default([&](Operation *op) -> Extent { // elementwise on whole tensors
        for (Value operand : op->getOperands())
          if (operand.getType() == tensor.getType())
            return dim(operand, index);
        return std::nullopt;
      });
}

Extent Extents::dim(Value tensor, int64_t index) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(index))
    return type.getDimSize(index);
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    if (argument.getOwner() != &function.getBody().front())
      return std::nullopt;
    return inputs[argument.getArgNumber()].shape[index];
  }
  return computeDim(cast<OpResult>(tensor), index);
}

Extent Extents::value(OpFoldResult index) {
  if (auto attribute = dyn_cast<Attribute>(index))
    return cast<IntegerAttr>(attribute).getInt();
  return value(cast<Value>(index));
}

Extent Extents::value(Value index) {
  if (auto it = known.find(index); it != known.end())
    return it->second;
  Operation *op = index.getDefiningOp();
  Extent result = op ? computeValue(op) : std::nullopt;
  return known[index] = result;
}

/// Index arithmetic on values that are known; divisors are checked.
static Extent fold(Operation *op, ArrayRef<int64_t> v) {
  return llvm::TypeSwitch<Operation *, Extent>(op)
      .Case([&](arith::AddIOp) { return v[0] + v[1]; })
      .Case([&](arith::SubIOp) { return v[0] - v[1]; })
      .Case([&](arith::MulIOp) { return v[0] * v[1]; })
      .Case<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp, arith::CeilDivSIOp, arith::CeilDivUIOp>(
          [&](Operation *divide) -> Extent {
            if (v[1] <= 0)
              return std::nullopt;
            bool up = isa<arith::CeilDivSIOp, arith::CeilDivUIOp>(divide);
            return up ? llvm::divideCeilSigned(v[0], v[1]) : llvm::divideFloorSigned(v[0], v[1]);
          })
      .Case([&](arith::MaxSIOp) { return std::max(v[0], v[1]); })
      .Case([&](arith::MinSIOp) { return std::min(v[0], v[1]); })
      .Case([&](arith::SelectOp) { return v[0] ? v[1] : v[2]; })
      .Case<arith::IndexCastOp, arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp>([&](Operation *) { return v[0]; })
      .Case([&](affine::AffineApplyOp apply) -> Extent {
        SmallVector<Attribute> operands;
        Builder builder(op->getContext());
        for (int64_t operand : v)
          operands.push_back(builder.getIndexAttr(operand));
        SmallVector<Attribute> results;
        if (failed(apply.getAffineMap().constantFold(operands, results)))
          return std::nullopt;
        return cast<IntegerAttr>(results[0]).getInt();
      })
      .Default([](Operation *) { return std::nullopt; });
}

Extent Extents::computeValue(Operation *op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto integer = dyn_cast<IntegerAttr>(constant.getValue());
    return integer ? Extent(integer.getInt()) : std::nullopt;
  }
  if (auto dimOp = dyn_cast<tensor::DimOp>(op)) {
    Extent index = value(dimOp.getIndex());
    return index ? dim(dimOp.getSource(), *index) : std::nullopt;
  }
  SmallVector<int64_t> operands;
  for (Value operand : op->getOperands()) {
    Extent extent = operand.getType().isIntOrIndex() ? value(operand) : std::nullopt;
    if (!extent)
      return std::nullopt;
    operands.push_back(*extent);
  }
  return fold(op, operands);
}

} // namespace attnc::tool
