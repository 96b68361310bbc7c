//===- AttentionPrefetch.cpp - Rows of Q, K, V and O, before their use ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of AttentionScheduler. Rows with a stride are more than a hardware prefetcher follows, and where sequences are
// short every item visits new ones. Each register tile of R keys of Q K^T prefetches a few lines, so that they
// never queue up:
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

#include "compiler/schedule/attention/TransposedForm.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// Prefetches every cache line of a row of `rows`, whose `features` elements are neighbours; of a long row the first
/// page, since hardware follows neighbours: code must not grow with the heads.
void AttentionScheduler::prefetchRow(Value rows, Value row, int64_t features) {
  int64_t line = 64 * 8 / elementOf(rows).getIntOrFloatBitWidth(); // elements of a cache line
  constexpr int64_t kLines = 64;
  for (int64_t at = 0; at < std::min(features, kLines * line); at += line)
    memref::PrefetchOp::create(b, loc, rows, ValueRange{row, index(at)}, /*isWrite=*/false, /*localityHint=*/2,
                               /*isDataCache=*/true);
}

/// Finds the queries of the item after `item`; those of `item` where it is the last.
AttentionScheduler::NextQueries AttentionScheduler::nextOf(Value item) {
  Value following = min(add(item, index(1)), sub(items.count, index(1)));
  auto [at, block] = headOf(following);
  Value first = arith::MulIOp::create(b, loc, block, step);
  Value end = min(m, add(first, arith::MulIOp::create(b, loc, items.blocksPerItem, step)));
  Value rows = view(at, op.getQ(), op.getQLayout(), {{'M', index(0), m}, {'D', index(0), extent('D')}}, "MD");
  return {rows, first, sub(end, index(1))};
}

/// Prefetches the next item's queries where register tiles have not (heads inside rows, M = N = 128: 3% of the time).
void AttentionScheduler::emitPrefetchQueries(Value blocksHere) {
  OpBuilder::InsertionGuard guard(b);
  if (prefetchesInTiles()) {
    Value isOne = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, blocksHere, index(1));
    b.setInsertionPointToStart(scf::IfOp::create(b, loc, isOne, /*withElseRegion=*/false).thenBlock());
  }
  forRange(next.first, add(next.last, index(1)), 1, [&](Value row) { prefetchRow(next.rows, row, op.getExtent('D')); });
}

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

/// Requests for rows of one of two tensors: `own` where the keys are new, else `other`. What is the same for all rows of
/// the register tile is computed here, before them.
void TransposedForm::addRequests(Value isNew, SmallVectorImpl<RowRequest> &requests, const RowRequest &own,
                                 const RowRequest &other) {
  Value rows = selectRows(b, loc, isNew, own.rows, other.rows);
  if (!rows)
    return requests.append({own, other});
  auto either = [&](Value yes, Value no) -> Value { return arith::SelectOp::create(b, loc, isNew, yes, no); };
  requests.push_back({rows, either(own.first, other.first), either(own.last, other.last), own.features});
}

/// What the register tiles of a pair of blocks ask for. Of K and V only what is read in place: what is staged or packed
/// has just been read.
SmallVector<TransposedForm::RowRequest> TransposedForm::requestsOfTile(const QueryBlock &queries,
                                                                       const KeyBlock &keys) {
  SmallVector<RowRequest> requests;
  auto keysOf = [&](Value tensor, StringRef layout, char feature, int64_t ahead) {
    Value rows = view(queries.at, tensor, layout, {{'N', index(0), n}, {feature, index(0), extent(feature)}},
                      std::string{'N', feature});
    return RowRequest{rows, add(keys.first, index(ahead)), sub(n, index(1)), op.getExtent(feature)};
  };
  Value before = arith::MulIOp::create(b, loc, sub(queries.number, index(1)), n);
  // Of block and key among all of them.
  Value place = b.createOrFold<arith::MaxSIOp>(loc, index(0), add(before, keys.first));
  RowRequest following{next.rows, add(next.first, place), next.last, op.getExtent('D')};
  if (isStaged(op.getK()) && !pairs)
    requests.push_back(following);
  else
    addRequests(keys.isNew, requests, keysOf(op.getK(), op.getKLayout(), 'D', 2 * queries.tileRows), following);

  Value rows =
      view(queries.at, op.getInits()[0], op.getOLayout(), {{'M', index(0), m}, {'E', index(0), extent('E')}}, "ME");
  Value firstOut = sub(queries.first, arith::MulIOp::create(b, loc, queries.number, step));
  RowRequest out{rows, add(firstOut, place), sub(m, index(1)), op.getExtent('E')};
  if (isStaged(op.getV()) || pairs)
    requests.push_back(out);
  else
    addRequests(keys.isNew, requests, keysOf(op.getV(), op.getVLayout(), 'E', 0), out);
  return requests;
}

/// What each row of a register tile of `contract` prefetches.
void TransposedForm::emitPrefetch(const QueryBlock &queries, const KeyBlock &keys, tile::ContractOp contract) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(contract);
  SmallVector<RowRequest> requests = requestsOfTile(queries, keys);
  Block *body = b.createBlock(&contract.getPrefetch(), {}, {b.getIndexType()}, {loc});
  Value row = body->getArgument(0);
  for (const RowRequest &request : requests)
    prefetchRow(request.rows, min(add(request.first, row), request.last), request.features);
  emitPrefetchMatrices(queries, keys, row);
  tile::YieldOp::create(b, loc, Value());
}
