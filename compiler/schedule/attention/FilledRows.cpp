//===- FilledRows.cpp - Rows for which a fill counts ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/FilledRows.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <numbers>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// The maximum of a row is so far above a score, or farther, where the score's weight is 0. A weight is 2^t, rounded to
/// 0 from half the least number on (2^-150 in f32, 2^-1075 in f64). t = log2(e) (score - max) is off by less than 1:
/// |max log2(e)| is at most 2^20 (2^49) where the product is rounded by itself. The running maximum may be below the
/// true one, which is then farther still, or kRaisedAhead above it: such weights are 0 as well, whoever adds them up.
static double weightlessBelow(Type real) {
  const llvm::fltSemantics &semantics = cast<FloatType>(real).getFloatSemantics();
  int least = APFloat::semanticsMinExponent(semantics) - static_cast<int>(APFloat::semanticsPrecision(semantics)) + 1;
  return (2 - least) * std::numbers::ln2; // 104.7 in f32, 745.9 in f64
}

/// fill[q] of the queries of an item, and whether one is 0.
static Value emitJudge(AttentionContext &c, const Item &item, Value isAnyFilled) {
  c.store(c.none(), isAnyFilled, {c.index(0)});
  forEachBlock(c, item, [&](const QueryBlock &queries) {
    Value fills = queries.state.fill;
    c.mapColumns(queries.count, [&](Value row) {
      Value above = c.subf(c.load(queries.state.max, {row}), c.f(c.scoreFill.largest())); // NaN: both are -inf
      Value isWeightless = c.cmpf(arith::CmpFPredicate::OGE, above, c.f(weightlessBelow(c.real)));
      c.store(c.select(isWeightless, c.none(), c.f(0.0)), fills, {row});
    });
    auto reduce = tile::ReduceOp::create(c.b, c.loc, c.real, tile::ReductionKind::Max, c.index(0), queries.count,
                                         c.load(isAnyFilled, {c.index(0)}));
    {
      OpBuilder::InsertionGuard guard(c.b);
      Value row = c.b.createBlock(&reduce.getBody(), {}, {c.b.getIndexType()}, {c.loc})->getArgument(0);
      tile::YieldOp::create(c.b, c.loc, c.load(fills, {row}));
    }
    c.store(reduce.getResult(), isAnyFilled, {c.index(0)});
  });
  return c.cmpf(arith::CmpFPredicate::OEQ, c.load(isAnyFilled, {c.index(0)}), c.f(0.0));
}

void schedule::emitFilledWalk(AttentionContext &c, const Item &item, llvm::function_ref<void(Value)> walk) {
  if (!c.scoreFill)
    return walk(Value());
  Value isAnyFilled = c.scratchBuffer({1}, c.real);
  forEachBlock(c, item, [&](const QueryBlock &queries) {
    c.mapColumns(c.index(c.blocking.width), [&](Value row) { c.store(c.none(), queries.state.fill, {row}); });
  });
  Type flag = c.b.getI1Type();
  auto loop = scf::WhileOp::create(c.b, c.loc, TypeRange(), ValueRange{c.flag(true)});
  OpBuilder::InsertionGuard guard(c.b);
  Block *before = c.b.createBlock(&loop.getBefore(), {}, {flag}, {c.loc});
  Value isFirst = before->getArgument(0);
  walk(isFirst);
  Value again = emitJudge(c, item, isAnyFilled);
  scf::ConditionOp::create(c.b, c.loc, arith::AndIOp::create(c.b, c.loc, again, isFirst), ValueRange());
  c.b.createBlock(&loop.getAfter());
  scf::YieldOp::create(c.b, c.loc, ValueRange{c.flag(false)});
}
