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
//       tile.transpose O^T / l -> O,  rows with l = 0 become 0;  lse = (m + log2 l) * ln 2
//   }
//
// Arithmetic is f64 where queries are f64, else f32 (A8). Tensors of another float type are converted block by block, K
// and V once for the U blocks of queries of an item.
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

#include "compiler/schedule/LayoutView.h"
#include "compiler/schedule/MaskPlan.h"
#include "compiler/schedule/Passes.h"
#include "compiler/schedule/ScheduleTarget.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"
#include <numbers>

namespace attnc::schedule {
#define GEN_PASS_DEF_ATTENTIONTOTILE
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;
using attnc::attn::AttentionOp;
using attnc::schedule::IndexRange;

/// A weight may grow to 2^30 before the maximum is raised: safe in f32, and then the rescaling is rare.
constexpr double kRescaleThreshold = 30.0;

/// So many items keep 16 threads evenly busy; blocks of queries join only when more items remain.
constexpr int64_t kManyItems = 64;

/// Rows of a register tile of one vector: 8 chains of multiply-adds, and no more rows at 4 KB than an L1 set has ways.
constexpr int64_t kNarrowRows = 8;

namespace {

/// Block sizes of one schedule.
struct Blocking {
  int64_t width;  ///< W: queries per block, a multiple of the lanes
  int64_t keys;   ///< Nb: keys per block
  int64_t rows;   ///< R: rows of a register tile
  int64_t blocks; ///< U: at most so many blocks of queries per item
  int64_t lanes;  ///< queries of a vector
};

/// Emits the schedule of one attention op.
class AttentionScheduler {
public:
  AttentionScheduler(OpBuilder &builder, AttentionOp op, Blocking blocking, bool pairs)
      : b(builder), op(op), loc(op.getLoc()), blocking(blocking), mask(op), real(op.getAccumulatorType()), pairs(pairs),
        scale(op.getScaleValue() * (op.getScore().empty() ? std::numbers::log2e : 1.0)), tileRows(blocking.rows) {}
  void emit();

private:
  struct Scratch {
    Value qt, ot, p, max, sum, pending;
  };
  /// Rows of what is stored otherwise, or null.
  struct Staging {
    Value keys, values, rows, columns;
  };

  // Small builders.
  Value index(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
  Value f(double value) { return arith::ConstantOp::create(b, loc, b.getFloatAttr(real, value)); }
  Value add(Value lhs, Value rhs) { return b.createOrFold<arith::AddIOp>(loc, lhs, rhs); }
  Value sub(Value lhs, Value rhs) { return b.createOrFold<arith::SubIOp>(loc, lhs, rhs); }
  Value min(Value lhs, Value rhs) { return b.createOrFold<arith::MinSIOp>(loc, lhs, rhs); }
  Value load(Value memref, ValueRange at) { return memref::LoadOp::create(b, loc, memref, at); }
  void store(Value value, Value memref, ValueRange at) { memref::StoreOp::create(b, loc, value, memref, at); }
  Value scratchBuffer(ArrayRef<int64_t> shape, Type element) {
    return memref::AllocaOp::create(b, loc, MemRefType::get(shape, element), b.getI64IntegerAttr(64));
  }
  Value extent(char letter);
  Value view(Value memref, StringRef layout, ArrayRef<schedule::LetterRange> ranges, StringRef order);
  void mapColumns(Value end, llvm::function_ref<void(Value)> body);

  Scratch allocateScratch();
  Staging allocateStaging();
  Scratch scratchOf(Value block);
  void forEachBlock(Value first, Value count, llvm::function_ref<void()> body);
  void emitStart();
  void emitItem(Value item, Value blocks, Value blocksPerItem);
  void setKeyBlock(Value first);
  void emitKeyBlock();
  IndexRange keysOf(Value vector);
  Value isWorthNarrowing();
  void emitVectors();
  void setVector(Value vector, IndexRange range);
  void emitScores(bool partial);
  Value scoreOf(Value acc, Value row, Value col);
  Value allowed(Value row, Value col);
  void emitValues(Value partial);
  void emitAccumulate();
  void emitMaskedAccumulate();
  void emitPrefetch(Value memref, StringRef layout, char feature, Value row, int64_t ahead);
  Value emitStage(Value memref, StringRef layout, char rows, Value first, Value count, char feature, Value buffer);
  Value hasNonFinite();
  Value bitsOf(Value narrow, bool high);
  Value emitPackValues();
  void emitPackQueries();
  Value loadWeight(Value key, Value lane);
  Value converted(Value value, Type type);
  static Type elementOf(Value memref) { return cast<MemRefType>(memref.getType()).getElementType(); }
  bool isStaged(Value memref) { return elementOf(memref) != real; }
  void emitOutput();

  OpBuilder &b;
  AttentionOp op;
  Location loc;
  Blocking blocking;
  schedule::MaskPlan mask;
  Type real;                                ///< of all arithmetic (A8)
  bool pairs;                               ///< contractions of pairs of bf16
  double scale;                             ///< of a raw score, in log2 units unless a score region wants it
  Value batch, head, group, q0, queries;    ///< of the current block; `queries` are real ones
  Value n0, count, keys, values, valueRows; ///< the current block of keys: its first, how many, and their rows, widened
  Value m, n;                               ///< M, N
  Scratch scratch;                          ///< of the current block of queries
  Staging staging;
  int64_t tileRows;    ///< rows of a register tile
  Scratch itemScratch; ///< of all blocks of the item
};

} // namespace

/// Extent of a role, from the first operand that has it.
Value AttentionScheduler::extent(char letter) {
  std::pair<Value, StringRef> operands[] = {{op.getQ(), op.getQLayout()},
                                            {op.getK(), op.getKLayout()},
                                            {op.getV(), op.getVLayout()},
                                            {op.getInits()[0], op.getOLayout()}};
  for (auto [operand, layout] : operands)
    if (int64_t dim = AttentionOp::dimOf(layout, letter); dim >= 0)
      return b.createOrFold<memref::DimOp>(loc, operand, dim);
  return index(1);
}

/// The sub-block of `memref` given by `ranges`, other letters fixed at the item's batch, head and group.
Value AttentionScheduler::view(Value memref, StringRef layout, ArrayRef<schedule::LetterRange> ranges,
                               StringRef order) {
  auto fixed = [&](char letter) { return letter == 'B' ? batch : letter == 'H' ? head : group; };
  return schedule::viewByLetters(b, loc, memref, layout, ranges, fixed, order);
}

void AttentionScheduler::mapColumns(Value end, llvm::function_ref<void(Value)> body) {
  auto map = tile::MapOp::create(b, loc, index(0), end);
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.createBlock(&map.getBody(), {}, {b.getIndexType()}, {loc});
  body(block->getArgument(0));
  tile::YieldOp::create(b, loc, Value());
}

//===----------------------------------------------------------------------===//
// Score and mask
//===----------------------------------------------------------------------===//

/// Inlines a region of the attention op at the insertion point; `leading` are its arguments before the captures.
static Value inlineRegion(OpBuilder &b, AttentionOp op, Region &region, ArrayRef<Value> leading) {
  IRMapping mapping;
  SmallVector<Value> values(leading);
  llvm::append_range(values, op.getCaptures());
  mapping.map(region.getArguments(), values);
  for (Operation &nested : region.front().without_terminator())
    b.clone(nested, mapping);
  return mapping.lookupOrDefault(region.front().getTerminator()->getOperand(0));
}

/// t, in log2 units: the accumulated score itself (scale and log2(e) are in Qt), or the score region's value * log2(e).
Value AttentionScheduler::scoreOf(Value acc, Value row, Value col) {
  if (pairs)
    acc = arith::MulFOp::create(b, loc, acc, f(scale));
  if (op.getScore().empty())
    return acc;
  Value s = inlineRegion(b, op, op.getScore(), {acc, batch, head, col, row, m, n});
  return arith::MulFOp::create(b, loc, s, f(std::numbers::log2e));
}

Value AttentionScheduler::allowed(Value row, Value col) {
  return inlineRegion(b, op, op.getMask(), {batch, head, col, row, m, n});
}

/// Asks for every cache line of row + ahead; what is staged has just been read.
void AttentionScheduler::emitPrefetch(Value memref, StringRef layout, char feature, Value row, int64_t ahead) {
  if (isStaged(memref))
    return;
  Value rows =
      view(memref, layout, {{'N', index(0), n}, {feature, index(0), extent(feature)}}, std::string{'N', feature});
  Value next = min(add(row, index(ahead)), sub(n, index(1)));
  int64_t line = 64 * 8 / real.getIntOrFloatBitWidth(); // elements of a cache line
  for (int64_t at = 0; at < op.getExtent(feature); at += line)
    memref::PrefetchOp::create(b, loc, rows, ValueRange{next, index(at)}, /*isWrite=*/false, /*localityHint=*/2,
                               /*isDataCache=*/true);
}

/// Copies `count` rows of `memref` from `first` into `buffer`, widened.
Value AttentionScheduler::emitStage(Value memref, StringRef layout, char rows, Value first, Value count, char feature,
                                    Value buffer) {
  Value source =
      view(memref, layout, {{rows, first, count}, {feature, index(0), extent(feature)}}, std::string{rows, feature});
  auto loop = scf::ForOp::create(b, loc, index(0), count, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  mapColumns(extent(feature), [&](Value column) {
    Value stored = load(source, {loop.getInductionVar(), column});
    store(converted(stored, real), buffer, {loop.getInductionVar(), column});
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

/// P[n - n0][q] = 2^(t - m) for one block of keys.
void AttentionScheduler::emitScores(bool partial) {
  bool subtracted = op.getScore().empty();
  Value d = extent('D');
  // Captures end where the queries end; without captures nothing outside of scratch is read by column.
  Value columns = op.getCaptures().empty() ? Value() : queries;
  auto contract = tile::ContractOp::create(b, loc, index(0), partial ? count : index(blocking.keys), q0, columns,
                                           pairs ? index(op.getExtent('D') / 2) : d, keys, scratch.qt,
                                           partial ? tile::Tail::Clamp : tile::Tail::Exact, tileRows);
  OpBuilder::InsertionGuard guard(b);
  if (subtracted) { // the sum starts at -m: subtracting the maximum is free
    Block *init = b.createBlock(&contract.getInit(), {}, {b.getIndexType(), b.getIndexType()}, {loc, loc});
    Value lane = sub(init->getArgument(1), q0);
    Value max = load(scratch.max, {lane});
    Value start = pairs ? arith::MulFOp::create(b, loc, max, f(-1.0 / scale)).getResult()
                        : arith::NegFOp::create(b, loc, max).getResult();
    tile::YieldOp::create(b, loc, start);
  }
  Block *epilogue = b.createBlock(&contract.getEpilogue(), {},
                                  {real, b.getIndexType(), b.getIndexType(), b.getI1Type()}, {loc, loc, loc, loc});
  Value row = add(n0, epilogue->getArgument(1)), col = epilogue->getArgument(2);
  emitPrefetch(op.getK(), op.getKLayout(), 'D', row, tileRows);
  emitPrefetch(op.getV(), op.getVLayout(), 'E', row, 0);
  Value t = scoreOf(epilogue->getArgument(0), row, col);
  if (partial) {
    Value real = epilogue->getArgument(3);
    if (!op.getMask().empty())
      real = arith::AndIOp::create(b, loc, real, allowed(row, col));
    t = arith::SelectOp::create(b, loc, real, t, f(-std::numeric_limits<double>::infinity()));
  }
  tile::SoftmaxStepOp::create(b, loc, t, scratch.max, scratch.sum, scratch.pending, scratch.p, index(0), scratch.ot,
                              subtracted ? b.getUnitAttr() : UnitAttr(), b.getF64FloatAttr(kRescaleThreshold));
  tile::YieldOp::create(b, loc, Value());
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Some V[n][e] of the block is NaN or infinite: v * 0 is then NaN.
Value AttentionScheduler::hasNonFinite() {
  auto loop = scf::ForOp::create(b, loc, index(0), count, index(1), ValueRange{f(0.0)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    auto reduce =
        tile::ReduceOp::create(b, loc, real, tile::ReductionKind::Add, index(0), extent('E'), loop.getRegionIterArg(0));
    Block *body = b.createBlock(&reduce.getBody(), {}, {b.getIndexType()}, {loc});
    Value v = converted(load(valueRows, {loop.getInductionVar(), body->getArgument(0)}), real);
    tile::YieldOp::create(b, loc, arith::MulFOp::create(b, loc, v, f(0.0)).getResult());
    b.setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(b, loc, reduce.getResult());
  }
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, loop.getResult(0), loop.getResult(0));
}

/// Ot[e][q] += sum over the block of V[n][e] * P[n][q].
void AttentionScheduler::emitAccumulate() {
  auto map = AffineMap::getPermutationMap(ArrayRef<unsigned>{1, 0}, b.getContext());
  Value transposed = memref::TransposeOp::create(b, loc, values, AffineMapAttr::get(map));
  Value depth = pairs ? b.createOrFold<arith::CeilDivSIOp>(loc, count, index(2)) : count;
  auto contract = tile::ContractOp::create(b, loc, index(0), extent('E'), index(0), Value(), depth, transposed,
                                           scratch.p, tile::Tail::Peel, tileRows);
  OpBuilder::InsertionGuard guard(b);
  Block *init = b.createBlock(&contract.getInit(), {}, {b.getIndexType(), b.getIndexType()}, {loc, loc});
  tile::YieldOp::create(b, loc, load(scratch.ot, init->getArguments()));
  Block *epilogue = b.createBlock(&contract.getEpilogue(), {},
                                  {real, b.getIndexType(), b.getIndexType(), b.getI1Type()}, {loc, loc, loc, loc});
  store(epilogue->getArgument(0), scratch.ot, {epilogue->getArgument(1), epilogue->getArgument(2)});
  tile::YieldOp::create(b, loc, Value());
}

/// The same, adding only keys that are allowed and have weight (A4).
void AttentionScheduler::emitMaskedAccumulate() {
  auto rows = scf::ForOp::create(b, loc, index(0), count, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(rows.getBody());
  auto features = scf::ForOp::create(b, loc, index(0), extent('E'), index(1));
  b.setInsertionPointToStart(features.getBody());
  Value key = rows.getInductionVar(), feature = features.getInductionVar();
  Value v = converted(load(valueRows, {key, feature}), real);
  mapColumns(queries, [&](Value lane) {
    Value p = loadWeight(key, lane), old = load(scratch.ot, {feature, lane});
    Value counts = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, p, f(0.0));
    if (!op.getMask().empty())
      counts = arith::AndIOp::create(b, loc, counts, allowed(add(n0, key), add(q0, lane)));
    Value sum = arith::AddFOp::create(b, loc, old, arith::MulFOp::create(b, loc, p, v));
    store(arith::SelectOp::create(b, loc, counts, sum, old), scratch.ot, {feature, lane});
  });
}

void AttentionScheduler::emitValues(Value partial) {
  if (op.getMask().empty())
    return emitAccumulate();
  auto check = scf::IfOp::create(b, loc, TypeRange{b.getI1Type()}, partial, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(check.thenBlock());
    scf::YieldOp::create(b, loc, hasNonFinite());
    b.setInsertionPointToStart(check.elseBlock());
    scf::YieldOp::create(b, loc, arith::ConstantIntOp::create(b, loc, 0, 1).getResult());
  }
  auto branch = scf::IfOp::create(b, loc, check.getResult(0), /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  emitMaskedAccumulate();
  b.setInsertionPointToStart(branch.elseBlock());
  emitAccumulate();
}

//===----------------------------------------------------------------------===//
// Blocks and items
//===----------------------------------------------------------------------===//

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
  schedule::BlockTruth truth =
      mask.emitTruth(b, loc, {q0, sub(add(q0, queries), index(1))}, {n0, sub(add(n0, count), index(1))});
  Value some = truth.someAllowed;
  Value none = b.createOrFold<arith::XOrIOp>(loc, truth.someMasked, arith::ConstantIntOp::create(b, loc, 1, 1));
  Value full = b.createOrFold<arith::AndIOp>(loc, whole, none);
  auto visited = scf::IfOp::create(b, loc, some, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(visited.thenBlock());
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

//===----------------------------------------------------------------------===//
// Partial blocks, vector by vector
//===----------------------------------------------------------------------===//

/// The keys of the current block that the mask leaves to one vector of queries, from an even place in the block on
/// (pairs of bf16); empty (low > high) for queries beyond the last.
IndexRange AttentionScheduler::keysOf(Value vector) {
  Value first = add(q0, arith::MulIOp::create(b, loc, vector, index(blocking.lanes)));
  Value last = min(add(first, index(blocking.lanes - 1)), sub(m, index(1)));
  IndexRange hull = mask.emitKeyHull(b, loc, {first, last}, n);
  Value skipped = b.createOrFold<arith::MaxSIOp>(loc, index(0), sub(hull.low, n0));
  skipped = b.createOrFold<arith::AndIOp>(loc, skipped, index(-2));
  Value odd = b.createOrFold<arith::OrIOp>(loc, sub(hull.high, n0), index(1)); // -1 stays below every key
  Value high = min(add(n0, odd), sub(add(n0, count), index(1)));
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, first, last);
  return {add(n0, skipped), b.createOrFold<arith::SelectOp>(loc, exists, high, index(-1))};
}

/// The vectors need at most three quarters of the block together: then narrower tiles, which load more per
/// multiplication, pay.
Value AttentionScheduler::isWorthNarrowing() {
  Value needed = index(0);
  int64_t vectors = blocking.width / blocking.lanes;
  for (int64_t vector = 0; vector < vectors; ++vector) {
    IndexRange range = keysOf(index(vector));
    Value keysHere = add(sub(range.high, range.low), index(1));
    needed = add(needed, b.createOrFold<arith::MaxSIOp>(loc, index(0), keysHere));
  }
  Value budget = arith::MulIOp::create(b, loc, count, index(3 * vectors));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, arith::MulIOp::create(b, loc, needed, index(4)),
                               budget);
}

/// Narrows everything that is current to one vector of queries and the keys of `range`.
void AttentionScheduler::setVector(Value vector, IndexRange range) {
  Value lane = arith::MulIOp::create(b, loc, vector, index(blocking.lanes)), skipped = sub(range.low, n0);
  auto slice = [&](Value memref, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes) -> Value {
    SmallVector<OpFoldResult> strides(offsets.size(), b.getIndexAttr(1));
    return memref::SubViewOp::create(b, loc, memref, offsets, sizes, strides);
  };
  auto rowsOf = [&](Value memref) { return cast<MemRefType>(memref.getType()).getDimSize(0); };
  OpFoldResult zero = b.getIndexAttr(0), width = b.getIndexAttr(blocking.lanes);
  auto columns = [&](Value memref) { return slice(memref, {zero, lane}, {b.getIndexAttr(rowsOf(memref)), width}); };
  auto rows = [&](Value memref, Value first, Value number) {
    int64_t features = cast<MemRefType>(memref.getType()).getDimSize(1);
    return slice(memref, {first, zero}, {number, b.getIndexAttr(features)});
  };
  scratch = {columns(scratch.qt),
             columns(scratch.ot),
             columns(scratch.p),
             slice(scratch.max, {lane}, {width}),
             slice(scratch.sum, {lane}, {width}),
             slice(scratch.pending, {vector}, {b.getIndexAttr(1)})};
  q0 = add(q0, lane);
  queries = min(index(blocking.lanes), sub(m, q0));
  n0 = range.low;
  count = add(sub(range.high, range.low), index(1));
  keys = rows(keys, skipped, count);
  bool isPacked = values != valueRows;
  valueRows = rows(valueRows, skipped, count);
  if (isPacked)
    values = rows(values, arith::DivUIOp::create(b, loc, skipped, index(2)),
                  arith::CeilDivUIOp::create(b, loc, count, index(2)));
  else
    values = valueRows;
  tileRows = kNarrowRows;
}

void AttentionScheduler::emitVectors() {
  auto loop = scf::ForOp::create(b, loc, index(0), index(blocking.width / blocking.lanes), index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  IndexRange range = keysOf(loop.getInductionVar());
  Value any = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, range.low, range.high);
  b.setInsertionPointToStart(scf::IfOp::create(b, loc, any, /*withElseRegion=*/false).thenBlock());
  auto saved = std::tuple(scratch, q0, queries, n0, count, keys, values, valueRows, tileRows);
  setVector(loop.getInductionVar(), range);
  emitScores(/*partial=*/true);
  emitValues(arith::ConstantIntOp::create(b, loc, 1, 1));
  std::tie(scratch, q0, queries, n0, count, keys, values, valueRows, tileRows) = saved;
}

/// O[q][e] = Ot[e][q] / l, 0 where l = 0 (A5); lse = (m + log2 l) ln 2, -inf where l = 0.
void AttentionScheduler::emitOutput() {
  Value zero = f(0.0);
  auto isEmpty = [&](Value sum) { return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, sum, zero); };
  if (op.hasLse()) {
    std::string layout = op.getLseLayout();
    Value lse = view(op.getInits()[1], layout, {{'M', q0, queries}}, "M");
    mapColumns(queries, [&](Value lane) {
      Value sum = load(scratch.sum, {lane});
      Value log = arith::AddFOp::create(b, loc, load(scratch.max, {lane}), math::Log2Op::create(b, loc, sum));
      Value value = arith::MulFOp::create(b, loc, log, f(std::numbers::ln2));
      // A score of +inf makes l infinite; the row is NaN then (A6), and so is l - l.
      value = arith::AddFOp::create(b, loc, value, arith::SubFOp::create(b, loc, sum, sum));
      Value none = f(-std::numeric_limits<double>::infinity());
      store(converted(arith::SelectOp::create(b, loc, isEmpty(sum), none, value), elementOf(lse)), lse, {lane});
    });
  }
  mapColumns(index(blocking.width), [&](Value lane) { // l := l = 0 ? 0 : 1 / l
    Value sum = load(scratch.sum, {lane});
    Value inverse = arith::DivFOp::create(b, loc, f(1.0), sum);
    store(arith::SelectOp::create(b, loc, isEmpty(sum), zero, inverse), scratch.sum, {lane});
  });
  Value out = view(op.getInits()[0], op.getOLayout(), {{'M', q0, queries}, {'E', index(0), extent('E')}}, "ME");
  Value wide = isStaged(out) ? staging.rows : out;
  auto copy = tile::TransposeOp::create(b, loc, scratch.ot, wide, extent('E'), queries, /*pad=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    Block *body = b.createBlock(&copy.getBody(), {}, {real, b.getIndexType(), b.getIndexType()}, {loc, loc, loc});
    Value scaled = arith::MulFOp::create(b, loc, body->getArgument(0), load(scratch.sum, {body->getArgument(2)}));
    tile::YieldOp::create(b, loc, scaled);
  }
  if (wide == out)
    return;
  auto loop = scf::ForOp::create(b, loc, index(0), queries, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value row = loop.getInductionVar();
  mapColumns(extent('E'),
             [&](Value column) { store(converted(load(wide, {row, column}), elementOf(out)), out, {row, column}); });
}

/// Scratch of all blocks of an item: a leading dimension counts them, but P is needed by one at a time.
AttentionScheduler::Scratch AttentionScheduler::allocateScratch() {
  int64_t width = blocking.width, count = blocking.blocks;
  Type operand = pairs ? Type(b.getI32Type()) : real;
  int64_t packed = pairs ? 2 : 1; // elements of an operand
  return {scratchBuffer({count, op.getExtent('D') / packed, width}, operand),
          scratchBuffer({count, op.getExtent('E'), width}, real),
          scratchBuffer({blocking.keys / packed, width}, operand),
          scratchBuffer({count, width}, real),
          scratchBuffer({count, width}, real),
          scratchBuffer({count, width / blocking.lanes}, b.getI32Type())};
}

AttentionScheduler::Staging AttentionScheduler::allocateStaging() {
  int64_t d = op.getExtent('D'), e = op.getExtent('E');
  if (pairs)
    return {Value(), scratchBuffer({blocking.keys / 2, e}, b.getI32Type()),
            scratchBuffer({blocking.width, std::max(d, e)}, real), scratchBuffer({d, blocking.width}, real)};
  bool stagesRows = isStaged(op.getQ()) || isStaged(op.getInits()[0]);
  return {isStaged(op.getK()) ? scratchBuffer({blocking.keys, d}, real) : Value(),
          isStaged(op.getV()) ? scratchBuffer({blocking.keys, e}, real) : Value(),
          stagesRows ? scratchBuffer({blocking.width, std::max(d, e)}, real) : Value(), Value()};
}

AttentionScheduler::Scratch AttentionScheduler::scratchOf(Value block) {
  auto slice = [&](Value buffer) -> Value {
    ArrayRef<int64_t> shape = cast<MemRefType>(buffer.getType()).getShape();
    SmallVector<OpFoldResult> offsets(shape.size(), b.getIndexAttr(0)), strides(shape.size(), b.getIndexAttr(1));
    SmallVector<OpFoldResult> sizes = getAsIndexOpFoldResult(b.getContext(), shape);
    offsets[0] = block;
    sizes[0] = b.getIndexAttr(1);
    auto type = memref::SubViewOp::inferRankReducedResultType(shape.drop_front(), cast<MemRefType>(buffer.getType()),
                                                              offsets, sizes, strides);
    return memref::SubViewOp::create(b, loc, cast<MemRefType>(type), buffer, offsets, sizes, strides);
  };
  const Scratch &all = itemScratch;
  return {slice(all.qt), slice(all.ot), all.p, slice(all.max), slice(all.sum), slice(all.pending)};
}

/// Runs `body` for `count` blocks of queries, the first of which is block `first` of its head.
void AttentionScheduler::forEachBlock(Value first, Value count, llvm::function_ref<void()> body) {
  auto loop = scf::ForOp::create(b, loc, index(0), count, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  scratch = scratchOf(loop.getInductionVar());
  q0 = arith::MulIOp::create(b, loc, add(first, loop.getInductionVar()), index(blocking.width));
  queries = min(index(blocking.width), sub(m, q0));
  body();
}

/// Qt = Q^T * scale * log2(e), and an empty softmax.
void AttentionScheduler::emitStart() {
  int64_t width = blocking.width;
  mapColumns(index(width), [&](Value lane) {
    store(f(0.0), scratch.max, {lane});
    store(f(0.0), scratch.sum, {lane});
  });
  for (int64_t vector = 0; vector < blocking.width / blocking.lanes; ++vector)
    store(arith::ConstantIntOp::create(b, loc, 1, 32), scratch.pending, {index(vector)});
  auto clear = scf::ForOp::create(b, loc, index(0), extent('E'), index(1));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(clear.getBody());
    mapColumns(index(width), [&](Value lane) { store(f(0.0), scratch.ot, {clear.getInductionVar(), lane}); });
  }
  Value rows = isStaged(op.getQ())
                   ? emitStage(op.getQ(), op.getQLayout(), 'M', q0, queries, 'D', staging.rows)
                   : view(op.getQ(), op.getQLayout(), {{'M', q0, queries}, {'D', index(0), extent('D')}}, "MD");
  auto pack = tile::TransposeOp::create(b, loc, rows, pairs ? staging.columns : scratch.qt, queries, extent('D'),
                                        /*pad=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    Block *body = b.createBlock(&pack.getBody(), {}, {real, b.getIndexType(), b.getIndexType()}, {loc, loc, loc});
    Value q = body->getArgument(0);
    tile::YieldOp::create(b, loc, pairs ? q : arith::MulFOp::create(b, loc, q, f(scale)).getResult());
  }
  if (pairs)
    emitPackQueries();
}

//===----------------------------------------------------------------------===//
// Pairs of bf16
//===----------------------------------------------------------------------===//

/// The bits of a bf16 in the low or the high half of an i32.
Value AttentionScheduler::bitsOf(Value narrow, bool high) {
  Type i32 = b.getI32Type();
  Value bits = arith::ExtUIOp::create(b, loc, i32, arith::BitcastOp::create(b, loc, b.getI16Type(), narrow));
  return high ? arith::ShLIOp::create(b, loc, bits, arith::ConstantIntOp::create(b, loc, 16, 32)).getResult() : bits;
}

/// Qt[d/2][q] = {Q[q][d], Q[q][d+1]}: exact, since the columns hold what was bf16.
void AttentionScheduler::emitPackQueries() {
  auto loop = scf::ForOp::create(b, loc, index(0), index(op.getExtent('D') / 2), index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value pair = loop.getInductionVar(), first = arith::MulIOp::create(b, loc, pair, index(2));
  mapColumns(index(blocking.width), [&](Value lane) {
    auto half = [&](Value feature, bool high) {
      return bitsOf(converted(load(staging.columns, {feature, lane}), b.getBF16Type()), high);
    };
    Value word = arith::OrIOp::create(b, loc, half(first, false), half(add(first, index(1)), true));
    store(word, scratch.qt, {pair, lane});
  });
}

/// {V[n][e], V[n+1][e]} for pairs of keys of the block; a key beyond it counts as 0.
Value AttentionScheduler::emitPackValues() {
  Value pairCount = b.createOrFold<arith::CeilDivSIOp>(loc, count, index(2)), last = sub(count, index(1));
  auto loop = scf::ForOp::create(b, loc, index(0), pairCount, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value first = arith::MulIOp::create(b, loc, loop.getInductionVar(), index(2)), second = add(first, index(1));
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, second, last);
  Value keep = arith::ExtSIOp::create(b, loc, b.getI32Type(), exists);
  second = min(second, last);
  mapColumns(extent('E'), [&](Value feature) {
    Value low = bitsOf(load(valueRows, {first, feature}), false);
    Value high = arith::AndIOp::create(b, loc, bitsOf(load(valueRows, {second, feature}), true), keep);
    store(arith::OrIOp::create(b, loc, low, high), staging.values, {loop.getInductionVar(), feature});
  });
  return staging.values;
}

/// P[key][lane].
Value AttentionScheduler::loadWeight(Value key, Value lane) {
  if (!pairs)
    return load(scratch.p, {key, lane});
  Type i32 = b.getI32Type();
  auto constant = [&](int64_t value) -> Value { return arith::ConstantIntOp::create(b, loc, value, 32); };
  Value word = load(scratch.p, {arith::DivUIOp::create(b, loc, key, index(2)), lane});
  Value odd = arith::IndexCastOp::create(b, loc, i32, arith::RemUIOp::create(b, loc, key, index(2)));
  Value shift = arith::SubIOp::create(b, loc, constant(16), arith::MulIOp::create(b, loc, odd, constant(16)));
  Value bits = arith::AndIOp::create(b, loc, arith::ShLIOp::create(b, loc, word, shift), constant(-65536));
  return arith::BitcastOp::create(b, loc, real, bits);
}

/// `blocks` of W queries make up a head; `blocksPerItem` of them belong to one item.
void AttentionScheduler::emitItem(Value item, Value blocks, Value blocksPerItem) {
  Value itemsPerHead = b.createOrFold<arith::CeilDivSIOp>(loc, blocks, blocksPerItem);
  Value pair = arith::DivUIOp::create(b, loc, item, itemsPerHead);
  int64_t heads = op.getExtent('H'), groups = op.getExtent('G');
  Value first = arith::MulIOp::create(b, loc, arith::RemUIOp::create(b, loc, item, itemsPerHead), blocksPerItem);
  Value blocksHere = min(blocksPerItem, sub(blocks, first));
  batch = b.createOrFold<arith::DivUIOp>(loc, pair, index(heads));
  head = b.createOrFold<arith::RemUIOp>(loc, pair, index(heads));
  group = b.createOrFold<arith::DivUIOp>(loc, head, index(heads / groups)); // g = h / (H/G)

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
  emitItem(forall.getInductionVar(0), blocks, blocksPerItem);
}

namespace {
struct AttentionToTilePass : schedule::impl::AttentionToTileBase<AttentionToTilePass> {
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
           blocking.rows % 2 == 0 && !op.hasLse() && std::isnormal(scale) && std::isnormal(1 / scale);
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
      if (mask.isNever())
        emitWarning(op.getMask().front().getTerminator()->getLoc()) << "this mask allows no key: every output is 0";
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
