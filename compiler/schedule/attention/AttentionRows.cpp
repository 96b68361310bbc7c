//===- AttentionRows.cpp - How a block of queries begins and ends ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of AttentionScheduler: scratch memory, conversion of element types, Q^T before the walk and O after it.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/TransposedForm.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// Copies `number` rows of `memref` from `first` into `buffer`, widened, and transformed where they are rows of q or k.
Value AttentionScheduler::emitStage(Value memref, StringRef layout, char rows, Value first, Value number, char feature,
                                    Value buffer) {
  Value source =
      view(memref, layout, {{rows, first, number}, {feature, index(0), extent(feature)}}, std::string{rows, feature});
  auto loop = scf::ForOp::create(b, loc, index(0), number, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value row = loop.getInductionVar();
  bool isQuery = rows == 'M', isPlain = op.getQuery().empty() && op.getKey().empty();
  if (feature == 'D' && !isPlain) {
    RowTransform transform(b, op, isQuery ? op.getQuery() : op.getKey());
    transform.emit(source, row, buffer, row, {batch, isQuery ? head : group, add(first, row), m, n});
    if (!isQuery) { // what this row of the next block will need
      Value all =
          view(memref, layout, {{rows, index(0), n}, {feature, index(0), extent(feature)}}, std::string{rows, feature});
      Value ahead = min(add(add(first, row), index(blocking.keys)), sub(n, index(1)));
      transform.emitPrefetch(all, ahead, {batch, group, ahead, m, n});
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
Value AttentionScheduler::emitLse(Value lane, Value sum) {
  Value log = arith::SubFOp::create(b, loc, math::Log2Op::create(b, loc, sum), emitShiftRest(lane));
  log = arith::MulFOp::create(b, loc, log, f(std::numbers::ln2));
  return arith::AddFOp::create(b, loc, load(scratch.max, {lane}), log);
}

/// A10: the sink is one more key, of value 0. Its weight is 2^t, t = (sink - m) log2(e) + rest; where t > 0 or l = 0,
/// the sink becomes the maximum instead, l := l 2^-t + 1, and O counts 2^-t.
AttentionScheduler::RowEnd AttentionScheduler::emitRowEnd(Value lane) {
  Value sum = load(scratch.sum, {lane}), zero = f(0.0), one = f(1.0), max = load(scratch.max, {lane});
  if (op.getSink().empty())
    return {op.hasLse() ? emitLse(lane, sum) : Value(), sum, one};
  auto compare = [&](arith::CmpFPredicate predicate, Value lhs, Value rhs) -> Value {
    return arith::CmpFOp::create(b, loc, predicate, lhs, rhs);
  };
  auto select = [&](Value condition, Value yes, Value no) -> Value {
    return arith::SelectOp::create(b, loc, condition, yes, no);
  };
  double infinity = std::numeric_limits<double>::infinity();
  Value sink = inlineRegion(op.getSink(), {batch, head, add(q0, lane), m, n}, Value(), Value());
  Value isEmpty = compare(arith::CmpFPredicate::OEQ, sum, zero);
  Value base = select(compare(arith::CmpFPredicate::OEQ, max, f(-infinity)), zero, max); // no inf - inf
  Value above = arith::MulFOp::create(b, loc, arith::SubFOp::create(b, loc, sink, base), f(std::numbers::log2e));
  above = arith::AddFOp::create(b, loc, above, emitShiftRest(lane));
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
  return {select(raises, arith::AddFOp::create(b, loc, sink, log), emitLse(lane, sum)), sum, factor};
}

/// O[q][e] = Ot[e][q] / l, 0 where l = 0 (A5); lse = -inf where l = 0.
void AttentionScheduler::emitOutput() {
  Value zero = f(0.0);
  emitAddTotals();
  Value lse = op.hasLse() ? view(op.getInits()[1], op.getLseLayout(), {{'M', q0, queries}}, "M") : Value();
  bool isOwn = !lse && op.getSink().empty(); // nothing but scratch is touched: all lanes at once
  mapColumns(isOwn ? index(blocking.width) : queries, [&](Value lane) {
    RowEnd end = emitRowEnd(lane);
    Value isEmpty = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, end.sum, zero);
    if (lse) {
      // A score of +inf makes l infinite; the row is NaN then (A6), and so is l - l.
      Value value = arith::AddFOp::create(b, loc, end.lse, arith::SubFOp::create(b, loc, end.sum, end.sum));
      Value none = f(-std::numeric_limits<double>::infinity());
      store(converted(arith::SelectOp::create(b, loc, isEmpty, none, value), elementOf(lse)), lse, {lane});
    }
    Value inverse = arith::DivFOp::create(b, loc, end.factor, end.sum); // l := l = 0 ? 0 : 1 / l
    store(arith::SelectOp::create(b, loc, isEmpty, zero, inverse), scratch.sum, {lane});
  });
  Value out = view(op.getInits()[0], op.getOLayout(), {{'M', q0, queries}, {'E', index(0), extent('E')}}, "ME");
  emitRows(out);
}

/// Ot[e][q] * sum[q] -> O[q][e], in O's type.
void TransposedForm::emitRows(Value out) {
  auto copy =
      tile::TransposeOp::create(b, loc, scratch.o, out, extent('E'), queries, /*pad=*/false, tile::EncodingAttr());
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&copy.getBody(), {}, {real, b.getIndexType(), b.getIndexType()}, {loc, loc, loc});
  Value scaled = arith::MulFOp::create(b, loc, body->getArgument(0), load(scratch.sum, {body->getArgument(2)}));
  tile::YieldOp::create(b, loc, converted(scaled, elementOf(out)));
}

/// Scratch of all blocks of an item: a leading dimension counts them, but P is needed by one at a time.
void TransposedForm::allocate() {
  int64_t width = blocking.width, number = blocking.blocks;
  Type operand = pairs ? Type(b.getI32Type()) : real;
  int64_t packed = pairs ? 2 : 1; // elements of an operand
  auto floats = [&](int64_t rows) { return scratchBuffer({number, rows, width}, real); };
  auto lanes = [&] { return scratchBuffer({number, width}, real); };
  Scratch &all = itemScratch;
  all.q = scratchBuffer({number, op.getExtent('D') / packed, width}, operand);
  all.o = floats(op.getExtent('E'));
  all.p = scratchBuffer({blocking.keys / packed, width}, operand);
  all.max = lanes();
  all.sum = lanes();
  all.shift = lanes();
  all.limit = lanes();
  staging = allocateStaging();
  if (hasTotals()) // rarely used: behind what is used all the time
    all.oTotal = floats(op.getExtent('E'));
  all.sumTotal = floats(1);
  all.partial = scratchBuffer({1, width}, real);
}

void TransposedForm::selectBlock(Value block) {
  const Scratch &all = itemScratch;
  auto ofBlock = [&](Value buffer) { return buffer ? blockOf(buffer, block) : Value(); };
  scratch = {ofBlock(all.q),     ofBlock(all.o),    ofBlock(all.oTotal),   all.p,
             ofBlock(all.max),   ofBlock(all.sum),  ofBlock(all.sumTotal), all.partial,
             ofBlock(all.shift), ofBlock(all.limit)};
}

TransposedForm::Staging TransposedForm::allocateStaging() {
  int64_t d = op.getExtent('D'), e = op.getExtent('E');
  for (Matrix &matrix : matrices)
    matrix.block = scratchBuffer({blocking.keys, blocking.width}, matrix.element.getType());
  if (pairs)
    return {Value(), scratchBuffer({blocking.keys / 2, e}, b.getI32Type()), Value()};
  return {isStaged(op.getK()) ? scratchBuffer({blocking.keys, d}, real) : Value(),
          isStaged(op.getV()) ? scratchBuffer({blocking.keys, e}, real) : Value(),
          isTransformed(op.getQ()) ? scratchBuffer({blocking.width, d}, real) : Value()};
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

/// Runs `body` for `number` blocks of queries, the first of which is block `first` of its head.
void AttentionScheduler::forEachBlock(Value first, Value number, llvm::function_ref<void()> body) {
  auto loop = scf::ForOp::create(b, loc, index(0), number, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  block = loop.getInductionVar();
  selectBlock(block);
  q0 = arith::MulIOp::create(b, loc, add(first, block), step);
  queries = min(step, sub(m, q0));
  body();
}

/// What a block of queries needs before its first keys.
void AttentionScheduler::emitBegin() {
  emitStart();
  emitClearTotals();
  if (op.getQuery().empty())
    return emitQueries();
  // Without keys the region must read nothing: a tensor that it reads may be empty too.
  Value anyKey = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, n, index(0));
  auto work = scf::IfOp::create(b, loc, anyKey, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(work.thenBlock());
  emitQueries();
}

/// Lanes of the vectors that hold queries. Those of other vectors are never read: a block with an idle vector is
/// narrowed (isWorthNarrowing).
Value TransposedForm::usedLanes() {
  Value vectors = b.createOrFold<arith::CeilDivUIOp>(loc, queries, index(blocking.lanes));
  return b.createOrFold<arith::MulIOp>(loc, vectors, index(blocking.lanes));
}

void TransposedForm::emitStart() {
  int64_t width = blocking.width;
  mapColumns(index(width), [&](Value lane) {
    Value none = f(-std::numeric_limits<double>::infinity());
    store(none, scratch.max, {lane});
    store(none, scratch.limit, {lane});
    store(f(0.0), scratch.shift, {lane});
    store(f(0.0), scratch.sum, {lane});
  });
  auto clear = scf::ForOp::create(b, loc, index(0), extent('E'), index(1));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(clear.getBody());
    mapColumns(usedLanes(), [&](Value lane) { store(f(0.0), scratch.o, {clear.getInductionVar(), lane}); });
  }
}

std::pair<Value, Value> TransposedForm::extentsOfO() { return {extent('E'), usedLanes()}; }

/// tile.softmax_step rounds m log2(e), where that is not too large. Targets without fused multiply-add leave no rest, and
/// have 0 here too, or NaN where m log2(e) is infinite.
Value TransposedForm::emitShiftRest(Value lane) {
  Value max = load(scratch.max, {lane}), log2e = f(std::numbers::log2e);
  Value shift = arith::MulFOp::create(b, loc, max, log2e);
  Value rest = math::FmaOp::create(b, loc, max, log2e, arith::NegFOp::create(b, loc, shift));
  Value isShifted = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, load(scratch.limit, {lane}),
                                          f(-std::numeric_limits<double>::infinity()));
  Value isNumber = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, rest, rest);
  return arith::SelectOp::create(b, loc, arith::AndIOp::create(b, loc, isShifted, isNumber), rest, f(0.0));
}

/// Qt = Q^T * scale; with pairs Qt[d/2][q] = {Q[q][d], Q[q][d+1]}.
void TransposedForm::emitQueries() {
  Value rows = isTransformed(op.getQ())
                   ? emitStage(op.getQ(), op.getQLayout(), 'M', q0, queries, 'D', staging.rows)
                   : view(op.getQ(), op.getQLayout(), {{'M', q0, queries}, {'D', index(0), extent('D')}}, "MD");
  Value columns = pairs ? index(op.getExtent('D') / 2) : extent('D');
  OpFoldResult zero = b.getIndexAttr(0), depth = getAsOpFoldResult(columns);
  Value used = slice(scratch.q, {zero, zero}, {depth, usedLanes()});
  auto pack = tile::TransposeOp::create(b, loc, rows, used, queries, columns, /*pad=*/true, encoding());
  OpBuilder::InsertionGuard guard(b);
  Type seen = pairs ? Type(b.getI32Type()) : elementOf(rows);
  Value q =
      b.createBlock(&pack.getBody(), {}, {seen, b.getIndexType(), b.getIndexType()}, {loc, loc, loc})->getArgument(0);
  if (!pairs)
    q = arith::MulFOp::create(b, loc, converted(q, real), f(op.getScaleValue()));
  tile::YieldOp::create(b, loc, q);
}

void TransposedForm::setKeys() {
  auto rowsOf = [&](Value memref, StringRef layout, char feature, Value buffer) {
    return isStaged(memref) ? emitStage(memref, layout, 'N', n0, count, feature, buffer)
                            : view(memref, layout, {{'N', n0, count}, {feature, index(0), extent(feature)}},
                                   std::string{'N', feature});
  };
  if (pairs) {
    keys = view(op.getK(), op.getKLayout(), {{'N', n0, count}, {'D', index(0), extent('D')}}, "ND");
    valueRows = view(op.getV(), op.getVLayout(), {{'N', n0, count}, {'E', index(0), extent('E')}}, "NE");
    values = emitPackValues();
    return;
  }
  keys = rowsOf(op.getK(), op.getKLayout(), 'D', staging.keys);
  values = valueRows = rowsOf(op.getV(), op.getVLayout(), 'E', staging.values);
}
