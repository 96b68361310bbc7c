//===- LowerTranspose.cpp - tile.transpose to blocks of shuffles ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// dst[j, i] = f(src[i, j]) in blocks of L x L elements, L lanes:
//
//   for i0 in rows step L, for j0 in cols step L:
//     r[a] = f(src[i0 + a, j0 .. j0 + L))
//     t    = transpose(r)                     log2(L) rounds of L/2 pair shuffles
//     dst[j0 + b, i0 .. i0 + L) = t[b]
//
// A region that ends with a conversion between float types does so after the shuffles, which are then of f32. Groups of
// an encoding are shuffled as words.
//
// The last block begins L before the end: some elements are copied twice instead of one by one. With `pad`, rows that
// do not exist are the last row instead. Fewer than L rows or columns are copied element by element.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Lowering.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

std::pair<Value, Value> codegen::exchangeLanes(OpBuilder &b, Location loc, Value first, Value second, int64_t size) {
  int64_t lanes = cast<VectorType>(first.getType()).getDimSize(0);
  SmallVector<int64_t> low, high;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    low.push_back(lane & size ? lanes + lane - size : lane);
    high.push_back(lane & size ? lanes + lane : lane + size);
  }
  return {vector::ShuffleOp::create(b, loc, first, second, low),
          vector::ShuffleOp::create(b, loc, first, second, high)};
}

SmallVector<Value> codegen::exchangeChunks(OpBuilder &b, Location loc, SmallVector<Value> rows) {
  int64_t count = rows.size(), chunk = cast<VectorType>(rows[0].getType()).getDimSize(0) / count;
  for (int64_t size = 1; size < count; size *= 2)
    for (int64_t a = 0; a < count; ++a)
      if (!(a & size))
        std::tie(rows[a], rows[a + size]) = exchangeLanes(b, loc, rows[a], rows[a + size], size * chunk);
  return rows;
}

namespace {
class TransposeEmitter {
public:
  TransposeEmitter(RewriterBase &b, tile::TransposeOp op, const VectorTarget &target)
      : b(b), op(op), loc(op.getLoc()), lanes(target.info.lanes(32)),
        element(cast<MemRefType>(op.getSrc().getType()).getElementType()), encoding(op.getEncodingAttr()) {}
  LogicalResult emit();

private:
  LogicalResult emitBlock(Value i0, Value j0);
  LogicalResult emitBlocks();
  void emitElements();
  void emitZeros();
  Value load(Value row, Value column, int64_t count);
  Value existingRow(Value i);
  Value hasBlock();

  RewriterBase &b;
  tile::TransposeOp op;
  Location loc;
  unsigned lanes;
  Type element;
  tile::EncodingAttr encoding; ///< of groups; null: there are none
};
} // namespace

/// `count` neighbours src[row, column ...], a vector; of groups, as words.
Value TransposeEmitter::load(Value row, Value column, int64_t count) {
  if (!encoding)
    return vector::LoadOp::create(b, loc, VectorType::get({count}, element), op.getSrc(), ValueRange{row, column});
  int64_t group = encoding.getGroup();
  Value first = arith::MulIOp::create(b, loc, column, constantIndex(b, loc, group));
  Value elements =
      vector::LoadOp::create(b, loc, VectorType::get({group * count}, element), op.getSrc(), ValueRange{row, first});
  return vector::BitCastOp::create(b, loc, VectorType::get({count}, encoding.getWord()), elements);
}

/// The conversion that `value`, a result of a region, ends with; null if there is none.
static Operation *conversionOf(Value value) {
  Operation *last = value.getDefiningOp();
  return isa_and_present<arith::TruncFOp, arith::ExtFOp>(last) ? last : nullptr;
}

/// A whole L x L block.
LogicalResult TransposeEmitter::emitBlock(Value i0, Value j0) {
  Block &body = op.getBody().front();
  SmallVector<Value> index, loaded;
  for (unsigned a = 0; a < lanes; ++a) {
    index.push_back(existingRow(arith::AddIOp::create(b, loc, i0, constantIndex(b, loc, a))));
    loaded.push_back(load(index[a], j0, lanes));
  }
  LaneEmitter emitter(b, {lanes, 1, lanes, Value()});
  LaneValue rows = LaneEmitter::vectors(loaded);
  rows.byCol = false;
  emitter.bind(body.getArgument(0), rows);
  emitter.bind(body.getArgument(1), LaneEmitter::rows(index));
  emitter.bind(body.getArgument(2), emitter.columns(loc, j0));
  Value yielded = cast<tile::YieldOp>(body.getTerminator()).getValue();
  Operation *conversion = conversionOf(yielded);
  if (conversion)
    yielded = conversion->getOperand(0);
  if (failed(emitter.emit(body, conversion)))
    return failure();
  LaneValue value = emitter.valueOf(yielded);
  SmallVector<Value> square;
  for (unsigned a = 0; a < lanes; ++a)
    square.push_back(emitter.vectorAt(loc, value, yielded.getType(), a, 0));
  square = exchangeChunks(b, loc, square);
  for (unsigned a = 0; a < lanes; ++a) {
    Value j = arith::AddIOp::create(b, loc, j0, constantIndex(b, loc, a));
    Value stored = square[a];
    if (conversion) {
      Type type = emitter.vectorOf(conversion->getResult(0).getType());
      OperationState state(loc, conversion->getName(), stored, type, {});
      state.propertiesAttr = conversion->getPropertiesAsAttribute();
      stored = b.create(state)->getResult(0);
    }
    vector::StoreOp::create(b, loc, stored, op.getDst(), ValueRange{j, i0});
  }
  return success();
}

/// Row i of the source, with `pad` the last one if there is no such row.
Value TransposeEmitter::existingRow(Value i) {
  if (!op.getPad())
    return i;
  Value last = b.createOrFold<arith::SubIOp>(loc, op.getRows(), constantIndex(b, loc, 1));
  return arith::MinSIOp::create(b, loc, i, last);
}

LogicalResult TransposeEmitter::emitBlocks() {
  Value zero = constantIndex(b, loc, 0), size = constantIndex(b, loc, lanes);
  LogicalResult status = success();
  // The last block ends where its rows or columns end.
  auto begin = [&](Value at, Value end) -> Value {
    return arith::MinSIOp::create(b, loc, at, b.createOrFold<arith::SubIOp>(loc, end, size));
  };
  buildLoop(b, loc, zero, op.getRows(), lanes, {}, [&](Value i, ValueRange) {
    Value i0 = op.getPad() ? i : begin(i, op.getRows());
    buildLoop(b, loc, zero, op.getCols(), lanes, {}, [&](Value j, ValueRange) {
      status = emitBlock(i0, begin(j, op.getCols()));
      return SmallVector<Value>();
    });
    return SmallVector<Value>();
  });
  return status;
}

/// dst[j, i] = f(src[i, j]) element by element.
void TransposeEmitter::emitElements() {
  Value zero = constantIndex(b, loc, 0), size = constantIndex(b, loc, lanes), end = op.getRows();
  if (op.getPad()) // whole vectors
    end = b.createOrFold<arith::MulIOp>(loc, b.createOrFold<arith::CeilDivUIOp>(loc, end, size), size);
  buildLoop(b, loc, zero, end, 1, {}, [&](Value i, ValueRange) {
    Value row = existingRow(i);
    buildLoop(b, loc, zero, op.getCols(), 1, {}, [&](Value j, ValueRange) {
      Block &body = op.getBody().front();
      IRMapping mapping;
      Value loaded = encoding ? vector::ExtractOp::create(b, loc, load(row, j, 1), 0).getResult()
                           : memref::LoadOp::create(b, loc, op.getSrc(), ValueRange{row, j}).getResult();
      mapping.map(body.getArgument(0), loaded);
      mapping.map(body.getArgument(1), row);
      mapping.map(body.getArgument(2), j);
      for (Operation &nested : body.without_terminator())
        b.clone(nested, mapping);
      Value value = mapping.lookupOrDefault(cast<tile::YieldOp>(body.getTerminator()).getValue());
      memref::StoreOp::create(b, loc, value, op.getDst(), ValueRange{j, i});
      return SmallVector<Value>();
    });
    return SmallVector<Value>();
  });
}

/// The vectors of `dst` behind the last one that rows reach.
void TransposeEmitter::emitZeros() {
  auto type = cast<MemRefType>(op.getDst().getType());
  if (!op.getPad() || type.isDynamicDim(1) || type.getDimSize(1) == lanes)
    return;
  Value size = constantIndex(b, loc, lanes), width = constantIndex(b, loc, type.getDimSize(1));
  Value vectors = b.createOrFold<arith::CeilDivUIOp>(loc, op.getRows(), size);
  Value begin = b.createOrFold<arith::MulIOp>(loc, vectors, size);
  bool isContiguous = type.getStridesAndOffset().first.back() == 1;
  Type stored = isContiguous ? Type(VectorType::get({lanes}, type.getElementType())) : type.getElementType();
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(stored));
  buildLoop(b, loc, constantIndex(b, loc, 0), op.getCols(), 1, {}, [&](Value j, ValueRange) {
    buildLoop(b, loc, begin, width, isContiguous ? lanes : 1, {}, [&](Value i, ValueRange) {
      if (isContiguous)
        vector::StoreOp::create(b, loc, zero, op.getDst(), ValueRange{j, i});
      else
        memref::StoreOp::create(b, loc, zero, op.getDst(), ValueRange{j, i});
      return SmallVector<Value>();
    });
    return SmallVector<Value>();
  });
}

/// There are as many rows and columns as a block needs, and vectors along both innermost dimensions.
Value TransposeEmitter::hasBlock() {
  auto isContiguous = [](Value memref) {
    return cast<MemRefType>(memref.getType()).getStridesAndOffset().first.back() == 1;
  };
  if (!isContiguous(op.getSrc()) || !isContiguous(op.getDst()))
    return arith::ConstantIntOp::create(b, loc, 0, 1);
  auto fills = [&](Value extent) {
    Value size = constantIndex(b, loc, lanes);
    return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::sge, extent, size);
  };
  Value fits = fills(op.getCols());
  return op.getPad() ? fits : b.createOrFold<arith::AndIOp>(loc, fits, fills(op.getRows()));
}

LogicalResult TransposeEmitter::emit() {
  emitZeros();
  Value blocks = hasBlock();
  if (matchPattern(blocks, m_One()))
    return emitBlocks();
  if (matchPattern(blocks, m_Zero()))
    return emitElements(), success();
  auto branch = scf::IfOp::create(b, loc, blocks, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.elseBlock());
  emitElements();
  b.setInsertionPointToStart(branch.thenBlock());
  return emitBlocks();
}

LogicalResult codegen::lowerTranspose(RewriterBase &rewriter, tile::TransposeOp op, const VectorTarget &target) {
  int64_t width = cast<MemRefType>(op.getDst().getType()).getDimSize(1), lanes = target.info.lanes(32);
  if (op.getPad() && !ShapedType::isDynamic(width) && width % lanes != 0)
    return op.emitError() << "a padded row of " << width << " elements does not fill vectors of " << lanes << " lanes";
  rewriter.setInsertionPoint(op);
  if (failed(TransposeEmitter(rewriter, op, target).emit()))
    return failure();
  rewriter.eraseOp(op);
  return success();
}
