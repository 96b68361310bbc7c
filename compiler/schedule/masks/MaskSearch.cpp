//===- MaskSearch.cpp - Bounds by binary search in sorted tensors ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/masks/MaskSearch.h"
#include "compiler/schedule/masks/MaskClone.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

Value MaskSearch::evaluate(Value value, unsigned dim, Value at) {
  IRMapping mapping(uniform);
  mapping.map(attnc::attn::AttentionOp::argumentOf(mask, dim == kQueryDim ? 'i' : 'j'), at);
  auto withinBuffers = [&](Operation &op) { // an end of a range may be no index of the tensor
    SmallVector<Value> operands;
    if (isElementRead(&op))
      operands.push_back(mapping.lookupOrDefault(op.getOperand(0)));
    for (auto [place, index] : llvm::enumerate(op.getOperands().drop_front(operands.size())))
      operands.push_back(isElementRead(&op)
                             ? emitWithinBuffer(b, loc, mapping.lookupOrDefault(index), operands.front(), place)
                             : mapping.lookupOrDefault(index));
    return operands;
  };
  Value result = cloneNeeded(b, value, mapping, mask, withinBuffers);
  return result.getType().isIndex() ? result : b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), result);
}

/// low where reached(low), else the first x in (low, high] with reached(x), given reached(high).
Value MaskSearch::search(llvm::function_ref<Value(Value)> reached, Value low, Value high) {
  Value one = constantIndex(b, loc, 1);
  Type index = b.getIndexType();
  auto loop = scf::WhileOp::create(b, loc, TypeRange{index, index}, ValueRange{low, high});
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, {index, index}, {loc, loc});
  Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, before->getArgument(0), before->getArgument(1));
  scf::ConditionOp::create(b, loc, more, before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, {index, index}, {loc, loc});
  Value first = after->getArgument(0), last = after->getArgument(1);
  Value two = constantIndex(b, loc, 2);
  Value middle = arith::DivUIOp::create(b, loc, arith::AddIOp::create(b, loc, first, last), two);
  Value is = reached(middle), next = arith::AddIOp::create(b, loc, middle, one);
  scf::YieldOp::create(b, loc,
                       ValueRange{arith::SelectOp::create(b, loc, is, first, next).getResult(),
                                  arith::SelectOp::create(b, loc, is, middle, last).getResult()});
  return loop.getResult(0);
}

/// A block of keys or queries mostly lies on one side of the bound: both ends are looked at before anything between.
Value MaskSearch::first(Value value, unsigned dim, bool strictly, Value bound, IndexRange range) {
  auto predicate = strictly ? arith::CmpIPredicate::sgt : arith::CmpIPredicate::sge;
  auto reached = [&](Value at) -> Value {
    return b.createOrFold<arith::CmpIOp>(loc, predicate, evaluate(value, dim, at), bound);
  };
  Value one = constantIndex(b, loc, 1);
  Value atLow = reached(range.low), atHigh = reached(range.high);
  Value behind = b.createOrFold<arith::AddIOp>(loc, range.high, one);
  Value never = b.createOrFold<arith::XOrIOp>(loc, atHigh, arith::ConstantIntOp::create(b, loc, 1, 1));
  auto known = scf::IfOp::create(b, loc, TypeRange{b.getIndexType()}, b.createOrFold<arith::OrIOp>(loc, atLow, never),
                                 /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(known.thenBlock());
  scf::YieldOp::create(b, loc, b.createOrFold<arith::SelectOp>(loc, atLow, range.low, behind));
  b.setInsertionPointToStart(known.elseBlock());
  Value next = b.createOrFold<arith::AddIOp>(loc, range.low, one);
  scf::YieldOp::create(b, loc, search(reached, next, range.high));
  return known.getResult(0);
}
