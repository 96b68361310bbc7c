//===- LongSums.cpp - Sums over many keys ---------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/LongSums.h"
#include "dialects/Attn/ErrorBound.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

bool schedule::hasTotals(AttentionContext &c) {
  int64_t keys = c.op.getExtent('N');
  return ShapedType::isDynamic(keys) || keys > attn::kEpochKeys;
}

static void ifLong(AttentionContext &c, llvm::function_ref<void()> body) {
  if (!hasTotals(c))
    return;
  c.ifTrue(c.cmpi(arith::CmpIPredicate::sgt, c.n, c.index(attn::kEpochKeys)), body);
}

/// The rows of O in scratch memory, and their elements.
static std::pair<Value, Value> extentsOfO(AttentionContext &c, const QueryBlock &queries) {
  if (queries.state.transposed)
    return {c.extent('E'), c.usedLanes(queries)};
  return {queries.count, c.index(cast<MemRefType>(queries.state.o.getType()).getDimSize(1))};
}

/// Runs `body` on the place of every element of a block of O.
static void forEachOfO(AttentionContext &c, const QueryBlock &queries, llvm::function_ref<void(ValueRange)> body) {
  auto [rows, columns] = extentsOfO(c, queries);
  c.forRange(c.index(0), rows, 1,
             [&](Value row) { c.mapColumns(columns, [&](Value column) { body({row, column}); }); });
}

void schedule::emitClearTotals(AttentionContext &c, const QueryBlock &queries) {
  const BlockState &state = queries.state;
  ifLong(c, [&] { forEachOfO(c, queries, [&](ValueRange at) { c.store(c.f(0.0), state.oTotal, at); }); });
  c.mapColumns(c.index(c.blocking.width), [&](Value row) { c.store(c.f(0.0), state.sumTotal, {c.index(0), row}); });
}

void schedule::emitCarry(AttentionContext &c, Value sums, ValueRange at, Value totals, ValueRange totalAt) {
  Value sum = c.load(sums, at), total = c.load(totals, totalAt);
  Value both = c.addf(total, sum), carried = c.subf(both, total);
  Value lost = c.addf(c.subf(total, c.subf(both, carried)), c.subf(sum, carried));
  Value exists = c.cmpf(arith::CmpFPredicate::ORD, lost, lost);
  c.store(both, totals, totalAt);
  c.store(c.select(exists, lost, c.f(0.0)), sums, at);
}

void schedule::emitCarrySums(AttentionContext &c, const BlockState &state) {
  c.mapColumns(c.index(c.blocking.width),
               [&](Value row) { emitCarry(c, state.sum, row, state.sumTotal, {c.index(0), row}); });
}

static void carryOutput(AttentionContext &c, const QueryBlock &queries) {
  forEachOfO(c, queries, [&](ValueRange at) { emitCarry(c, queries.state.o, at, queries.state.oTotal, at); });
}

void schedule::emitCarryOutput(AttentionContext &c, const QueryBlock &queries) {
  ifLong(c, [&] { carryOutput(c, queries); });
}

void schedule::emitCarryBefore(AttentionContext &c, Value key, const Item &item) {
  if (!hasTotals(c))
    return;
  Value current = arith::DivUIOp::create(c.b, c.loc, key, c.index(attn::kEpochKeys));
  current = arith::IndexCastOp::create(c.b, c.loc, c.b.getI64Type(), current);
  c.ifTrue(c.cmpi(arith::CmpIPredicate::ne, current, c.load(item.epoch, {c.index(0)})), [&] {
    c.store(current, item.epoch, {c.index(0)});
    forEachBlock(c, item, [&](const QueryBlock &queries) { carryOutput(c, queries); });
  });
}

void schedule::emitAddTotals(AttentionContext &c, const QueryBlock &queries) {
  const BlockState &state = queries.state;
  auto addTotal = [&](Value sums, ValueRange at, Value totals, ValueRange totalAt) {
    c.store(c.addf(c.load(sums, at), c.load(totals, totalAt)), sums, at);
  };
  ifLong(c, [&] { forEachOfO(c, queries, [&](ValueRange at) { addTotal(state.o, at, state.oTotal, at); }); });
  c.mapColumns(c.index(c.blocking.width),
               [&](Value row) { addTotal(state.sum, row, state.sumTotal, {c.index(0), row}); });
}
