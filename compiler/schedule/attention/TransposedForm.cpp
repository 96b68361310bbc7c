//===- TransposedForm.cpp - Attention with queries in the lanes -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// P = 2^(t - m) by one contraction, Ot += V^T P by another.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/TransposedForm.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

//===----------------------------------------------------------------------===//
// Rows of the table of forms: with elements of the arithmetic's type, and with pairs of bf16
//===----------------------------------------------------------------------===//

/// Whole vectors of queries; 7: the softmax of a vector; 0.95 is measured on Zen 4 (AVX-512).
static double cyclesOf(double features, int64_t queries, const Machine &machine) {
  return static_cast<double>(llvm::divideCeil(queries, machine.lanes)) * (features + 7) / 0.95;
}

double schedule::transposedCycles(const AttentionShape &shape, int64_t queries, const Machine &machine) {
  return cyclesOf(static_cast<double>(shape.featuresQK + shape.featuresV), queries, machine);
}

double schedule::pairsCycles(const AttentionShape &shape, int64_t queries, const Machine &machine) {
  return cyclesOf(static_cast<double>(shape.featuresQK + shape.featuresV) / 2, queries, machine);
}

/// Elements along the last dimension are neighbours in memory. Of tensors that is what bufferization makes of them:
/// inputs and results of ops have no gaps there, slices may.
static bool hasNeighbours(Value value) {
  if (auto memref = dyn_cast<MemRefType>(value.getType()))
    return memref.getStridesAndOffset().first.back() == 1;
  Operation *made = value.getDefiningOp();
  if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(made)) {
    int64_t last = slice.getSourceType().getRank() - 1;
    return !slice.getDroppedDims().test(last) && slice.getStaticStrides()[last] == 1 &&
           hasNeighbours(slice.getSource());
  }
  if (isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(made))
    return hasNeighbours(made->getOperand(0));
  return !isa_and_nonnull<RegionBranchOpInterface>(made);
}

/// Sums of weights as bf16 are too rough for an lse of f32 (8.6e-4 off).
bool schedule::takesPairs(AttentionOp op, const Schedule &sizes, const Machine &machine) {
  auto isBf16 = [](Value tensor) { return cast<ShapedType>(tensor.getType()).getElementType().isBF16(); };
  auto readsPairs = [](Value tensor, StringRef layout) { return layout.ends_with("D") && hasNeighbours(tensor); };
  double scale = op.getScaleValue();
  return machine.hasBf16Dot && isBf16(op.getQ()) && isBf16(op.getK()) && isBf16(op.getV()) &&
         op.getExtent('D') % 2 == 0 && readsPairs(op.getQ(), op.getQLayout()) &&
         readsPairs(op.getK(), op.getKLayout()) && sizes.attentionRows % 2 == 0 && !op.hasLse() &&
         op.getQuery().empty() && op.getKey().empty() && std::isnormal(scale) && std::isnormal(1 / scale);
}

void schedule::emitTransposedForm(OpBuilder &builder, AttentionOp op, const Blocking &blocking) {
  TransposedForm(builder, op, blocking, /*pairs=*/false).emit();
}

void schedule::emitPairsForm(OpBuilder &builder, AttentionOp op, const Blocking &blocking) {
  TransposedForm(builder, op, blocking, /*pairs=*/true).emit();
}

//===----------------------------------------------------------------------===//
// Memory; how a block of queries begins and ends
//===----------------------------------------------------------------------===//

/// Scratch of all blocks of an item: a leading dimension counts them, but P is needed by one at a time.
void TransposedForm::allocate() {
  int64_t width = blocking.width, number = blocking.blocks;
  Type operand = pairs ? Type(b.getI32Type()) : real;
  int64_t packed = pairs ? 2 : 1; // elements of an operand
  auto floats = [&](int64_t rows) { return scratchBuffer({number, rows, width}, real); };
  auto lanes = [&] { return scratchBuffer({number, width}, real); };
  BlockState &all = itemState;
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

BlockState TransposedForm::stateOf(Value block) {
  const BlockState &all = itemState;
  auto ofBlock = [&](Value buffer) { return buffer ? blockOf(buffer, block) : Value(); };
  return {ofBlock(all.q),     ofBlock(all.o),     ofBlock(all.oTotal),   all.p,
          ofBlock(all.max),   ofBlock(all.sum),   ofBlock(all.sumTotal), all.partial,
          ofBlock(all.shift), ofBlock(all.limit), all.matrices};
}

TransposedForm::Staging TransposedForm::allocateStaging() {
  int64_t d = op.getExtent('D'), e = op.getExtent('E');
  itemState.matrices.clear();
  for (memref::LoadOp matrix : matrices)
    itemState.matrices.push_back(scratchBuffer({blocking.keys, blocking.width}, matrix.getType()));
  if (pairs)
    return {Value(), scratchBuffer({blocking.keys / 2, e}, b.getI32Type()), Value()};
  return {isStaged(op.getK()) ? scratchBuffer({blocking.keys, d}, real) : Value(),
          isStaged(op.getV()) ? scratchBuffer({blocking.keys, e}, real) : Value(),
          isTransformed(op.getQ()) ? scratchBuffer({blocking.width, d}, real) : Value()};
}

/// Lanes of the vectors that hold queries. Those of other vectors are never read: a block with an idle vector is
/// narrowed (isWorthNarrowing).
Value TransposedForm::usedLanes(const QueryBlock &queries) {
  Value vectors = b.createOrFold<arith::CeilDivUIOp>(loc, queries.count, index(blocking.lanes));
  return b.createOrFold<arith::MulIOp>(loc, vectors, index(blocking.lanes));
}

void TransposedForm::emitStart(const QueryBlock &queries) {
  const BlockState &state = queries.state;
  int64_t width = blocking.width;
  mapColumns(index(width), [&](Value lane) {
    Value none = f(-std::numeric_limits<double>::infinity());
    store(none, state.max, {lane});
    store(none, state.limit, {lane});
    store(f(0.0), state.shift, {lane});
    store(f(0.0), state.sum, {lane});
  });
  auto clear = scf::ForOp::create(b, loc, index(0), extent('E'), index(1));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(clear.getBody());
    mapColumns(usedLanes(queries), [&](Value lane) { store(f(0.0), state.o, {clear.getInductionVar(), lane}); });
  }
}

std::pair<Value, Value> TransposedForm::extentsOfO(const QueryBlock &queries) {
  return {extent('E'), usedLanes(queries)};
}

/// tile.softmax_step rounds m log2(e), where that is not too large. Targets without fused multiply-add leave no rest, and
/// have 0 here too, or NaN where m log2(e) is infinite.
Value TransposedForm::emitShiftRest(const BlockState &state, Value lane) {
  Value max = load(state.max, {lane}), log2e = f(std::numbers::log2e);
  Value shift = arith::MulFOp::create(b, loc, max, log2e);
  Value rest = math::FmaOp::create(b, loc, max, log2e, arith::NegFOp::create(b, loc, shift));
  Value isShifted = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, load(state.limit, {lane}),
                                          f(-std::numeric_limits<double>::infinity()));
  Value isNumber = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, rest, rest);
  return arith::SelectOp::create(b, loc, arith::AndIOp::create(b, loc, isShifted, isNumber), rest, f(0.0));
}

/// Qt = Q^T * scale; with pairs Qt[d/2][q] = {Q[q][d], Q[q][d+1]}.
void TransposedForm::emitQueries(const QueryBlock &queries) {
  Value rows =
      isTransformed(op.getQ())
          ? emitStage(queries.at, op.getQ(), op.getQLayout(), 'M', queries.first, queries.count, 'D', staging.rows)
          : view(queries.at, op.getQ(), op.getQLayout(),
                 {{'M', queries.first, queries.count}, {'D', index(0), extent('D')}}, "MD");
  Value columns = pairs ? index(op.getExtent('D') / 2) : extent('D');
  OpFoldResult zero = b.getIndexAttr(0), depth = getAsOpFoldResult(columns);
  Value used = slice(queries.state.q, {zero, zero}, {depth, usedLanes(queries)});
  auto pack = tile::TransposeOp::create(b, loc, rows, used, queries.count, columns, /*pad=*/true, encoding());
  OpBuilder::InsertionGuard guard(b);
  Type seen = pairs ? Type(b.getI32Type()) : elementOf(rows);
  Value q =
      b.createBlock(&pack.getBody(), {}, {seen, b.getIndexType(), b.getIndexType()}, {loc, loc, loc})->getArgument(0);
  if (!pairs)
    q = arith::MulFOp::create(b, loc, converted(q, real), f(op.getScaleValue()));
  tile::YieldOp::create(b, loc, q);
}

KeyBlock TransposedForm::emitKeys(const Head &at, Value first, Value count) {
  auto rowsOf = [&](Value memref, StringRef layout, char feature, Value buffer) {
    return isStaged(memref) ? emitStage(at, memref, layout, 'N', first, count, feature, buffer)
                            : view(at, memref, layout, {{'N', first, count}, {feature, index(0), extent(feature)}},
                                   std::string{'N', feature});
  };
  if (pairs) {
    KeyBlock block{first, count, Value(), Value(), Value()};
    block.keys = view(at, op.getK(), op.getKLayout(), {{'N', first, count}, {'D', index(0), extent('D')}}, "ND");
    block.valueRows = view(at, op.getV(), op.getVLayout(), {{'N', first, count}, {'E', index(0), extent('E')}}, "NE");
    block.values = emitPackValues(block);
    return block;
  }
  Value keys = rowsOf(op.getK(), op.getKLayout(), 'D', staging.keys);
  Value values = rowsOf(op.getV(), op.getVLayout(), 'E', staging.values);
  return {first, count, keys, values, values};
}

/// Ot[e][q] * sum[q] -> O[q][e], in O's type.
void TransposedForm::emitRows(const QueryBlock &queries, Value out) {
  auto copy = tile::TransposeOp::create(b, loc, queries.state.o, out, extent('E'), queries.count, /*pad=*/false,
                                        tile::EncodingAttr());
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&copy.getBody(), {}, {real, b.getIndexType(), b.getIndexType()}, {loc, loc, loc});
  Value scaled = arith::MulFOp::create(b, loc, body->getArgument(0), load(queries.state.sum, {body->getArgument(2)}));
  tile::YieldOp::create(b, loc, converted(scaled, elementOf(out)));
}

//===----------------------------------------------------------------------===//
// A pair of blocks
//===----------------------------------------------------------------------===//

/// Sums of pairs of bf16 are of unscaled q. The scale is part of the step's unit where nothing else reads the score.
bool TransposedForm::foldsScale() {
  return pairs && op.getScore().empty() && op.getSink().empty() && op.getScaleValue() > 0;
}

/// P[n - n0][q] = e^(s' - m) for one block of keys. Every score is summed from 0, in the same order for all keys: what
/// is equal stays equal, whatever m is.
void TransposedForm::emitScores(const QueryBlock &queries, const KeyBlock &keys, bool partial) {
  const BlockState &state = queries.state;
  Value d = extent('D');
  // Captures end where the queries end; otherwise nothing outside of scratch is read by column.
  Value columns = readsOnlyMatrices() ? Value() : queries.count;
  auto contract = tile::ContractOp::create(b, loc, index(0), partial ? keys.count : index(blocking.keys), queries.first,
                                           columns, d, keys.keys, state.q, encoding(), encoding(),
                                           partial ? tile::Tail::Clamp : tile::Tail::Exact, queries.tileRows);
  emitPrefetch(queries, keys, contract);
  OpBuilder::InsertionGuard guard(b);
  Block *epilogue = b.createBlock(&contract.getEpilogue(), {},
                                  {real, b.getIndexType(), b.getIndexType(), b.getI1Type()}, {loc, loc, loc, loc});
  Value row = add(keys.first, epilogue->getArgument(1)), col = epilogue->getArgument(2);
  Value score = epilogue->getArgument(0);
  double scale = op.getScaleValue(), unit = std::numbers::log2e * (foldsScale() ? scale : 1);
  if (pairs && !foldsScale())
    score = arith::MulFOp::create(b, loc, score, f(scale));
  score = scoreOf(queries, keys, score, row, col);
  if (partial) {
    Value real = epilogue->getArgument(3);
    if (!op.getMask().empty())
      real = arith::AndIOp::create(b, loc, real, allowed(queries, row, col));
    score = arith::SelectOp::create(b, loc, real, score, f(-std::numeric_limits<double>::infinity()));
  }
  SmallVector<Value> scaled{state.o, state.sumTotal};
  if (state.oTotal)
    scaled.insert(scaled.begin() + 1, state.oTotal);
  tile::SoftmaxStepOp::create(b, loc, score, state.max, state.shift, state.limit, state.sum, state.p, index(0), scaled,
                              b.getF64FloatAttr(unit), b.getF64FloatAttr(attn::kRescaleThreshold));
  tile::YieldOp::create(b, loc, Value());
}

/// Ot[e][q] += sum over the block of V[n][e] * P[n][q].
void TransposedForm::emitAccumulate(const QueryBlock &queries, const KeyBlock &keys) {
  auto map = AffineMap::getPermutationMap(ArrayRef<unsigned>{1, 0}, b.getContext());
  Value transposed = memref::TransposeOp::create(b, loc, keys.values, AffineMapAttr::get(map));
  auto contract = tile::ContractOp::create(b, loc, index(0), extent('E'), index(0), Value(), keys.count, transposed,
                                           queries.state.p, encoding(), encoding(), tile::Tail::Peel, queries.tileRows);
  addToOutput(queries.state, contract);
}

/// The same, adding only keys that are allowed and have weight (A4). In the same order, so that rows that allow every
/// key get the same sums.
void TransposedForm::emitMaskedAccumulate(const QueryBlock &queries, const KeyBlock &keys) {
  const BlockState &state = queries.state;
  Value zero = index(0);
  forRange(zero, extent('E'), 1, [&](Value feature) {
    mapColumns(queries.count, [&](Value lane) { store(f(0.0), state.partial, {zero, lane}); });
    forRange(zero, keys.count, 1, [&](Value key) {
      Value v = converted(load(keys.valueRows, {key, feature}), real);
      mapColumns(queries.count, [&](Value lane) {
        Value p = loadWeight(state, key, lane), old = load(state.partial, {zero, lane});
        Value counts = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, p, f(0.0));
        if (!op.getMask().empty())
          counts =
              arith::AndIOp::create(b, loc, counts, allowed(queries, add(keys.first, key), add(queries.first, lane)));
        Value sum = math::FmaOp::create(b, loc, p, v, old);
        store(arith::SelectOp::create(b, loc, counts, sum, old), state.partial, {zero, lane});
      });
    });
    mapColumns(queries.count, [&](Value lane) {
      Value sum = arith::AddFOp::create(b, loc, load(state.o, {feature, lane}), load(state.partial, {zero, lane}));
      store(sum, state.o, {feature, lane});
    });
  });
}
