//===- SamplingOps.cpp - Images read between their elements ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GridSample, and AffineGrid, which makes places for it.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Sampling.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;
using namespace attnc::onnx::scalar;

namespace {
//===- GridSample ---------------------------------------------------------===//

/// One dim of an image while the body of a sample is made.
struct Side {
  V extent, size, low, high; ///< an index, the same as a float, and where it is reflected
};

class GridSample {
public:
  explicit GridSample(NodeContext &ctx) : ctx(ctx) {}
  LogicalResult import();

private:
  LogicalResult readAttributes();
  Side sideOf(B &b, L l, size_t dim);
  V reflected(B &b, L l, V place, const Side &side);
  V padded(B &b, L l, V place, const Side &side);
  V sourceOf(B &b, L l, V given, const Side &side);
  V elementAt(B &b, L l, ArrayRef<V> places);
  V blend(B &b, L l, SmallVector<V> &places, size_t dim, ArrayRef<V> at);
  SmallVector<std::pair<V, V>> tapsOf(B &b, L l, V place);

  NodeContext &ctx;
  std::string mode, padding;
  bool alignsCorners = false;
  Type type; ///< of coordinates and sums
  V image, batch, channel;
  SmallVector<V> extents;
  SmallVector<Side> sides;
};
} // namespace

LogicalResult GridSample::readAttributes() {
  mode = ctx.stringAttr("mode"), padding = ctx.stringAttr("padding_mode");
  alignsCorners = ctx.flag("align_corners");
  if (mode == "bilinear" || mode == "bicubic")
    mode = mode.substr(2);
  if (mode != "linear" && mode != "nearest" && mode != "cubic")
    return ctx.fail("its mode '" + printable(mode) + "' is none of linear, nearest, cubic");
  if (padding != "zeros" && padding != "border" && padding != "reflection")
    return ctx.fail("its padding_mode '" + printable(padding) + "' is none of zeros, border, reflection");
  return success();
}

Side GridSample::sideOf(B &b, L l, size_t dim) {
  V size = toFloat(b, l, extents[dim], type);
  V edge = number(b, l, type, alignsCorners ? 1 : 0.5);
  return {extents[dim], size, number(b, l, type, alignsCorners ? 0 : -0.5), sub(b, l, size, edge)};
}

/// `place` as often reflected at the ends as it takes: with d the distance behind an end, and n = floor(d / width), what is left
/// of d is counted from that end where n is even, and from the other one where it is odd.
V GridSample::reflected(B &b, L l, V place, const Side &side) {
  V width = sub(b, l, side.high, side.low), zero = number(b, l, type, 0), two = number(b, l, type, 2);
  V isBelow = less(b, l, place, side.low);
  V distance = select(b, l, isBelow, sub(b, l, side.low, place), sub(b, l, place, side.high));
  distance = max(b, l, distance, zero);
  V turns = math::FloorOp::create(b, l, div(b, l, distance, width));
  V rest = sub(b, l, distance, mul(b, l, turns, width));
  V isOdd = arith::CmpFOp::create(b, l, arith::CmpFPredicate::ONE, turns,
                                  mul(b, l, two, V(math::FloorOp::create(b, l, div(b, l, turns, two)))));
  V fromLow = add(b, l, side.low, rest), fromHigh = sub(b, l, side.high, rest);
  V startsLow = arith::XOrIOp::create(b, l, isBelow, isOdd);
  V moved = select(b, l, startsLow, fromLow, fromHigh);
  return select(b, l, isBetween(b, l, place, side.low, side.high), place, moved);
}

/// A place that may lie beyond the ends, as padding has it; one that is to be zero stays.
V GridSample::padded(B &b, L l, V place, const Side &side) {
  if (padding == "zeros")
    return place;
  V zero = number(b, l, type, 0), last = sub(b, l, side.size, number(b, l, type, 1));
  if (padding == "border")
    return max(b, l, zero, min(b, l, place, last));
  return reflected(b, l, place, side);
}

/// Where -1 to 1 lies in the image.
V GridSample::sourceOf(B &b, L l, V given, const Side &side) {
  V one = number(b, l, type, 1), half = number(b, l, type, 0.5);
  V share = add(b, l, given, one); // of two
  V place = alignsCorners ? mul(b, l, mul(b, l, share, half), sub(b, l, side.size, one))
                          : mul(b, l, sub(b, l, mul(b, l, share, side.size), one), half);
  if (mode == "nearest")
    place = math::RoundEvenOp::create(b, l, place);
  place = padded(b, l, place, side);
  return mode == "nearest" ? V(math::RoundEvenOp::create(b, l, place)) : place;
}

/// The element at whole places; 0 where one is outside and padding is zeros.
V GridSample::elementAt(B &b, L l, ArrayRef<V> places) {
  SmallVector<V> position{batch, channel};
  V inside, zero = number(b, l, type, 0);
  for (auto [place, side] : llvm::zip(places, sides)) {
    V held = padded(b, l, place, side);
    if (padding == "zeros") {
      V fits = isBetween(b, l, held, zero, sub(b, l, side.size, number(b, l, type, 1)));
      inside = inside ? V(arith::AndIOp::create(b, l, inside, fits)) : fits;
    }
    position.push_back(toIndex(b, l, held, side.extent));
  }
  V element = tensor::ExtractOp::create(b, l, image, position);
  if (element.getType() != type)
    element = arith::ExtFOp::create(b, l, type, element);
  return inside ? select(b, l, inside, element, zero) : element;
}

/// The whole places around `place`, and their weights.
SmallVector<std::pair<V, V>> GridSample::tapsOf(B &b, L l, V place) {
  V one = number(b, l, type, 1);
  if (mode == "nearest")
    return {{place, one}};
  V low = math::FloorOp::create(b, l, place), rest = sub(b, l, place, low);
  if (mode == "linear")
    return {{low, sub(b, l, one, rest)}, {add(b, l, low, one), rest}};
  constexpr double a = -0.75; // of the cubic convolution
  auto outer = [&](V d) {     // a d^3 - 5 a d^2 + 8 a d - 4 a, 1 < d < 2
    V x = add(b, l, mul(b, l, number(b, l, type, a), d), number(b, l, type, -5 * a));
    x = add(b, l, mul(b, l, x, d), number(b, l, type, 8 * a));
    return add(b, l, mul(b, l, x, d), number(b, l, type, -4 * a));
  };
  auto inner = [&](V d) { // (a + 2) d^3 - (a + 3) d^2 + 1, d < 1
    V x = add(b, l, mul(b, l, number(b, l, type, a + 2), d), number(b, l, type, -a - 3));
    return add(b, l, mul(b, l, mul(b, l, x, d), d), one);
  };
  V two = number(b, l, type, 2), fromNext = sub(b, l, one, rest);
  return {{sub(b, l, low, one), outer(add(b, l, rest, one))},
          {low, inner(rest)},
          {add(b, l, low, one), inner(fromNext)},
          {add(b, l, low, two), outer(add(b, l, fromNext, one))}};
}

/// The sum over the taps of dims from `dim` on.
V GridSample::blend(B &b, L l, SmallVector<V> &places, size_t dim, ArrayRef<V> at) {
  if (dim == at.size())
    return elementAt(b, l, places);
  V sum;
  for (auto [place, weight] : tapsOf(b, l, at[dim])) {
    places[dim] = place;
    V part = blend(b, l, places, dim + 1, at);
    if (mode != "nearest")
      part = mul(b, l, part, weight);
    sum = sum ? add(b, l, sum, part) : part;
  }
  return sum;
}

LogicalResult GridSample::import() {
  Tensor *x = ctx.input(0), *grid = ctx.input(1);
  if (failed(readAttributes()))
    return failure();
  size_t rank = x->shape.size() < 3 ? 0 : x->shape.size() - 2;
  if (rank < 1 || rank > 3 || grid->rank() != x->rank() || !grid->shape.back().isConstant(static_cast<int64_t>(rank)) ||
      !ctx.sameExtent(grid->shape[0], x->shape[0]))
    return ctx.fail(fmt::format("{} are no places in {}", ctx.describe(grid), ctx.describe(x)));
  for (const Sym &extent : ArrayRef(x->shape).drop_front(2))
    if (extent.isConstant(0))
      return ctx.fail(fmt::format("it reads between the elements of {}, which has none", ctx.describe(x)));
  Type i = x->elementType, wide = ctx.emit.builder.getF32Type();
  type = i.isF64() || grid->elementType.isF64() ? Type(ctx.emit.builder.getF64Type()) : wide;
  SymList shape(ArrayRef(x->shape).take_front(2));
  shape.append(grid->shape.begin() + 1, grid->shape.end() - 1);
  image = ctx.emit.value(x);
  V places = ctx.emit.value(grid);
  for (const Sym &extent : ArrayRef(x->shape).drop_front(2))
    extents.push_back(ctx.emit.index(extent));
  return ctx.result(Composer(ctx).generate(shape, i, [&](B &b, L l, ValueRange at) -> V {
    batch = at[0], channel = at[1];
    SmallVector<V> position{at[0]}, sources, taps(rank);
    llvm::append_range(position, at.drop_front(2));
    position.push_back(nullptr);
    sides.clear();
    for (size_t dim = 0; dim < rank; ++dim) { // x, which is the last dim, comes first
      position.back() = arith::ConstantIndexOp::create(b, l, static_cast<int64_t>(rank - 1 - dim));
      V given = tensor::ExtractOp::create(b, l, places, position);
      if (given.getType() != type)
        given = arith::ExtFOp::create(b, l, type, given);
      sides.push_back(sideOf(b, l, dim));
      sources.push_back(sourceOf(b, l, given, sides.back()));
    }
    V sum = blend(b, l, taps, 0, sources);
    return i == type ? sum : V(arith::TruncFOp::create(b, l, i, sum));
  }));
}

namespace {
//===- AffineGrid ---------------------------------------------------------===//

/// grid[n, y.., :] = theta[n] (x, y.., 1), of places from -1 to 1 in an image of `size`.
LogicalResult importAffineGrid(NodeContext &ctx) {
  Tensor *theta = ctx.input(0);
  FailureOr<SymList> size = ctx.shapeInput(1, "size");
  if (failed(size))
    return failure();
  int64_t rank = static_cast<int64_t>(size->size()) - 2;
  if (rank < 2 || rank > 3 || theta->rank() != 3 || !theta->shape[1].isConstant(rank) ||
      !theta->shape[2].isConstant(rank + 1) || !ctx.sameExtent(theta->shape[0], size->front()))
    return ctx.fail(fmt::format("{} moves no image of {}", ctx.describe(theta), ctx.describe(*size)));
  bool alignsCorners = ctx.flag("align_corners");
  Type type = theta->elementType, wide = type.isF64() ? type : Type(ctx.emit.builder.getF32Type());
  SymList shape{size->front()};
  shape.append(size->begin() + 2, size->end());
  auto extents = llvm::map_to_vector(ArrayRef(*size).drop_front(2), [&](const Sym &e) { return ctx.emit.index(e); });
  shape.push_back(Sym(rank));
  V matrix = ctx.emit.value(theta);
  return ctx.result(Composer(ctx).generate(shape, type, [&](B &b, L l, ValueRange at) -> V {
    auto factor = [&](int64_t column) {
      V entry = tensor::ExtractOp::create(b, l, matrix,
                                          ValueRange{at[0], at.back(), arith::ConstantIndexOp::create(b, l, column)});
      return type == wide ? entry : V(arith::ExtFOp::create(b, l, wide, entry));
    };
    V sum = factor(rank);
    for (int64_t column = 0; column < rank; ++column) { // x first, which is the last dim
      auto dim = static_cast<size_t>(rank - 1 - column);
      V one = number(b, l, wide, 1), two = number(b, l, wide, 2), extent = toFloat(b, l, extents[dim], wide);
      V place = toFloat(b, l, at[dim + 1], wide);
      V share = alignsCorners ? div(b, l, mul(b, l, two, place), sub(b, l, extent, one))
                              : div(b, l, add(b, l, mul(b, l, two, place), one), extent);
      sum = add(b, l, sum, mul(b, l, factor(column), sub(b, l, share, one)));
    }
    return type == wide ? sum : V(arith::TruncFOp::create(b, l, type, sum));
  }));
}
} // namespace

void attnc::onnx::addSamplingOps(OpTable &table) {
  auto importGridSample = [](NodeContext &ctx) { return GridSample(ctx).import(); };
  table.add(16, "GridSample(x: float, grid: float; align_corners = 0, mode = \"bilinear\", padding_mode = \"zeros\")",
            importGridSample);
  table.add(20, "GridSample(x: float, grid: float; align_corners = 0, mode = \"linear\", padding_mode = \"zeros\")",
            importGridSample);
  table.add(20, "AffineGrid(theta: float, size: int; align_corners = 0)", importAffineGrid);
}
