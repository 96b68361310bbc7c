//===- LaneChunks.cpp - Long regions on a grid of vectors, chunk by chunk -===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %1 = op %x              memory1[p] = x of vector p
//   ...                     for p = 0 to R * C:  1 to 48 of memory1[p]; memory2[p] = %48
//   %48 = op %47       ->   for p = 0 to R * C:  49 to 96 of memory2[p]; memory3[p] = %96
//   ...                     ...
//   softmax_step %96        softmax_step memory3[0], memory3[1], ...
//
// Only what differs from vector to vector is in memory. A buffer is free again when nothing reads it any more.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/LaneEmitter.h"
#include "codegen/common/Lowering.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::codegen;

using Form = LaneValue::Form;

/// Blocks of fewer operations stay in registers. Half as many in a chunk keep its loop a few hundred instructions long.
constexpr unsigned kLong = 96, kChunk = 48;

/// What the stack may hold of one region: with it an item stays far below the 1 MB that a thread needs.
constexpr int64_t kMostBytes = 256 << 10;

bool LaneEmitter::isLong(Block &block) const {
  return grid.rows * grid.cols > 1 && !block.empty() &&
         std::next(block.begin(), std::min<size_t>(block.getOperations().size(), kLong)) != block.end();
}

/// An operation on one element that differs from vector to vector.
bool LaneEmitter::isChunkable(Operation *op) {
  bool isElementwise = op->hasTrait<OpTrait::Elementwise>() || isa<memref::LoadOp, arith::IndexCastOp>(op);
  return isElementwise && op->getNumResults() == 1 && op->getNumRegions() == 0;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Bytes hold i1, and 64 bits an index.
static Type storedType(OpBuilder &b, Type type) {
  return type.isInteger(1) ? b.getI8Type() : type.isIndex() ? Type(b.getI64Type()) : type;
}

static Type withElement(Type like, Type element) {
  auto vector = dyn_cast<VectorType>(like);
  return vector ? Type(vector.clone(element)) : element;
}

/// R * C vectors, or scalars, of `type`.
Value LaneEmitter::bufferFor(Operation *user, const LaneValue &shape, Type type) {
  int64_t width = shape.form == Form::Vector ? grid.lanes : 1, parts = grid.rows * grid.cols;
  auto wanted = MemRefType::get({parts, width}, storedType(b, type));
  for (Value &buffer : freeBuffers)
    if (buffer.getType() == wanted) {
      Value found = buffer;
      buffer = freeBuffers.back();
      freeBuffers.pop_back();
      return found;
    }
  storedBytes += parts * width * wanted.getElementTypeBitWidth() / 8;
  return scratchTile(b, user, parts, width, wanted.getElementType());
}

void LaneEmitter::storePart(Location loc, Value part, const Stored &to, Value at) {
  Type element = getElementTypeOrSelf(part.getType()), kept = storedType(b, element);
  if (element.isInteger(1))
    part = arith::ExtUIOp::create(b, loc, withElement(part.getType(), kept), part);
  else if (element.isIndex())
    part = arith::IndexCastOp::create(b, loc, withElement(part.getType(), kept), part);
  Value zero = constantIndex(b, loc, 0);
  if (to.shape.form == Form::Vector)
    vector::StoreOp::create(b, loc, part, to.buffer, ValueRange{at, zero});
  else
    memref::StoreOp::create(b, loc, part, to.buffer, ValueRange{at, zero});
}

/// Vector `at` of the tile alone; `type` is the scalar type.
LaneValue LaneEmitter::loadPart(Location loc, const Stored &from, Type type, Value at) {
  Type kept = storedType(b, type);
  Value zero = constantIndex(b, loc, 0), part;
  if (from.shape.form == Form::Vector)
    part = vector::LoadOp::create(b, loc, vectorOf(kept), from.buffer, ValueRange{at, zero});
  else
    part = memref::LoadOp::create(b, loc, from.buffer, ValueRange{at, zero});
  if (type.isInteger(1))
    part = arith::TruncIOp::create(b, loc, withElement(part.getType(), type), part);
  else if (type.isIndex())
    part = arith::IndexCastOp::create(b, loc, withElement(part.getType(), type), part);
  return {from.shape.form, false, false, from.shape.step, {part}};
}

/// `value`, which differs from vector to vector, in memory.
LaneEmitter::Stored &LaneEmitter::storedOf(Operation *user, Value value, unsigned uses) {
  if (auto it = stored.find(value); it != stored.end())
    return it->second;
  LaneValue lanes = valueOf(value);
  Stored kept{bufferFor(user, lanes, value.getType()), {lanes.form, false, false, lanes.step, {}}, uses};
  for (unsigned r = 0; r < grid.rows; ++r)
    for (unsigned c = 0; c < grid.cols; ++c)
      storePart(value.getLoc(), scalarAt(lanes, r, c), kept, constantIndex(b, value.getLoc(), r * grid.cols + c));
  return stored[value] = kept;
}

/// Buffers that no later operation reads are free.
void LaneEmitter::release(ArrayRef<Operation *> chunk) {
  for (Operation *op : chunk)
    for (Value operand : op->getOperands())
      if (auto it = stored.find(operand); it != stored.end() && it->second.uses && --it->second.uses == 0)
        freeBuffers.push_back(it->second.buffer);
}

//===----------------------------------------------------------------------===//
// Chunks
//===----------------------------------------------------------------------===//

LogicalResult LaneEmitter::emitChunk(ArrayRef<Operation *> chunk) {
  if (chunk.empty())
    return success();
  Location loc = chunk.front()->getLoc();
  llvm::SmallDenseSet<Operation *> inside(chunk.begin(), chunk.end());
  auto usesOf = [](Value value) { return static_cast<unsigned>(std::distance(value.use_begin(), value.use_end())); };
  llvm::SmallSetVector<Value, 8> ins;
  SmallVector<Value> outs;
  for (Operation *op : chunk) {
    for (Value operand : op->getOperands()) {
      bool isMade = operand.getDefiningOp() && inside.contains(operand.getDefiningOp());
      if (!isMade && (stored.contains(operand) || values.contains(operand)))
        ins.insert(operand);
    }
    if (llvm::any_of(op->getUsers(), [&](Operation *user) { return !inside.contains(user); }))
      outs.push_back(op->getResult(0));
  }
  for (Value in : ins)
    if (LaneValue known = stored.contains(in) ? LaneValue() : valueOf(in);
        known.byRow || known.byCol || known.form != Form::Scalar)
      (void)storedOf(chunk.front(), in, usesOf(in));
  auto loop = scf::ForOp::create(b, loc, constantIndex(b, loc, 0), constantIndex(b, loc, grid.rows * grid.cols),
                                 constantIndex(b, loc, 1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value at = loop.getInductionVar(), real;
  if (grid.colCount) {
    Value column = arith::RemUIOp::create(b, loc, at, constantIndex(b, loc, grid.cols));
    Value offset = arith::MulIOp::create(b, loc, column, constantIndex(b, loc, grid.lanes));
    real = arith::SubIOp::create(b, loc, grid.colCount, offset);
  }
  LaneEmitter one(b, {1, 1, grid.lanes, real});
  for (Value in : ins)
    one.bind(in, stored.contains(in) ? loadPart(loc, stored[in], in.getType(), at) : valueOf(in));
  for (Operation *op : chunk)
    if (failed(one.emitOp(op)))
      return failure();
  release(chunk);
  for (Value out : outs) {
    LaneValue value = one.valueOf(out);
    Stored kept{
        bufferFor(chunk.front(), value, out.getType()), {value.form, false, false, value.step, {}}, usesOf(out)};
    for (Operation *user : out.getUsers()) // those of this chunk are done
      kept.uses -= inside.contains(user);
    storePart(loc, value.parts[0], kept, at);
    stored[out] = kept;
  }
  if (storedBytes > kMostBytes)
    return chunk.front()->emitError() << "too many values of an expression are needed at the same time: their vectors "
                                         "would take more than "
                                      << (kMostBytes >> 10) << " KB of a thread's stack";
  return success();
}

LogicalResult LaneEmitter::emitChunks(Block &block, Operation *except) {
  SmallVector<Operation *> chunk;
  llvm::SmallDenseSet<Value> pending; // results of the chunk
  auto flush = [&]() {
    LogicalResult done = emitChunk(chunk);
    chunk.clear();
    pending.clear();
    return done;
  };
  for (Operation &op : block.without_terminator()) {
    if (&op == except)
      continue;
    auto differs = [&](Value operand) {
      if (pending.contains(operand) || stored.contains(operand))
        return true;
      auto it = values.find(operand);
      return it != values.end() && (it->second.form != Form::Scalar || it->second.byRow || it->second.byCol);
    };
    if (llvm::any_of(op.getOperands(), differs) && isChunkable(&op)) {
      chunk.push_back(&op);
      pending.insert(op.getResult(0));
      if (chunk.size() == kChunk && failed(flush()))
        return failure();
      continue;
    }
    bool reads = llvm::any_of(op.getOperands(), [&](Value operand) { return pending.contains(operand); });
    if ((reads && failed(flush())) || failed(emitOp(&op)))
      return failure();
    release(&op);
  }
  return flush();
}
