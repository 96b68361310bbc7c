//===- LowerRows.cpp - tile.map and tile.reduce to vector loops -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   tile.map %lo to %hi { body }        ->  scf.for in steps of L lanes: body on vectors; then the rest, on one masked
//                                           vector where masked memory is cheap, else element by element
//   tile.reduce add %lo to %hi { body } ->  the same with a vector of L partial results, combined at the end
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Lowering.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

namespace {
/// [begin, full) is a multiple of L lanes; [full, end) is the rest.
struct Split {
  Value full, rest;
};
} // namespace

static Split splitRange(OpBuilder &b, Location loc, Value begin, Value end, unsigned lanes) {
  Value zero = constantIndex(b, loc, 0);
  Value count = b.createOrFold<arith::MaxSIOp>(loc, b.createOrFold<arith::SubIOp>(loc, end, begin), zero);
  Value rest = b.createOrFold<arith::RemUIOp>(loc, count, constantIndex(b, loc, lanes));
  Value full = b.createOrFold<arith::AddIOp>(loc, begin, b.createOrFold<arith::SubIOp>(loc, count, rest));
  return {full, rest};
}

/// Element by element; `body` is cloned as it is. Returns the clone's yielded value, if any.
static Value cloneScalar(OpBuilder &b, Block &body, Value column) {
  IRMapping mapping;
  mapping.map(body.getArgument(0), column);
  for (Operation &op : body.without_terminator())
    b.clone(op, mapping);
  Value yielded = cast<tile::YieldOp>(body.getTerminator()).getValue();
  return yielded ? mapping.lookupOrDefault(yielded) : Value();
}

static bool isZero(Value value) { return isConstantIntValue(value, 0); }

LogicalResult codegen::lowerMap(RewriterBase &b, tile::MapOp op, const VectorTarget &target) {
  Location loc = op.getLoc();
  Block &body = op.getBody().front();
  unsigned lanes = target.info.lanes(32);
  b.setInsertionPoint(op);
  Split split = splitRange(b, loc, op.getBegin(), op.getEnd(), lanes);
  auto emitVector = [&](Value column, Value count) {
    LaneEmitter emitter(b, {1, 1, lanes, count});
    emitter.bind(body.getArgument(0), emitter.columns(loc, column));
    return emitter.emit(body);
  };
  LogicalResult status = success();
  buildLoop(b, loc, op.getBegin(), split.full, lanes, {}, [&](Value column, ValueRange) {
    status = emitVector(column, Value());
    return SmallVector<Value>();
  });
  if (failed(status))
    return failure();
  if (isZero(split.rest)) {
    // nothing left
  } else if (target.info.hasMaskedMemory) {
    Value some = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, split.rest, constantIndex(b, loc, 0));
    auto branch = scf::IfOp::create(b, loc, some, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    status = emitVector(split.full, split.rest);
  } else {
    buildLoop(b, loc, split.full, op.getEnd(), 1, {}, [&](Value column, ValueRange) {
      cloneScalar(b, body, column);
      return SmallVector<Value>();
    });
  }
  if (succeeded(status))
    b.eraseOp(op);
  return status;
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

static Value combine(OpBuilder &b, Location loc, tile::ReductionKind kind, Value lhs, Value rhs) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(lhs.getType()));
  switch (kind) {
  case tile::ReductionKind::Add:
    return isFloat ? arith::AddFOp::create(b, loc, lhs, rhs).getResult() : arith::AddIOp::create(b, loc, lhs, rhs);
  case tile::ReductionKind::Mul:
    return isFloat ? arith::MulFOp::create(b, loc, lhs, rhs).getResult() : arith::MulIOp::create(b, loc, lhs, rhs);
  case tile::ReductionKind::Max:
    return isFloat ? arith::MaximumFOp::create(b, loc, lhs, rhs).getResult() : arith::MaxSIOp::create(b, loc, lhs, rhs);
  case tile::ReductionKind::Min:
    return isFloat ? arith::MinimumFOp::create(b, loc, lhs, rhs).getResult() : arith::MinSIOp::create(b, loc, lhs, rhs);
  case tile::ReductionKind::And:
    return arith::AndIOp::create(b, loc, lhs, rhs);
  case tile::ReductionKind::Or:
    return arith::OrIOp::create(b, loc, lhs, rhs);
  }
  llvm_unreachable("unknown reduction");
}

/// The neutral element: what padding lanes hold.
static TypedAttr neutral(OpBuilder &b, tile::ReductionKind kind, Type type) {
  bool isFloat = isa<FloatType>(type);
  auto infinity = [&](bool negative) {
    return b.getFloatAttr(type, APFloat::getInf(cast<FloatType>(type).getFloatSemantics(), negative));
  };
  unsigned bits = isFloat ? 0 : type.getIntOrFloatBitWidth();
  switch (kind) {
  case tile::ReductionKind::Add:
  case tile::ReductionKind::Or:
    return b.getZeroAttr(type);
  case tile::ReductionKind::Mul:
    return b.getOneAttr(type);
  case tile::ReductionKind::Max:
    return isFloat ? TypedAttr(infinity(true)) : b.getIntegerAttr(type, APInt::getSignedMinValue(bits));
  case tile::ReductionKind::Min:
    return isFloat ? TypedAttr(infinity(false)) : b.getIntegerAttr(type, APInt::getSignedMaxValue(bits));
  case tile::ReductionKind::And:
    return b.getIntegerAttr(type, APInt::getAllOnes(bits));
  }
  llvm_unreachable("unknown reduction");
}

/// Folds the L lanes of `vector`, halving: lane l with lane l + L/2, and so on.
static Value foldLanes(OpBuilder &b, Location loc, tile::ReductionKind kind, Value vector) {
  int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0);
  for (; lanes > 1; lanes /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < lanes / 2; ++lane) {
      low.push_back(lane);
      high.push_back(lane + lanes / 2);
    }
    Value lower = vector::ShuffleOp::create(b, loc, vector, vector, low);
    Value upper = vector::ShuffleOp::create(b, loc, vector, vector, high);
    vector = combine(b, loc, kind, lower, upper);
  }
  return vector::ExtractOp::create(b, loc, vector, 0);
}

LogicalResult codegen::lowerReduce(RewriterBase &b, tile::ReduceOp op, const VectorTarget &target) {
  Location loc = op.getLoc();
  Block &body = op.getBody().front();
  unsigned lanes = target.info.lanes(32);
  Type type = op.getResult().getType();
  auto vector = VectorType::get({lanes}, type);
  b.setInsertionPoint(op);
  Split split = splitRange(b, loc, op.getBegin(), op.getEnd(), lanes);
  TypedAttr element = neutral(b, op.getKind(), type);
  Value padding = constantOf(b, loc, vector, element);

  LogicalResult status = success();
  auto step = [&](Value column, Value count, Value partial) {
    LaneEmitter emitter(b, {1, 1, lanes, count});
    emitter.bind(body.getArgument(0), emitter.columns(loc, column));
    status = emitter.emit(body);
    if (failed(status))
      return partial;
    LaneValue yielded = emitter.valueOf(cast<tile::YieldOp>(body.getTerminator()).getValue());
    Value value = emitter.vectorAt(loc, yielded, type, 0, 0);
    if (count) {
      Value real = vector::CreateMaskOp::create(b, loc, vector.clone(b.getI1Type()), ValueRange{count});
      value = arith::SelectOp::create(b, loc, real, value, padding);
    }
    return combine(b, loc, op.getKind(), partial, value);
  };
  Value partial = buildLoop(b, loc, op.getBegin(), split.full, lanes, {padding}, [&](Value column, ValueRange state) {
    return SmallVector<Value>{step(column, Value(), state[0])};
  })[0];
  if (failed(status))
    return failure();
  Value result;
  if (isZero(split.rest)) {
    result = combine(b, loc, op.getKind(), op.getInit(), foldLanes(b, loc, op.getKind(), partial));
  } else if (target.info.hasMaskedMemory) {
    Value some = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, split.rest, constantIndex(b, loc, 0));
    auto branch = scf::IfOp::create(b, loc, TypeRange{vector}, some, /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      scf::YieldOp::create(b, loc, step(split.full, split.rest, partial));
      b.setInsertionPointToStart(branch.elseBlock());
      scf::YieldOp::create(b, loc, partial);
    }
    if (failed(status))
      return failure();
    result = combine(b, loc, op.getKind(), op.getInit(), foldLanes(b, loc, op.getKind(), branch.getResult(0)));
  } else {
    Value init = combine(b, loc, op.getKind(), op.getInit(), foldLanes(b, loc, op.getKind(), partial));
    result = buildLoop(b, loc, split.full, op.getEnd(), 1, {init}, [&](Value column, ValueRange state) {
      return SmallVector<Value>{combine(b, loc, op.getKind(), state[0], cloneScalar(b, body, column))};
    })[0];
  }
  b.replaceOp(op, result);
  return success();
}
