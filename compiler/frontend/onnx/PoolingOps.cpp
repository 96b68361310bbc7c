//===- PoolingOps.cpp - Pools fold windows --------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A pool combines few shifted tensors, one for each element of a window, element by element; a window of many elements is
// reduced instead. Global pools are reductions over all of a tensor's spatial dims.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Scalars.h"
#include "compiler/frontend/onnx/Windows.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <fmt/format.h>
#include <limits>

using namespace mlir;
using namespace attnc;
using namespace attnc::onnx;

namespace {
constexpr int64_t kMostTaps = 64;

/// combine over all elements of each window, from `init`.
Tensor *foldWindows(NodeContext &ctx, Tensor *padded, const Windows &windows, TypedAttr init,
                    llvm::function_ref<Value(OpBuilder &, Location, Value, Value)> combine) {
  if (windows.taps() > kMostTaps) {
    Tensor *view = viewWindows(ctx, padded, windows);
    auto inWindow = llvm::to_vector(llvm::seq<int64_t>(static_cast<int64_t>(2 + windows.rank()), view->rank()));
    return ctx.emit.reduce(view, inWindow, init,
                           [&](OpBuilder &b, Location l, ValueRange in) { return combine(b, l, in[0], in[1]); });
  }
  SmallVector<Tensor *> taps;
  for (int64_t tap = 0; tap < windows.taps(); ++tap)
    taps.push_back(viewTap(ctx, padded, windows, windows.tap(tap)));
  return ctx.emit.elementwise(taps, padded->elementType, taps[0]->shape, [&](OpBuilder &b, Location l, ValueRange in) {
    Value folded = in[0];
    for (Value element : in.drop_front())
      folded = combine(b, l, folded, element);
    return folded;
  });
}

/// The windows of a pool; with ceil_mode, the last position may reach beyond the pads, if it begins before them.
FailureOr<Windows> readPool(NodeContext &ctx, Tensor *x) {
  FailureOr<Windows> windows = readWindows(ctx, x, *ctx.intsAttr("kernel_shape"));
  if (failed(windows) || !ctx.flag("ceil_mode"))
    return windows;
  Extents &symbols = ctx.symbols;
  for (size_t i = 0; i < windows->rank(); ++i) {
    int64_t stride = windows->strides[i];
    const Sym &extent = x->shape[i + 2];
    Sym begin = symbols.add(extent, windows->before[i]), total = symbols.add(begin, windows->after[i]);
    // Positions: ceil((total - span) / stride) + 1, less one that would begin behind the elements.
    Sym room = symbols.max(symbols.sub(symbols.add(total, 2 * stride - 1), windows->span(i)), 0);
    Sym count = symbols.div(room, stride);
    Sym startsInside = symbols.less(symbols.mul(symbols.sub(count, 1), stride), begin);
    count = symbols.sub(count, symbols.sub(1, startsInside));
    Sym needed = symbols.add(symbols.mul(symbols.sub(count, 1), stride), windows->span(i));
    windows->after[i] = symbols.max(windows->after[i], symbols.sub(needed, begin));
  }
  return windows;
}

/// The smallest value of a type, which no maximum takes from others.
TypedAttr lowest(NodeContext &ctx, Type type) {
  Builder &b = ctx.emit.builder;
  if (auto floats = dyn_cast<FloatType>(type))
    return b.getFloatAttr(type, APFloat::getInf(floats.getFloatSemantics(), /*Negative=*/true));
  unsigned bits = type.getIntOrFloatBitWidth();
  return b.getIntegerAttr(storedType(type),
                          type.isUnsignedInteger() ? APInt::getZero(bits) : APInt::getSignedMinValue(bits));
}

/// Where in the whole of `x` the maximum of each window lies, the first of equal ones; `order`: x's dims as they are counted.
LogicalResult findPlaces(NodeContext &ctx, Tensor *x, Tensor *padded, const Windows &windows, ArrayRef<size_t> order) {
  if (windows.taps() > kMostTaps)
    return ctx.fail(fmt::format("the places of maxima among {} elements are not supported", windows.taps()));
  if (x->isUnsigned())
    return ctx.fail(fmt::format("the places of maxima of {} are not supported", ctx.describe(x)));
  SmallVector<Tensor *> taps;
  for (int64_t tap = 0; tap < windows.taps(); ++tap)
    taps.push_back(viewTap(ctx, padded, windows, windows.tap(tap)));
  auto extents = llvm::map_to_vector(x->shape, [&](const Sym &extent) { return ctx.emit.index(extent); });
  auto pads = llvm::map_to_vector(windows.before, [&](const Sym &pad) { return ctx.emit.index(pad); });
  Type i64 = ctx.emit.builder.getI64Type();
  Tensor *places = ctx.emit.elementwise(taps, i64, taps[0]->shape, [&](OpBuilder &b, Location l, ValueRange in) {
    IndexMath math{b, l};
    auto placeOf = [&](int64_t tap) {
      SmallVector<int64_t> moved = windows.tap(tap);
      Value place = math.index(0);
      for (size_t dim : order) {
        Value at = linalg::IndexOp::create(b, l, static_cast<int64_t>(dim));
        if (dim >= 2)
          at = math.sub(math.add(math.mul(at, math.index(windows.strides[dim - 2])),
                                 math.index(moved[dim - 2] * windows.dilations[dim - 2])),
                        pads[dim - 2]);
        place = math.add(math.mul(place, extents[dim]), at);
      }
      return place;
    };
    Value best = in[0], place = placeOf(0);
    for (size_t tap = 1; tap < in.size(); ++tap) {
      Value isMore = scalar::less(b, l, best, in[tap]);
      best = scalar::select(b, l, isMore, in[tap], best);
      place = scalar::select(b, l, isMore, placeOf(static_cast<int64_t>(tap)), place);
    }
    return arith::IndexCastOp::create(b, l, i64, place).getResult();
  });
  return ctx.result(places, 1);
}

LogicalResult importMaxPool(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  bool isColumnMajor = ctx.signature.attribute("storage_order") && ctx.flag("storage_order");
  FailureOr<Windows> windows = readPool(ctx, x);
  if (failed(windows))
    return failure();
  TypedAttr fill = lowest(ctx, x->elementType);
  Tensor *padded = padSpatial(ctx, x, *windows, fill);
  if (ctx.wants(1)) {
    auto order = llvm::to_vector(llvm::seq<size_t>(0, x->shape.size()));
    if (isColumnMajor)
      std::reverse(order.begin() + 2, order.end());
    if (failed(findPlaces(ctx, x, padded, *windows, order)))
      return failure();
  }
  auto unsignedMax = [](OpBuilder &b, Location l, Value x, Value y) -> Value {
    return arith::MaxUIOp::create(b, l, x, y);
  };
  if (x->isUnsigned())
    return ctx.result(foldWindows(ctx, padded, *windows, fill, unsignedMax));
  return ctx.result(foldWindows(ctx, padded, *windows, fill, scalar::max));
}

//===- AveragePool --------------------------------------------------------===//

/// How many of the taps of each position along spatial dim `i` lie in [low, high) of the padded tensor.
Tensor *countInside(Composer &c, NodeContext &ctx, const Windows &windows, size_t i, const Sym &positionCount,
                    const Sym &low, const Sym &high, Type type) {
  Value lowest = ctx.emit.index(low), highest = ctx.emit.index(high);
  return c.generate({positionCount}, type, [&](OpBuilder &b, Location l, ValueRange at) {
    auto index = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, l, value); };
    Value start = arith::MulIOp::create(b, l, at[0], index(windows.strides[i]));
    // Taps t with low <= start + t * dilation < high.
    auto tapsBefore = [&](Value end) -> Value {
      Value room = arith::MaxSIOp::create(b, l, arith::SubIOp::create(b, l, end, start), index(0));
      Value rounded = arith::AddIOp::create(b, l, room, index(windows.dilations[i] - 1));
      Value taps = arith::DivUIOp::create(b, l, rounded, index(windows.dilations[i]));
      return arith::MinSIOp::create(b, l, taps, index(windows.sizes[i]));
    };
    Value count = arith::SubIOp::create(b, l, tapsBefore(highest), tapsBefore(lowest));
    return arith::SIToFPOp::create(b, l, type, arith::IndexCastOp::create(b, l, b.getI64Type(), count)).getResult();
  });
}

/// The sum of each window over the number of its elements, those of pads counted or not.
LogicalResult importAveragePool(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  bool countsPads = ctx.signature.attribute("count_include_pad") && ctx.flag("count_include_pad");
  FailureOr<Windows> given = readWindows(ctx, x, *ctx.intsAttr("kernel_shape")); // without what ceil_mode adds
  FailureOr<Windows> windows = failed(given) ? given : readPool(ctx, x);
  if (failed(windows))
    return failure();
  Composer c(ctx);
  Tensor *wide = c.wide(x);
  Type type = wide->elementType;
  TypedAttr zero = ctx.emit.zero(type);
  Tensor *sum = foldWindows(ctx, padSpatial(ctx, wide, *windows, zero), *windows, zero, scalar::add);
  for (size_t i = 0; i < windows->rank(); ++i) {
    Sym low = countsPads ? Sym(0) : windows->before[i];
    Sym high = ctx.symbols.add(x->shape[i + 2], windows->before[i]);
    if (countsPads)
      high = ctx.symbols.add(high, given->after[i]);
    Tensor *count = countInside(c, ctx, *windows, i, sum->shape[i + 2], low, high, type);
    sum = c.div(sum, c.alongDim(count, static_cast<int64_t>(i) + 2, sum->rank()));
  }
  return c.finish(c.cast(sum, x->elementType));
}

//===- LpPool -------------------------------------------------------------===//

Value powerOf(OpBuilder &b, Location l, Value x, double p) {
  Value magnitude = math::AbsFOp::create(b, l, x);
  if (p == 1)
    return magnitude;
  if (p == 2)
    return arith::MulFOp::create(b, l, x, x);
  return math::PowFOp::create(b, l, magnitude, scalar::constantLike(b, l, x, p));
}

/// The p-th root of x.
Tensor *rootOf(Composer &c, Tensor *x, double p) {
  return c.map(x, [&](OpBuilder &b, Location l, ValueRange in) -> Value {
    if (p == 1)
      return in[0];
    if (p == 2)
      return math::SqrtOp::create(b, l, in[0]);
    return math::PowFOp::create(b, l, in[0], scalar::constantLike(b, l, in[0], 1 / p));
  });
}

Tensor *powers(Composer &c, Tensor *x, double p) {
  return c.map(c.wide(x), [&](OpBuilder &b, Location l, ValueRange in) { return powerOf(b, l, in[0], p); });
}

LogicalResult importLpPool(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  auto p = static_cast<double>(ctx.intAttr("p"));
  if (p < 1)
    return ctx.fail(fmt::format("its p is {}, expected 1 or more", p));
  FailureOr<Windows> windows = readPool(ctx, x);
  if (failed(windows))
    return failure();
  Composer c(ctx);
  Tensor *terms = powers(c, x, p);
  TypedAttr zero = ctx.emit.zero(terms->elementType);
  Tensor *sum = foldWindows(ctx, padSpatial(ctx, terms, *windows, zero), *windows, zero, scalar::add);
  return c.finish(c.cast(rootOf(c, sum, p), x->elementType));
}

//===- Global pools -------------------------------------------------------===//

/// The spatial dims; empty, after an error, if there are none.
SmallVector<int64_t> spatialDims(NodeContext &ctx, Tensor *x) {
  if (x->rank() < 3)
    (void)ctx.fail(fmt::format("{} has no spatial dims", ctx.describe(x)));
  return llvm::to_vector(llvm::seq<int64_t>(2, std::max<int64_t>(x->rank(), 2)));
}

LogicalResult importGlobalAveragePool(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  SmallVector<int64_t> dims = spatialDims(ctx, x);
  Composer c(ctx);
  return dims.empty() ? failure() : c.finish(c.cast(c.mean(c.wide(x), dims), x->elementType));
}

LogicalResult importGlobalMaxPool(NodeContext &ctx) {
  SmallVector<int64_t> dims = spatialDims(ctx, ctx.input(0));
  Composer c(ctx);
  return dims.empty() ? failure() : c.finish(c.max(ctx.input(0), dims));
}

LogicalResult importGlobalLpPool(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  auto p = static_cast<double>(ctx.intAttr("p"));
  SmallVector<int64_t> dims = spatialDims(ctx, x);
  if (dims.empty() || p < 1)
    return dims.empty() ? failure() : ctx.fail(fmt::format("its p is {}, expected 1 or more", p));
  Composer c(ctx);
  return c.finish(c.cast(rootOf(c, c.sum(powers(c, x, p), dims), p), x->elementType));
}
} // namespace

void attnc::onnx::addPoolingOps(OpTable &table) {
  std::string walk = "auto_pad = \"NOTSET\", kernel_shape: ints, pads?: ints, strides?: ints";
  std::string later = walk + ", ceil_mode = 0, dilations?: ints";
  table.add(1, "MaxPool(x: float; " + walk + ")", importMaxPool);
  table.add(8, "MaxPool(x: float; " + walk + ", storage_order = 0) -> y, places?: int", importMaxPool);
  table.add(10, "MaxPool(x: float; " + later + ", storage_order = 0) -> y, places?: int", importMaxPool);
  table.add(12, "MaxPool(x: real; " + later + ", storage_order = 0) -> y, places?: int", importMaxPool);
  table.add(1, "AveragePool(x: float; " + walk + ")", importAveragePool);
  table.add(7, "AveragePool(x: float; " + walk + ", count_include_pad = 0)", importAveragePool);
  table.add(10, "AveragePool(x: float; " + walk + ", count_include_pad = 0, ceil_mode = 0)", importAveragePool);
  table.add(19, "AveragePool(x: float; " + later + ", count_include_pad = 0)", importAveragePool);
  table.add(2, "LpPool(x: float; " + walk + ", p = 2)", importLpPool);
  table.add(18, "LpPool(x: float; " + later + ", p = 2)", importLpPool);
  table.add(1, "GlobalAveragePool(x: float)", importGlobalAveragePool);
  table.add(1, "GlobalMaxPool(x: float)", importGlobalMaxPool);
  table.add(2, "GlobalLpPool(x: float; p = 2)", importGlobalLpPool);
}
