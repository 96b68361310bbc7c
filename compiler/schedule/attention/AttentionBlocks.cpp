//===- AttentionBlocks.cpp - Scores, weights and values of a key block ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of AttentionScheduler: P = 2^(t - m) by one contraction, Ot += V^T P by another.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/NarrowPositions.h"
#include "compiler/schedule/attention/TransposedForm.h"
#include "dialects/Common/Builders.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

Value schedule::extentOf(OpBuilder &b, AttentionOp op, char letter) {
  std::pair<Value, StringRef> operands[] = {{op.getQ(), op.getQLayout()},
                                            {op.getK(), op.getKLayout()},
                                            {op.getV(), op.getVLayout()},
                                            {op.getInits()[0], op.getOLayout()}};
  for (auto [operand, layout] : operands)
    if (int64_t dim = AttentionOp::dimOf(layout, letter); dim >= 0)
      return b.createOrFold<memref::DimOp>(op.getLoc(), operand, dim);
  return constantIndex(b, op.getLoc(), 1);
}

/// The sub-block of `memref` given by `ranges`, other letters fixed at the item's batch, head and group.
Value AttentionScheduler::view(Value memref, StringRef layout, ArrayRef<LetterRange> ranges, StringRef order) {
  auto fixed = [&](char letter) { return letter == 'B' ? batch : letter == 'H' ? head : group; };
  return viewByLetters(b, loc, memref, layout, ranges, fixed, order);
}

Value AttentionScheduler::slice(Value memref, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> strides(offsets.size(), b.getIndexAttr(1));
  return memref::SubViewOp::create(b, loc, memref, offsets, sizes, strides);
}

void AttentionScheduler::forRange(Value begin, Value end, int64_t stride, llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, loc, begin, end, index(stride));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void AttentionScheduler::mapColumns(Value end, llvm::function_ref<void(Value)> body) {
  auto map = tile::MapOp::create(b, loc, index(0), end);
  OpBuilder::InsertionGuard guard(b);
  Block *entry = b.createBlock(&map.getBody(), {}, {b.getIndexType()}, {loc});
  body(entry->getArgument(0));
  tile::YieldOp::create(b, loc, Value());
}

//===----------------------------------------------------------------------===//
// Score and mask
//===----------------------------------------------------------------------===//

/// Inlines a region of the attention op at the insertion point, for a pair of key and query; `leading` are its
/// arguments before the captures.
Value AttentionScheduler::inlineRegion(Region &region, ArrayRef<Value> leading, Value key, Value query) {
  IRMapping mapping;
  SmallVector<Value> values(leading);
  llvm::append_range(values, op.getCaptures());
  mapping.map(region.getArguments(), values);
  for (Matrix &matrix : matrices)
    if (region.isAncestor(matrix.element->getParentRegion()))
      mapping.map(matrix.element.getResult(), load(matrix.block, {sub(key, n0), sub(query, q0)}));
  PositionNarrower narrower(b, mapping);
  for (auto [argument, value] : llvm::zip(region.getArguments(), leading))
    if (argument.getType().isIndex())
      narrower.setPosition(argument, value == batch   ? extent('B')
                                     : value == head  ? extent('H')
                                     : value == key   ? n
                                     : value == query ? m
                                                      : value); // M, N
  for (Operation &nested : region.front().without_terminator())
    if (llvm::none_of(matrices, [&](const Matrix &matrix) { return matrix.element == &nested; }))
      narrower.clone(nested);
  return narrower.wide(region.front().getTerminator()->getOperand(0));
}

/// s' (A2) of the raw score `acc`.
Value AttentionScheduler::scoreOf(Value acc, Value key, Value query) {
  if (op.getScore().empty())
    return acc;
  return inlineRegion(op.getScore(), {acc, batch, head, query, key, m, n}, key, query);
}

Value AttentionScheduler::allowed(Value key, Value query) {
  return inlineRegion(op.getMask(), {batch, head, query, key, m, n}, key, query);
}

/// Sums of pairs of bf16 are of unscaled q. The scale is part of the step's unit where nothing else reads the score.
bool TransposedForm::foldsScale() {
  return pairs && op.getScore().empty() && op.getSink().empty() && op.getScaleValue() > 0;
}

/// P[n - n0][q] = e^(s' - m) for one block of keys. Every score is summed from 0, in the same order for all keys: what
/// is equal stays equal, whatever m is.
void TransposedForm::emitScores(bool partial) {
  Value d = extent('D');
  // Captures end where the queries end; otherwise nothing outside of scratch is read by column.
  Value columns = readsOnlyMatrices() ? Value() : queries;
  auto contract = tile::ContractOp::create(b, loc, index(0), partial ? count : index(blocking.keys), q0, columns, d,
                                           keys, scratch.q, encoding(), encoding(),
                                           partial ? tile::Tail::Clamp : tile::Tail::Exact, tileRows);
  emitPrefetch(contract);
  OpBuilder::InsertionGuard guard(b);
  Block *epilogue = b.createBlock(&contract.getEpilogue(), {},
                                  {real, b.getIndexType(), b.getIndexType(), b.getI1Type()}, {loc, loc, loc, loc});
  Value row = add(n0, epilogue->getArgument(1)), col = epilogue->getArgument(2);
  Value score = epilogue->getArgument(0);
  double scale = op.getScaleValue(), unit = std::numbers::log2e * (foldsScale() ? scale : 1);
  if (pairs && !foldsScale())
    score = arith::MulFOp::create(b, loc, score, f(scale));
  score = scoreOf(score, row, col);
  if (partial) {
    Value real = epilogue->getArgument(3);
    if (!op.getMask().empty())
      real = arith::AndIOp::create(b, loc, real, allowed(row, col));
    score = arith::SelectOp::create(b, loc, real, score, f(-std::numeric_limits<double>::infinity()));
  }
  SmallVector<Value> scaled{scratch.o, scratch.sumTotal};
  if (scratch.oTotal)
    scaled.insert(scaled.begin() + 1, scratch.oTotal);
  tile::SoftmaxStepOp::create(b, loc, score, scratch.max, scratch.shift, scratch.limit, scratch.sum, scratch.p,
                              index(0), scaled, b.getF64FloatAttr(unit), b.getF64FloatAttr(attn::kRescaleThreshold));
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

/// Adds what `contract` computes to those rows and columns of O. It starts from 0: so no sum is longer than a block, and
/// then than the blocks between two carries.
void AttentionScheduler::addToOutput(tile::ContractOp contract) {
  OpBuilder::InsertionGuard guard(b);
  Block *epilogue = b.createBlock(&contract.getEpilogue(), {},
                                  {real, b.getIndexType(), b.getIndexType(), b.getI1Type()}, {loc, loc, loc, loc});
  Value row = epilogue->getArgument(1), column = epilogue->getArgument(2);
  Value sum = arith::AddFOp::create(b, loc, load(scratch.o, {row, column}), epilogue->getArgument(0));
  store(sum, scratch.o, {row, column});
  tile::YieldOp::create(b, loc, Value());
}

/// Ot[e][q] += sum over the block of V[n][e] * P[n][q].
void TransposedForm::emitAccumulate() {
  auto map = AffineMap::getPermutationMap(ArrayRef<unsigned>{1, 0}, b.getContext());
  Value transposed = memref::TransposeOp::create(b, loc, values, AffineMapAttr::get(map));
  auto contract = tile::ContractOp::create(b, loc, index(0), extent('E'), index(0), Value(), count, transposed,
                                           scratch.p, encoding(), encoding(), tile::Tail::Peel, tileRows);
  addToOutput(contract);
}

/// The same, adding only keys that are allowed and have weight (A4). In the same order, so that rows that allow every
/// key get the same sums.
void TransposedForm::emitMaskedAccumulate() {
  Value zero = index(0);
  forRange(zero, extent('E'), 1, [&](Value feature) {
    mapColumns(queries, [&](Value lane) { store(f(0.0), scratch.partial, {zero, lane}); });
    forRange(zero, count, 1, [&](Value key) {
      Value v = converted(load(valueRows, {key, feature}), real);
      mapColumns(queries, [&](Value lane) {
        Value p = loadWeight(key, lane), old = load(scratch.partial, {zero, lane});
        Value counts = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, p, f(0.0));
        if (!op.getMask().empty())
          counts = arith::AndIOp::create(b, loc, counts, allowed(add(n0, key), add(q0, lane)));
        Value sum = math::FmaOp::create(b, loc, p, v, old);
        store(arith::SelectOp::create(b, loc, counts, sum, old), scratch.partial, {zero, lane});
      });
    });
    mapColumns(queries, [&](Value lane) {
      Value sum = arith::AddFOp::create(b, loc, load(scratch.o, {feature, lane}), load(scratch.partial, {zero, lane}));
      store(sum, scratch.o, {feature, lane});
    });
  });
}

/// O += P V of the current blocks. Only where a pair is masked may a V count for nothing.
void AttentionScheduler::emitValues(Value someMasked) {
  if (op.getMask().empty())
    return emitAccumulate();
  auto check = scf::IfOp::create(b, loc, TypeRange{b.getI1Type()}, someMasked, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(check.thenBlock());
    scf::YieldOp::create(b, loc, hasNonFinite());
    b.setInsertionPointToStart(check.elseBlock());
    scf::YieldOp::create(b, loc, flag(false));
  }
  auto branch = scf::IfOp::create(b, loc, check.getResult(0), /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  emitMaskedAccumulate();
  b.setInsertionPointToStart(branch.elseBlock());
  emitAccumulate();
}
