//===- Walk.cpp - Blocks of queries and keys, in order --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/Walk.h"
#include "compiler/schedule/attention/FilledRows.h"
#include "compiler/schedule/attention/LongSums.h"
#include "compiler/schedule/attention/PagesExist.h"
#include "compiler/schedule/attention/RowEnd.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

//===----------------------------------------------------------------------===//
// Items
//===----------------------------------------------------------------------===//

/// So many items keep 16 threads evenly busy; blocks of queries join only when more items remain.
constexpr int64_t kManyItems = 64;

/// So many threads should have an item, where an item then has as many multiply-adds: about 10 microseconds, twice what
/// it takes to call a thread.
constexpr int64_t kThreads = 16, kWorthAnItem = 1 << 19;

/// Queries of a block: W, or fewer whole vectors where that keeps more threads busy, each with enough to do.
static Value emitStep(AttentionContext &c, Value pairs) {
  if (c.blocking.width == c.blocking.lanes)
    return c.index(c.blocking.width);
  auto share = [&](Value whole, Value parts) { return c.ceilDiv(whole, parts); };
  Value busy = share(c.mul(pairs, c.m), c.index(kThreads));
  int64_t perKey = c.op.getExtent('D') + c.op.getExtent('E');
  Value perQuery = c.mul(c.max(c.n, c.index(1)), c.index(perKey));
  Value wanted = c.max(busy, share(c.index(kWorthAnItem), perQuery));
  Value vectors = share(wanted, c.index(c.blocking.lanes));
  return c.min(c.index(c.blocking.width), c.mul(vectors, c.index(c.blocking.lanes)));
}

Items schedule::planItems(AttentionContext &c) {
  Value pairs = c.mul(c.extent('B'), c.extent('H')); // of batch and head
  Value step = emitStep(c, pairs);
  Value blocks = c.ceilDiv(c.m, step);
  // Few blocks: an item each, so that every thread has several.
  Value total = c.mul(pairs, blocks);
  Value share = c.div(total, c.index(kManyItems));
  Value blocksPerItem = c.max(c.index(1), c.min(share, c.index(c.blocking.blocks)));
  Value perHead = c.ceilDiv(blocks, blocksPerItem);
  blocksPerItem = c.ceilDiv(blocks, c.max(c.index(1), perHead)); // 5 are 3 + 2, not 4 + 1
  Value count = c.mul(pairs, perHead);
  if (c.op.isPaged()) // else the call fails, and nothing may be written
    count = c.select(emitPagesExist(c.b, c.op), count, c.index(0));
  return {step, count, pairs, perHead, blocks, blocksPerItem};
}

namespace {
struct Place {
  Value pair, item; ///< batch * H + head; item of that head
};
} // namespace

/// Items in the order in which threads take them. Heads follow one another, so that an item finds K and V in the cache;
/// few items are taken across heads instead. Where later queries visit more keys, their blocks go first: what is left
/// at the end is small then, and no thread waits long for another.
static Place placeOf(AttentionContext &c, Value item) {
  Value few = c.cmpi(arith::CmpIPredicate::ult, c.mul(c.items.pairs, c.items.perHead), c.index(kManyItems));
  Value inner = c.select(few, c.items.pairs, c.items.perHead);
  Value outerAt = arith::DivUIOp::create(c.b, c.loc, item, inner),
        innerAt = arith::RemUIOp::create(c.b, c.loc, item, inner);
  Value place = c.select(few, outerAt, innerAt);
  if (c.mask.growsWithQueries())
    place = c.sub(c.sub(c.items.perHead, c.index(1)), place);
  return {c.select(few, innerAt, outerAt), place};
}

/// The batch and heads of an item, and its first block of queries.
static std::pair<Head, Value> headOf(AttentionContext &c, Value item) {
  int64_t heads = c.op.getExtent('H'), groups = c.op.getExtent('G');
  auto [pair, place] = placeOf(c, item);
  Head at;
  at.batch = c.div(pair, c.index(heads));
  at.query = c.rem(pair, c.index(heads));
  at.key = c.div(at.query, c.index(heads / groups)); // g = h / (H/G)
  return {at, arith::MulIOp::create(c.b, c.loc, place, c.items.blocksPerItem)};
}

/// Finds the queries of the item after `item`; those of `item` where it is the last.
static NextQueries nextOf(AttentionContext &c, Value item) {
  Value following = c.min(c.add(item, c.index(1)), c.sub(c.items.count, c.index(1)));
  auto [at, block] = headOf(c, following);
  Value first = arith::MulIOp::create(c.b, c.loc, block, c.items.step);
  Value end = c.min(c.m, c.add(first, arith::MulIOp::create(c.b, c.loc, c.items.blocksPerItem, c.items.step)));
  return {c.rowsOf(at, c.q(), c.index(0), c.m), first, c.sub(end, c.index(1))};
}

//===----------------------------------------------------------------------===//
// Blocks of queries
//===----------------------------------------------------------------------===//

/// The part of block `block` of an item; P and `partial` are needed by one at a time.
static BlockState stateOf(AttentionContext &c, const Item &item, Value block) {
  BlockState state = item.state;
  for (Value *buffer : {&state.q, &state.o, &state.oTotal, &state.max, &state.sum, &state.sumTotal, &state.shift,
                        &state.limit, &state.fill})
    *buffer = c.partOf(*buffer, block);
  return state;
}

void schedule::forEachBlock(AttentionContext &c, const Item &item, llvm::function_ref<void(const QueryBlock &)> body) {
  c.forRange(c.index(0), item.blocks, 1, [&](Value number) {
    BlockState state = stateOf(c, item, number);
    Value first = arith::MulIOp::create(c.b, c.loc, c.add(item.first, number), c.items.step);
    body({item.at, number, first, c.min(c.items.step, c.sub(c.m, first)), c.blocking.rows, state, item.next});
  });
}

static void ifAnyKey(AttentionContext &c, llvm::function_ref<void()> body) {
  c.ifTrue(c.cmpi(arith::CmpIPredicate::sgt, c.n, c.index(0)), body);
}

/// What a block of queries needs before its first keys.
static void emitBegin(AttentionContext &c, const ItemSteps &steps, const QueryBlock &queries) {
  steps.start(queries);
  emitClearTotals(c, queries);
  if (c.op.getQuery().empty())
    return steps.queries(queries);
  ifAnyKey(c, [&] { steps.queries(queries); });
}

/// Prefetches the next item's queries where register tiles have not (heads inside rows, M = N = 128: 3% of the time).
static void emitPrefetchQueries(AttentionContext &c, const Item &item, bool prefetchedInTiles) {
  auto prefetch = [&] {
    c.forRange(item.next.first, c.add(item.next.last, c.index(1)), 1,
               [&](Value row) { c.prefetchRow(item.next.rows, row, c.op.getExtent('D')); });
  };
  if (!prefetchedInTiles)
    return prefetch();
  c.ifTrue(c.cmpi(arith::CmpIPredicate::eq, item.blocks, c.index(1)), prefetch);
}

Value schedule::emitFindPages(AttentionContext &c, Head &at, IndexRange queries) {
  IndexRange keys = c.mask.emitKeyHull(c.b, c.loc, queries, {c.index(0), c.sub(c.n, c.index(1))});
  at.firstPage = c.div(keys.low, c.extent('P'));
  at.lastPage = c.div(keys.high, c.extent('P'));
  Value areKeys = c.cmpi(arith::CmpIPredicate::sle, keys.low, keys.high);
  Value arePages = c.cmpi(arith::CmpIPredicate::sgt, c.extent('X'), c.index(0));
  return arith::AndIOp::create(c.b, c.loc, areKeys, arePages);
}

/// Walks over the keys, if there are any: without, nothing may be read, and a tensor that a region reads may be empty
/// too.
static void emitWalkKeys(AttentionContext &c, const ItemSteps &steps, Item item, IndexRange queries, Value isFirst) {
  ifAnyKey(c, [&] {
    c.mask.emitHead(c.b, c.loc, {item.at.batch, item.at.query, Value(), Value(), c.m, c.n}, isFirst);
    if (!c.op.isPaged())
      return steps.walk(item, queries);
    Value exist = emitFindPages(c, item.at, queries);
    c.ifTrue(exist, [&] { steps.walk(item, queries); });
  });
}

/// The keys of an item, from empty sums on.
static void emitKeys(AttentionContext &c, const ItemSteps &steps, Item &item, Value number, Value isFirst) {
  if (item.epoch)
    c.store(arith::ConstantIntOp::create(c.b, c.loc, 0, 64), item.epoch, {c.index(0)});
  forEachBlock(c, item, [&](const QueryBlock &queries) { emitBegin(c, steps, queries); });
  item.next = nextOf(c, number);
  Value low = arith::MulIOp::create(c.b, c.loc, item.first, c.items.step);
  Value end = c.min(c.m, arith::MulIOp::create(c.b, c.loc, c.add(item.first, item.blocks), c.items.step));
  emitWalkKeys(c, steps, item, {low, c.sub(end, c.index(1))}, isFirst);
}

static void emitItem(AttentionContext &c, const ItemSteps &steps, Value number) {
  auto [at, first] = headOf(c, number);
  Item item{at, first, c.min(c.items.blocksPerItem, c.sub(c.items.blocks, first))};
  item.state = steps.allocate();
  item.isVisited = c.scratchBuffer({1}, c.b.getI32Type());
  if (hasTotals(c))
    item.epoch = c.scratchBuffer({1}, c.b.getI64Type());
  emitFilledWalk(c, item, [&](Value isFirst) { emitKeys(c, steps, item, number, isFirst); });
  if (c.scoreFill) // what stands in a loop is not seen behind it
    item.next = nextOf(c, number);
  emitPrefetchQueries(c, item, steps.prefetchesQueries);
  forEachBlock(c, item, [&](const QueryBlock &queries) { emitRowEnds(c, queries, steps.finish); });
}

void schedule::emitItems(AttentionContext &c, const ItemSteps &steps) {
  auto forall =
      scf::ForallOp::create(c.b, c.loc, ArrayRef<OpFoldResult>{getAsOpFoldResult(c.items.count)}, ValueRange(),
                            /*mapping=*/std::nullopt);
  OpBuilder::InsertionGuard guard(c.b);
  c.b.setInsertionPointToStart(forall.getBody());
  emitItem(c, steps, forall.getInductionVar(0));
}

//===----------------------------------------------------------------------===//
// Blocks of keys
//===----------------------------------------------------------------------===//

/// A pair of blocks, unless the mask empties it.
static void emitPair(AttentionContext &c, const Item &item, const QueryBlock &queries, KeyBlock keys, Visit visit) {
  Value whole = c.cmpi(arith::CmpIPredicate::eq, keys.count, c.index(c.blocking.keys));
  BlockTruth truth =
      c.mask.emitTruth(c.b, c.loc, {queries.first, c.sub(c.add(queries.first, queries.count), c.index(1))},
                       {keys.first, c.sub(c.add(keys.first, keys.count), c.index(1))});
  Value none = c.b.createOrFold<arith::XOrIOp>(c.loc, truth.someMasked, c.flag(true));
  Value full = c.b.createOrFold<arith::AndIOp>(c.loc, whole, none);
  c.ifTrue(truth.someAllowed, [&] {
    Value none32 = arith::ConstantIntOp::create(c.b, c.loc, 0, 32);
    Value one32 = arith::ConstantIntOp::create(c.b, c.loc, 1, 32);
    keys.isNew = c.cmpi(arith::CmpIPredicate::eq, c.load(item.isVisited, {c.index(0)}), none32);
    c.store(one32, item.isVisited, {c.index(0)});
    emitCarrySums(c, queries.state);
    visit(queries, keys, {full, truth.someMasked});
  });
}

void schedule::walkKeys(AttentionContext &c, const Item &item, IndexRange range,
                        llvm::function_ref<KeyBlock(Value first, Value count)> keysAt, Visit visit) {
  c.mask.emitWalk(c.b, c.loc, range, c.n, c.blocking.keys, [&](Value first) {
    emitCarryBefore(c, first, item);
    Value count = c.min(c.index(c.blocking.keys), c.sub(c.n, first));
    c.store(arith::ConstantIntOp::create(c.b, c.loc, 0, 32), item.isVisited, {c.index(0)});
    KeyBlock keys = keysAt(first, count);
    forEachBlock(c, item, [&](const QueryBlock &queries) { emitPair(c, item, queries, keys, visit); });
  });
}

void schedule::emitByVerdict(AttentionContext &c, const Verdict &verdict, bool oneBody,
                             llvm::function_ref<void(bool partial)> body) {
  if (oneBody)
    return body(/*partial=*/true);
  c.ifElse(verdict.full, [&] { body(/*partial=*/false); }, [&] { body(/*partial=*/true); });
}
