//===- SizeBuilder.cpp - Sizes of temporaries, computed elsewhere ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/memory/SizeBuilder.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// In the plan, which returns the extents of outputs already.
SizeBuilder SizeBuilder::inPlan(func::FuncOp function, func::ReturnOp ret) {
  auto plan = cast<func::FuncOp>(ret->getParentOp());
  SizeBuilder sizes(function, ret);
  for (auto [from, to] : llvm::zip(function.getArguments(), plan.getArguments()))
    sizes.inputs.map(from, to);
  sizes.outputExtents = llvm::to_vector(ret.getOperands());
  return sizes;
}
/// Before a call of the layer `function`.
SizeBuilder SizeBuilder::atCall(func::FuncOp function, func::CallOp call) {
  SizeBuilder sizes(function, call);
  sizes.inputs.map(function.getArguments().take_front(call.getNumOperands()), call.getOperands());
  return sizes;
}

/// `value` of the function here; null if it does not follow from extents.
Value SizeBuilder::clone(Value value) {
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
FailureOr<SmallVector<Value>> SizeBuilder::extentsOf(ArrayRef<Slot> slots) {
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
Value SizeBuilder::emitTotal(ArrayRef<Slot> slots, ArrayRef<Value> allExtents, int64_t overflow) {
  Value total = constantIndex(builder, loc, 0), fits = arith::ConstantIntOp::create(builder, loc, 1, 1);
  for (const Slot &slot : slots) {
    ArrayRef<Value> extents = allExtents.take_front(slot.values.size());
    allExtents = allExtents.drop_front(slot.values.size());
    Value size = emitSlotSize(builder, loc, slot.size.scale, extents);
    total = builder.createOrFold<arith::AddIOp>(loc, total, size);
    fits = both(fits, productFits(slot.size.scale, extents));
    if (!extents.empty()) // neither the rounding nor the sum wrapped
      fits = both(fits, compare(arith::CmpIPredicate::sge, total, constant(0)));
  }
  return builder.createOrFold<arith::SelectOp>(loc, fits, total, constant(overflow));
}

Value SizeBuilder::constant(int64_t value) { return constantIndex(builder, loc, value); }
Value SizeBuilder::compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
  return builder.createOrFold<arith::CmpIOp>(loc, predicate, lhs, rhs);
}
Value SizeBuilder::both(Value lhs, Value rhs) { return builder.createOrFold<arith::AndIOp>(loc, lhs, rhs); }

/// scale * e1 * e2 * ... <= 2^63 - 64, asked before each multiplication: bytes <= limit / max(e, 1).
Value SizeBuilder::productFits(int64_t scale, ValueRange extents) {
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
Value SizeBuilder::cloneDim(memref::DimOp dim) {
  std::optional<int64_t> position = dim.getConstantIndex();
  Value result = position ? cloneExtent(dim.getSource(), *position) : Value();
  if (result)
    mapping.map(dim.getResult(), result);
  return result;
}

Value SizeBuilder::cloneExtent(Value memref, int64_t dim) {
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
        SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
        for (int64_t d : groups[static_cast<size_t>(dim)]) {
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

Value SizeBuilder::cloneSize(OpFoldResult size) {
  std::optional<int64_t> known = getConstantIntValue(size);
  return known ? constant(*known) : clone(cast<Value>(size));
}

Value SizeBuilder::cloneArgumentExtent(BlockArgument argument, int64_t dim) {
  if (argument.getOwner() != &function.front())
    return Value();
  if (Value input = inputs.lookupOrNull(argument))
    return emitExtent(input, dim);
  return outputExtents[extentsBefore(argument) + dim];
}

/// The extent of a memref here, the same value for what is known to be equal.
Value SizeBuilder::emitExtent(Value memref, int64_t dim) {
  Extent extent = extentOf(memref, dim);
  if (extent.isStatic())
    return constant(extent.dim);
  return extent.dim < 0 ? extent.base : builder.createOrFold<memref::DimOp>(loc, extent.base, extent.dim);
}

/// How many extents precede the extents of output `argument`.
unsigned SizeBuilder::extentsBefore(BlockArgument argument) {
  unsigned count = 0;
  for (BlockArgument other : function.getArguments().take_front(argument.getArgNumber()))
    if (!inputs.contains(other))
      count += cast<MemRefType>(other.getType()).getRank();
  return count;
}
