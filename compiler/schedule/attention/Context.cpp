//===- Context.cpp - What all of an attention is emitted with -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/Context.h"
#include "compiler/schedule/attention/NarrowPositions.h"
#include "compiler/schedule/attention/RowTransform.h"
#include "compiler/schedule/attention/Walk.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

Value schedule::extentOf(OpBuilder &b, AttentionOp op, char letter) {
  Location loc = op.getLoc();
  attn::ExtentSource source = op.findExtent(letter);
  Value factor = constantIndex(b, loc, source.factor);
  if (!source.operand)
    return factor;
  Value extent = b.createOrFold<memref::DimOp>(loc, source.operand, source.dim);
  return source.factor == 1 ? extent : b.createOrFold<arith::MulIOp>(loc, extent, factor);
}

AttentionContext::AttentionContext(OpBuilder &builder, AttentionOp op, const Blocking &blocking, bool fillsAsMask)
    : IndexMath{builder, op.getLoc()}, op(op), blocking(blocking), scoreFill(op, fillsAsMask), mask(scoreFill.masked()),
      real(op.getAccumulatorType()), m(extent('M')), n(extent('N')), items(planItems(*this)) {}

//===----------------------------------------------------------------------===//
// Small builders
//===----------------------------------------------------------------------===//

Value AttentionContext::view(const Head &at, Value memref, StringRef layout, ArrayRef<LetterRange> ranges,
                             StringRef order) {
  auto fixed = [&](char letter) { return letter == 'B' ? at.batch : letter == 'H' ? at.query : at.key; };
  return viewByLetters(b, loc, memref, layout, ranges, fixed, order);
}

Value AttentionContext::slice(Value memref, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> strides(offsets.size(), b.getIndexAttr(1));
  return memref::SubViewOp::create(b, loc, memref, offsets, sizes, strides);
}

Value AttentionContext::partOf(Value buffer, Value at) {
  if (!buffer)
    return buffer;
  SmallVector<OpFoldResult> sizes =
      getAsIndexOpFoldResult(b.getContext(), cast<MemRefType>(buffer.getType()).getShape());
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  offsets[0] = at;
  sizes[0] = b.getIndexAttr(1);
  return subviewOfDims(b, loc, buffer, offsets, sizes, llvm::to_vector(llvm::seq<int64_t>(1, sizes.size())));
}

void AttentionContext::forRange(Value begin, Value end, int64_t stride, llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, loc, begin, end, index(stride));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void AttentionContext::ifTrue(Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body();
}

void AttentionContext::ifElse(Value condition, llvm::function_ref<void()> body, llvm::function_ref<void()> otherwise) {
  auto branch = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body();
  b.setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

void AttentionContext::mapColumns(Value end, llvm::function_ref<void(Value)> body) {
  auto map = tile::MapOp::create(b, loc, index(0), end);
  OpBuilder::InsertionGuard guard(b);
  Block *entry = b.createBlock(&map.getBody(), {}, {b.getIndexType()}, {loc});
  body(entry->getArgument(0));
  tile::YieldOp::create(b, loc, Value());
}

void AttentionContext::fill(Value memref, Value rows, Value columns, double value) {
  forRange(index(0), rows, 1,
           [&](Value row) { mapColumns(columns, [&](Value column) { store(f(value), memref, {row, column}); }); });
}

void AttentionContext::emitEpilogue(tile::ContractOp contract,
                                    llvm::function_ref<void(Value, Value, Value, Value)> body) {
  OpBuilder::InsertionGuard guard(b);
  Type index = b.getIndexType();
  Block *block = b.createBlock(&contract.getEpilogue(), {}, {real, index, index, b.getI1Type()}, {loc, loc, loc, loc});
  body(block->getArgument(0), block->getArgument(1), block->getArgument(2), block->getArgument(3));
  tile::YieldOp::create(b, loc, Value());
}

void AttentionContext::emitTranspose(Value from, Value to, Value rows, Value columns, bool pad,
                                     llvm::function_ref<Value(Value, Value)> body, tile::EncodingAttr encoding) {
  auto transpose = tile::TransposeOp::create(b, loc, from, to, rows, columns, pad, encoding);
  OpBuilder::InsertionGuard guard(b);
  Type element = encoding ? Type(b.getI32Type()) : elementOf(from), index = b.getIndexType();
  Block *block = b.createBlock(&transpose.getBody(), {}, {element, index, index}, {loc, loc, loc});
  tile::YieldOp::create(b, loc, body(block->getArgument(0), block->getArgument(2)));
}

Value AttentionContext::converted(Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (from == to)
    return value;
  return from < to ? arith::ExtFOp::create(b, loc, type, value).getResult()
                   : arith::TruncFOp::create(b, loc, type, value).getResult();
}

Value AttentionContext::usedLanes(const QueryBlock &queries) {
  Value vectors = b.createOrFold<arith::CeilDivUIOp>(loc, queries.count, index(blocking.lanes));
  return b.createOrFold<arith::MulIOp>(loc, vectors, index(blocking.lanes));
}

//===----------------------------------------------------------------------===//
// Rows of Q, K and V in the type of the arithmetic
//===----------------------------------------------------------------------===//

Value AttentionContext::rowsOf(const Head &at, const Rows &of, Value first, Value count) {
  return view(at, of.memref, of.layout, {{of.row, first, count}, {of.feature, index(0), extent(of.feature)}},
              std::string{of.row, of.feature});
}

bool AttentionContext::isTransformed(const Rows &rows) {
  bool both = RowTransform::isPermuted(op);
  return (rows.memref == op.getQ() && (both || !op.getQuery().empty())) ||
         (rows.memref == op.getK() && (both || !op.getKey().empty()));
}

Value AttentionContext::pageOf(const Head &at, const Rows &of, Value page) {
  Value last = sub(extent('X'), index(1));
  SmallVector<Value> place;
  for (char letter : of.tableLayout)
    place.push_back(letter == 'B' ? at.batch : max(at.firstPage, min(page, at.lastPage)));
  Value number = load(of.table, place);
  number = arith::IndexCastOp::create(b, loc, b.getIndexType(), number);
  number = max(index(0), min(number, last)); // tested before, but other threads may write to tables
  auto fixed = [&](char letter) { return letter == 'X' ? number : at.key; };
  LetterRange ranges[] = {{'P', index(0), extent('P')}, {of.feature, index(0), extent(of.feature)}};
  return viewByLetters(b, loc, of.memref, of.layout, ranges, fixed, std::string{'P', of.feature});
}

Value AttentionContext::blockRowsOf(const Head &at, const Rows &of, Value first, Value count) {
  if (!of.table)
    return rowsOf(at, of, first, count);
  Value keys = extent('P'), page = pageOf(at, of, div(first, keys));
  return slice(page, {getAsOpFoldResult(rem(first, keys)), b.getIndexAttr(0)},
               {getAsOpFoldResult(count), b.getIndexAttr(op.getExtent(of.feature))});
}

/// buffer[row, *] = source[sourceRow, *], which is row `position` of Q or K.
void AttentionContext::emitStagedRow(const Head &at, const Rows &of, Value source, Value sourceRow, Value buffer,
                                     Value row, Value position) {
  bool isPlain = op.getQuery().empty() && op.getKey().empty();
  if (of.feature != 'D' || isPlain)
    return mapColumns(extent(of.feature), [&](Value column) {
      store(converted(load(source, {sourceRow, column}), elementOf(buffer)), buffer, {row, column});
    });
  bool isQuery = of.row == 'M';
  RowTransform transform(b, op, isQuery ? op.getQuery() : op.getKey());
  transform.emit(source, sourceRow, buffer, row, {at.batch, isQuery ? at.query : at.key, position, m, n});
  if (!isQuery)
    emitPrefetchStaged(at, of, position);
}

/// What the row of K a block after `position` will need.
void AttentionContext::emitPrefetchStaged(const Head &at, const Rows &of, Value position) {
  Value ahead = min(add(position, index(blocking.keys)), sub(n, index(1))), row = ahead;
  Value rows = of.table ? pageOf(at, of, div(ahead, extent('P'))) : rowsOf(at, of, index(0), n);
  if (of.table)
    row = rem(ahead, extent('P'));
  RowTransform(b, op, op.getKey()).emitPrefetch(rows, row, {at.batch, at.key, ahead, m, n});
}

Value AttentionContext::emitStage(const Head &at, const Rows &of, Value first, Value count, Value buffer) {
  if (!of.table) {
    Value source = rowsOf(at, of, first, count);
    forRange(index(0), count, 1, [&](Value row) { emitStagedRow(at, of, source, row, buffer, row, add(first, row)); });
    return buffer;
  }
  Value keys = extent('P'), end = add(first, count);
  forRange(div(first, keys), ceilDiv(end, keys), 1, [&](Value page) {
    Value source = pageOf(at, of, page), begin = mul(page, keys), low = max(begin, first);
    Value ahead = pageOf(at, of, div(add(low, index(blocking.keys)), keys)); // pages are where no hardware looks
    forRange(low, min(add(begin, keys), end), 1, [&](Value key) {
      prefetchRow(ahead, rem(add(key, index(blocking.keys)), keys), op.getExtent(of.feature));
      emitStagedRow(at, of, source, sub(key, begin), buffer, sub(key, first), key);
    });
  });
  return buffer;
}

void AttentionContext::prefetchRow(Value rows, Value row, int64_t features) {
  int64_t line = 64 * 8 / elementOf(rows).getIntOrFloatBitWidth(); // elements of a cache line
  constexpr int64_t kLines = 64;
  for (int64_t at = 0; at < std::min(features, kLines * line); at += line)
    memref::PrefetchOp::create(b, loc, rows, ValueRange{row, index(at)}, /*isWrite=*/false, /*localityHint=*/2,
                               /*isDataCache=*/true);
}

//===----------------------------------------------------------------------===//
// Score and mask
//===----------------------------------------------------------------------===//

/// Inlines a region of the attention op at the insertion point, for a pair of key and query; `leading` are its
/// arguments before the captures, and `mapping` has the results of ops that are not to be computed again. `replace` may
/// give what stands for an op instead.
Value AttentionContext::inlineRegion(Region &region, ArrayRef<Value> leading, const Head &at, Value key, Value query,
                                     IRMapping mapping, llvm::function_ref<Value(Operation &, IRMapping &)> replace) {
  SmallVector<Value> values(leading);
  llvm::append_range(values, op.getCaptures());
  mapping.map(region.getArguments(), values);
  PositionNarrower narrower(b, mapping);
  for (auto [argument, value] : llvm::zip(region.getArguments(), leading))
    if (argument.getType().isIndex())
      narrower.setPosition(argument, value == at.batch   ? extent('B')
                                     : value == at.query ? extent('H')
                                     : value == key      ? n
                                     : value == query    ? m
                                                         : value); // M, N
  for (Operation &nested : region.front().without_terminator()) {
    if (llvm::any_of(nested.getResults(), [&](Value result) { return mapping.contains(result); }))
      continue;
    if (Value instead = replace ? replace(nested, mapping) : Value())
      mapping.map(nested.getResult(0), instead);
    else
      narrower.clone(nested);
  }
  return narrower.wide(region.front().getTerminator()->getOperand(0));
}

Value AttentionContext::scoreOf(const QueryBlock &queries, const KeyBlock &keys, Value acc, Value key, Value query,
                                bool partial) {
  if (op.getScore().empty())
    return acc;
  IRMapping packed;
  for (auto [element, block] : queries.state.matrices)
    packed.map(element.getResult(), load(block, {sub(key, keys.first), sub(query, queries.first)}));
  auto fillOrScore = [&](Operation &select, IRMapping &mapping) -> Value {
    Value filled = scoreFill.filled(&select);
    if (!filled)
      return Value();
    Value kept = mapping.lookupOrDefault(scoreFill.kept(&select));
    if (!partial)
      return kept;
    Value row = load(queries.state.fill, {sub(query, queries.first)});
    Value low = converted(addf(converted(mapping.lookupOrDefault(filled), real), row), filled.getType());
    Value condition = mapping.lookupOrDefault(select.getOperand(0));
    return scoreFill.kept(&select) == select.getOperand(1) ? this->select(condition, kept, low)
                                                           : this->select(condition, low, kept);
  };
  return inlineRegion(op.getScore(), {acc, queries.at.batch, queries.at.query, query, key, m, n}, queries.at, key,
                      query, packed, fillOrScore);
}

Value AttentionContext::allowed(const QueryBlock &queries, Value key, Value query) {
  return inlineRegion(op.getMask(), {queries.at.batch, queries.at.query, query, key, m, n}, queries.at, key, query);
}

Value AttentionContext::sinkOf(const QueryBlock &queries, Value query) {
  return inlineRegion(op.getSink(), {queries.at.batch, queries.at.query, query, m, n}, queries.at, Value(), Value());
}
