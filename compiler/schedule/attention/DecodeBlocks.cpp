//===- DecodeBlocks.cpp - The query heads of a group as rows --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/DecodeBlocks.h"
#include "compiler/schedule/Schedule.h"
#include "compiler/schedule/attention/LongSums.h"
#include "compiler/schedule/attention/RowBlocks.h"
#include "compiler/schedule/attention/RowSoftmax.h"
#include "compiler/schedule/attention/Values.h"
#include "dialects/Attn/ErrorBound.h"
#include "dialects/Common/StreamingSoftmax.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// Rows of all blocks of an item: their scores are 64 KB at most.
constexpr int64_t kRows = 64;

/// Rows are multiplied where they lie: neighbours, those of V in whole vectors, untransformed, in no pages.
static bool readsInPlace(AttentionOp op, Value memref, StringRef layout, int64_t lanes) {
  bool isKey = memref == op.getK(), isPlain = op.getQuery().empty() && op.getKey().empty();
  if (isKey ? op.getKTable() : op.getVTable())
    return false;
  bool contiguous = cast<MemRefType>(memref.getType()).getStridesAndOffset().first.back() == 1;
  return layout.ends_with(isKey ? "D" : "E") && contiguous && (isKey ? isPlain : op.getExtent('E') % lanes == 0);
}
static bool readsInPlace(AttentionOp op, int64_t lanes) {
  return readsInPlace(op, op.getK(), op.getKLayout(), lanes) && readsInPlace(op, op.getV(), op.getVLayout(), lanes);
}

DecodeShape schedule::decodeShapeOf(AttentionOp op, int64_t lanes) {
  int64_t queries = op.getExtent('M'), groups = op.getExtent('G');
  DecodeShape shape;
  shape.queries = queries < 0 ? kMostQueries : std::clamp<int64_t>(queries, 1, kMostQueries);
  bool differs = !op.getMask().empty() && !op.getMask().getArgument(1).use_empty(); // from head to head
  shape.heads = differs ? 1 : op.getExtent('H') / groups;
  StringRef layout = op.getKLayout();
  size_t group = layout.find('G');
  bool areNeighbours = group != StringRef::npos && group > layout.find('N');
  shape.groups = areNeighbours && !differs && readsInPlace(op, lanes) && groups * shape.rows() <= kRows ? groups : 1;
  return shape;
}

/// Bytes between two streams: below 64 KB hardware follows them less well (8 KB: two thirds as fast).
constexpr int64_t kDistance = 64 << 10;

/// Keys of a chunk. Their scores should stay in L1 or near it.
static int64_t keysOfChunk(AttentionOp op, const DecodeShape &shape) {
  int64_t bits = cast<ShapedType>(op.getK().getType()).getElementTypeBitWidth();
  int64_t row = std::max<int64_t>(1, op.getExtent('D') * bits / 8 * shape.groups);
  int64_t wanted = std::clamp<int64_t>(KeyStreams::kStreams * kDistance / row, kMostKeys, attn::kEpochKeys);
  while (wanted > kMostKeys && wanted * shape.rows() * shape.groups * 4 > kDistance)
    wanted /= 2;
  return llvm::bit_floor(static_cast<uint64_t>(wanted));
}

/// What all of an attention is emitted with counts rows of a block, not queries.
static Blocking blockingOf(AttentionOp op, Blocking blocking) {
  DecodeShape shape = decodeShapeOf(op, blocking.lanes);
  blocking.width = shape.rows();
  blocking.keys = keysOfChunk(op, shape);
  return blocking;
}

/// Rows of a register tile of dot products, a power of two: as many columns fill the lanes.
static int64_t dotRowsOf(const Blocking &blocking, const DecodeShape &shape) {
  int64_t most = int64_t(1) << (llvm::Log2_64(blocking.lanes) / 2);
  return std::min<int64_t>(most, llvm::bit_floor(static_cast<uint64_t>(shape.rows())));
}

/// Lanes of a panel: all, but where heads are neighbours in memory a key for each stream, if the rows are whole tiles.
/// Rows of K are then read one behind the other.
static int64_t panelLanesOf(AttentionOp op, const Blocking &blocking, const DecodeShape &shape) {
  int64_t rows = dotRowsOf(blocking, shape), columns = blocking.lanes / rows;
  bool areWhole = op.getExtent('M') == shape.queries && shape.rows() % rows == 0;
  return shape.groups > 1 && areWhole && columns % KeyStreams::kStreams == 0 ? columns : blocking.lanes;
}

DecodeBlocks::DecodeBlocks(OpBuilder &builder, AttentionOp op, const Blocking &blocking)
    : AttentionContext(builder, op, blockingOf(op, blocking), /*fillsAsMask=*/false),
      shape(decodeShapeOf(op, blocking.lanes)), paddedE(llvm::alignTo(op.getExtent('E'), blocking.lanes)),
      dotRows(dotRowsOf(blocking, shape)), panelLanes(panelLanesOf(op, blocking, shape)) {}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

void DecodeBlocks::allocate(DecodeItem &item) {
  int64_t rows = shape.rows(), groups = shape.groups, d = op.getExtent('D');
  auto buffer = [&](ArrayRef<int64_t> sizes) { return scratchBuffer(sizes, real); };
  BlockState &state = item.state;
  state.q = buffer({groups, rows, d});
  state.o = buffer({groups, rows, paddedE});
  state.oTotal = hasTotals(*this) ? buffer({groups, rows, paddedE}) : Value();
  state.max = buffer({groups, rows});
  state.sum = buffer({groups, rows});
  state.sumTotal = buffer({groups, 1, rows});
  state.partial = buffer({1, paddedE});
  item.weights = buffer({groups, rows, blocking.keys});
  keyBuffer = readsInPlace(op, k().memref, k().layout, blocking.lanes) ? Value() : buffer({blocking.keys, d});
  valueBuffer = readsInPlace(op, v().memref, v().layout, blocking.lanes) ? Value() : buffer({blocking.keys, paddedE});
  if (valueBuffer && op.getExtent('E') != paddedE)
    fill(valueBuffer, index(blocking.keys), index(paddedE), 0.0); // multiplied and never stored
  forEachGroup([&](Value group) {
    QueryBlock block = blockOf(item, group);
    fill(block.state.o, block.count, index(paddedE), 0.0);
    mapColumns(index(rows), [&](Value row) {
      store(none(), block.state.max, {row});
      store(f(0.0), block.state.sum, {row});
    });
    emitClearTotals(*this, block);
  });
}

QueryBlock DecodeBlocks::blockOf(const DecodeItem &item, Value group) {
  QueryBlock block{item.at, group, item.first, mul(index(shape.heads), item.count), blocking.rows, item.state};
  block.at.key = add(item.at.key, group);
  block.at.query = add(item.at.query, mul(group, index(shape.heads)));
  for (Value *buffer :
       {&block.state.q, &block.state.o, &block.state.oTotal, &block.state.max, &block.state.sum, &block.state.sumTotal})
    *buffer = partOf(*buffer, group);
  block.state.p = weightsOf(item, group);
  return block;
}

/// Rows [first, first + count) along dimension `dim` of a buffer of a block.
static Value rowsIn(AttentionContext &c, Value buffer, int64_t dim, Value first, Value count) {
  if (!buffer)
    return buffer;
  SmallVector<OpFoldResult> sizes =
      getAsIndexOpFoldResult(c.b.getContext(), cast<MemRefType>(buffer.getType()).getShape());
  SmallVector<OpFoldResult> offsets(sizes.size(), c.b.getIndexAttr(0));
  offsets[dim] = getAsOpFoldResult(first);
  sizes[dim] = getAsOpFoldResult(count);
  return c.slice(buffer, offsets, sizes);
}

QueryBlock DecodeBlocks::headOf(const DecodeItem &item, const QueryBlock &block, Value head) {
  QueryBlock part = block;
  part.at.query = add(block.at.query, head);
  part.count = item.count;
  Value first = mul(head, item.count);
  for (Value *buffer : {&part.state.q, &part.state.o, &part.state.oTotal, &part.state.max, &part.state.sum})
    *buffer = rowsIn(*this, *buffer, 0, first, item.count);
  part.state.sumTotal = rowsIn(*this, part.state.sumTotal, 1, first, item.count);
  return part;
}

/// The block as row `row` of it is computed, and the query of that row.
QueryBlock DecodeBlocks::rowOf(const DecodeItem &item, const QueryBlock &block, Value row, Value &query) {
  QueryBlock part = block;
  part.at.query = add(block.at.query, div(row, item.count));
  query = add(item.first, rem(row, item.count));
  return part;
}

void DecodeBlocks::emitQueries(const DecodeItem &item) {
  forEachGroup([&](Value group) {
    QueryBlock block = blockOf(item, group);
    forEachHead([&](Value head) { emitQueryRows(*this, headOf(item, block, head)); });
  });
}

//===----------------------------------------------------------------------===//
// Prefetch
//===----------------------------------------------------------------------===//

namespace {
/// Lines are asked for so many bytes before they are read, in each stream; `hint` as memref.prefetch has it: 0 stays
/// out of L2, 2 of L1.
struct Request {
  int64_t bytes, hint;
};
} // namespace

/// Zen 5: once, shortly before (2 KB 87% of the best read, 1 or 4 KB 72%, three far ones 60%, none 72%). Zen 4 drops
/// requests where its queue is full: three times (none 75%, one 72%, three 87%; shortly before is worse than none).
static ArrayRef<Request> requestsOf(const Blocking &blocking) {
  static constexpr Request kNear[] = {{2048, 0}}, kFar[] = {{3072, 2}, {2048, 2}, {1024, 2}};
  return blocking.prefetchesFar ? ArrayRef<Request>(kFar) : ArrayRef<Request>(kNear);
}

/// Every vector of a panel asks for what comes behind it in memory: of K then V of the same chunk, of V then K of the
/// next one. `contract` begins with the lane `lane` of the panel and the feature `column` of V.
void DecodeBlocks::addPrefetch(tile::ContractOp contract, KeyStreams &keys, const KeyStreams::Panel &panel,
                               const Rows &of, Value lane, Value column) {
  if (keyBuffer || valueBuffer)
    return;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(contract);
  bool isKey = of.memref == op.getK();
  int64_t row = std::max<int64_t>(1, op.getExtent(of.feature) * elementOf(of.memref).getIntOrFloatBitWidth() / 8);
  SmallVector<std::pair<Value, int64_t>> ahead;
  for (auto [bytes, hint] : requestsOf(blocking)) {
    int64_t keysAhead = llvm::divideCeil(bytes, row);
    if (Value rows = isKey ? keys.rowsAhead(k(), v(), 0, panel, keysAhead)
                           : keys.rowsAhead(v(), k(), blocking.keys, panel, keysAhead))
      ahead.emplace_back(rows, hint);
  }
  Type position = b.getIndexType();
  Block *body = b.createBlock(&contract.getPrefetch(), {}, {position, position}, {loc, loc});
  Value first = body->getArgument(0), second = body->getArgument(1), streams = index(KeyStreams::kStreams);
  lane = add(lane, isKey ? second : first);
  Value feature = isKey ? first : add(column, second);
  for (auto [rows, hint] : ahead) {
    Value at[] = {div(lane, streams), rem(lane, streams), feature};
    memref::PrefetchOp::create(b, loc, rows, at, /*isWrite=*/false, hint, /*isDataCache=*/true);
  }
  tile::YieldOp::create(b, loc, Value());
}

/// The rows of a block, those of the first register tile by themselves: they prefetch.
void DecodeBlocks::forEachRowTile(const DecodeItem &item, int64_t tileRows,
                                  llvm::function_ref<void(Value, Value, bool)> body) {
  Value rows = mul(index(shape.heads), item.count);
  if (shape.rows() <= tileRows)
    return body(index(0), rows, true);
  Value end = min(rows, index(tileRows));
  body(index(0), end, true);
  body(end, rows, false);
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

/// P[row][L i + lane] = allowed ? s' : -inf, for the keys of a panel.
void DecodeBlocks::emitScoresOf(const DecodeItem &item, KeyStreams &keys, const KeyStreams::Panel &panel,
                                bool partial) {
  QueryBlock block = blockOf(item, panel.group);
  Value rows = keys.rowsOf(k(), panel, keyBuffer);
  auto map = AffineMap::getPermutationMap(ArrayRef<unsigned>{2, 0, 1}, b.getContext());
  Value columns = memref::TransposeOp::create(b, loc, rows, AffineMapAttr::get(map));
  Value position = mul(panel.place, index(panelLanes));
  KeyBlock chunk{keys.first, keys.count};
  tile::Tail tail = panelLanes < blocking.lanes ? tile::Tail::Exact : tile::Tail::Peel;
  forEachRowTile(item, dotRows, [&](Value begin, Value end, bool isFirst) {
    auto contract = tile::ContractOp::create(b, loc, begin, end, index(0), partial ? panel.keys : Value(), extent('D'),
                                             block.state.q, columns, tail, dotRows, /*dots=*/true);
    if (isFirst)
      addPrefetch(contract, keys, panel, k(), index(0), index(0));
    emitEpilogue(contract, [&](Value acc, Value row, Value stream, Value) {
      Value query, key = keys.keyOf(panel, stream);
      QueryBlock part = rowOf(item, block, row, query);
      Value score = scoreOf(part, chunk, acc, key, query, partial);
      if (partial && !op.getMask().empty())
        score = select(allowed(part, key, query), score, none());
      store(score, block.state.p, {row, add(position, stream)});
    });
  });
}

/// P[row][p] = -inf from `begin` on.
void DecodeBlocks::emitNoScores(const QueryBlock &block, Value begin, Value end) {
  forRange(index(0), block.count, 1, [&](Value row) {
    forRange(begin, end, 1, [&](Value position) { store(none(), block.state.p, {row, position}); });
  });
}

void DecodeBlocks::emitScores(const DecodeItem &item, KeyStreams &keys, bool partial) {
  Value positions = keys.positions();
  if (partial) // the last panel may have lanes without a key
    forEachGroup([&](Value group) { emitNoScores(blockOf(item, group), keys.count, positions); });
  keys.forEachPanel([&](const KeyStreams::Panel &panel) { emitScoresOf(item, keys, panel, partial); });
  forEachGroup([&](Value group) {
    QueryBlock block = blockOf(item, group);
    emitRowSoftmax(*this, block, block.state.p, positions, /*areAll=*/false);
  });
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

void DecodeBlocks::emitCarry(const DecodeItem &item) {
  forEachGroup([&](Value group) { emitCarryOutput(*this, blockOf(item, group)); });
}

/// O[row][e] += sum over the keys of a panel of P[row][p] * V[key(p)][e]. Four keys at a time are added to O: after 64
/// additions, as of blocks of 16 keys in an epoch, sums are carried.
void DecodeBlocks::emitAccumulate(const DecodeItem &item, KeyStreams &keys) {
  auto carry = [&] { emitCarry(item); };
  keys.forEachPanelOfRuns(kMostKeys, carry, [&](const KeyStreams::Panel &panel) {
    QueryBlock block = blockOf(item, panel.group);
    Value values = keys.rowsOf(v(), panel, valueBuffer);
    forEachRowTile(item, blocking.rows, [&](Value begin, Value end, bool isFirst) {
      isFirst ? addAsRead(block, begin, end, keys, panel, values) : addInTiles(block, begin, end, panel, values);
    });
  });
}

/// Rows of V in the order of memory, a key of each stream at a time: O comes and goes, weights stay in registers.
void DecodeBlocks::addAsRead(const QueryBlock &block, Value begin, Value end, KeyStreams &keys,
                             const KeyStreams::Panel &panel, Value values) {
  int64_t lanes = blocking.lanes, streams = KeyStreams::kStreams;
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1), all = b.getIndexAttr(streams);
  forRange(index(0), ceilDiv(panel.keys, index(streams)), 1, [&](Value place) {
    Value first = mul(place, index(streams)), position = add(mul(panel.place, index(panelLanes)), first);
    Value weights = slice(block.state.p, {zero, position}, {b.getIndexAttr(shape.rows()), all});
    bool isWhole = getConstantIntValue(panel.keys).has_value();
    Value count = isWhole ? index(streams) : min(index(streams), sub(panel.keys, first));
    forRange(index(0), index(paddedE), lanes, [&](Value column) {
      Value part = subviewOfDims(b, loc, values, {place, zero, column}, {one, all, b.getIndexAttr(lanes)}, {1, 2});
      auto contract = tile::ContractOp::create(b, loc, begin, end, column, Value(), count, weights, part,
                                               tile::Tail::Peel, blocking.rows);
      addPrefetch(contract, keys, panel, v(), first, column);
      addToOutput(*this, block.state, contract);
    });
  });
}

/// Wide register tiles over all keys of the panel, whose values are in the cache.
void DecodeBlocks::addInTiles(const QueryBlock &block, Value begin, Value end, const KeyStreams::Panel &panel,
                              Value values) {
  OpFoldResult zero = b.getIndexAttr(0), lanes = b.getIndexAttr(panelLanes);
  OpFoldResult streams = b.getIndexAttr(KeyStreams::kStreams);
  OpFoldResult perStream = b.getIndexAttr(panelLanes / KeyStreams::kStreams);
  Value weights =
      slice(block.state.p, {zero, mul(panel.place, index(panelLanes))}, {b.getIndexAttr(shape.rows()), lanes});
  forEachColumnPanel(*this, paddedE, [&](Value first, int64_t width) {
    Value columns = slice(values, {zero, zero, first}, {perStream, streams, b.getIndexAttr(width)});
    auto contract = tile::ContractOp::create(b, loc, begin, end, first, Value(), panel.keys, weights, columns,
                                             tile::Tail::Peel, blocking.rows);
    addToOutput(*this, block.state, contract);
  });
}

/// The same, adding only keys that are allowed and have weight (A4), in the same order.
void DecodeBlocks::emitMaskedAccumulate(const DecodeItem &item, KeyStreams &keys) {
  Value zero = index(0), streams = index(KeyStreams::kStreams);
  auto addKey = [&](const QueryBlock &block, Value values, const KeyStreams::Panel &panel, Value row, Value stream) {
    Value query, key = keys.keyOf(panel, stream), position = add(mul(panel.place, index(panelLanes)), stream);
    Value p = load(block.state.p, {row, position}), counts = cmpf(arith::CmpFPredicate::UNE, p, f(0.0));
    QueryBlock part = rowOf(item, block, row, query);
    if (!op.getMask().empty())
      counts = arith::AndIOp::create(b, loc, counts, allowed(part, key, query));
    ifTrue(counts, [&] {
      mapColumns(extent('E'), [&](Value column) {
        Value element = converted(load(values, {div(stream, streams), rem(stream, streams), column}), real),
              old = load(block.state.partial, {zero, column});
        store(math::FmaOp::create(b, loc, p, element, old), block.state.partial, {zero, column});
      });
    });
  };
  emitCarry(item);
  keys.forEachPanel([&](const KeyStreams::Panel &panel) {
    QueryBlock block = blockOf(item, panel.group);
    Value values = keys.rowsOf(v(), panel, valueBuffer);
    forRange(zero, block.count, 1, [&](Value row) {
      mapColumns(extent('E'), [&](Value column) { store(f(0.0), block.state.partial, {zero, column}); });
      forRange(zero, panel.keys, 1, [&](Value stream) { addKey(block, values, panel, row, stream); });
      mapColumns(extent('E'), [&](Value column) {
        Value sum = addf(load(block.state.o, {row, column}), load(block.state.partial, {zero, column}));
        store(sum, block.state.o, {row, column});
      });
    });
  });
}

Value DecodeBlocks::hasNonFinite(const DecodeItem &item, Value first, Value count) {
  auto valuesOf = [&](Value group) {
    KeyBlock chunk{first, count};
    chunk.valueRows = valueBuffer ? valueBuffer : rowsOf(blockOf(item, group).at, v(), first, count);
    return schedule::hasNonFinite(*this, chunk);
  };
  if (shape.groups == 1)
    return valuesOf(index(0));
  auto loop = scf::ForOp::create(b, loc, index(0), index(shape.groups), index(1), ValueRange{flag(false)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value found = arith::OrIOp::create(b, loc, loop.getRegionIterArg(0), valuesOf(loop.getInductionVar()));
  scf::YieldOp::create(b, loc, found);
  return loop.getResult(0);
}

//===----------------------------------------------------------------------===//
// A chunk
//===----------------------------------------------------------------------===//

/// Rows that cannot be multiplied where they lie, of one kv head.
void DecodeBlocks::emitStaging(const DecodeItem &item, Value first, Value count) {
  if (keyBuffer)
    emitStage(item.at, k(), first, count, keyBuffer);
  if (valueBuffer)
    emitStage(item.at, v(), first, count, valueBuffer);
}

void DecodeBlocks::emitVisited(const DecodeItem &item, Value first, Value count, const Verdict &verdict) {
  forEachGroup([&](Value group) { emitCarrySums(*this, blockOf(item, group).state); });
  emitStaging(item, first, count);
  auto streams = [&](Value some) { return KeyStreams(*this, item.at, shape.groups, panelLanes, first, some); };
  auto byVerdict = [&](llvm::function_ref<void(KeyStreams, bool)> body) {
    emitByVerdict(*this, verdict, blocking.oneBody,
                  [&](bool partial) { body(streams(partial ? count : index(blocking.keys)), partial); });
  };
  byVerdict([&](KeyStreams keys, bool partial) { emitScores(item, keys, partial); });
  emitValues(
      *this, verdict, [&] { return hasNonFinite(item, first, count); },
      [&] { byVerdict([&](KeyStreams keys, bool) { emitAccumulate(item, keys); }); },
      [&] {
        KeyStreams keys = streams(count);
        emitMaskedAccumulate(item, keys);
      });
}
