//===- RowBlocks.cpp - Queries as rows of register tiles ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/RowBlocks.h"
#include "compiler/schedule/Schedule.h"
#include "compiler/schedule/attention/LongSums.h"
#include "compiler/schedule/attention/Values.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// Keys of a panel: as many vectors as leave registers for R rows, a divisor of Nb; one vector of dot products.
static int64_t keysOfPanel(Blocking blocking, bool dots) {
  int64_t width = dots ? blocking.lanes : 4 * blocking.lanes;
  Machine machine{blocking.lanes, blocking.registers, 0, 0};
  while (width > blocking.lanes && (blocking.keys % width != 0 || !fitsRegisters(blocking.rows, width, machine)))
    width -= blocking.lanes;
  return width;
}

/// Rows of a register tile of dot products, R <= L / R: every key is read for as many queries at once, and no more than
/// 4 keys of 16 lanes at once, since rows 4 KB apart share a set of L1. D = 128, 8 queries, 200 keys, such rows: 26 to
/// 50% of the peak, with four rows of P V.
static int64_t dotRows(int64_t lanes) { return int64_t(1) << (llvm::Log2_64(lanes) / 2); }

RowBlocks::RowBlocks(OpBuilder &builder, AttentionOp op, const Blocking &blocking, bool dots)
    : AttentionContext(builder, op, blocking), dots(dots), panelKeys(keysOfPanel(blocking, dots)),
      tileRows(blocking.rows), paddedE(llvm::alignTo(op.getExtent('E'), blocking.lanes)) {}

void RowBlocks::emit(llvm::function_ref<void(const Item &, IndexRange)> walk) {
  emitItems(*this, {[&] { return allocate(); }, [&](const QueryBlock &queries) { emitStart(queries); },
                    [&](const QueryBlock &queries) { emitQueryRows(*this, queries); }, walk,
                    [&](const QueryBlock &queries, Value out) { emitOutputRows(*this, queries, out); },
                    /*prefetchesQueries=*/false});
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// The rows are contiguous, and of the type of the arithmetic.
bool RowBlocks::readsInPlace(const Rows &rows) {
  bool contiguous = cast<MemRefType>(rows.memref.getType()).getStridesAndOffset().first.back() == 1;
  return !isStaged(rows) && rows.layout.ends_with(rows.feature) && contiguous;
}

BlockState RowBlocks::allocate() {
  int64_t width = blocking.width, number = blocking.blocks, d = op.getExtent('D');
  auto buffer = [&](ArrayRef<int64_t> shape) { return scratchBuffer(shape, real); };
  BlockState state;
  state.q = buffer({number, width, d});
  state.o = buffer({number, width, paddedE});
  state.oTotal = hasTotals(*this) ? buffer({number, width, paddedE}) : Value();
  state.p = buffer({width, blocking.keys});
  state.max = buffer({number, width});
  state.sum = buffer({number, width});
  state.fill = scoreFill ? buffer({number, width}) : Value();
  state.sumTotal = buffer({number, 1, width});
  state.partial = buffer({1, paddedE});
  keyBuffer = readsInPlace(k()) ? Value() : scratchBuffer({blocking.keys, d}, real);
  panelBuffer = dots ? Value() : scratchBuffer({d, blocking.keys}, real);
  bool valuesInPlace = readsInPlace(v()) && op.getExtent('E') == paddedE;
  valueBuffer = valuesInPlace ? Value() : scratchBuffer({blocking.keys, paddedE}, real);
  if (!valuesInPlace && op.getExtent('E') != paddedE)
    fill(valueBuffer, index(blocking.keys), index(paddedE),
         0.0); // features beyond E are multiplied and never stored: let them not be denormal
  return state;
}

void RowBlocks::emitStart(const QueryBlock &queries) {
  const BlockState &state = queries.state;
  fill(state.o, queries.count, index(paddedE), 0.0);
  mapColumns(index(blocking.width), [&](Value row) {
    store(none(), state.max, {row});
    store(f(0.0), state.sum, {row});
  });
}

void schedule::emitQueryRows(AttentionContext &c, const QueryBlock &queries) {
  Value rows = c.isTransformed(c.q()) ? c.emitStage(queries.at, c.q(), queries.first, queries.count, queries.state.q)
                                      : c.rowsOf(queries.at, c.q(), queries.first, queries.count);
  c.forRange(c.index(0), queries.count, 1, [&](Value row) {
    c.mapColumns(c.extent('D'), [&](Value column) {
      Value element = c.converted(c.load(rows, {row, column}), c.real);
      c.store(c.mulf(element, c.f(c.op.getScaleValue())), queries.state.q, {row, column});
    });
  });
}

KeyBlock RowBlocks::withPanel(const Head &at, KeyBlock keys) {
  Value rows = keyBuffer ? emitStage(at, k(), keys.first, keys.count, keyBuffer) : Value();
  if (!rows && k().table)
    rows = blockRowsOf(at, k(), keys.first, keys.count);
  keys.keys = dots ? rows : panelBuffer;
  if (dots)
    return keys;
  if (!rows)
    rows = rowsOf(at, k(), keys.first, keys.count);
  emitTranspose(rows, panelBuffer, keys.count, extent('D'), /*pad=*/true, [](Value element, Value) { return element; });
  return keys;
}

KeyBlock RowBlocks::withValues(const Head &at, KeyBlock keys) {
  Value staged = valueBuffer ? emitStage(at, v(), keys.first, keys.count, valueBuffer) : Value();
  bool isFar = v().table && !arePagesWhole();
  keys.valueRows = isFar ? staged : blockRowsOf(at, v(), keys.first, keys.count);
  keys.values = staged ? staged : keys.valueRows;
  return keys;
}

/// Kt[0 .. D)[first .. first + W'): packed, or the rows of K as columns. Of the latter only real ones may be read.
Value RowBlocks::panelOf(const Head &at, const KeyBlock &keys, Value first) {
  OpFoldResult zero = b.getIndexAttr(0), d = b.getIndexAttr(op.getExtent('D')), width = b.getIndexAttr(panelKeys);
  if (!dots)
    return slice(keys.keys, {zero, first}, {d, width});
  if (!keys.keys)
    return view(at, op.getK(), op.getKLayout(),
                {{'N', add(keys.first, first), index(panelKeys)}, {'D', index(0), extent('D')}}, "DN");
  auto map = AffineMap::getPermutationMap(ArrayRef<unsigned>{1, 0}, b.getContext());
  return memref::TransposeOp::create(b, loc, slice(keys.keys, {first, zero}, {width, d}), AffineMapAttr::get(map));
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

void RowBlocks::emitScores(const QueryBlock &queries, const KeyBlock &keys, Value scores, bool partial) {
  forRange(index(0), partial ? keys.count : index(blocking.keys), panelKeys, [&](Value first) {
    Value begin = add(keys.first, first);
    auto contract = tile::ContractOp::create(
        b, loc, index(0), queries.count, begin, partial ? sub(keys.count, first) : Value(), extent('D'),
        queries.state.q, panelOf(queries.at, keys, first), dots ? tile::Tail::Peel : tile::Tail::Clamp,
        dots ? dotRows(blocking.lanes) : tileRows, dots);
    emitEpilogue(contract, [&](Value acc, Value row, Value key, Value) {
      Value score = scoreOf(queries, keys, acc, key, add(queries.first, row), partial);
      if (partial && !op.getMask().empty())
        score = select(allowed(queries, key, add(queries.first, row)), score, none());
      store(score, scores, {row, sub(key, keys.first)});
    });
  });
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

void schedule::forEachColumnPanel(AttentionContext &c, int64_t columns, llvm::function_ref<void(Value, int64_t)> body) {
  const Blocking &blocking = c.blocking;
  Machine machine{blocking.lanes, blocking.registers, 0, 0};
  int64_t width = std::min(4 * blocking.lanes, columns);
  while (width > blocking.lanes && !fitsRegisters(blocking.rows, width, machine))
    width -= blocking.lanes;
  int64_t whole = columns / width * width;
  c.forRange(c.index(0), c.index(whole), width, [&](Value first) { body(first, width); });
  if (whole < columns)
    body(c.index(whole), columns - whole);
}

/// O[q][e] += sum over the block of P[q][n] * V[n][e].
void RowBlocks::emitAccumulate(const QueryBlock &queries, const KeyBlock &keys) {
  forEachColumnPanel(*this, paddedE, [&](Value first, int64_t width) {
    Value columns = slice(keys.values, {b.getIndexAttr(0), first}, {keys.count, b.getIndexAttr(width)});
    auto contract = tile::ContractOp::create(b, loc, index(0), queries.count, first, Value(), keys.count,
                                             queries.state.p, columns, tile::Tail::Peel, tileRows);
    addToOutput(*this, queries.state, contract);
  });
}

void RowBlocks::emitMaskedAccumulate(const QueryBlock &queries, const KeyBlock &keys) {
  const BlockState &state = queries.state;
  Value zero = index(0);
  forRange(zero, queries.count, 1, [&](Value row) {
    mapColumns(extent('E'), [&](Value column) { store(f(0.0), state.partial, {zero, column}); });
    forRange(zero, keys.count, 1, [&](Value key) {
      Value p = load(state.p, {row, key});
      Value counts = cmpf(arith::CmpFPredicate::UNE, p, f(0.0));
      if (!op.getMask().empty())
        counts = arith::AndIOp::create(b, loc, counts, allowed(queries, add(keys.first, key), add(queries.first, row)));
      ifTrue(counts, [&] {
        mapColumns(extent('E'), [&](Value column) {
          Value element = converted(load(keys.valueRows, {key, column}), real),
                old = load(state.partial, {zero, column});
          store(math::FmaOp::create(b, loc, p, element, old), state.partial, {zero, column});
        });
      });
    });
    mapColumns(extent('E'), [&](Value column) {
      Value sum = addf(load(state.o, {row, column}), load(state.partial, {zero, column}));
      store(sum, state.o, {row, column});
    });
  });
}

void RowBlocks::emitOutput(const QueryBlock &queries, const KeyBlock &keys, const Verdict &verdict) {
  emitValues(
      *this, verdict, [&] { return hasNonFinite(*this, keys); }, [&] { emitAccumulate(queries, keys); },
      [&] { emitMaskedAccumulate(queries, keys); });
}

void schedule::emitOutputRows(AttentionContext &c, const QueryBlock &queries, Value out) {
  const BlockState &state = queries.state;
  c.forRange(c.index(0), queries.count, 1, [&](Value row) {
    Value inverse = c.load(state.sum, {row});
    c.mapColumns(c.extent('E'), [&](Value column) {
      Value o = c.mulf(c.load(state.o, {row, column}), inverse);
      c.store(c.converted(o, c.elementOf(out)), out, {row, column});
    });
  });
}
