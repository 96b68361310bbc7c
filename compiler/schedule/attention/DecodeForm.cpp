//===- DecodeForm.cpp - One read of K and V for all query heads -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before:  attn.attention q(%q) k(%k) v(%v) outs(%o)                         (on memrefs), few queries
// After, F query heads of a kv head as rows, the keys in S splits:
//
//   %parts = memref.alloc()                                    // where S > 1: O, max and sum of each item
//   scf.forall (%item) in (B * kv heads * blocks of queries * S) {
//     for the chunks of keys of the split that the mask leaves, cut to the keys that it allows:
//       for each panel:  tile.contract dots Q K^T epilogue { s' = allowed ? acc : -inf }    // prefetching
//       softmax of the rows (RowSoftmax.h)
//       for each panel:  tile.contract P V                                                  // prefetching
//     S = 1:  O / l;   else  parts[item] = O, max, sum
//   }
//   S > 1:  scf.forall (%item) in (items / S) {
//     max = max over splits;  O = sum of O_s 2^(u (max_s - max)),  sum likewise;  O / l
//   }
//
// The time of a step is that of reading K and V once. Splits are as many as keep 16 threads busy, each with enough to
// read; they depend on extents alone, not on the number of threads, and so do the results.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/DecodeForm.h"
#include "compiler/schedule/attention/DecodeBlocks.h"
#include "compiler/schedule/attention/LongSums.h"
#include "compiler/schedule/attention/RowBlocks.h"
#include "compiler/schedule/attention/RowEnd.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"
#include <numbers>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// So many threads should have an item, where an item then reads as many bytes.
constexpr int64_t kThreads = 16, kWorthAnItem = 1 << 20;

/// Whole vectors of D and E, the sums of the lanes of L vectors (40), loads and broadcasts beside P V (5/4), the
/// softmax (9), times 0.8, measured on Zen 5 (one query head for a kv head, D = 64, N = 1024: equal to queries in the
/// lanes at 16 queries, 11% faster at 24, 15% slower at 32); each further block of queries reads K and V again.
double schedule::decodeCycles(const AttentionShape &shape, int64_t queries, const Machine &machine) {
  double lanes = machine.lanes, q = queries, again = static_cast<double>((queries - 1) / kMostQueries);
  double d = llvm::alignTo(shape.featuresQK, machine.lanes), e = llvm::alignTo(shape.featuresV, machine.lanes);
  return 0.8 * q * (d / lanes + 40 / lanes + 1.25 * e / lanes + 9 / lanes) + again * (d + e) / 8;
}

namespace {
/// Items, in number: splits innermost.
struct DecodeItems {
  Value splits; ///< S
  Value blocks; ///< of queries
  Value count;
};

/// Emits an attention in this form.
class DecodeEmitter {
public:
  DecodeEmitter(OpBuilder &builder, AttentionOp op, const Blocking &blocking);
  void emit();

private:
  DecodeItems countItems();
  DecodeItem itemOf(Value number);
  void makeParts(OpBuilder &builder);
  void emitItem(Value number);
  void emitWalk(const DecodeItem &item, Value split);
  void emitChunk(const DecodeItem &item, IndexRange queries, Value first);
  void emitEnds(const DecodeItem &item);
  void storeParts(const DecodeItem &item, Value number);
  void emitMerge(Value number);
  void addPart(const QueryBlock &block, Value number);
  void forEachElement(const QueryBlock &block, llvm::function_ref<void(Value row, Value column)> body);
  void emitItems(Value count, llvm::function_ref<void(Value)> body);

  DecodeBlocks c;
  AttentionOp op;
  DecodeItems items;
  Value partO, partMax, partSum; ///< of all items: [item][group][row]([e])
};
} // namespace

DecodeEmitter::DecodeEmitter(OpBuilder &builder, AttentionOp op, const Blocking &blocking)
    : c(builder, op, blocking), op(op), items(countItems()) {
  // A workspace can be planned at the outermost level; the form may stand in a branch.
  OpBuilder outside(builder);
  while (!isa<func::FuncOp>(outside.getInsertionBlock()->getParentOp()))
    outside.setInsertionPoint(outside.getInsertionBlock()->getParentOp());
  makeParts(outside);
}

/// Kv heads of an item are one unit of work, so is a query head where F = 1.
DecodeItems DecodeEmitter::countItems() {
  const DecodeShape &shape = c.shape;
  int64_t heads = op.getExtent('H') / shape.heads / shape.groups;
  DecodeItems result;
  result.blocks = c.ceilDiv(c.m, c.index(shape.queries));
  Value units = c.mul(c.extent('B'), c.mul(c.index(heads), result.blocks));
  int64_t bits = op.getExtent('D') * c.elementOf(op.getK()).getIntOrFloatBitWidth() +
                 op.getExtent('E') * c.elementOf(op.getV()).getIntOrFloatBitWidth();
  int64_t keys = llvm::alignTo(llvm::divideCeil(kWorthAnItem * 8, bits * shape.groups), c.blocking.keys);
  Value wanted = c.ceilDiv(c.index(kThreads), c.max(units, c.index(1)));
  Value possible = c.max(c.index(1), c.div(c.n, c.index(keys)));
  result.splits = c.min(wanted, possible);
  result.count = c.mul(units, result.splits);
  return result;
}

/// Fewer units than threads are split, u of them into u ceil(T / u) <= 2 T - 2 items.
void DecodeEmitter::makeParts(OpBuilder &builder) {
  auto alloc = [&](ArrayRef<int64_t> sizes) {
    SmallVector<int64_t> shape{2 * kThreads - 2, c.shape.groups, c.shape.rows()};
    llvm::append_range(shape, sizes);
    return memref::AllocOp::create(builder, op.getLoc(), MemRefType::get(shape, c.real));
  };
  partO = alloc({c.paddedE});
  partMax = alloc({});
  partSum = alloc({});
}

void DecodeEmitter::emitItems(Value count, llvm::function_ref<void(Value)> body) {
  auto forall = scf::ForallOp::create(c.b, c.loc, ArrayRef<OpFoldResult>{getAsOpFoldResult(count)}, ValueRange(),
                                      /*mapping=*/std::nullopt);
  OpBuilder::InsertionGuard guard(c.b);
  c.b.setInsertionPointToStart(forall.getBody());
  body(forall.getInductionVar(0));
}

/// Item `number` without regard to splits.
DecodeItem DecodeEmitter::itemOf(Value number) {
  int64_t heads = op.getExtent('H'), units = heads / c.shape.heads / c.shape.groups;
  Value block = c.rem(number, items.blocks), unit = c.div(number, items.blocks);
  DecodeItem item;
  item.at.batch = c.div(unit, c.index(units));
  item.at.query = c.mul(c.rem(unit, c.index(units)), c.index(c.shape.heads * c.shape.groups));
  item.at.key = c.div(item.at.query, c.index(heads / op.getExtent('G'))); // g = h / (H/G)
  item.first = c.mul(block, c.index(c.shape.queries));
  int64_t queries = op.getExtent('M');
  item.count = queries == c.shape.queries ? c.index(queries) : c.min(c.index(c.shape.queries), c.sub(c.m, item.first));
  return item;
}

void DecodeEmitter::emit() {
  Value isSplit = c.cmpi(arith::CmpIPredicate::sgt, items.splits, c.index(1));
  if (op.isPaged()) // no items where a table names no page: the call fails
    items.count = c.select(c.cmpi(arith::CmpIPredicate::ne, c.items.count, c.index(0)), items.count, c.index(0));
  emitItems(items.count, [&](Value number) { emitItem(number); });
  c.ifTrue(isSplit, [&] { emitItems(c.div(items.count, items.splits), [&](Value number) { emitMerge(number); }); });
}

void DecodeEmitter::emitItem(Value number) {
  DecodeItem item = itemOf(c.div(number, items.splits));
  c.allocate(item);
  c.ifTrue(c.cmpi(arith::CmpIPredicate::sgt, c.n, c.index(0)), [&] { // else nothing may be read
    c.emitQueries(item);
    c.mask.emitHead(c.b, c.loc, {item.at.batch, item.at.query, Value(), Value(), c.m, c.n});
    Value split = c.rem(number, items.splits);
    if (!op.isPaged())
      return emitWalk(item, split);
    Value exist = emitFindPages(c, item.at, {item.first, c.sub(c.add(item.first, item.count), c.index(1))});
    c.ifTrue(exist, [&] { emitWalk(item, split); });
  });
  c.forEachGroup([&](Value group) { emitAddTotals(c, c.blockOf(item, group)); });
  Value isWhole = c.cmpi(arith::CmpIPredicate::eq, items.splits, c.index(1));
  c.ifElse(isWhole, [&] { emitEnds(item); }, [&] { storeParts(item, number); });
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

/// The chunks between the first and the last allowed key are dealt out in equal shares.
void DecodeEmitter::emitWalk(const DecodeItem &item, Value split) {
  Value one = c.index(1), size = c.index(c.blocking.keys), zero = c.index(0);
  IndexRange queries{item.first, c.sub(c.add(item.first, item.count), one)};
  IndexRange hull = c.mask.emitKeyHull(c.b, c.loc, queries, {zero, c.sub(c.n, one)});
  Value low = c.div(c.max(hull.low, zero), size), high = c.ceilDiv(c.max(c.add(hull.high, one), zero), size);
  Value share = c.ceilDiv(c.max(c.sub(high, low), zero), items.splits);
  Value begin = c.mul(c.add(low, c.mul(split, share)), size), end = c.add(begin, c.mul(share, size));
  c.mask.emitWalk(c.b, c.loc, queries, c.n, c.blocking.keys, [&](Value first) {
    Value above = c.cmpi(arith::CmpIPredicate::sge, first, begin),
          below = c.cmpi(arith::CmpIPredicate::slt, first, end);
    c.ifTrue(arith::AndIOp::create(c.b, c.loc, above, below), [&] { emitChunk(item, queries, first); });
  });
}

/// A window of 512 keys reads 512, wherever it begins.
void DecodeEmitter::emitChunk(const DecodeItem &item, IndexRange queries, Value first) {
  Value one = c.index(1), size = c.index(c.blocking.keys);
  Value last = c.sub(c.min(c.add(first, size), c.n), one);
  IndexRange keys =
      op.getMask().empty() ? IndexRange{first, last} : c.mask.emitKeyHull(c.b, c.loc, queries, {first, last});
  c.ifTrue(c.cmpi(arith::CmpIPredicate::sle, keys.low, keys.high), [&] {
    Value count = c.add(c.sub(keys.high, keys.low), one);
    BlockTruth truth = c.mask.emitTruth(c.b, c.loc, queries, keys);
    Value none = c.b.createOrFold<arith::XOrIOp>(c.loc, truth.someMasked, c.flag(true));
    Value whole = c.cmpi(arith::CmpIPredicate::eq, count, size);
    Value full = c.b.createOrFold<arith::AndIOp>(c.loc, whole, none);
    c.ifTrue(truth.someAllowed, [&] { c.emitVisited(item, keys.low, count, {full, truth.someMasked}); });
  });
}

//===----------------------------------------------------------------------===//
// Ends
//===----------------------------------------------------------------------===//

void DecodeEmitter::emitEnds(const DecodeItem &item) {
  c.forEachGroup([&](Value group) {
    QueryBlock block = c.blockOf(item, group);
    c.forEachHead([&](Value head) {
      emitAddedRowEnds(c, c.headOf(item, block, head),
                       [&](const QueryBlock &queries, Value out) { emitOutputRows(c, queries, out); });
    });
  });
}

void DecodeEmitter::forEachElement(const QueryBlock &block, llvm::function_ref<void(Value, Value)> body) {
  c.forRange(c.index(0), block.count, 1,
             [&](Value row) { c.mapColumns(c.index(c.paddedE), [&](Value column) { body(row, column); }); });
}

void DecodeEmitter::storeParts(const DecodeItem &item, Value number) {
  c.forEachGroup([&](Value group) {
    QueryBlock block = c.blockOf(item, group);
    forEachElement(block, [&](Value row, Value column) {
      c.store(c.load(block.state.o, {row, column}), partO, {number, group, row, column});
    });
    c.mapColumns(block.count, [&](Value row) {
      c.store(c.load(block.state.max, {row}), partMax, {number, group, row});
      c.store(c.load(block.state.sum, {row}), partSum, {number, group, row});
    });
  });
}

/// max of the block is that of all parts. A part that met no score has sum = 0 and counts for nothing.
void DecodeEmitter::addPart(const QueryBlock &block, Value number) {
  const BlockState &state = block.state;
  c.forRange(c.index(0), block.count, 1, [&](Value row) {
    Value at[] = {number, block.number, row};
    Value max = c.load(partMax, at), sum = c.load(partSum, at), none = c.none();
    Value isSet = c.cmpf(arith::CmpFPredicate::ONE, max, none);
    Value t = c.mulf(c.subf(max, c.load(state.max, {row})), c.f(std::numbers::log2e));
    Value factor = c.select(isSet, math::Exp2Op::create(c.b, c.loc, t), c.f(1.0)); // no maximum: 0, or NaN (A6)
    c.store(c.addf(c.load(state.sum, {row}), c.mulf(sum, factor)), state.sum, {row});
    c.mapColumns(c.index(c.paddedE), [&](Value column) {
      Value part = c.mulf(c.load(partO, {number, block.number, row, column}), factor);
      c.store(c.addf(c.load(state.o, {row, column}), part), state.o, {row, column});
    });
  });
}

void DecodeEmitter::emitMerge(Value number) {
  DecodeItem item = itemOf(number);
  c.allocate(item);
  Value first = c.mul(number, items.splits), end = c.add(first, items.splits);
  c.forEachGroup([&](Value group) {
    QueryBlock block = c.blockOf(item, group);
    c.forRange(first, end, 1, [&](Value part) {
      c.mapColumns(block.count, [&](Value row) {
        Value max =
            arith::MaximumFOp::create(c.b, c.loc, c.load(block.state.max, {row}), c.load(partMax, {part, group, row}));
        c.store(max, block.state.max, {row});
      });
    });
    c.forRange(first, end, 1, [&](Value part) { addPart(block, part); });
  });
  emitEnds(item);
}

void schedule::emitDecodeForm(OpBuilder &builder, AttentionOp op, const Blocking &blocking) {
  DecodeEmitter(builder, op, blocking).emit();
}
