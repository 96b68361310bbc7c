//===- Values.cpp - O += P V ----------------------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/Values.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// v * 0 is then NaN.
Value schedule::hasNonFinite(AttentionContext &c, const KeyBlock &keys) {
  auto loop = scf::ForOp::create(c.b, c.loc, c.index(0), keys.count, c.index(1), ValueRange{c.f(0.0)});
  {
    OpBuilder::InsertionGuard guard(c.b);
    c.b.setInsertionPointToStart(loop.getBody());
    auto reduce = tile::ReduceOp::create(c.b, c.loc, c.real, tile::ReductionKind::Add, c.index(0), c.extent('E'),
                                         loop.getRegionIterArg(0));
    Block *body = c.b.createBlock(&reduce.getBody(), {}, {c.b.getIndexType()}, {c.loc});
    Value v = c.converted(c.load(keys.valueRows, {loop.getInductionVar(), body->getArgument(0)}), c.real);
    tile::YieldOp::create(c.b, c.loc, c.mulf(v, c.f(0.0)));
    c.b.setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(c.b, c.loc, reduce.getResult());
  }
  return c.cmpf(arith::CmpFPredicate::UNO, loop.getResult(0), loop.getResult(0));
}

void schedule::addToOutput(AttentionContext &c, const BlockState &state, tile::ContractOp contract) {
  c.emitEpilogue(contract, [&](Value acc, Value row, Value column, Value) {
    c.store(c.addf(c.load(state.o, {row, column}), acc), state.o, {row, column});
  });
}

void schedule::emitValues(AttentionContext &c, const Verdict &verdict, llvm::function_ref<Value()> search,
                          llvm::function_ref<void()> add, llvm::function_ref<void()> addAllowed) {
  if (!c.mask.hasMask())
    return add();
  auto check = scf::IfOp::create(c.b, c.loc, TypeRange{c.b.getI1Type()}, verdict.someMasked, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(c.b);
    c.b.setInsertionPointToStart(check.thenBlock());
    scf::YieldOp::create(c.b, c.loc, search());
    c.b.setInsertionPointToStart(check.elseBlock());
    scf::YieldOp::create(c.b, c.loc, c.flag(false));
  }
  c.ifElse(check.getResult(0), addAllowed, add);
}
