//===- AttentionBlocks.cpp - What all forms do with a pair of blocks ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of AttentionScheduler: views, score and mask of a pair, V where some pairs are masked.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/AttentionScheduler.h"
#include "compiler/schedule/attention/NarrowPositions.h"
#include "dialects/Common/Builders.h"
#include "dialects/Tile/TileOps.h"
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

/// The sub-block of `memref` given by `ranges`, other letters fixed at `at`.
Value AttentionScheduler::view(const Head &at, Value memref, StringRef layout, ArrayRef<LetterRange> ranges,
                               StringRef order) {
  auto fixed = [&](char letter) { return letter == 'B' ? at.batch : letter == 'H' ? at.query : at.key; };
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
/// arguments before the captures, `elements` what `matrices` have for the pair.
Value AttentionScheduler::inlineRegion(Region &region, ArrayRef<Value> leading, const Head &at, Value key, Value query,
                                       ArrayRef<Value> elements) {
  IRMapping mapping;
  SmallVector<Value> values(leading);
  llvm::append_range(values, op.getCaptures());
  mapping.map(region.getArguments(), values);
  for (auto [matrix, element] : llvm::zip(matrices, elements))
    mapping.map(matrix.getResult(), element);
  PositionNarrower narrower(b, mapping);
  for (auto [argument, value] : llvm::zip(region.getArguments(), leading))
    if (argument.getType().isIndex())
      narrower.setPosition(argument, value == at.batch   ? extent('B')
                                     : value == at.query ? extent('H')
                                     : value == key      ? n
                                     : value == query    ? m
                                                         : value); // M, N
  for (Operation &nested : region.front().without_terminator())
    if (!llvm::is_contained(matrices, &nested))
      narrower.clone(nested);
  return narrower.wide(region.front().getTerminator()->getOperand(0));
}

/// s' (A2) of the raw score `acc`.
Value AttentionScheduler::scoreOf(const QueryBlock &queries, const KeyBlock &keys, Value acc, Value key, Value query) {
  if (op.getScore().empty())
    return acc;
  SmallVector<Value> elements;
  for (Value block : queries.state.matrices)
    elements.push_back(load(block, {sub(key, keys.first), sub(query, queries.first)}));
  return inlineRegion(op.getScore(), {acc, queries.at.batch, queries.at.query, query, key, m, n}, queries.at, key,
                      query, elements);
}

Value AttentionScheduler::allowed(const QueryBlock &queries, Value key, Value query) {
  return inlineRegion(op.getMask(), {queries.at.batch, queries.at.query, query, key, m, n}, queries.at, key, query);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Some V[n][e] of the block is NaN or infinite: v * 0 is then NaN.
Value AttentionScheduler::hasNonFinite(const KeyBlock &keys) {
  auto loop = scf::ForOp::create(b, loc, index(0), keys.count, index(1), ValueRange{f(0.0)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    auto reduce =
        tile::ReduceOp::create(b, loc, real, tile::ReductionKind::Add, index(0), extent('E'), loop.getRegionIterArg(0));
    Block *body = b.createBlock(&reduce.getBody(), {}, {b.getIndexType()}, {loc});
    Value v = converted(load(keys.valueRows, {loop.getInductionVar(), body->getArgument(0)}), real);
    tile::YieldOp::create(b, loc, arith::MulFOp::create(b, loc, v, f(0.0)).getResult());
    b.setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(b, loc, reduce.getResult());
  }
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, loop.getResult(0), loop.getResult(0));
}

/// Adds what `contract` computes to those rows and columns of O. It starts from 0: so no sum is longer than a block, and
/// then than the blocks between two carries.
void AttentionScheduler::addToOutput(const BlockState &state, tile::ContractOp contract) {
  OpBuilder::InsertionGuard guard(b);
  Block *epilogue = b.createBlock(&contract.getEpilogue(), {},
                                  {real, b.getIndexType(), b.getIndexType(), b.getI1Type()}, {loc, loc, loc, loc});
  Value row = epilogue->getArgument(1), column = epilogue->getArgument(2);
  Value sum = arith::AddFOp::create(b, loc, load(state.o, {row, column}), epilogue->getArgument(0));
  store(sum, state.o, {row, column});
  tile::YieldOp::create(b, loc, Value());
}

/// O += P V. Only where a pair is masked may a V count for nothing.
void AttentionScheduler::emitValues(const QueryBlock &queries, const KeyBlock &keys, Value someMasked) {
  if (op.getMask().empty())
    return emitAccumulate(queries, keys);
  auto check = scf::IfOp::create(b, loc, TypeRange{b.getI1Type()}, someMasked, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(check.thenBlock());
    scf::YieldOp::create(b, loc, hasNonFinite(keys));
    b.setInsertionPointToStart(check.elseBlock());
    scf::YieldOp::create(b, loc, flag(false));
  }
  auto branch = scf::IfOp::create(b, loc, check.getResult(0), /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  emitMaskedAccumulate(queries, keys);
  b.setInsertionPointToStart(branch.elseBlock());
  emitAccumulate(queries, keys);
}
