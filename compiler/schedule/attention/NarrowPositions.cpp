//===- NarrowPositions.cpp - Positions as i32 where they fit --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/NarrowPositions.h"
#include "compiler/support/Limits.h"
#include "dialects/Common/StreamingSoftmax.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// Lanes of a block beyond its last query or key have positions as well; their values are dropped, but must not
/// overflow.
constexpr int64_t kBeyond = kMostKeys;

/// Types that take more than the 32 bits of an f32's lane.
static bool isWideInteger(Type type) { return type.isIndex() || type.isInteger(64); }

/// An upper bound of `extent`: of a tensor of the caller's, a call has checked it.
static std::optional<int64_t> largestOf(Value extent) {
  if (std::optional<int64_t> constant = getConstantIntValue(extent))
    return constant;
  if (auto keys = extent.getDefiningOp<arith::MulIOp>(); keys && getConstantIntValue(keys.getRhs()))
    extent = keys.getLhs(); // of a number of pages: a call has checked that they hold no more
  auto dim = extent.getDefiningOp<memref::DimOp>();
  auto argument = dim ? dyn_cast<BlockArgument>(dim.getSource()) : BlockArgument();
  if (argument && isa<FunctionOpInterface>(argument.getOwner()->getParentOp()))
    return kMaxExtent;
  return std::nullopt;
}

void PositionNarrower::setPosition(Value argument, Value extent) {
  std::optional<int64_t> largest = largestOf(extent);
  unsigned width = ConstantIntRanges::getStorageBitwidth(argument.getType());
  if (largest)
    ranges.set(argument, ConstantIntRanges::fromSigned(APInt(width, 0), APInt(width, *largest + kBeyond)));
}

bool PositionNarrower::fits(Value value) {
  if (!isWideInteger(value.getType()))
    return true;
  ConstantIntRanges range = ranges.of(value);
  return range.smin().isSignedIntN(32) && range.smax().isSignedIntN(32);
}

/// `op` computes the same on i32 as on the integers that it has, since all of them fit.
bool PositionNarrower::isNarrowable(Operation &op) {
  if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::MaxSIOp, arith::MinSIOp, arith::FloorDivSIOp,
           arith::CeilDivSIOp, arith::DivSIOp, arith::RemSIOp, arith::CmpIOp, arith::SelectOp, arith::IndexCastOp,
           arith::SIToFPOp>(op))
    return false;
  if (isa<arith::DivSIOp, arith::RemSIOp, arith::FloorDivSIOp, arith::CeilDivSIOp>(op) &&
      !ranges.of(op.getOperand(1)).smin().isStrictlyPositive())
    return false; // by 0 or -1
  if (isa<arith::IndexCastOp>(op) && ConstantIntRanges::getStorageBitwidth(op.getResult(0).getType()) < 32)
    return false;
  auto isWide = [](Value value) { return isWideInteger(value.getType()); };
  auto fit = [&](Value value) { return fits(value); };
  return (llvm::any_of(op.getOperands(), isWide) || llvm::any_of(op.getResults(), isWide)) &&
         llvm::all_of(op.getOperands(), fit) && llvm::all_of(op.getResults(), fit);
}

/// `value`, of an integer type, as i32; of another type, as it is.
Value PositionNarrower::narrow(Value value) {
  if (!isWideInteger(value.getType()))
    return wide(value);
  Value &known = narrowed[value];
  if (known)
    return known;
  APInt constant;
  Location loc = value.getLoc();
  if (matchPattern(value, m_ConstantInt(&constant)))
    return known = arith::ConstantIntOp::create(b, loc, constant.getSExtValue(), 32);
  Value old = mapping.lookupOrDefault(value);
  if (!value.getType().isIndex())
    return known = arith::TruncIOp::create(b, loc, b.getI32Type(), old);
  auto cast = arith::IndexCastOp::create(b, loc, b.getI32Type(), old);
  cast->setAttr(tile::TileDialect::getExactAttrName(), b.getUnitAttr());
  return known = cast;
}

Value PositionNarrower::wide(Value value) {
  auto it = narrowed.find(value);
  if (it == narrowed.end() || mapping.contains(value))
    return mapping.lookupOrDefault(value);
  Type type = value.getType();
  Value old = type.isIndex() ? arith::IndexCastOp::create(b, value.getLoc(), type, it->second).getResult()
                             : arith::ExtSIOp::create(b, value.getLoc(), type, it->second).getResult();
  mapping.map(value, old);
  return old;
}

void PositionNarrower::cloneNarrow(Operation &op) {
  Value result = op.getResult(0);
  if (isa<arith::IndexCastOp>(op)) { // index and i64 are i32 now
    Value same = narrow(op.getOperand(0));
    if (same.getType().getIntOrFloatBitWidth() < 32)
      same = arith::ExtSIOp::create(b, op.getLoc(), b.getI32Type(), same);
    isWideInteger(result.getType()) ? (void)narrowed.insert({result, same}) : mapping.map(result, same);
    return;
  }
  OperationState state(op.getLoc(), op.getName());
  for (Value operand : op.getOperands())
    state.operands.push_back(narrow(operand));
  bool isWide = isWideInteger(result.getType());
  state.addTypes(isWide ? b.getI32Type() : result.getType());
  state.propertiesAttr = op.getPropertiesAsAttribute();
  Operation *made = b.create(state);
  if (auto sum = dyn_cast<arith::ArithIntegerOverflowFlagsInterface>(made))
    made->setAttr(sum.getIntegerOverflowAttrName(),
                  arith::IntegerOverflowFlagsAttr::get(b.getContext(), arith::IntegerOverflowFlags::nsw));
  Value clone = made->getResult(0);
  isWide ? (void)narrowed.insert({result, clone}) : mapping.map(result, clone);
}

void PositionNarrower::clone(Operation &op) {
  ranges.infer(op);
  if (isNarrowable(op))
    return cloneNarrow(op);
  op.walk([&](Operation *nested) {
    for (Value operand : nested->getOperands())
      wide(operand);
  });
  b.clone(op, mapping);
}
