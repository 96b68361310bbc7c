//===- AttentionToTile.cpp - attn.attention to streaming softmax in tiles -===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The transposed schedule: W queries sit in the lanes, keys and values are read element by element from where they lie.
//
//   S^T[n][q]  = sum_d K[n][d] Qt[d][q]           O^T[e][q] += sum_n V[n][e] P^T[n][q]
//
// Before:  attn.attention q(%q) k(%k) v(%v) outs(%o) mask { causal }         (on memrefs)
// After:
//   scf.forall (%item) in (B * H * ceil(M / (U * W))) {
//     for each of U blocks of W queries:
//       %qt = tile.transpose Q rows [q0, q0 + W) * scale * log2(e);   %ot = 0;  %l = 0;  %m = 0;  %pending = 1
//     for %n over the blocks of Nb keys that the mask leaves (MaskPlan.h) {
//       for each of U blocks of W queries:
//         some allowed?  (MaskPlan; empty blocks end here)
//         full block:    tile.contract K Qt init { -m } epilogue { tile.softmax_step -> P }
//         partial block: the same with epilogue { t = allowed ? acc : -inf; tile.softmax_step -> P }
//         tile.contract V^T P init { ot } epilogue { ot = acc }
//         or, where a partial block is mostly empty (the diagonal): the same for each vector of queries alone, with the
//         keys that the mask leaves to it
//     }
//     for each of U blocks of W queries:
//       a sink: l += 2^(sink * log2(e) - m), the maximum raised first where it must be
//       tile.transpose O^T / l -> O,  rows with l = 0 become 0;  lse = (m + log2 l) * ln 2
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
// A masked key must contribute nothing even when its V holds NaN or inf, and 0 * NaN is NaN. So in partial blocks V is
// searched for non-finite values once, and only if one is found a slower loop adds allowed keys alone.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/AttentionScheduler.h"
#include "compiler/schedule/Passes.h"
#include "compiler/schedule/ScheduleTarget.h"
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

/// Makes the block of keys from `first` the current one.
void AttentionScheduler::setKeyBlock(Value first) {
  n0 = first;
  count = min(index(blocking.keys), sub(n, n0));
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

void AttentionScheduler::emitKeyBlock() {
  Value size = index(blocking.keys);
  Value whole = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, count, size);
  BlockTruth truth = mask.emitTruth(b, loc, {q0, sub(add(q0, queries), index(1))}, {n0, sub(add(n0, count), index(1))});
  Value some = truth.someAllowed;
  Value none = b.createOrFold<arith::XOrIOp>(loc, truth.someMasked, arith::ConstantIntOp::create(b, loc, 1, 1));
  Value full = b.createOrFold<arith::AndIOp>(loc, whole, none);
  auto visited = scf::IfOp::create(b, loc, some, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(visited.thenBlock());
  emitMatrices();
  if (mask.isClosedForm() && blocking.width > blocking.lanes) {
    auto narrow = scf::IfOp::create(b, loc, isWorthNarrowing(), /*withElseRegion=*/true);
    b.setInsertionPointToStart(narrow.thenBlock());
    emitVectors();
    b.setInsertionPointToStart(narrow.elseBlock());
  }
  auto branch = scf::IfOp::create(b, loc, full, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(branch.thenBlock());
    emitScores(/*partial=*/false);
    b.setInsertionPointToStart(branch.elseBlock());
    emitScores(/*partial=*/true);
  }
  Value partial = b.createOrFold<arith::XOrIOp>(loc, full, arith::ConstantIntOp::create(b, loc, 1, 1));
  emitValues(partial);
}

/// Makes the batch and heads of `item` current; its first block of queries.
Value AttentionScheduler::setItem(Value item, Value itemsPerHead, Value blocksPerItem) {
  int64_t heads = op.getExtent('H'), groups = op.getExtent('G');
  Value pair = arith::DivUIOp::create(b, loc, item, itemsPerHead);
  batch = b.createOrFold<arith::DivUIOp>(loc, pair, index(heads));
  head = b.createOrFold<arith::RemUIOp>(loc, pair, index(heads));
  group = b.createOrFold<arith::DivUIOp>(loc, head, index(heads / groups)); // g = h / (H/G)
  return arith::MulIOp::create(b, loc, arith::RemUIOp::create(b, loc, item, itemsPerHead), blocksPerItem);
}

/// Asks for the queries of `item`, if there is one: 64 rows with a stride are more than a hardware prefetcher follows
/// (heads inside rows, M = N = 128: 3% of the time).
void AttentionScheduler::emitPrefetchQueries(Value item, Value items, Value itemsPerHead, Value blocksPerItem) {
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, item, items);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(scf::IfOp::create(b, loc, exists, /*withElseRegion=*/false).thenBlock());
  auto saved = std::tuple(batch, head, group);
  Value width = index(blocking.width);
  Value first = arith::MulIOp::create(b, loc, setItem(item, itemsPerHead, blocksPerItem), width);
  Value end = min(m, add(first, arith::MulIOp::create(b, loc, blocksPerItem, width)));
  Value rows = view(op.getQ(), op.getQLayout(), {{'M', index(0), m}, {'D', index(0), extent('D')}}, "MD");
  auto loop = scf::ForOp::create(b, loc, first, end, index(1));
  b.setInsertionPointToStart(loop.getBody());
  int64_t line = 64 * 8 / elementOf(op.getQ()).getIntOrFloatBitWidth(); // elements of a cache line
  for (int64_t at = 0; at < op.getExtent('D'); at += line)
    memref::PrefetchOp::create(b, loc, rows, ValueRange{loop.getInductionVar(), index(at)}, /*isWrite=*/false,
                               /*localityHint=*/2, /*isDataCache=*/true);
  std::tie(batch, head, group) = saved;
}

/// `blocks` of W queries make up a head; `blocksPerItem` of them belong to one of `items`.
void AttentionScheduler::emitItem(Value item, Value items, Value blocks, Value blocksPerItem) {
  Value itemsPerHead = b.createOrFold<arith::CeilDivSIOp>(loc, blocks, blocksPerItem);
  Value first = setItem(item, itemsPerHead, blocksPerItem);
  Value blocksHere = min(blocksPerItem, sub(blocks, first));

  itemScratch = allocateScratch();
  staging = allocateStaging();
  forEachBlock(first, blocksHere, [&] { emitStart(); });
  Value low = arith::MulIOp::create(b, loc, first, index(blocking.width));
  Value end = min(m, arith::MulIOp::create(b, loc, add(first, blocksHere), index(blocking.width)));
  // Without keys nothing may be read: a tensor that the mask asks for may be empty too.
  Value anyKey = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, n, index(0));
  auto work = scf::IfOp::create(b, loc, anyKey, /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(work.thenBlock());
    mask.emitHead(b, loc, {batch, head, Value(), Value(), m, n});
    mask.emitWalk(b, loc, {low, sub(end, index(1))}, n, blocking.keys, [&](Value key) {
      setKeyBlock(key);
      forEachBlock(first, blocksHere, [&] { emitKeyBlock(); });
    });
  }
  emitPrefetchQueries(add(item, index(1)), items, itemsPerHead, blocksPerItem);
  forEachBlock(first, blocksHere, [&] { emitOutput(); });
}

void AttentionScheduler::emit() {
  m = extent('M');
  n = extent('N');
  Value blocks = b.createOrFold<arith::CeilDivSIOp>(loc, m, index(blocking.width));
  Value pairs = b.createOrFold<arith::MulIOp>(loc, extent('B'), extent('H'));
  // Few blocks: an item each, so that every thread has several.
  Value total = b.createOrFold<arith::MulIOp>(loc, pairs, blocks);
  Value share = b.createOrFold<arith::DivUIOp>(loc, total, index(kManyItems));
  Value blocksPerItem = b.createOrFold<arith::MaxSIOp>(loc, index(1), min(share, index(blocking.blocks)));
  Value itemsPerHead = b.createOrFold<arith::CeilDivSIOp>(loc, blocks, blocksPerItem);
  Value items = b.createOrFold<arith::MulIOp>(loc, pairs, itemsPerHead);
  blocksPerItem = b.createOrFold<arith::CeilDivSIOp>(
      loc, blocks, b.createOrFold<arith::MaxSIOp>(loc, index(1), itemsPerHead)); // 5 are 3 + 2, not 4 + 1
  auto forall = scf::ForallOp::create(b, loc, ArrayRef<OpFoldResult>{getAsOpFoldResult(items)}, ValueRange(),
                                      /*mapping=*/std::nullopt);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(forall.getBody());
  emitItem(forall.getInductionVar(0), items, blocks, blocksPerItem);
}

namespace {
struct AttentionToTilePass : attnc::schedule::impl::AttentionToTileBase<AttentionToTilePass> {
  using AttentionToTileBase::AttentionToTileBase;

  Blocking blockingOf(AttentionOp op, const schedule::Schedule &forced, schedule::Machine machine) {
    if (op.getAccumulatorType().isF64()) // a vector of as many f64 takes two registers
      machine.registers /= 2;
    schedule::Schedule sizes = fillSchedule(forced, machine, op.getExtent('D'), op.getExtent('E'));
    return {sizes.attentionQueries, sizes.attentionKeys, sizes.attentionRows, sizes.attentionBlocks, machine.lanes};
  }

  /// Both contractions can be of pairs of bf16. Sums of weights as bf16 are too rough for an lse of f32 (8.6e-4 off).
  bool takesPairs(AttentionOp op, Blocking blocking) {
    auto isBf16 = [](Value tensor) { return cast<MemRefType>(tensor.getType()).getElementType().isBF16(); };
    double scale = op.getScaleValue();
    return getOperation()->getAttrOfType<tile::TargetAttr>("tile.target").getBf16Dot() && isBf16(op.getQ()) &&
           isBf16(op.getK()) && isBf16(op.getV()) && op.getExtent('D') % 2 == 0 && op.getKLayout().ends_with("D") &&
           blocking.rows % 2 == 0 && !op.hasLse() && op.getQuery().empty() && op.getKey().empty() &&
           std::isnormal(scale) && std::isnormal(1 / scale);
  }

  void runOnOperation() override {
    schedule::Schedule forced;
    forced.attentionQueries = queries;
    forced.attentionKeys = keys;
    forced.attentionRows = rows;
    forced.attentionBlocks = blocks;
    auto machine = schedule::machineFor(getOperation(), forced);
    if (failed(machine))
      return signalPassFailure();
    SmallVector<AttentionOp> ops;
    getOperation().walk([&](AttentionOp op) { ops.push_back(op); });
    for (AttentionOp op : ops) {
      schedule::MaskPlan mask(op);
      if (mask.isNever() && !op->hasAttr("attnc.never"))
        emitWarning(op.getMask().front().getTerminator()->getLoc())
            << "the mask is never true: no key is allowed and the output is 0";
      else if (remarks)
        mask.remark();
      OpBuilder builder(op);
      Blocking blocking = blockingOf(op, forced, *machine);
      AttentionScheduler(builder, op, blocking, takesPairs(op, blocking)).emit();
      op.erase();
      ++numAttentions;
    }
  }
};
} // namespace
