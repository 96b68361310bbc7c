//===- OrderOps.cpp - Operators that compare elements of a row ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A NaN counts as the largest, and as the smallest: it comes first, as in numpy.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Scalars.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <fmt/format.h>
#include <limits>

using namespace mlir;
using namespace attnc::onnx;
using namespace attnc::onnx::scalar;

namespace {

//===- ArgMax, ArgMin, Hardmax --------------------------------------------===//

/// The loops of `rank` dims without `axis`, which reads index 0.
AffineMap rowMap(int64_t rank, int64_t axis, MLIRContext *context) {
  SmallVector<AffineExpr> results;
  for (int64_t dim = 0; dim < rank; ++dim)
    results.push_back(dim == axis ? getAffineConstantExpr(0, context) : getAffineDimExpr(dim, context));
  return AffineMap::get(rank, 0, results, context);
}

AffineMap withoutAxis(int64_t rank, int64_t axis, MLIRContext *context) {
  return AffineMap::getMultiDimIdentityMap(rank, context).dropResult(axis);
}

SymList shapeWithout(const Tensor *x, int64_t axis) {
  SmallVector<Sym> shape(x->shape);
  shape.erase(shape.begin() + axis);
  return shape;
}

V isNumberless(B &b, L l, V x) {
  return isFloat(x) ? isNaN(b, l, x) : V(arith::ConstantOp::create(b, l, b.getBoolAttr(false)));
}

/// The position, int64, of the largest (smallest) element along `axis`, which disappears: of equal ones the first or last.
Tensor *argOf(NodeContext &ctx, Tensor *x, int64_t axis, bool largest, bool last) {
  Composer c(ctx);
  OpBuilder &builder = ctx.emit.builder;
  MLIRContext *context = builder.getContext();
  int64_t rank = x->rank();
  if (!largest)
    x = c.map({x}, [](B &b, L l, ValueRange in) -> V { // ~x of integers: -x would not hold the smallest
      if (isFloat(in[0]))
        return arith::NegFOp::create(b, l, in[0]);
      return arith::XOrIOp::create(b, l, in[0], constantLike(b, l, in[0], -1));
    });
  Tensor *top = c.max(x, axis);
  auto none = builder.getI64IntegerAttr(last ? -1 : INT64_MAX);
  return c.fold({x, top}, {AffineMap::getMultiDimIdentityMap(rank, context), rowMap(rank, axis, context)},
                withoutAxis(rank, axis, context), shapeWithout(x, axis), none, [&](B &b, L l, ValueRange in) -> V {
                  V at = arith::IndexCastOp::create(b, l, b.getI64Type(), linalg::IndexOp::create(b, l, axis));
                  V isTop = arith::OrIOp::create(b, l, equal(b, l, in[1], in[2]), isNumberless(b, l, in[1]));
                  V better =
                      last ? V(arith::MaxSIOp::create(b, l, in[0], at)) : V(arith::MinSIOp::create(b, l, in[0], at));
                  return select(b, l, isTop, better, in[0]);
                });
}

LogicalResult importArg(NodeContext &ctx, bool largest) {
  Tensor *x = ctx.input(0);
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), x->rank());
  if (failed(axis))
    return failure();
  if (x->shape[*axis].isConstant(0))
    return ctx.fail("it looks for the best of no elements");
  bool keep = ctx.intAttr("keepdims");
  Tensor *position = argOf(ctx, x, *axis, largest, ctx.flag("select_last_index"));
  return ctx.result(keep ? ctx.emit.reshape(position, keptShape(x->shape, *axis)) : position);
}

/// 1 at the first of the largest elements along the axis, 0 elsewhere. Before opset 13 (`isFlattened`) the dims from the axis
/// on are one row.
LogicalResult importHardmax(NodeContext &ctx, bool isFlattened) {
  Tensor *x = ctx.input(0);
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), x->rank());
  if (failed(axis))
    return failure();
  Composer c(ctx);
  SymList whole = x->shape;
  if (isFlattened) {
    SymList rows(ArrayRef(whole).take_front(*axis));
    rows.push_back(ctx.symbols.product(ArrayRef(whole).drop_front(*axis)));
    x = c.reshape(x, rows);
  }
  if (!x)
    return failure();
  Tensor *position = c.reshape(argOf(ctx, x, *axis, true, false), keptShape(x->shape, *axis));
  Tensor *result = ctx.emit.elementwise(position, x->elementType, x->shape, [&](B &b, L l, ValueRange in) {
    V at = arith::IndexCastOp::create(b, l, b.getI64Type(), linalg::IndexOp::create(b, l, *axis));
    V zero = arith::ConstantOp::create(b, l, ctx.emit.zero(x->elementType));
    return select(b, l, equal(b, l, at, in[0]), constantLike(b, l, zero, 1), zero);
  });
  return c.finish(c.reshape(result, whole));
}

//===- TopK ---------------------------------------------------------------===//

/// How many elements of its row come before each element: those that are larger (smaller), and equal ones of lower index.
Tensor *ranksOf(NodeContext &ctx, Tensor *x, int64_t axis, bool largest) {
  Composer c(ctx);
  MLIRContext *context = ctx.emit.builder.getContext();
  int64_t rank = x->rank(); // loops: those of the result, then j
  SmallVector<AffineExpr> other, own;
  for (int64_t dim = 0; dim < rank; ++dim) {
    own.push_back(getAffineDimExpr(dim, context));
    other.push_back(getAffineDimExpr(dim == axis ? rank : dim, context));
  }
  AffineMap ownMap = AffineMap::get(rank + 1, 0, own, context), otherMap = AffineMap::get(rank + 1, 0, other, context);
  auto zero = ctx.emit.builder.getI64IntegerAttr(0);
  return c.fold({x, x}, {ownMap, otherMap}, ownMap, x->shape, zero, [&](B &b, L l, ValueRange in) -> V {
    V mine = in[1], theirs = in[2];
    V i = linalg::IndexOp::create(b, l, axis), j = linalg::IndexOp::create(b, l, rank);
    V isBefore = arith::CmpIOp::create(b, l, arith::CmpIPredicate::slt, j, i);
    V mineIsNaN = isNumberless(b, l, mine), theirsIsNaN = isNumberless(b, l, theirs);
    V isBetter = largest ? less(b, l, mine, theirs) : less(b, l, theirs, mine);
    V isSame =
        arith::OrIOp::create(b, l, equal(b, l, mine, theirs), arith::AndIOp::create(b, l, mineIsNaN, theirsIsNaN));
    V onlyTheirs = arith::CmpIOp::create(b, l, arith::CmpIPredicate::ugt, theirsIsNaN, mineIsNaN);
    V wins = arith::OrIOp::create(b, l, arith::OrIOp::create(b, l, isBetter, onlyTheirs),
                                  arith::AndIOp::create(b, l, isSame, isBefore));
    return arith::AddIOp::create(b, l, in[0], arith::ExtUIOp::create(b, l, b.getI64Type(), wins));
  });
}

/// The best elements of rows, and where they were.
struct Best {
  Tensor *values, *positions;
};

/// The k best along `axis`, best first. Each element counts who beats it: k rows of n, after n of n.
Best bestOf(NodeContext &ctx, Tensor *x, int64_t axis, const Sym &k, bool largest) {
  Composer c(ctx);
  MLIRContext *context = ctx.emit.builder.getContext();
  Tensor *ranks = ranksOf(ctx, x, axis, largest);
  int64_t rank = x->rank(); // loops: those of the result, then j
  SmallVector<AffineExpr> source;
  for (int64_t dim = 0; dim < rank; ++dim)
    source.push_back(getAffineDimExpr(dim == axis ? rank : dim, context));
  AffineMap sourceMap = AffineMap::get(rank + 1, 0, source, context);
  AffineMap resultMap = AffineMap::getMultiDimIdentityMap(rank + 1, context).dropResult(rank);
  SymList shape(x->shape);
  shape[axis] = k;
  auto isWanted = [&](B &b, L l, V position) -> V {
    V row = arith::IndexCastOp::create(b, l, b.getI64Type(), linalg::IndexOp::create(b, l, axis));
    return arith::CmpIOp::create(b, l, arith::CmpIPredicate::eq, position, row);
  };
  Tensor *values = c.fold({x, ranks}, {sourceMap, sourceMap}, resultMap, shape, ctx.emit.zero(x->elementType),
                          [&](B &b, L l, ValueRange in) { return select(b, l, isWanted(b, l, in[2]), in[1], in[0]); });
  Tensor *positions = c.fold(
      {ranks}, {sourceMap}, resultMap, shape, ctx.emit.builder.getI64IntegerAttr(0), [&](B &b, L l, ValueRange in) {
        V at = arith::IndexCastOp::create(b, l, b.getI64Type(), linalg::IndexOp::create(b, l, rank));
        return select(b, l, isWanted(b, l, in[1]), at, in[0]);
      });
  return {values, positions};
}

/// The element of a row that each of `positions` names, which lie inside of it.
Tensor *elementsAt(NodeContext &ctx, Tensor *x, Tensor *positions, int64_t axis) {
  V source = ctx.emit.value(x);
  AffineMap all = AffineMap::getMultiDimIdentityMap(x->rank(), ctx.emit.builder.getContext());
  V extent = ctx.emit.index(x->shape[axis]);
  return ctx.emit.generic(positions, all, all, x->elementType, positions->shape, [&](B &b, L l, ValueRange in) -> V {
    SmallVector<V> at;
    for (int64_t dim = 0; dim < x->rank(); ++dim)
      at.push_back(dim == axis ? emitPosition(b, l, in[0], extent) : V(linalg::IndexOp::create(b, l, dim)));
    return tensor::ExtractOp::create(b, l, source, at);
  });
}

/// The worst value of a type.
TypedAttr worst(NodeContext &ctx, Type type, bool largest) {
  Builder &b = ctx.emit.builder;
  if (isa<FloatType>(type))
    return ctx.emit.scalar(type, (largest ? -1 : 1) * std::numeric_limits<double>::infinity());
  unsigned bits = type.getIntOrFloatBitWidth();
  return b.getIntegerAttr(type, largest ? APInt::getSignedMinValue(bits) : APInt::getSignedMaxValue(bits));
}

/// Long rows whose length is known: the best of each block, then the best of these, in turns. Elements that are equal stay in
/// order, and what fills up the last block comes behind all of them.
Best bestOfBlocks(NodeContext &ctx, Tensor *x, int64_t axis, const Sym &k, bool largest) {
  constexpr int64_t kLeastBlock = 64,
                    kTimes = 4; // a block is at least 4 k long: each turn leaves a fourth of a row or less
  std::optional<int64_t> length = x->shape[axis].constant(), few = k.constant();
  if (!length || !few || *few < 1 || *few > *length / (2 * kTimes) || *length <= 2 * kLeastBlock)
    return bestOf(ctx, x, axis, k, largest);
  int64_t block = std::max<int64_t>(kLeastBlock, static_cast<int64_t>(llvm::PowerOf2Ceil(kTimes * *few)));
  int64_t count = (*length + block - 1) / block;
  Composer c(ctx);
  SymList padded(x->shape), split(x->shape), joined(x->shape);
  padded[axis] = count * block, split[axis] = count, joined[axis] = count * *few;
  split.insert(split.begin() + axis + 1, Sym(block));
  Tensor *whole = count * block == *length
                      ? x
                      : ctx.emit.embed(x, ctx.emit.filled(worst(ctx, x->elementType, largest), padded), padded,
                                       SymList(x->rank(), Sym(0)), SmallVector<int64_t>(x->rank(), 1));
  Best each = bestOf(ctx, c.reshape(whole, split), axis + 1, k, largest);
  Tensor *places = c.map({each.positions}, [&](B &b, L l, ValueRange in) -> V {
    V first =
        arith::MulIOp::create(b, l, linalg::IndexOp::create(b, l, axis), arith::ConstantIndexOp::create(b, l, block));
    return arith::AddIOp::create(b, l, in[0], arith::IndexCastOp::create(b, l, b.getI64Type(), first));
  });
  Best best = bestOfBlocks(ctx, c.reshape(each.values, joined), axis, k, largest);
  return {best.values, elementsAt(ctx, c.reshape(places, joined), best.positions, axis)};
}

LogicalResult topK(NodeContext &ctx, const Sym &k, bool largest) {
  Tensor *x = ctx.input(0);
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), x->rank());
  if (failed(axis))
    return failure();
  if (k.constant() && x->shape[*axis].constant() && (*k.constant() < 0 || *k.constant() > *x->shape[*axis].constant()))
    return ctx.fail(fmt::format("it wants the {} best of {}", *k.constant(), ctx.describe(x)));
  Best best = bestOfBlocks(ctx, x, *axis, k, largest);
  Composer c(ctx);
  return failed(c.finish(best.values)) ? failure() : c.finish(best.positions, 1);
}

LogicalResult importTopK(NodeContext &ctx) {
  ctx.attr("sorted"); // sorted is one of the orders that unsorted may have
  bool largest = !ctx.attr("largest") || ctx.flag("largest");
  FailureOr<SymList> k = ctx.shapeInput(1, "k");
  if (failed(k))
    return failure();
  return k->size() == 1 ? topK(ctx, k->front(), largest) : ctx.fail("its k must be one number");
}

LogicalResult importOldTopK(NodeContext &ctx) { return topK(ctx, Sym(ctx.intAttr("k")), true); }
} // namespace

void attnc::onnx::addOrderOps(OpTable &table) {
  for (auto [name, largest] : {std::pair("ArgMax", true), std::pair("ArgMin", false)}) {
    auto import = [largest](NodeContext &ctx) { return importArg(ctx, largest); };
    table.add(1, fmt::format("{}(data: number; axis = 0, keepdims = 1)", name), import);
    table.add(12, fmt::format("{}(data: number; axis = 0, keepdims = 1, select_last_index = 0)", name), import);
  }
  table.add(1, "Hardmax(input: float; axis = 1)", [](NodeContext &ctx) { return importHardmax(ctx, true); });
  table.add(13, "Hardmax(input: float; axis = -1)", [](NodeContext &ctx) { return importHardmax(ctx, false); });
  table.add(1, "TopK(x: number; k: int, axis = -1) -> values, indices", importOldTopK);
  table.add(10, "TopK(x: number, k: int; axis = -1) -> values, indices", importTopK);
  table.add(11, "TopK(x: number, k: int; axis = -1, largest = 1, sorted = 1) -> values, indices", importTopK);
}
