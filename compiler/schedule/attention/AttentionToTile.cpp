//===- AttentionToTile.cpp - attn.attention to streaming softmax in tiles -===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Emits the form that an op's schedule names (Forms.h), and holds what all of them share: items of work, the walk over
// the blocks of keys that the mask leaves, the verdict on each. In the transposed form, the one for many queries
// (RowForm.h and UnfusedForm.h tell theirs):
//
// Before:  attn.attention q(%q) k(%k) v(%v) outs(%o) mask { causal }         (on memrefs)
// After, W queries in the lanes:
//   scf.forall (%item) in (B * H * ceil(M / (U * W))) {
//     for each of U blocks of W queries:
//       %qt = tile.transpose Q rows [q0, q0 + W) * scale;   %ot = 0;  %l = 0;  %m = -inf
//     for %n over the blocks of Nb keys that the mask leaves (MaskPlan.h) {
//       for each of U blocks of W queries:
//         some allowed?  (MaskPlan; empty blocks end here)
//         full block:    tile.contract K Qt epilogue { tile.softmax_step -> P }
//         partial block: the same with epilogue { s' = allowed ? acc : -inf; tile.softmax_step -> P }
//         tile.contract V^T P epilogue { ot += acc }           (long sums: AttentionSums.cpp)
//         or, where a partial block is mostly empty (the diagonal): the same for each vector of queries alone, with the
//         keys that the mask leaves to it
//     }
//     for each of U blocks of W queries:
//       a sink: l += e^(sink - m), the maximum raised first where it must be
//       tile.transpose O^T / l -> O,  rows with l = 0 become 0;  lse = m + log l
//   }
//
// Arithmetic is f64 where queries are f64, else f32 (A8). Tensors of another float type are converted block by block, K
// and V once for the U blocks of queries of an item.
//
// Rows of q and k that a query or key region transforms (RowTransform.h) are staged likewise, so that no transformed
// tensor exists: a row of q once, a row of k once for the U blocks.
//
// Where the target has dot products of bf16 pairs and q, k, v are bf16, both contractions take pairs (tile.contract):
// of features for Q K^T, so that K is read where it lies, and of keys for P V, so that V is packed once per block of
// keys and P is stored as pairs. The scale is then applied to the f32 sums: q stays what it is.
//
// The U blocks of an item share one walk over K and V: what the first block brings into the cache the others find
// there. Where K and V have rows of 4 KB (heads inside rows), they would fall out of the cache between two walks.
//
// A masked key must contribute nothing even when its V holds NaN or inf, and 0 * NaN is NaN. So where a pair is
// forbidden V is searched for non-finite values once, and only if one is found a slower loop adds allowed keys alone.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/OpSchedule.h"
#include "compiler/schedule/Passes.h"
#include "compiler/schedule/attention/AttentionScheduler.h"
#include "compiler/schedule/attention/Forms.h"
#include "compiler/support/Unsupported.h"
#include "dialects/Common/Builders.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
namespace attnc::schedule {
#define GEN_PASS_DEF_ATTENTIONTOTILE
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// So many items keep 16 threads evenly busy; blocks of queries join only when more items remain.
constexpr int64_t kManyItems = 64;

/// So many threads should have an item, where an item then has as many multiply-adds: about 10 microseconds, twice what
/// it takes to call a thread.
constexpr int64_t kThreads = 16, kWorthAnItem = 1 << 19;

/// A pair of blocks, unless the mask empties it.
void AttentionScheduler::emitPair(const QueryBlock &queries, KeyBlock keys, Visit visit) {
  Value whole = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, keys.count, index(blocking.keys));
  BlockTruth truth = mask.emitTruth(b, loc, {queries.first, sub(add(queries.first, queries.count), index(1))},
                                    {keys.first, sub(add(keys.first, keys.count), index(1))});
  Value none = b.createOrFold<arith::XOrIOp>(loc, truth.someMasked, flag(true));
  Value full = b.createOrFold<arith::AndIOp>(loc, whole, none);
  auto visited = scf::IfOp::create(b, loc, truth.someAllowed, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(visited.thenBlock());
  Value none32 = arith::ConstantIntOp::create(b, loc, 0, 32), one32 = arith::ConstantIntOp::create(b, loc, 1, 32);
  keys.isNew = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, load(isVisited, {index(0)}), none32);
  store(one32, isVisited, {index(0)});
  emitCarrySums(queries.state);
  visit(queries, keys, full, truth.someMasked);
}

void AttentionScheduler::emitVisited(const QueryBlock &queries, const KeyBlock &keys, Value full, Value someMasked) {
  if (blocking.oneBody) {
    emitScores(queries, keys, /*partial=*/true);
    return emitValues(queries, keys, someMasked);
  }
  auto branch = scf::IfOp::create(b, loc, full, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(branch.thenBlock());
    emitScores(queries, keys, /*partial=*/false);
    b.setInsertionPointToStart(branch.elseBlock());
    emitScores(queries, keys, /*partial=*/true);
  }
  emitValues(queries, keys, someMasked);
}

/// Items in the order in which threads take them. Heads follow one another, so that an item finds K and V in the cache;
/// few items are taken across heads instead. Where later queries visit more keys, their blocks go first: what is left
/// at the end is small then, and no thread waits long for another.
AttentionScheduler::Place AttentionScheduler::placeOf(Value item) {
  Value few = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                    b.createOrFold<arith::MulIOp>(loc, items.pairs, items.perHead), index(kManyItems));
  Value inner = arith::SelectOp::create(b, loc, few, items.pairs, items.perHead);
  Value outerAt = arith::DivUIOp::create(b, loc, item, inner), innerAt = arith::RemUIOp::create(b, loc, item, inner);
  Value place = arith::SelectOp::create(b, loc, few, outerAt, innerAt);
  if (mask.growsWithQueries())
    place = sub(sub(items.perHead, index(1)), place);
  return {arith::SelectOp::create(b, loc, few, innerAt, outerAt), place};
}

/// The batch and heads of `item`, and its first block of queries.
std::pair<Head, Value> AttentionScheduler::headOf(Value item) {
  int64_t heads = op.getExtent('H'), groups = op.getExtent('G');
  auto [pair, place] = placeOf(item);
  Head at;
  at.batch = b.createOrFold<arith::DivUIOp>(loc, pair, index(heads));
  at.query = b.createOrFold<arith::RemUIOp>(loc, pair, index(heads));
  at.key = b.createOrFold<arith::DivUIOp>(loc, at.query, index(heads / groups)); // g = h / (H/G)
  return {at, arith::MulIOp::create(b, loc, place, items.blocksPerItem)};
}

void AttentionScheduler::emitItem(Value number) {
  auto [at, first] = headOf(number);
  Item item{at, first, min(items.blocksPerItem, sub(items.blocks, first))};

  allocate();
  isVisited = scratchBuffer({1}, b.getI32Type());
  if (hasTotals()) {
    epoch = scratchBuffer({1}, b.getI64Type());
    store(arith::ConstantIntOp::create(b, loc, 0, 64), epoch, {index(0)});
  }
  forEachBlock(item, [&](const QueryBlock &queries) { emitBegin(queries); });
  next = nextOf(number);
  Value low = arith::MulIOp::create(b, loc, item.first, step);
  Value end = min(m, arith::MulIOp::create(b, loc, add(item.first, item.blocks), step));
  // Without keys nothing may be read: a tensor that the mask reads may be empty too.
  Value anyKey = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, n, index(0));
  auto work = scf::IfOp::create(b, loc, anyKey, /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(work.thenBlock());
    mask.emitHead(b, loc, {item.at.batch, item.at.query, Value(), Value(), m, n});
    emitWalks(item, {low, sub(end, index(1))});
  }
  emitPrefetchQueries(item.blocks);
  forEachBlock(item, [&](const QueryBlock &queries) { emitOutput(queries); });
}

/// The blocks of keys that the mask leaves to queries `range`, each with every block of queries of the item.
void AttentionScheduler::walkKeys(const Item &item, IndexRange range,
                                  llvm::function_ref<KeyBlock(Value first, Value count)> keysAt, Visit visit) {
  mask.emitWalk(b, loc, range, n, blocking.keys, [&](Value first) {
    emitCarryBefore(first, item);
    Value count = min(index(blocking.keys), sub(n, first));
    store(arith::ConstantIntOp::create(b, loc, 0, 32), isVisited, {index(0)});
    KeyBlock keys = keysAt(first, count);
    forEachBlock(item, [&](const QueryBlock &queries) { emitPair(queries, keys, visit); });
  });
}

void AttentionScheduler::emitWalks(const Item &item, IndexRange range) {
  walkKeys(
      item, range, [&](Value first, Value count) { return emitKeys(item.at, first, count); },
      [&](const QueryBlock &queries, const KeyBlock &keys, Value full, Value someMasked) {
        emitVisited(queries, keys, full, someMasked);
      });
}

/// Queries of a block: W, or fewer whole vectors where that keeps more threads busy, each with enough to do.
Value AttentionScheduler::emitStep(Value pairs) {
  if (blocking.width == blocking.lanes)
    return index(blocking.width);
  auto share = [&](Value whole, Value parts) { return b.createOrFold<arith::CeilDivSIOp>(loc, whole, parts); };
  Value busy = share(b.createOrFold<arith::MulIOp>(loc, pairs, m), index(kThreads));
  int64_t perKey = op.getExtent('D') + op.getExtent('E');
  Value perQuery = b.createOrFold<arith::MulIOp>(loc, b.createOrFold<arith::MaxSIOp>(loc, n, index(1)), index(perKey));
  Value wanted = b.createOrFold<arith::MaxSIOp>(loc, busy, share(index(kWorthAnItem), perQuery));
  Value vectors = share(wanted, index(blocking.lanes));
  return min(index(blocking.width), b.createOrFold<arith::MulIOp>(loc, vectors, index(blocking.lanes)));
}

void AttentionScheduler::emit() {
  m = extent('M');
  n = extent('N');
  Value pairs = b.createOrFold<arith::MulIOp>(loc, extent('B'), extent('H')); // of batch and head
  step = emitStep(pairs);
  Value blocks = b.createOrFold<arith::CeilDivSIOp>(loc, m, step);
  // Few blocks: an item each, so that every thread has several.
  Value total = b.createOrFold<arith::MulIOp>(loc, pairs, blocks);
  Value share = b.createOrFold<arith::DivUIOp>(loc, total, index(kManyItems));
  Value blocksPerItem = b.createOrFold<arith::MaxSIOp>(loc, index(1), min(share, index(blocking.blocks)));
  Value perHead = b.createOrFold<arith::CeilDivSIOp>(loc, blocks, blocksPerItem);
  blocksPerItem = b.createOrFold<arith::CeilDivSIOp>(
      loc, blocks, b.createOrFold<arith::MaxSIOp>(loc, index(1), perHead)); // 5 are 3 + 2, not 4 + 1
  items = {b.createOrFold<arith::MulIOp>(loc, pairs, perHead), pairs, perHead, blocks, blocksPerItem};
  prepare();
  auto forall = scf::ForallOp::create(b, loc, ArrayRef<OpFoldResult>{getAsOpFoldResult(items.count)}, ValueRange(),
                                      /*mapping=*/std::nullopt);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(forall.getBody());
  emitItem(forall.getInductionVar(0));
}

/// `queries` is in one of the ranges [first, last].
static Value emitIsIn(OpBuilder &builder, Location loc, Value queries, ArrayRef<int64_t> ranges) {
  auto index = [&](int64_t value) { return constantIndex(builder, loc, value); };
  Value result;
  for (size_t at = 0; at < ranges.size(); at += 2) { // one compare: numbers below the first wrap around
    Value above = arith::SubIOp::create(builder, loc, queries, index(ranges[at]));
    Value isIn =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ule, above, index(ranges[at + 1] - ranges[at]));
    result = result ? arith::OrIOp::create(builder, loc, result, isIn).getResult() : isIn;
  }
  return result;
}

/// What the schedule of `op` says: one form, or two by the number of queries.
static void emitForms(AttentionOp op, attn::AttentionScheduleAttr sizes, const Blocking &blocking) {
  OpBuilder builder(op);
  const Form &form = *findForm(sizes.getForm());
  if (sizes.getFew().empty())
    return form.emit(builder, op, blocking);
  Location loc = op.getLoc();
  Value isFew = emitIsIn(builder, loc, extentOf(builder, op, 'M'), sizes.getFewQueries());
  auto branch = scf::IfOp::create(builder, loc, isFew, /*withElseRegion=*/true);
  builder.setInsertionPointToStart(branch.thenBlock());
  findForm(sizes.getFew())->emit(builder, op, blocking);
  builder.setInsertionPointToStart(branch.elseBlock());
  form.emit(builder, op, blocking);
}

namespace {
struct AttentionToTilePass : attnc::schedule::impl::AttentionToTileBase<AttentionToTilePass> {
  using AttentionToTileBase::AttentionToTileBase;

  void runOnOperation() override {
    auto machine = schedule::machineFor(getOperation());
    if (failed(machine))
      return signalPassFailure();
    SmallVector<AttentionOp> ops;
    getOperation().walk([&](AttentionOp op) { ops.push_back(op); });
    for (AttentionOp op : ops) {
      if (failed(schedule::verifySchedule(op, *machine)))
        return signalPassFailure();
      schedule::MaskPlan mask(op);
      if (mask.isNever())
        emitWarning(op.getMask().front().getTerminator()->getLoc())
            << "the mask is never true: no key is allowed and the output is 0";
      else if (remarks)
        mask.remark();
      attn::AttentionScheduleAttr sizes = op.getScheduleAttr();
      emitForms(op, sizes,
                {sizes.getQueries(), sizes.getKeys(), sizes.getRows(), sizes.getBlocks(), machine->lanes,
                 machineFor(op, *machine).registers, sizes.getOneBody()});
      op.erase();
      ++numAttentions;
    }
  }
};
} // namespace
