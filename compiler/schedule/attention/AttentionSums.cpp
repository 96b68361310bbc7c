//===- AttentionSums.cpp - Sums over many keys ----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of AttentionScheduler. A million equal addends, added one by one in f32, lose up to 3% of their sum. So O is added
// up in three steps: the keys of a block (tile.contract starts from 0); the blocks of an epoch of kEpochKeys = 1024 keys;
// the epochs, whose roundings are carried on:
//
//   before the first block of an epoch:  (total, o) := total + o, and what that rounding lost (Knuth's TwoSum)
//   at the end:                          o := o + total
//
// An epoch is a range of positions, so that what a row gets does not depend on which blocks its neighbours visit: to
// carry once more changes nothing. With N <= 1024 none of this runs; where a static N says so, none is emitted. Sums of
// rows, which are few, are carried before every block.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/AttentionScheduler.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// There may be keys beyond the first epoch.
bool AttentionScheduler::hasTotals() {
  int64_t keys = op.getExtent('N');
  return ShapedType::isDynamic(keys) || keys > attn::kEpochKeys;
}

void AttentionScheduler::ifLong(llvm::function_ref<void()> body) {
  if (!hasTotals())
    return;
  Value isLong = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, n, index(attn::kEpochKeys));
  auto branch = scf::IfOp::create(b, loc, isLong, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body();
}

/// Runs `body` on the place of every element of a block of O.
void AttentionScheduler::forEachOfO(const QueryBlock &queries, llvm::function_ref<void(ValueRange)> body) {
  auto [rows, columns] = extentsOfO(queries);
  forRange(index(0), rows, 1, [&](Value row) { mapColumns(columns, [&](Value column) { body({row, column}); }); });
}

void AttentionScheduler::emitClearTotals(const QueryBlock &queries) {
  const BlockState &state = queries.state;
  ifLong([&] { forEachOfO(queries, [&](ValueRange at) { store(f(0.0), state.oTotal, at); }); });
  mapColumns(index(blocking.width), [&](Value row) { store(f(0.0), state.sumTotal, {index(0), row}); });
}

/// s = total + sum;  carried = s - total;  sum = (total - (s - carried)) + (sum - carried), 0 where that is NaN: s is
/// infinite then, or NaN itself;  total = s.
void AttentionScheduler::emitCarry(Value sums, ValueRange at, Value totals, ValueRange totalAt) {
  auto minus = [&](Value lhs, Value rhs) -> Value { return arith::SubFOp::create(b, loc, lhs, rhs); };
  Value sum = load(sums, at), total = load(totals, totalAt);
  Value both = arith::AddFOp::create(b, loc, total, sum), carried = minus(both, total);
  Value lost = arith::AddFOp::create(b, loc, minus(total, minus(both, carried)), minus(sum, carried));
  Value exists = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, lost, lost);
  store(both, totals, totalAt);
  store(arith::SelectOp::create(b, loc, exists, lost, f(0.0)), sums, at);
}

void AttentionScheduler::emitCarrySums(const BlockState &state) {
  mapColumns(index(blocking.width), [&](Value row) { emitCarry(state.sum, row, state.sumTotal, {index(0), row}); });
}

/// The blocks of queries of an item are about to visit the keys from `key` on.
void AttentionScheduler::emitCarryBefore(Value key, const Item &item) {
  if (!hasTotals())
    return;
  Value current = arith::DivUIOp::create(b, loc, key, index(attn::kEpochKeys));
  current = arith::IndexCastOp::create(b, loc, b.getI64Type(), current);
  Value begins = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, current, load(epoch, {index(0)}));
  auto branch = scf::IfOp::create(b, loc, begins, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  store(current, epoch, {index(0)});
  forEachBlock(item, [&](const QueryBlock &queries) {
    forEachOfO(queries, [&](ValueRange at) { emitCarry(queries.state.o, at, queries.state.oTotal, at); });
  });
}

void AttentionScheduler::emitAddTotals(const QueryBlock &queries) {
  const BlockState &state = queries.state;
  auto addTotal = [&](Value sums, ValueRange at, Value totals, ValueRange totalAt) {
    store(arith::AddFOp::create(b, loc, load(sums, at), load(totals, totalAt)), sums, at);
  };
  ifLong([&] { forEachOfO(queries, [&](ValueRange at) { addTotal(state.o, at, state.oTotal, at); }); });
  mapColumns(index(blocking.width), [&](Value row) { addTotal(state.sum, row, state.sumTotal, {index(0), row}); });
}
