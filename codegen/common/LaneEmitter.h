//===- LaneEmitter.h - Scalar code on a grid of vectors ---------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A region of a tile op is scalar code for one element (value, row, column). A
// register tile has R rows of C vectors of L lanes; neighbouring columns are the
// lanes. The emitter translates the region once for the whole tile, operation by
// operation, and keeps every value in the cheapest form that represents it:
//
//   uniform   x                    one scalar
//   by row    x[r]                 R scalars, e.g. the row index
//   affine    base[r][c] + s*lane  scalar bases and a constant step, e.g. the column
//   vectors   x[r][c]              R*C native vectors
//
// A long region would fill R * C times the code, which compilers of machine code take in with more than its length. Its
// operations are done in chunks instead, each a loop over the vectors of the tile, with values between them in memory
// (LaneChunks.cpp).
//
// Example, R = 2, C = 2, L = 16: `cmpi sle, %row, %col` becomes four compares of the
// constant vector 0..15 with a broadcast scalar (row[r] - base[c]).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/common/VectorTarget.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Region.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/DenseMap.h"
#include <functional>

namespace attnc::codegen {

/// One value of scalar code on an R x C grid of vectors.
struct LaneValue {
  enum class Form { Scalar, Affine, Vector };
  Form form = Form::Scalar;
  bool byRow = false; ///< differs from row to row
  bool byCol = false; ///< differs from vector column to vector column (always so for non-scalars on a wide grid)
  int64_t step = 0;   ///< Affine: value of lane l is parts + step * l
  llvm::SmallVector<mlir::Value> parts;

  static LaneValue uniform(mlir::Value value) { return {Form::Scalar, false, false, 0, {value}}; }
};

/// The size of a register tile and which of its columns are real.
struct LaneGrid {
  unsigned rows = 1;
  unsigned cols = 1;    ///< vectors per row
  unsigned lanes = 1;   ///< f32 elements per vector
  mlir::Value colCount; ///< number of real columns from the tile's first; null: all
};

class LaneEmitter {
public:
  LaneEmitter(mlir::OpBuilder &builder, LaneGrid grid) : b(builder), grid(grid) {}

  void bind(mlir::Value scalar, LaneValue value) { values[scalar] = std::move(value); }

  /// The column index: `base` is the first column of the tile.
  LaneValue columns(mlir::Location loc, mlir::Value base);
  /// `scalars[r]` for row r.
  static LaneValue rows(llvm::ArrayRef<mlir::Value> scalars);
  static LaneValue vectors(llvm::ArrayRef<mlir::Value> grid);

  /// Emits `block` up to its terminator, but for `except`. Fails with a diagnostic on an op that it cannot place on
  /// lanes.
  mlir::LogicalResult emit(mlir::Block &block, mlir::Operation *except = nullptr);

  /// The vector (or, for `emitScalar` users, scalar) value of the terminator's operand.
  LaneValue valueOf(mlir::Value scalar);
  mlir::Value scalarAt(const LaneValue &value, unsigned r, unsigned c) const;
  /// Row r, vector column c of `value` as an explicit vector; `type` is the scalar type.
  mlir::Value vectorAt(mlir::Location loc, const LaneValue &value, mlir::Type type, unsigned r, unsigned c);

  mlir::VectorType vectorOf(mlir::Type element) const { return mlir::VectorType::get({grid.lanes}, element); }
  const LaneGrid &shape() const { return grid; }
  mlir::OpBuilder &builder() { return b; }

  /// Called for ops of the tile dialect inside a region (the softmax step); set by the contraction's lowering.
  std::function<mlir::LogicalResult(LaneEmitter &, mlir::Operation *)> special;

private:
  mlir::LogicalResult emitOp(mlir::Operation *op);
  mlir::LogicalResult emitIf(mlir::scf::IfOp op);
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> emitBranch(mlir::Block &from, mlir::Block &to);

  // Chunks of a long region.
  /// A value of every vector of the tile in memory; `shape` says how one of them is to be read.
  struct Stored {
    mlir::Value buffer;
    LaneValue shape;
    unsigned uses; ///< that are still to come
  };
  bool isLong(mlir::Block &block) const;
  bool isChunkable(mlir::Operation *op);
  mlir::LogicalResult emitChunks(mlir::Block &block, mlir::Operation *except);
  mlir::LogicalResult emitChunk(llvm::ArrayRef<mlir::Operation *> chunk);
  void release(llvm::ArrayRef<mlir::Operation *> chunk);
  mlir::Value bufferFor(mlir::Operation *user, const LaneValue &shape, mlir::Type type);
  void storePart(mlir::Location loc, mlir::Value part, const Stored &stored, mlir::Value at);
  LaneValue loadPart(mlir::Location loc, const Stored &stored, mlir::Type type, mlir::Value at);
  Stored &storedOf(mlir::Operation *user, mlir::Value value, unsigned uses);
  bool emitAffine(mlir::Operation *op);
  bool emitAffineCast(mlir::arith::IndexCastOp op);
  bool emitAffineCompare(mlir::Operation *op);
  unsigned bitsOf(mlir::Value value);
  void emitScalars(mlir::Operation *op, llvm::ArrayRef<LaneValue> operands);
  mlir::LogicalResult emitVectors(mlir::Operation *op, llvm::ArrayRef<LaneValue> operands);
  mlir::Value lineFrom(mlir::Location loc, mlir::Value memref, mlir::ValueRange at);
  mlir::Value loadNeighbours(mlir::Location loc, mlir::Value memref, mlir::ValueRange at, mlir::Value count);
  mlir::Value loadSeconds(mlir::Location loc, mlir::Value memref, llvm::SmallVector<mlir::Value> at, unsigned c);
  mlir::LogicalResult emitLoad(mlir::Operation *op, llvm::ArrayRef<LaneValue> indices);
  mlir::LogicalResult emitStore(mlir::Operation *op, llvm::ArrayRef<LaneValue> indices);
  LaneValue makeShape(llvm::ArrayRef<LaneValue> operands, LaneValue::Form form) const;
  mlir::Value mask(mlir::Location loc, unsigned c);
  bool isSingleLane(unsigned c) const;
  mlir::Value laneIota(mlir::Location loc, mlir::Type element, int64_t step);

  mlir::OpBuilder &b;
  LaneGrid grid;
  llvm::DenseMap<mlir::Value, LaneValue> values;
  llvm::DenseMap<mlir::Value, unsigned> bits; ///< of indices
  unsigned bitDepth = 0;
  llvm::DenseMap<mlir::Value, Stored> stored;
  llvm::SmallVector<mlir::Value> freeBuffers;
  int64_t storedBytes = 0;
  llvm::SmallVector<mlir::Value> masks;
};

} // namespace attnc::codegen
