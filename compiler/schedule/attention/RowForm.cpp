//===- RowForm.cpp - Attention with keys, then features in the lanes ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One block of queries and one of keys, Nb = 64, W' = 64 keys of a panel (16 with dots), E = 80:
//
//   %kt = tile.transpose K[n0 ..]                                                    // not with dots
//   tile.contract rows(queries) cols(W' keys) k(D) lhs(Q * scale) rhs(%kt) epilogue { P[q][n] = allowed ? s' : -inf }
//   for each query q:
//     %mx = tile.reduce max P[q][..]
//     where u (%mx - m) exceeds 30, u = log2(e), or %mx is the first score:  O[q], l *= 2^(u (m - mx));  m = mx
//     l += tile.reduce add { P[q][n] = 2^(u (P[q][n] - m)) }
//   tile.contract rows(queries) cols(64 features) k(count) lhs(P) rhs(V[n0 ..][0 .. 64])  epilogue { O += .. }
//   tile.contract rows(queries) cols(16 features) k(count) lhs(P) rhs(V[n0 ..][64 .. 80]) epilogue { O += .. }
//
// As in the transposed form (tile.softmax_step), m starts at -inf and changes to finite values only.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/RowForm.h"
#include "compiler/schedule/Schedule.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

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

RowForm::RowForm(OpBuilder &builder, attn::AttentionOp op, Blocking blocking, bool dots)
    : AttentionScheduler(builder, op, blocking), dots(dots), panelKeys(keysOfPanel(blocking, dots)),
      tileRows(blocking.rows), paddedE(llvm::alignTo(op.getExtent('E'), blocking.lanes)) {}

//===----------------------------------------------------------------------===//
// Rows of the table of forms
//===----------------------------------------------------------------------===//

/// The softmax of a row: 9 are measured on Zen 4 (AVX-512), 60 for a row of a block is the latency of two sums of lanes
/// that neighbouring rows hide in part.
static double softmaxCycles(const AttentionShape &shape, double lanes) {
  return 9 / lanes + 60.0 / static_cast<double>(shape.keys);
}

/// Features of V in whole vectors, which lie in the lanes.
static double paddedFeatures(const AttentionShape &shape, const Machine &machine) {
  return static_cast<double>(llvm::alignTo(shape.featuresV, machine.lanes));
}

/// Tiles of 4 rows; 10, measured on Zen 4: a vector through the packing.
double schedule::rowsCycles(const AttentionShape &shape, int64_t queries, const Machine &machine) {
  double lanes = machine.lanes, d = shape.featuresQK, q = queries, e = paddedFeatures(shape, machine);
  return llvm::alignTo(queries, 4) * d / lanes + q * (e / lanes + softmaxCycles(shape, lanes)) + 10 * d / lanes;
}

/// Whole vectors of D and E; 45, counted instructions: sums of the lanes of L vectors; 5/4: loads and broadcasts beside
/// P V.
double schedule::dotsCycles(const AttentionShape &shape, int64_t queries, const Machine &machine) {
  double lanes = machine.lanes, q = queries, e = paddedFeatures(shape, machine);
  return q * (llvm::alignTo(shape.featuresQK, machine.lanes) / lanes + 45 / lanes + 1.25 * e / lanes +
              softmaxCycles(shape, lanes));
}

void schedule::emitRowsForm(OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking) {
  RowForm(builder, op, blocking, /*dots=*/false).emit();
}

void schedule::emitDotsForm(OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking) {
  RowForm(builder, op, blocking, /*dots=*/true).emit();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Rows of `memref` are contiguous along `feature`, and of the type of the arithmetic.
bool RowForm::readsInPlace(Value memref, StringRef layout, char feature) {
  bool contiguous = cast<MemRefType>(memref.getType()).getStridesAndOffset().first.back() == 1;
  return !isStaged(memref) && layout.ends_with(feature) && contiguous;
}

void RowForm::allocate() {
  int64_t width = blocking.width, number = blocking.blocks, d = op.getExtent('D');
  auto buffer = [&](ArrayRef<int64_t> shape) { return scratchBuffer(shape, real); };
  itemState = {buffer({number, width, d}),
               buffer({number, width, paddedE}),
               hasTotals() ? buffer({number, width, paddedE}) : Value(),
               buffer({width, blocking.keys}),
               buffer({number, width}),
               buffer({number, width}),
               buffer({number, 1, width}),
               buffer({1, paddedE})};
  keyBuffer = readsInPlace(op.getK(), op.getKLayout(), 'D') ? Value() : scratchBuffer({blocking.keys, d}, real);
  panelBuffer = dots ? Value() : scratchBuffer({d, blocking.keys}, real);
  bool valuesInPlace = readsInPlace(op.getV(), op.getVLayout(), 'E') && op.getExtent('E') == paddedE;
  valueBuffer = valuesInPlace ? Value() : scratchBuffer({blocking.keys, paddedE}, real);
  if (!valuesInPlace && op.getExtent('E') != paddedE)
    clear(valueBuffer); // features beyond E are multiplied and never stored: let them not be denormal
}

void RowForm::clear(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  auto loop = scf::ForOp::create(b, loc, index(0), index(type.getDimSize(0)), index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  mapColumns(index(type.getDimSize(1)), [&](Value column) { store(f(0.0), buffer, {loop.getInductionVar(), column}); });
}

BlockState RowForm::stateOf(Value block) {
  const BlockState &all = itemState;
  auto ofBlock = [&](Value buffer) { return buffer ? blockOf(buffer, block) : Value(); };
  return {ofBlock(all.q),   ofBlock(all.o),   ofBlock(all.oTotal),   all.p,
          ofBlock(all.max), ofBlock(all.sum), ofBlock(all.sumTotal), all.partial};
}

void RowForm::emitStart(const QueryBlock &queries) {
  const BlockState &state = queries.state;
  forRange(index(0), queries.count, 1, [&](Value row) {
    mapColumns(index(paddedE), [&](Value column) { store(f(0.0), state.o, {row, column}); });
  });
  mapColumns(index(blocking.width), [&](Value row) {
    store(f(-std::numeric_limits<double>::infinity()), state.max, {row});
    store(f(0.0), state.sum, {row});
  });
}

std::pair<Value, Value> RowForm::extentsOfO(const QueryBlock &queries) { return {queries.count, index(paddedE)}; }

void RowForm::emitQueries(const QueryBlock &queries) {
  Value rows =
      isTransformed(op.getQ())
          ? emitStage(queries.at, op.getQ(), op.getQLayout(), 'M', queries.first, queries.count, 'D', queries.state.q)
          : view(queries.at, op.getQ(), op.getQLayout(),
                 {{'M', queries.first, queries.count}, {'D', index(0), extent('D')}}, "MD");
  forRange(index(0), queries.count, 1, [&](Value row) {
    mapColumns(extent('D'), [&](Value column) {
      Value q = converted(load(rows, {row, column}), real);
      store(arith::MulFOp::create(b, loc, q, f(op.getScaleValue())), queries.state.q, {row, column});
    });
  });
}

KeyBlock RowForm::emitKeys(const Head &at, Value first, Value count) {
  KeyBlock keys{first, count, Value(), Value(), Value()};
  emitPanel(at, keys);
  emitValueRows(at, keys);
  return keys;
}

void RowForm::emitPanel(const Head &at, KeyBlock &keys) {
  Value rows =
      keyBuffer ? emitStage(at, op.getK(), op.getKLayout(), 'N', keys.first, keys.count, 'D', keyBuffer) : Value();
  keys.keys = dots ? rows : panelBuffer;
  if (dots)
    return;
  if (!rows)
    rows = view(at, op.getK(), op.getKLayout(), {{'N', keys.first, keys.count}, {'D', index(0), extent('D')}}, "ND");
  auto pack =
      tile::TransposeOp::create(b, loc, rows, panelBuffer, keys.count, extent('D'), /*pad=*/true, tile::EncodingAttr());
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&pack.getBody(), {}, {real, b.getIndexType(), b.getIndexType()}, {loc, loc, loc});
  tile::YieldOp::create(b, loc, body->getArgument(0));
}

void RowForm::emitValueRows(const Head &at, KeyBlock &keys) {
  keys.valueRows =
      view(at, op.getV(), op.getVLayout(), {{'N', keys.first, keys.count}, {'E', index(0), extent('E')}}, "NE");
  keys.values = valueBuffer ? emitStage(at, op.getV(), op.getVLayout(), 'N', keys.first, keys.count, 'E', valueBuffer)
                            : keys.valueRows;
}

/// Kt[0 .. D)[first .. first + W'): packed, or the rows of K as columns. Of the latter only real ones may be read.
Value RowForm::panelOf(const Head &at, const KeyBlock &keys, Value first) {
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
// Scores and weights
//===----------------------------------------------------------------------===//

void RowForm::emitProducts(const QueryBlock &queries, const KeyBlock &keys, Value scores, bool partial) {
  forRange(index(0), partial ? keys.count : index(blocking.keys), panelKeys, [&](Value first) {
    Value begin = add(keys.first, first);
    auto contract = tile::ContractOp::create(
        b, loc, index(0), queries.count, begin, partial ? sub(keys.count, first) : Value(), extent('D'),
        queries.state.q, panelOf(queries.at, keys, first), dots ? tile::Tail::Peel : tile::Tail::Clamp,
        dots ? dotRows(blocking.lanes) : tileRows, dots);
    OpBuilder::InsertionGuard guard(b);
    Block *epilogue = b.createBlock(&contract.getEpilogue(), {},
                                    {real, b.getIndexType(), b.getIndexType(), b.getI1Type()}, {loc, loc, loc, loc});
    Value row = epilogue->getArgument(1), key = epilogue->getArgument(2);
    Value score = scoreOf(queries, keys, epilogue->getArgument(0), key, add(queries.first, row));
    if (partial && !op.getMask().empty())
      score = arith::SelectOp::create(b, loc, allowed(queries, key, add(queries.first, row)), score,
                                      f(-std::numeric_limits<double>::infinity()));
    store(score, scores, {row, sub(key, keys.first)});
    tile::YieldOp::create(b, loc, Value());
  });
}

/// e^(score - max), to 3 ulp and what (score - max) log2(e) is rounded by.
Value RowForm::emitWeight(Value score, Value max) {
  Value below = arith::SubFOp::create(b, loc, score, max);
  Value t = arith::MulFOp::create(b, loc, below, f(std::numbers::log2e));
  return math::Exp2Op::create(b, loc, t, arith::FastMathFlags::afn);
}

/// `kind` over [begin, end) of what `body` makes of a key.
Value RowForm::reduceKeys(tile::ReductionKind kind, Value begin, Value end, Value init,
                          llvm::function_ref<Value(Value key)> body) {
  auto reduce = tile::ReduceOp::create(b, loc, real, kind, begin, end, init);
  OpBuilder::InsertionGuard guard(b);
  Value key = b.createBlock(&reduce.getBody(), {}, {b.getIndexType()}, {loc})->getArgument(0);
  tile::YieldOp::create(b, loc, body(key));
  return reduce.getResult();
}

/// The maximum of row `row` after the scores [0, end) of it.
RowForm::RowMaximum RowForm::emitMaximum(const BlockState &state, Value scores, Value row, Value end) {
  Value none = f(-std::numeric_limits<double>::infinity());
  Value largest =
      reduceKeys(tile::ReductionKind::Max, index(0), end, none, [&](Value key) { return load(scores, {row, key}); });
  auto compare = [&](arith::CmpFPredicate predicate, Value lhs, Value rhs) -> Value {
    return arith::CmpFOp::create(b, loc, predicate, lhs, rhs);
  };
  Value old = load(state.max, {row});
  Value unset = compare(arith::CmpFPredicate::OEQ, old, none);
  Value above = compare(arith::CmpFPredicate::OGT, arith::SubFOp::create(b, loc, largest, old),
                        f(attn::kRescaleThreshold * std::numbers::ln2));
  Value finite = compare(arith::CmpFPredicate::OEQ, arith::SubFOp::create(b, loc, largest, largest), f(0.0));
  Value raised = arith::AndIOp::create(b, loc, above, finite); // a first score is infinitely far above none
  Value now = arith::SelectOp::create(b, loc, raised, largest, old);
  store(now, state.max, {row});
  Value scales = arith::AndIOp::create(b, loc, raised, arith::XOrIOp::create(b, loc, unset, flag(true)));
  return {old, now, scales};
}

/// What weights are taken below: no inf - inf where no score was met.
Value RowForm::baseOf(Value max) {
  Value isUnset =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, max, f(-std::numeric_limits<double>::infinity()));
  return arith::SelectOp::create(b, loc, isUnset, f(0.0), max);
}

/// O and l, which were added up under the old maximum.
void RowForm::emitRescale(const BlockState &state, Value row, const RowMaximum &max) {
  auto branch = scf::IfOp::create(b, loc, max.scales, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Value factor = emitWeight(max.old, max.now);
  auto scale = [&](Value memref, ValueRange at) {
    store(arith::MulFOp::create(b, loc, load(memref, at), factor), memref, at);
  };
  scale(state.sum, {row});
  scale(state.sumTotal, {index(0), row});
  for (Value rows : {state.o, state.oTotal})
    if (rows)
      mapColumns(index(paddedE), [&](Value column) { scale(rows, {row, column}); });
}

/// P[q][n] = e^(s' - m) for n in [begin, end), in place of the scores; `sum` and all of them.
Value RowForm::emitWeights(Value scores, Value row, Value begin, Value end, Value max, Value sum) {
  return reduceKeys(tile::ReductionKind::Add, begin, end, sum, [&](Value key) {
    Value p = emitWeight(load(scores, {row, key}), max);
    store(p, scores, {row, key});
    return p;
  });
}

/// The scores of a block become weights; m and l follow.
void RowForm::emitSoftmax(const QueryBlock &queries, const KeyBlock &keys, bool partial) {
  const BlockState &state = queries.state;
  Value end = partial ? keys.count : index(blocking.keys);
  forRange(index(0), queries.count, 1, [&](Value row) {
    RowMaximum max = emitMaximum(state, state.p, row, end);
    emitRescale(state, row, max);
    store(emitWeights(state.p, row, index(0), end, baseOf(max.now), load(state.sum, {row})), state.sum, {row});
  });
}

/// Dot products are a second form beside the transposed one, for few queries: not worth a second copy without mask.
void RowForm::emitVisited(const QueryBlock &queries, const KeyBlock &keys, Value full, Value someMasked) {
  if (!dots)
    return AttentionScheduler::emitVisited(queries, keys, full, someMasked);
  emitScores(queries, keys, /*partial=*/true);
  emitValues(queries, keys, someMasked);
}

void RowForm::emitScores(const QueryBlock &queries, const KeyBlock &keys, bool partial) {
  emitProducts(queries, keys, queries.state.p, partial);
  emitSoftmax(queries, keys, partial);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Runs `body` on the features of V in panels of up to as many vectors as leave registers for R rows: its first
/// feature and its width.
void RowForm::forEachPanel(llvm::function_ref<void(Value, int64_t)> body) {
  Machine machine{blocking.lanes, blocking.registers, 0, 0};
  int64_t width = std::min(4 * blocking.lanes, paddedE);
  while (width > blocking.lanes && !fitsRegisters(blocking.rows, width, machine))
    width -= blocking.lanes;
  int64_t whole = paddedE / width * width;
  forRange(index(0), index(whole), width, [&](Value first) { body(first, width); });
  if (whole < paddedE)
    body(index(whole), paddedE - whole);
}

/// O[q][e] += sum over the block of P[q][n] * V[n][e].
void RowForm::emitAccumulate(const QueryBlock &queries, const KeyBlock &keys) {
  forEachPanel([&](Value first, int64_t width) {
    Value columns = slice(keys.values, {b.getIndexAttr(0), first}, {keys.count, b.getIndexAttr(width)});
    auto contract = tile::ContractOp::create(b, loc, index(0), queries.count, first, Value(), keys.count,
                                             queries.state.p, columns, tile::Tail::Peel, tileRows);
    addToOutput(queries.state, contract);
  });
}

void RowForm::emitMaskedAccumulate(const QueryBlock &queries, const KeyBlock &keys) {
  const BlockState &state = queries.state;
  Value zero = index(0);
  forRange(zero, queries.count, 1, [&](Value row) {
    mapColumns(extent('E'), [&](Value column) { store(f(0.0), state.partial, {zero, column}); });
    forRange(zero, keys.count, 1, [&](Value key) {
      Value p = load(state.p, {row, key});
      Value counts = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, p, f(0.0));
      if (!op.getMask().empty())
        counts = arith::AndIOp::create(b, loc, counts, allowed(queries, add(keys.first, key), add(queries.first, row)));
      auto branch = scf::IfOp::create(b, loc, counts, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      mapColumns(extent('E'), [&](Value column) {
        Value v = converted(load(keys.valueRows, {key, column}), real), old = load(state.partial, {zero, column});
        store(math::FmaOp::create(b, loc, p, v, old), state.partial, {zero, column});
      });
    });
    mapColumns(extent('E'), [&](Value column) {
      Value sum = arith::AddFOp::create(b, loc, load(state.o, {row, column}), load(state.partial, {zero, column}));
      store(sum, state.o, {row, column});
    });
  });
}

void RowForm::emitRows(const QueryBlock &queries, Value out) {
  const BlockState &state = queries.state;
  forRange(index(0), queries.count, 1, [&](Value row) {
    Value inverse = load(state.sum, {row});
    mapColumns(extent('E'), [&](Value column) {
      Value o = arith::MulFOp::create(b, loc, load(state.o, {row, column}), inverse);
      store(converted(o, elementOf(out)), out, {row, column});
    });
  });
}
