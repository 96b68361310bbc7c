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
// Whole blocks store whole vectors; at the edges elements are copied one by one.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Lowering.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

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

/// Transposes `rows`, a square of vectors, by exchanging blocks of size 1, 2, 4 ...
static SmallVector<Value> transposeSquare(OpBuilder &b, Location loc, SmallVector<Value> rows) {
  int64_t lanes = rows.size();
  for (int64_t size = 1; size < lanes; size *= 2)
    for (int64_t a = 0; a < lanes; ++a)
      if (!(a & size))
        std::tie(rows[a], rows[a + size]) = exchangeLanes(b, loc, rows[a], rows[a + size], size);
  return rows;
}

namespace {
class TransposeEmitter {
public:
  TransposeEmitter(RewriterBase &b, tile::TransposeOp op, const VectorTarget &target)
      : b(b), op(op), loc(op.getLoc()), lanes(target.info.lanes(32)) {}
  LogicalResult emit();

private:
  LogicalResult emitBlock(Value i0, Value j0);
  void emitEdge(Value i0, Value iEnd, Value j0, Value jEnd);
  void emitPad();

  RewriterBase &b;
  tile::TransposeOp op;
  Location loc;
  unsigned lanes;
};
} // namespace

/// A whole L x L block.
LogicalResult TransposeEmitter::emitBlock(Value i0, Value j0) {
  Block &body = op.getBody().front();
  Type element = cast<MemRefType>(op.getSrc().getType()).getElementType();
  auto vector = VectorType::get({lanes}, element);
  SmallVector<Value> index, loaded;
  for (unsigned a = 0; a < lanes; ++a) {
    index.push_back(arith::AddIOp::create(b, loc, i0, constantIndex(b, loc, a)));
    loaded.push_back(vector::LoadOp::create(b, loc, vector, op.getSrc(), ValueRange{index[a], j0}));
  }
  LaneEmitter emitter(b, {lanes, 1, lanes, Value()});
  LaneValue rows = LaneEmitter::vectors(loaded);
  rows.byCol = false;
  emitter.bind(body.getArgument(0), rows);
  emitter.bind(body.getArgument(1), LaneEmitter::rows(index));
  emitter.bind(body.getArgument(2), emitter.columns(loc, j0));
  if (failed(emitter.emit(body)))
    return failure();
  Value yielded = cast<tile::YieldOp>(body.getTerminator()).getValue();
  LaneValue value = emitter.valueOf(yielded);
  SmallVector<Value> square;
  for (unsigned a = 0; a < lanes; ++a)
    square.push_back(emitter.vectorAt(loc, value, yielded.getType(), a, 0));
  square = transposeSquare(b, loc, square);
  for (unsigned a = 0; a < lanes; ++a) {
    Value j = arith::AddIOp::create(b, loc, j0, constantIndex(b, loc, a));
    vector::StoreOp::create(b, loc, square[a], op.getDst(), ValueRange{j, i0});
  }
  return success();
}

/// dst[j, i] = f(src[i, j]) element by element.
void TransposeEmitter::emitEdge(Value i0, Value iEnd, Value j0, Value jEnd) {
  buildLoop(b, loc, i0, iEnd, 1, {}, [&](Value i, ValueRange) {
    buildLoop(b, loc, j0, jEnd, 1, {}, [&](Value j, ValueRange) {
      Block &body = op.getBody().front();
      IRMapping mapping;
      mapping.map(body.getArgument(0), memref::LoadOp::create(b, loc, op.getSrc(), ValueRange{i, j}).getResult());
      mapping.map(body.getArgument(1), i);
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

/// dst[j, rows .. W) = 0, in vectors from the first multiple of L on.
void TransposeEmitter::emitPad() {
  auto type = cast<MemRefType>(op.getDst().getType());
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
  Value zeros = arith::ConstantOp::create(b, loc, b.getZeroAttr(VectorType::get({lanes}, type.getElementType())));
  int64_t width = type.getDimSize(1);
  bool hasVectors = width % lanes == 0 && type.getStridesAndOffset().first.back() == 1;
  Value edge = constantIndex(b, loc, width);
  if (hasVectors)
    edge = b.createOrFold<arith::MulIOp>(
        loc, b.createOrFold<arith::CeilDivUIOp>(loc, op.getRows(), constantIndex(b, loc, lanes)),
        constantIndex(b, loc, lanes));
  buildLoop(b, loc, constantIndex(b, loc, 0), op.getCols(), 1, {}, [&](Value j, ValueRange) {
    buildLoop(b, loc, op.getRows(), edge, 1, {}, [&](Value i, ValueRange) {
      memref::StoreOp::create(b, loc, zero, op.getDst(), ValueRange{j, i});
      return SmallVector<Value>();
    });
    if (hasVectors)
      buildLoop(b, loc, edge, constantIndex(b, loc, width), lanes, {}, [&](Value i, ValueRange) {
        vector::StoreOp::create(b, loc, zeros, op.getDst(), ValueRange{j, i});
        return SmallVector<Value>();
      });
    return SmallVector<Value>();
  });
}

LogicalResult TransposeEmitter::emit() {
  Value zero = constantIndex(b, loc, 0);
  auto roundDown = [&](Value extent) {
    Value rest = b.createOrFold<arith::RemUIOp>(loc, extent, constantIndex(b, loc, lanes));
    return b.createOrFold<arith::SubIOp>(loc, extent, rest);
  };
  // Whole blocks need vectors along both innermost dimensions.
  auto hasUnitStride = [](Value memref) {
    return cast<MemRefType>(memref.getType()).getStridesAndOffset().first.back() == 1;
  };
  if (!hasUnitStride(op.getSrc()) || !hasUnitStride(op.getDst())) {
    emitEdge(zero, op.getRows(), zero, op.getCols());
    if (op.getPad())
      emitPad();
    return success();
  }
  Value fullRows = roundDown(op.getRows()), fullCols = roundDown(op.getCols());
  LogicalResult status = success();
  buildLoop(b, loc, zero, fullRows, lanes, {}, [&](Value i, ValueRange) {
    buildLoop(b, loc, zero, fullCols, lanes, {}, [&](Value j, ValueRange) {
      status = emitBlock(i, j);
      return SmallVector<Value>();
    });
    return SmallVector<Value>();
  });
  if (failed(status))
    return failure();
  emitEdge(zero, fullRows, fullCols, op.getCols());
  emitEdge(fullRows, op.getRows(), zero, op.getCols());
  if (op.getPad())
    emitPad();
  return success();
}

LogicalResult codegen::lowerTranspose(RewriterBase &rewriter, tile::TransposeOp op, const VectorTarget &target) {
  rewriter.setInsertionPoint(op);
  if (failed(TransposeEmitter(rewriter, op, target).emit()))
    return failure();
  rewriter.eraseOp(op);
  return success();
}
