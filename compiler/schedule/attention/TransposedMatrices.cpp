//===- TransposedMatrices.cpp - Captured values of every pair -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of TransposedBlocks. A score such as s + bias[h, i, j] reads a matrix whose rows are queries; the lanes of a
// register tile are queries too, so its elements lie a row apart. Each block is transposed once, by shuffles that read
// every cache line once, into scratch that the score reads like any panel:
//
//   B^T[n][q] = bias[h, q0 + q, n0 + n]
//
// and the lines of the next block are prefetched, since no hardware prefetcher follows 64 rows.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/TransposedBlocks.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// The element's indices are [.., i, .., j]; all others are the same for a whole block.
static bool isPerPair(memref::LoadOp element) {
  Region &score = *element->getParentRegion();
  Value query = attn::AttentionOp::argumentOf(score, 'i'), key = attn::AttentionOp::argumentOf(score, 'j');
  auto isUniform = [&](Value index) {
    auto argument = dyn_cast<BlockArgument>(index);
    return argument && argument.getOwner() == &score.front() ? index != query && index != key
                                                             : matchPattern(index, m_Constant());
  };
  ValueRange indices = element.getIndices();
  return indices.size() >= 2 && indices.back() == key && llvm::count(indices, query) == 1 &&
         llvm::all_of(indices.drop_back(), [&](Value index) { return index == query || isUniform(index); });
}

SmallVector<memref::LoadOp> TransposedBlocks::findMatrices() {
  SmallVector<memref::LoadOp> found;
  if (op.getScore().empty() || blocking.lanes == 1)
    return found;
  for (auto element : op.getScore().front().getOps<memref::LoadOp>()) {
    unsigned bits = element.getType().getIntOrFloatBitWidth();
    if (bits >= 8 && isPerPair(element))
      found.push_back(element);
  }
  return found;
}

/// Nothing but matrices is read by query: what lies beyond the last query is scratch.
bool TransposedBlocks::readsOnlyMatrices() {
  auto readsOther = [&](Region &region) {
    return region
        .walk([&](memref::LoadOp element) {
          return llvm::is_contained(matrices, element) ? WalkResult::advance() : WalkResult::interrupt();
        })
        .wasInterrupted();
  };
  return !readsOther(op.getScore()) && !readsOther(op.getMask());
}

/// Rows of `queries` and columns [key, key + keysHere) of the matrix that `element` belongs to.
static Value matrixRows(AttentionContext &c, const QueryBlock &queries, memref::LoadOp element, Value key,
                        Value keysHere) {
  OpBuilder &b = c.b;
  attn::AttentionOp op = c.op;
  Block *block = element->getBlock();
  IRMapping mapping;
  SmallVector<Value> arguments{Value(), queries.at.batch, queries.at.query, queries.first, key, c.m, c.n};
  llvm::append_range(arguments, op.getCaptures());
  mapping.map(block->getArguments().drop_front(), ArrayRef(arguments).drop_front());
  SmallVector<OpFoldResult> offsets, sizes(element.getIndices().size(), b.getIndexAttr(1));
  SmallVector<int64_t> kept;
  for (auto [dim, index] : llvm::enumerate(element.getIndices())) {
    APInt constant;
    offsets.push_back(matchPattern(index, m_ConstantInt(&constant))
                          ? OpFoldResult(b.getIndexAttr(constant.getSExtValue()))
                          : OpFoldResult(mapping.lookup(index)));
    if (index != op.argumentOf(op.getScore(), 'i') && index != op.argumentOf(op.getScore(), 'j'))
      continue;
    sizes[dim] = index == op.argumentOf(op.getScore(), 'i') ? queries.count : keysHere;
    kept.push_back(dim);
  }
  return subviewOfDims(b, c.loc, mapping.lookupOrDefault(element.getMemRef()), offsets, sizes, kept);
}

/// Prefetches a share of the next block of keys, W of its elements for each key of the current block: all at once would
/// wait for each other.
void TransposedBlocks::emitPrefetchMatrices(const QueryBlock &queries, const KeyBlock &keys, Value key) {
  Value first = arith::MulIOp::create(b, loc, key, index(blocking.width)), size = index(blocking.keys);
  for (memref::LoadOp matrix : matrices) {
    int64_t line = 64 * 8 / matrix.getType().getIntOrFloatBitWidth(); // elements of a cache line
    Value rows = matrixRows(*this, queries, matrix, index(0), n);
    for (int64_t at = 0; at < blocking.width; at += line) {
      Value element = add(first, index(at)), last = sub(n, index(1));
      Value query = min(arith::DivUIOp::create(b, loc, element, size), sub(queries.count, index(1)));
      Value next = min(add(add(keys.first, size), arith::RemUIOp::create(b, loc, element, size)), last);
      memref::PrefetchOp::create(b, loc, rows, ValueRange{query, next}, /*isWrite=*/false, /*localityHint=*/2,
                                 /*isDataCache=*/true);
    }
  }
}

/// Transposes the block of every matrix.
void TransposedBlocks::emitMatrices(const QueryBlock &queries, const KeyBlock &keys) {
  for (auto [matrix, block] : queries.state.matrices)
    emitTranspose(matrixRows(*this, queries, matrix, keys.first, keys.count), block, queries.count, keys.count,
                  /*pad=*/true, [](Value element, Value) { return element; });
}
