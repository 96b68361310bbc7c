//===- AttentionRows.cpp - How a block of queries begins and ends ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of AttentionScheduler: conversion of element types, transformed rows, the softmax of a row at its end.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/AttentionScheduler.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// Copies `number` rows of `memref` from `first` into `buffer`, widened, and transformed where they are rows of q or k.
Value AttentionScheduler::emitStage(const Head &at, Value memref, StringRef layout, char rows, Value first,
                                    Value number, char feature, Value buffer) {
  Value source = view(at, memref, layout, {{rows, first, number}, {feature, index(0), extent(feature)}},
                      std::string{rows, feature});
  auto loop = scf::ForOp::create(b, loc, index(0), number, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value row = loop.getInductionVar();
  bool isQuery = rows == 'M', isPlain = op.getQuery().empty() && op.getKey().empty();
  if (feature == 'D' && !isPlain) {
    RowTransform transform(b, op, isQuery ? op.getQuery() : op.getKey());
    transform.emit(source, row, buffer, row, {at.batch, isQuery ? at.query : at.key, add(first, row), m, n});
    if (!isQuery) { // what this row of the next block will need
      Value all = view(at, memref, layout, {{rows, index(0), n}, {feature, index(0), extent(feature)}},
                       std::string{rows, feature});
      Value ahead = min(add(add(first, row), index(blocking.keys)), sub(n, index(1)));
      transform.emitPrefetch(all, ahead, {at.batch, at.key, ahead, m, n});
    }
    return buffer;
  }
  mapColumns(extent(feature), [&](Value column) {
    Value stored = load(source, {row, column});
    store(converted(stored, real), buffer, {row, column});
  });
  return buffer;
}

/// `value`, of any float type, as a `type`.
Value AttentionScheduler::converted(Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (from == to)
    return value;
  return from < to ? arith::ExtFOp::create(b, loc, type, value).getResult()
                   : arith::TruncFOp::create(b, loc, type, value).getResult();
}

/// log of the sum of e^s' of a row: m + (log2 l - rest) ln 2.
Value AttentionScheduler::emitLse(const BlockState &state, Value lane, Value sum) {
  Value log = arith::SubFOp::create(b, loc, math::Log2Op::create(b, loc, sum), emitShiftRest(state, lane));
  log = arith::MulFOp::create(b, loc, log, f(std::numbers::ln2));
  return arith::AddFOp::create(b, loc, load(state.max, {lane}), log);
}

/// A10: the sink is one more key, of value 0. Its weight is 2^t, t = (sink - m) log2(e) + rest; where t > 0 or l = 0,
/// the sink becomes the maximum instead, l := l 2^-t + 1, and O counts 2^-t.
AttentionScheduler::RowEnd AttentionScheduler::emitRowEnd(const QueryBlock &queries, Value lane) {
  const BlockState &state = queries.state;
  Value sum = load(state.sum, {lane}), zero = f(0.0), one = f(1.0), max = load(state.max, {lane});
  if (op.getSink().empty())
    return {op.hasLse() ? emitLse(state, lane, sum) : Value(), sum, one};
  auto compare = [&](arith::CmpFPredicate predicate, Value lhs, Value rhs) -> Value {
    return arith::CmpFOp::create(b, loc, predicate, lhs, rhs);
  };
  auto select = [&](Value condition, Value yes, Value no) -> Value {
    return arith::SelectOp::create(b, loc, condition, yes, no);
  };
  double infinity = std::numeric_limits<double>::infinity();
  Value sink = inlineRegion(op.getSink(), {queries.at.batch, queries.at.query, add(queries.first, lane), m, n},
                            queries.at, Value(), Value());
  Value isEmpty = compare(arith::CmpFPredicate::OEQ, sum, zero);
  Value base = select(compare(arith::CmpFPredicate::OEQ, max, f(-infinity)), zero, max); // no inf - inf
  Value above = arith::MulFOp::create(b, loc, arith::SubFOp::create(b, loc, sink, base), f(std::numbers::log2e));
  above = arith::AddFOp::create(b, loc, above, emitShiftRest(state, lane));
  Value raises = arith::OrIOp::create(b, loc, isEmpty, compare(arith::CmpFPredicate::OGT, above, zero));
  Value isFinite = compare(arith::CmpFPredicate::OLT, math::AbsFOp::create(b, loc, sink), f(infinity));
  raises = arith::AndIOp::create(b, loc, raises, isFinite);
  Value factor = math::Exp2Op::create(b, loc, arith::SubFOp::create(b, loc, zero, above));
  factor = select(isEmpty, one, select(raises, factor, one)); // 0 * 2^-t is 0 even where 2^-t is infinite
  Value weight = select(raises, one, math::Exp2Op::create(b, loc, above));
  sum = arith::AddFOp::create(b, loc, arith::MulFOp::create(b, loc, sum, factor), weight);
  factor = arith::AddFOp::create(b, loc, factor, arith::SubFOp::create(b, loc, sum, sum)); // NaN and +inf: NaN (A6)
  if (!op.hasLse())
    return {Value(), sum, factor};
  Value log = arith::MulFOp::create(b, loc, math::Log2Op::create(b, loc, sum), f(std::numbers::ln2));
  return {select(raises, arith::AddFOp::create(b, loc, sink, log), emitLse(state, lane, sum)), sum, factor};
}

/// O[q][e] = Ot[e][q] / l, 0 where l = 0 (A5); lse = -inf where l = 0.
void AttentionScheduler::emitOutput(const QueryBlock &queries) {
  Value zero = f(0.0);
  emitAddTotals(queries);
  Value lse = op.hasLse()
                  ? view(queries.at, op.getInits()[1], op.getLseLayout(), {{'M', queries.first, queries.count}}, "M")
                  : Value();
  bool isOwn = !lse && op.getSink().empty(); // nothing but scratch is touched: all lanes at once
  mapColumns(isOwn ? index(blocking.width) : queries.count, [&](Value lane) {
    RowEnd end = emitRowEnd(queries, lane);
    Value isEmpty = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, end.sum, zero);
    if (lse) {
      // A score of +inf makes l infinite; the row is NaN then (A6), and so is l - l.
      Value value = arith::AddFOp::create(b, loc, end.lse, arith::SubFOp::create(b, loc, end.sum, end.sum));
      Value none = f(-std::numeric_limits<double>::infinity());
      store(converted(arith::SelectOp::create(b, loc, isEmpty, none, value), elementOf(lse)), lse, {lane});
    }
    Value inverse = arith::DivFOp::create(b, loc, end.factor, end.sum); // l := l = 0 ? 0 : 1 / l
    store(arith::SelectOp::create(b, loc, isEmpty, zero, inverse), queries.state.sum, {lane});
  });
  Value out = view(queries.at, op.getInits()[0], op.getOLayout(),
                   {{'M', queries.first, queries.count}, {'E', index(0), extent('E')}}, "ME");
  emitRows(queries, out);
}

/// buffer[at]: a leading dimension counts the blocks of queries of an item.
Value AttentionScheduler::blockOf(Value buffer, Value at) {
  SmallVector<OpFoldResult> sizes =
      getAsIndexOpFoldResult(b.getContext(), cast<MemRefType>(buffer.getType()).getShape());
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  offsets[0] = at;
  sizes[0] = b.getIndexAttr(1);
  return subviewOfDims(b, loc, buffer, offsets, sizes, llvm::to_vector(llvm::seq<int64_t>(1, sizes.size())));
}

/// Runs `body` for the blocks of queries of an item.
void AttentionScheduler::forEachBlock(const Item &item, llvm::function_ref<void(const QueryBlock &)> body) {
  auto loop = scf::ForOp::create(b, loc, index(0), item.blocks, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value number = loop.getInductionVar();
  BlockState state = stateOf(number);
  Value first = arith::MulIOp::create(b, loc, add(item.first, number), step);
  body({item.at, number, first, min(step, sub(m, first)), blocking.rows, state});
}

/// What a block of queries needs before its first keys.
void AttentionScheduler::emitBegin(const QueryBlock &queries) {
  emitStart(queries);
  emitClearTotals(queries);
  if (op.getQuery().empty())
    return emitQueries(queries);
  // Without keys the region must read nothing: a tensor that it reads may be empty too.
  Value anyKey = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, n, index(0));
  auto work = scf::IfOp::create(b, loc, anyKey, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(work.thenBlock());
  emitQueries(queries);
}
