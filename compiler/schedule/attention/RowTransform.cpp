//===- RowTransform.cpp - A row of q or k as its region makes it ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before:  key { %y = sum over d of x[d]^2;  x[d] * 1/sqrt(%y) * cos[j, d % 32] + (d < 32 ? -x[d + 32] : ...) }
// After, for one row:
//   %y = tile.reduce add %c0 to %c64 { x[d]^2 }
//   tile.map %c0 to %c32 {                        one map for all runs of one length (FeatureSplit.h)
//     to[row, e]      = x[e] ... - x[e + 32] ...
//     to[row, e + 32] = x[e + 32] ... + x[e] ...
//   }
//
// A run's code is emitted from what it yields back to the row, so that what only other runs need is not there.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/RowTransform.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// So many runs in one loop: their values wait in registers for the stores.
constexpr size_t kTogether = 4;

bool RowTransform::isPermuted(AttentionOp op) {
  return llvm::any_of(ArrayRef<Region *>{&op.getQuery(), &op.getKey()}, [](Region *region) {
    return !region->empty() && stepOfFeatures(region->front(), AttentionOp::argumentOf(*region, 'd')) == 2;
  });
}

RowTransform::RowTransform(OpBuilder &builder, AttentionOp op, Region &region)
    : IndexMath{builder, op.getLoc()}, op(op), region(region), features(op.getExtent('D')),
      step(isPermuted(op) ? 2 : 1) {}

/// first + slope * e
Value RowTransform::emitIndex(AffineIndex at, Value e) {
  Value scaled = mul(e, index(at.slope));
  return add(scaled, index(at.first));
}

/// from[fromRow, position], widened.
Value RowTransform::emitLoad(Value position) {
  Value stored = memref::LoadOp::create(b, loc, from, ValueRange{fromRow, position});
  Type real = op.getAccumulatorType();
  unsigned have = stored.getType().getIntOrFloatBitWidth(), want = real.getIntOrFloatBitWidth();
  if (have < want)
    return arith::ExtFOp::create(b, loc, real, stored);
  return have == want ? stored : arith::TruncFOp::create(b, loc, real, stored).getResult();
}

/// `value`, which the region computes, at feature scope.e of the run.
Value RowTransform::emitValue(Value value, Scope &scope) {
  if (Value known = uniform.lookup(value))
    return known;
  if (Value known = scope.emitted.lookup(value))
    return known;
  auto compute = [&]() -> Value {
    if (value.getType().isIndex())
      if (std::optional<AffineIndex> at = scope.knowledge.index(value))
        return emitIndex(*at, scope.e);
    Operation *definition = value.getDefiningOp();
    if (auto feature = dyn_cast<attn::FeatureOp>(definition))
      return emitLoad(emitValue(feature.getPosition(), scope));
    if (auto sum = dyn_cast<attn::SumOp>(definition))
      return uniform[value] = emitSum(sum);
    if (auto select = dyn_cast<arith::SelectOp>(definition))
      if (std::optional<bool> condition = scope.knowledge.truth(select.getCondition()))
        return emitValue(*condition ? select.getTrueValue() : select.getFalseValue(), scope);
    IRMapping mapping;
    for (Value operand : definition->getOperands())
      mapping.map(operand, emitValue(operand, scope));
    return b.clone(*definition, mapping)->getResult(0);
  };
  Value result = compute();
  scope.emitted[value] = result;
  return result;
}

/// A sum belongs to the row: it stands before the loops over features.
Value RowTransform::emitSum(attn::SumOp sum) {
  OpBuilder::InsertionGuard guard(b);
  b.restoreInsertionPoint(rowPoint);
  Block &body = sum.getBody().front();
  Value feature = body.getArgument(0);
  Value total = arith::ConstantOp::create(b, loc, b.getZeroAttr(sum.getType()));
  for (FeatureRun run : splitFeatures(body, feature, features, stepOfFeatures(body, feature))) {
    OpBuilder::InsertPoint outer = rowPoint;
    auto reduce =
        tile::ReduceOp::create(b, loc, sum.getType(), tile::ReductionKind::Add, index(0), index(run.count), total);
    OpBuilder::InsertionGuard inner(b);
    rowPoint = OpBuilder::InsertPoint(reduce->getBlock(), reduce->getIterator()); // of sums within this one
    Block *block = b.createBlock(&reduce.getBody(), {}, {b.getIndexType()}, {loc});
    Scope scope{block->getArgument(0), run, FeatureKnowledge(feature, run)};
    tile::YieldOp::create(b, loc, emitValue(body.getTerminator()->getOperand(0), scope));
    total = reduce.getResult();
    rowPoint = outer;
  }
  return total;
}

/// Runs of one length, stored one behind the other from `first` on. They share a loop, and what they load: all stores
/// come after all loads.
void RowTransform::emitRuns(ArrayRef<FeatureRun> runs, Value to, Value toRow, int64_t first) {
  auto map = tile::MapOp::create(b, loc, index(0), index(runs.front().count));
  rowPoint = OpBuilder::InsertPoint(map->getBlock(), map->getIterator());
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.createBlock(&map.getBody(), {}, {b.getIndexType()}, {loc});
  Value e = block->getArgument(0);
  Value feature = region.empty() ? Value() : AttentionOp::argumentOf(region, 'd');
  SmallVector<Value> results;
  for (FeatureRun run : runs) {
    Scope scope{e, run, FeatureKnowledge(feature, run)};
    results.push_back(region.empty() ? emitLoad(emitIndex({run.start, run.step}, e))
                                     : emitValue(region.front().getTerminator()->getOperand(0), scope));
  }
  for (Value result : results) {
    memref::StoreOp::create(b, loc, result, to, ValueRange{toRow, emitIndex({first, 1}, e)});
    first += runs.front().count;
  }
  tile::YieldOp::create(b, loc, Value());
}

void RowTransform::emit(Value source, Value sourceRow, Value to, Value toRow, ArrayRef<Value> place) {
  from = source;
  fromRow = sourceRow;
  uniform.clear();
  SmallVector<FeatureRun> runs;
  if (region.empty()) {
    for (int64_t start = 0; start < std::min(step, features); ++start)
      runs.push_back({start, step, llvm::divideCeilSigned(features - start, step)});
  } else {
    SmallVector<Value> values(place);
    values.insert(values.begin() + AttentionOp::argumentLetters(region).find('d'),
                  Value()); // the feature is no uniform value
    llvm::append_range(values, op.getCaptures());
    for (auto [argument, value] : llvm::zip_equal(region.getArguments(), values))
      if (value)
        uniform[argument] = value;
    runs = splitFeatures(region.front(), AttentionOp::argumentOf(region, 'd'), features, step);
  }
  int64_t first = 0;
  for (ArrayRef<FeatureRun> rest = runs; !rest.empty();) {
    auto differs = [&](FeatureRun run) { return run.count != rest.front().count; };
    size_t same = std::min<size_t>(llvm::find_if(rest, differs) - rest.begin(), kTogether);
    emitRuns(rest.take_front(same), to, toRow, first);
    first += same * rest.front().count;
    rest = rest.drop_front(same);
  }
}

//===----------------------------------------------------------------------===//
// Prefetching
//===----------------------------------------------------------------------===//

/// Every cache line of the last dimension, the others fixed.
void RowTransform::prefetchLines(Value memref, SmallVector<Value> at) {
  auto type = cast<MemRefType>(memref.getType());
  int64_t line = 64 * 8 / std::max(8u, type.getElementTypeBitWidth()); // elements of a cache line
  for (int64_t element = 0; element < std::min(type.getShape().back(), 64 * line);
       element += line) { // hardware follows the rest
    at.back() = index(element);
    memref::PrefetchOp::create(b, loc, memref, at, /*isWrite=*/false, /*localityHint=*/2, /*isDataCache=*/true);
  }
}

/// The next block is far away in time, and its first lines would be waited for: 0.982 instead of 0.972 of plain
/// attention.
void RowTransform::emitPrefetch(Value rows, Value row, ArrayRef<Value> place) {
  prefetchLines(rows, {row, Value()});
  if (region.empty())
    return;
  BlockArgument key = AttentionOp::argumentOf(region, 'j');
  llvm::SmallPtrSet<void *, 4> seen;
  region.walk([&](memref::LoadOp load) {
    auto capture = dyn_cast<BlockArgument>(load.getMemRef());
    ValueRange indices = load.getIndices();
    bool isTable = capture && indices.size() > 1 && !ShapedType::isDynamic(load.getMemRefType().getShape().back());
    SmallVector<Value> at;
    for (Value index : isTable ? indices.drop_back() : ValueRange()) {
      auto argument = dyn_cast<BlockArgument>(index); // b, g or j
      if (argument && argument.getOwner() == &region.front() && argument.getArgNumber() <= key.getArgNumber())
        at.push_back(place[argument.getArgNumber()]);
    }
    bool isKnown = isTable && at.size() + 1 == indices.size() && llvm::is_contained(indices, key);
    if (!isKnown || !seen.insert(capture.getAsOpaquePointer()).second)
      return;
    at.push_back(Value());
    prefetchLines(op.captureOf(capture), std::move(at));
  });
}
