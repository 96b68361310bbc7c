//===- TransposedPrefetch.cpp - Prefetch in register tiles ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of TransposedBlocks. Rows with a stride are more than a hardware prefetcher follows, and where sequences are
// short every item visits new ones. Each register tile of R keys of Q K^T prefetches a few lines, so that they never
// queue up:
//
//   the first block of queries      rows of K two tiles ahead       the tile's rows of V, for P V (unless they are
//   to visit these keys                                             staged or packed: then O's at once)
//   block u, later                  rows of Q of the next item      rows of O of this item: key j of block u stands
//                                                                   for row (u - 1) N + j
//
// since K and V are in the cache when another block of queries visits them. An item of one block prefetches the queries
// of the next at its end. Captured matrices are prefetched where they are transposed (TransposedMatrices.cpp).
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/TransposedBlocks.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

namespace {
/// Row r of a register tile asks for row `first` + r of `rows`, at most `last`.
struct RowRequest {
  Value rows, first, last;
  int64_t features;
};
} // namespace

/// One of two views of rows, in the type of both; null if they have none.
static Value selectRows(OpBuilder &b, Location loc, Value condition, Value rows, Value others) {
  auto type = cast<MemRefType>(rows.getType());
  if (type.getElementType() != cast<MemRefType>(others.getType()).getElementType())
    return Value();
  int64_t any = ShapedType::kDynamic;
  auto layout = StridedLayoutAttr::get(b.getContext(), any, {any, any});
  auto common = MemRefType::get({any, any}, type.getElementType(), layout, type.getMemorySpace());
  auto cast = [&](Value view) -> Value { return memref::CastOp::create(b, loc, common, view); };
  return arith::SelectOp::create(b, loc, condition, cast(rows), cast(others));
}

/// Requests for rows of one of two tensors: `own` where the keys are new, else `other`. What is the same for all rows
/// of the register tile is computed here, before them.
static void addRequests(OpBuilder &b, Location loc, Value isNew, SmallVectorImpl<RowRequest> &requests,
                        const RowRequest &own, const RowRequest &other) {
  Value rows = selectRows(b, loc, isNew, own.rows, other.rows);
  if (!rows)
    return requests.append({own, other});
  auto either = [&](Value yes, Value no) -> Value { return arith::SelectOp::create(b, loc, isNew, yes, no); };
  requests.push_back({rows, either(own.first, other.first), either(own.last, other.last), own.features});
}

/// What the register tiles of a pair of blocks ask for. Of K and V only what is read in place: what is staged or packed
/// has just been read.
static SmallVector<RowRequest> requestsOfTile(AttentionContext &c, const QueryBlock &queries, const KeyBlock &keys,
                                              bool pairs) {
  AttentionOp op = c.op;
  SmallVector<RowRequest> requests;
  auto keysOf = [&](const Rows &of, int64_t ahead) {
    if (of.table) { // a whole page: of K the one after this block, of V the tile's rows
      Value keysOfPage = c.extent('P'), first = c.add(keys.first, c.index(ahead ? c.blocking.keys : 0));
      return RowRequest{c.pageOf(queries.at, of, c.div(first, keysOfPage)), c.rem(first, keysOfPage),
                        c.sub(keysOfPage, c.index(1)), op.getExtent(of.feature)};
    }
    Value rows = c.rowsOf(queries.at, of, c.index(0), c.n);
    return RowRequest{rows, c.add(keys.first, c.index(ahead)), c.sub(c.n, c.index(1)), op.getExtent(of.feature)};
  };
  Value before = arith::MulIOp::create(c.b, c.loc, c.sub(queries.number, c.index(1)), c.n);
  // Of block and key among all of them.
  Value place = c.max(c.index(0), c.add(before, keys.first));
  RowRequest following{queries.next.rows, c.add(queries.next.first, place), queries.next.last, op.getExtent('D')};
  bool isFar = c.op.isPaged() && !c.arePagesWhole();
  if (isFar || (c.isStaged(c.k()) && !pairs))
    requests.push_back(following);
  else
    addRequests(c.b, c.loc, keys.isNew, requests, keysOf(c.k(), 2 * queries.tileRows), following);

  Value rows = c.rowsOf(queries.at, c.o(), c.index(0), c.m);
  Value firstOut = c.sub(queries.first, arith::MulIOp::create(c.b, c.loc, queries.number, c.items.step));
  RowRequest out{rows, c.add(firstOut, place), c.sub(c.m, c.index(1)), op.getExtent('E')};
  if (c.isStaged(c.v()) || pairs)
    requests.push_back(out);
  else
    addRequests(c.b, c.loc, keys.isNew, requests, keysOf(c.v(), 0), out);
  return requests;
}

/// What each row of a register tile of `contract` prefetches.
void TransposedBlocks::emitPrefetch(const QueryBlock &queries, const KeyBlock &keys, tile::ContractOp contract) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(contract);
  SmallVector<RowRequest> requests = requestsOfTile(*this, queries, keys, pairs);
  Block *body = b.createBlock(&contract.getPrefetch(), {}, {b.getIndexType()}, {loc});
  Value row = body->getArgument(0);
  for (const RowRequest &request : requests)
    prefetchRow(request.rows, min(add(request.first, row), request.last), request.features);
  emitPrefetchMatrices(queries, keys, row);
  tile::YieldOp::create(b, loc, Value());
}
