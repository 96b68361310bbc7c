//===- UnfusedForm.cpp - Attention with all scores in memory --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %s = memref.alloc(B * H, M, N)
//   scf.forall (%item) {
//     S[q][..] = -inf;   over the blocks of keys that the mask leaves:  S[q][n] = allowed ? s' : -inf
//     for each query q:  m = max S[q][..];  S[q][n] = e^(S[q][n] - m);  l = sum S[q][..]
//     over the same blocks:  O += S V
//     O / l
//   }
//
// m is finite: where no score is, it is 0, and S - m has no inf - inf.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/UnfusedForm.h"
#include "compiler/schedule/attention/LayoutView.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// The rows, and four more passes over the scores.
double schedule::unfusedCycles(const AttentionShape &shape, int64_t queries, const Machine &machine) {
  return rowsCycles(shape, queries, machine) + 4.0 * static_cast<double>(queries) / static_cast<double>(machine.lanes);
}

void schedule::emitUnfusedForm(OpBuilder &builder, attn::AttentionOp op, const Blocking &blocking) {
  UnfusedForm(builder, op, blocking).emit();
}

void UnfusedForm::prepare() {
  int64_t any = ShapedType::kDynamic;
  Value pairs = b.createOrFold<arith::MulIOp>(loc, extent('B'), extent('H'));
  scores = memref::AllocOp::create(b, loc, MemRefType::get({any, any, any}, real), ValueRange{pairs, m, n});
}

/// S of the current queries and `keys` keys from `key`.
Value UnfusedForm::scoresOf(Value key, Value keys) {
  Value pair = add(arith::MulIOp::create(b, loc, batch, index(op.getExtent('H'))), head);
  OpFoldResult one = b.getIndexAttr(1);
  return subviewOfDims(b, loc, scores, {pair, q0, key}, {one, getAsOpFoldResult(queries), getAsOpFoldResult(keys)},
                       {1, 2});
}

void UnfusedForm::setKeys() { hasWeights ? setValues() : setPanel(); }

void UnfusedForm::emitVisited(Value full, Value someMasked) {
  Value block = scoresOf(n0, count);
  if (hasWeights) {
    scratch.p = block;
    return emitValues(someMasked);
  }
  auto branch = scf::IfOp::create(b, loc, full, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  emitProducts(block, /*partial=*/false);
  b.setInsertionPointToStart(branch.elseBlock());
  emitProducts(block, /*partial=*/true);
}

void UnfusedForm::emitSoftmax() {
  Value none = f(-std::numeric_limits<double>::infinity()), all = scoresOf(index(0), n);
  auto reduce = [&](tile::ReductionKind kind, Value begin, Value end, Value init,
                    llvm::function_ref<Value(Value)> body) -> Value {
    auto op = tile::ReduceOp::create(b, loc, real, kind, begin, end, init);
    OpBuilder::InsertionGuard guard(b);
    Value key = b.createBlock(&op.getBody(), {}, {b.getIndexType()}, {loc})->getArgument(0);
    tile::YieldOp::create(b, loc, body(key));
    return op.getResult();
  };
  forRange(index(0), queries, 1, [&](Value row) {
    Value largest =
        reduce(tile::ReductionKind::Max, index(0), n, none, [&](Value key) { return load(all, {row, key}); });
    Value finite = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ,
                                         arith::SubFOp::create(b, loc, largest, largest), f(0.0));
    Value max = arith::SelectOp::create(b, loc, finite, largest, f(0.0));
    store(max, scratch.max, {row});
    store(f(0.0), scratch.sum, {row});
    forRange(index(0), n, attn::kEpochKeys, [&](Value first) {
      Value end = min(n, add(first, index(attn::kEpochKeys)));
      Value sum = reduce(tile::ReductionKind::Add, first, end, f(0.0), [&](Value key) {
        Value p = emitWeight(load(all, {row, key}), max);
        store(p, all, {row, key});
        return p;
      });
      store(arith::AddFOp::create(b, loc, load(scratch.sum, {row}), sum), scratch.sum, {row});
      emitCarry(scratch.sum, row, scratch.sumTotal, {index(0), row});
    });
  });
}

void UnfusedForm::emitWalks(IndexRange range, Value first, Value number) {
  forEachBlock(first, number, [&] {
    Value all = scoresOf(index(0), n);
    forRange(index(0), queries, 1, [&](Value row) {
      mapColumns(n, [&](Value key) { store(f(-std::numeric_limits<double>::infinity()), all, {row, key}); });
    });
  });
  hasWeights = false;
  AttentionScheduler::emitWalks(range, first, number);
  forEachBlock(first, number, [&] { emitSoftmax(); });
  hasWeights = true;
  AttentionScheduler::emitWalks(range, first, number);
}
