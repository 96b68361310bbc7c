//===- PoolingOps.cpp - What windows of an image hold ---------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A pooling is a reduction over the places of its window: result[n, c, o...] folds x[n, c, o * stride + w * dilation - pad...]
// over w, and what lies outside of the image has no part in it.
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
/// How windows lie along one dim of the image.
struct Window {
  int64_t size = 1, stride = 1, dilation = 1;
  Sym before, after; ///< the padding
  Sym extent, count; ///< of the image; of the result
};
using Windows = SmallVector<Window>;

//===- Attributes ---------------------------------------------------------===//

/// How many windows there are, and with auto_pad what is padded so that there is one for each stride.
LogicalResult placeWindows(NodeContext &ctx, Window &window, StringRef autoPad, bool ceil) {
  Extents &s = ctx.symbols;
  int64_t reach = (window.size - 1) * window.dilation + 1;
  if (autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER") {
    window.count = s.div(s.add(window.extent, window.stride - 1), window.stride);
    Sym used = s.add(s.mul(s.sub(window.count, 1), window.stride), reach);
    Sym total = s.max(s.sub(used, window.extent), 0), less = s.div(total, 2), more = s.sub(total, less);
    window.before = autoPad == "SAME_UPPER" ? less : more;
    window.after = autoPad == "SAME_UPPER" ? more : less;
    return success();
  }
  Sym room = s.sub(s.add(window.extent, s.add(window.before, window.after)), reach);
  if (room.constant() && *room.constant() < 0)
    return ctx.fail(fmt::format("its window of {} is larger than the padded extent {}", reach, s.str(window.extent)));
  window.count = s.add(s.div(s.add(room, ceil ? window.stride - 1 : 0), window.stride), 1);
  // A last window that begins past the image has nothing to hold.
  if (ceil && window.count.constant() && window.extent.constant() && window.before.constant() &&
      (*window.count.constant() - 1) * window.stride >= *window.extent.constant() + *window.before.constant())
    window.count = s.sub(window.count, 1);
  return success();
}

FailureOr<Windows> readWindows(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  auto sizes = *ctx.intsAttr("kernel_shape");
  size_t dims = sizes.size();
  auto strides = ctx.intsAttr("strides").value_or(SmallVector<int64_t>(dims, 1));
  auto dilations = ctx.intsAttr("dilations").value_or(SmallVector<int64_t>(dims, 1));
  auto pads = ctx.intsAttr("pads").value_or(SmallVector<int64_t>(2 * dims, 0));
  const std::string &autoPad = ctx.stringAttr("auto_pad");
  if (!llvm::is_contained({"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"}, autoPad))
    return ctx.fail("auto_pad = '" + printable(autoPad) + "' is not supported");
  bool fits = x->rank() == static_cast<int64_t>(dims) + 2 && strides.size() == dims && dilations.size() == dims &&
              pads.size() == 2 * dims;
  constexpr int64_t kMost = 1 << 20;
  for (ArrayRef<int64_t> list : {ArrayRef<int64_t>(sizes), ArrayRef<int64_t>(strides), ArrayRef<int64_t>(dilations)})
    fits = fits && llvm::all_of(list, [](int64_t number) { return number >= 1 && number <= kMost; });
  fits = fits && llvm::all_of(pads, [](int64_t number) { return number >= 0 && number <= kMost; });
  if (!fits)
    return ctx.fail(fmt::format("its kernel_shape, strides, dilations or pads do not fit {}", ctx.describe(x)));
  bool ceil = ctx.flag("ceil_mode");
  Windows windows;
  for (size_t dim = 0; dim < dims; ++dim) {
    Window &window = windows.emplace_back(
        Window{sizes[dim], strides[dim], dilations[dim], Sym(0), Sym(0), x->shape[dim + 2], Sym(0)});
    if (autoPad == "NOTSET")
      window.before = Sym(pads[dim]), window.after = Sym(pads[dim + dims]);
    if (failed(placeWindows(ctx, window, autoPad, ceil)))
      return failure();
  }
  return windows;
}

//===- Folding windows ----------------------------------------------------===//

/// Loops: `outer` dims as they are, then the windows' places, then the places in a window.
struct WindowLoops {
  WindowLoops(NodeContext &ctx, ArrayRef<Window> windows, int64_t outer) : windows(windows), outer(outer) {
    for (const Window &window : windows) {
      befores.push_back(ctx.emit.index(window.before));
      extents.push_back(ctx.emit.index(window.extent));
      ends.push_back(ctx.emit.index(ctx.symbols.add(window.extent, window.after)));
    }
  }
  int64_t rank() const { return outer + static_cast<int64_t>(windows.size()); }
  SymList sizes() const {
    return llvm::map_to_vector(windows, [](const Window &window) { return Sym(window.size); });
  }
  /// Where dim `dim` of the image is read; negative before its start.
  V placeOf(B &b, L l, size_t dim) const {
    auto scaled = [&](unsigned loop, int64_t factor) -> V {
      V index = linalg::IndexOp::create(b, l, loop);
      return factor == 1 ? index : V(arith::MulIOp::create(b, l, index, arith::ConstantIndexOp::create(b, l, factor)));
    };
    V start = scaled(outer + dim, windows[dim].stride), step = scaled(rank() + dim, windows[dim].dilation);
    return arith::SubIOp::create(b, l, arith::AddIOp::create(b, l, start, step), befores[dim]);
  }
  /// Do all places lie in the image, or in its padding?
  V isInside(B &b, L l, ArrayRef<V> places, bool inPadding) const {
    using P = arith::CmpIPredicate;
    V zero = arith::ConstantIndexOp::create(b, l, 0), result;
    for (auto [dim, place] : llvm::enumerate(places)) {
      V isBelow = arith::CmpIOp::create(b, l, P::slt, place, inPadding ? ends[dim] : extents[dim]);
      V isIn = inPadding ? isBelow
                         : V(arith::AndIOp::create(b, l, isBelow, arith::CmpIOp::create(b, l, P::sge, place, zero)));
      result = result ? V(arith::AndIOp::create(b, l, result, isIn)) : isIn;
    }
    return result;
  }
  ArrayRef<Window> windows;
  int64_t outer;
  SmallVector<V> befores, extents, ends;
};

/// acc = combine(acc, element, its linear place in the image) over each window, from `init`.
using WindowBody = llvm::function_ref<V(B &, L, V, V, ValueRange)>;
Tensor *foldWindows(NodeContext &ctx, Tensor *x, ArrayRef<Window> windows, TypedAttr init, WindowBody combine) {
  Composer c(ctx);
  WindowLoops loops(ctx, windows, 2);
  SymList shape(ArrayRef(x->shape).take_front(2));
  for (const Window &window : windows)
    shape.push_back(window.count);
  auto rank = static_cast<unsigned>(loops.rank()), all = rank + static_cast<unsigned>(windows.size());
  AffineMap identity = AffineMap::getMultiDimIdentityMap(all, ctx.emit.builder.getContext());
  V source = ctx.emit.value(x);
  return c.fold({c.loops(loops.sizes())}, {identity.getMinorSubMap(windows.size())}, identity.getMajorSubMap(rank),
                shape, init, [&](B &b, L l, ValueRange in) {
                  V zero = arith::ConstantIndexOp::create(b, l, 0), one = arith::ConstantIndexOp::create(b, l, 1);
                  SmallVector<V> places, position{linalg::IndexOp::create(b, l, 0), linalg::IndexOp::create(b, l, 1)};
                  for (size_t dim = 0; dim < windows.size(); ++dim) {
                    places.push_back(loops.placeOf(b, l, dim));
                    V last = arith::SubIOp::create(b, l, loops.extents[dim], one);
                    position.push_back(max(b, l, zero, min(b, l, places.back(), last)));
                  }
                  V element = tensor::ExtractOp::create(b, l, source, position);
                  V next = combine(b, l, in[0], element, position);
                  return select(b, l, loops.isInside(b, l, places, /*inPadding=*/false), next, in[0]);
                });
}

/// How many places each window has in the image, or in that and its padding: [o...] of `type`.
Tensor *countPlaces(NodeContext &ctx, ArrayRef<Window> windows, bool withPadding, Type type) {
  Composer c(ctx);
  WindowLoops loops(ctx, windows, 0);
  SymList shape;
  for (const Window &window : windows)
    shape.push_back(window.count);
  auto rank = static_cast<unsigned>(loops.rank());
  AffineMap identity = AffineMap::getMultiDimIdentityMap(2 * rank, ctx.emit.builder.getContext());
  return c.fold({c.loops(loops.sizes())}, {identity.getMinorSubMap(rank)}, identity.getMajorSubMap(rank), shape,
                ctx.emit.zero(type), [&](B &b, L l, ValueRange in) {
                  SmallVector<V> places;
                  for (size_t dim = 0; dim < windows.size(); ++dim)
                    places.push_back(loops.placeOf(b, l, dim));
                  V more = add(b, l, in[0], constantLike(b, l, in[0], 1));
                  return select(b, l, loops.isInside(b, l, places, withPadding), more, in[0]);
                });
}

//===- The operators ------------------------------------------------------===//

TypedAttr leastOf(NodeContext &ctx, Type type) {
  if (isa<FloatType>(type))
    return ctx.emit.scalar(type, -std::numeric_limits<double>::infinity());
  return IntegerAttr::get(type, APInt::getSignedMinValue(type.getIntOrFloatBitWidth()));
}

/// Where the largest of each window lies in x as one row of numbers; of equal ones the first.
Tensor *placesOfLargest(NodeContext &ctx, Tensor *x, Tensor *largest, ArrayRef<Window> windows, bool columnMajor) {
  auto extents = llvm::map_to_vector(x->shape, [&](const Sym &extent) { return ctx.emit.index(extent); });
  V tops = ctx.emit.value(largest);
  auto linear = [&](B &b, L l, ValueRange position) {
    auto order = llvm::to_vector(llvm::seq<unsigned>(0, position.size()));
    if (columnMajor)
      std::reverse(order.begin() + 2, order.end());
    V at = position[0];
    for (unsigned dim : ArrayRef(order).drop_front())
      at = arith::AddIOp::create(b, l, arith::MulIOp::create(b, l, at, extents[dim]), position[dim]);
    return V(arith::IndexCastOp::create(b, l, b.getI64Type(), at));
  };
  return foldWindows(ctx, x, windows, ctx.emit.builder.getI64IntegerAttr(INT64_MAX),
                     [&](B &b, L l, V acc, V element, ValueRange position) -> V {
                       SmallVector<V> own;
                       for (int64_t dim = 0; dim < x->rank(); ++dim)
                         own.push_back(linalg::IndexOp::create(b, l, dim));
                       V top = tensor::ExtractOp::create(b, l, tops, own);
                       V isTop = equal(b, l, element, top);
                       if (isFloat(element))
                         isTop = arith::OrIOp::create(b, l, isTop, isNaN(b, l, element));
                       V none = arith::ConstantOp::create(b, l, b.getI64IntegerAttr(INT64_MAX));
                       V isFirst = equal(b, l, acc, none);
                       return select(b, l, arith::AndIOp::create(b, l, isTop, isFirst), linear(b, l, position), acc);
                     });
}

LogicalResult importMaxPool(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  bool columnMajor = ctx.flag("storage_order");
  FailureOr<Windows> windows = readWindows(ctx);
  if (failed(windows))
    return failure();
  Tensor *largest = foldWindows(ctx, x, *windows, leastOf(ctx, x->elementType),
                                [](B &b, L l, V acc, V element, ValueRange) { return max(b, l, acc, element); });
  if (ctx.wants(1) && failed(ctx.result(placesOfLargest(ctx, x, largest, *windows, columnMajor), 1)))
    return failure();
  return ctx.result(largest);
}

LogicalResult importAveragePool(NodeContext &ctx) {
  Composer c(ctx);
  Tensor *x = ctx.input(0), *wide = c.wide(x);
  bool withPadding = ctx.flag("count_include_pad");
  FailureOr<Windows> windows = readWindows(ctx);
  if (failed(windows))
    return failure();
  Tensor *sums = foldWindows(ctx, wide, *windows, ctx.emit.zero(wide->elementType),
                             [](B &b, L l, V acc, V element, ValueRange) { return add(b, l, acc, element); });
  return c.finish(c.cast(c.div(sums, countPlaces(ctx, *windows, withPadding, wide->elementType)), x->elementType));
}

/// |x|^p, and its root.
V power(B &b, L l, V x, int64_t p) {
  V size = math::AbsFOp::create(b, l, x);
  return p == 1   ? size
         : p == 2 ? mul(b, l, x, x)
                  : V(math::PowFOp::create(b, l, size, constantLike(b, l, x, static_cast<double>(p))));
}
Tensor *rootOf(Composer &c, Tensor *sums, int64_t p) {
  if (p == 1)
    return sums;
  if (p == 2)
    return c.sqrt(sums);
  return c.map({sums}, [&](B &b, L l, ValueRange in) -> V {
    return math::PowFOp::create(b, l, in[0], constantLike(b, l, in[0], 1 / static_cast<double>(p)));
  });
}

LogicalResult importLpPool(NodeContext &ctx) {
  Composer c(ctx);
  Tensor *x = ctx.input(0), *wide = c.wide(x);
  int64_t p = ctx.intAttr("p");
  FailureOr<Windows> windows = readWindows(ctx);
  if (failed(windows))
    return failure();
  if (p < 1 || p > 64)
    return ctx.fail(fmt::format("p = {} is not supported", p));
  Tensor *sums =
      foldWindows(ctx, wide, *windows, ctx.emit.zero(wide->elementType),
                  [&](B &b, L l, V acc, V element, ValueRange) { return add(b, l, acc, power(b, l, element, p)); });
  return c.finish(c.cast(rootOf(c, sums, p), x->elementType));
}

/// One window that is the whole image.
LogicalResult importGlobalPool(NodeContext &ctx,
                               Tensor *(*pool)(NodeContext &, Composer &, Tensor *, ArrayRef<int64_t>)) {
  Composer c(ctx);
  Tensor *x = ctx.input(0);
  if (x->rank() < 3)
    return ctx.fail(fmt::format("{} has no image beside its channels", ctx.describe(x)));
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(2, x->rank()));
  return c.finish(c.cast(pool(ctx, c, c.wide(x), dims), x->elementType));
}

Tensor *globalAverage(NodeContext &, Composer &c, Tensor *x, ArrayRef<int64_t> dims) { return c.mean(x, dims); }
Tensor *globalMax(NodeContext &, Composer &c, Tensor *x, ArrayRef<int64_t> dims) { return c.max(x, dims); }
Tensor *globalLp(NodeContext &ctx, Composer &c, Tensor *x, ArrayRef<int64_t> dims) {
  int64_t p = std::clamp<int64_t>(ctx.intAttr("p"), 1, 64);
  return rootOf(c, c.sum(c.map({x}, [&](B &b, L l, ValueRange in) { return power(b, l, in[0], p); }), dims), p);
}
} // namespace

void attnc::onnx::addPoolingOps(OpTable &table) {
  std::string where = "kernel_shape: ints, strides?: ints, pads?: ints, auto_pad = \"NOTSET\"";
  table.add(1, "MaxPool(x: number; " + where + ")", importMaxPool);
  table.add(8, "MaxPool(x: number; " + where + ", storage_order = 0) -> y, indices?", importMaxPool);
  table.add(10, "MaxPool(x: number; " + where + ", dilations?: ints, ceil_mode = 0, storage_order = 0) -> y, indices?",
            importMaxPool);
  table.add(1, "AveragePool(x: float; " + where + ")", importAveragePool);
  table.add(7, "AveragePool(x: float; " + where + ", count_include_pad = 0)", importAveragePool);
  table.add(10, "AveragePool(x: float; " + where + ", ceil_mode = 0, count_include_pad = 0)", importAveragePool);
  table.add(19, "AveragePool(x: float; " + where + ", dilations?: ints, ceil_mode = 0, count_include_pad = 0)",
            importAveragePool);
  table.add(2, "LpPool(x: float; " + where + ", p = 2)", importLpPool);
  table.add(18, "LpPool(x: float; " + where + ", dilations?: ints, ceil_mode = 0, p = 2)", importLpPool);
  table.add(1, "GlobalAveragePool(x: float)", [](NodeContext &ctx) { return importGlobalPool(ctx, globalAverage); });
  table.add(1, "GlobalMaxPool(x: float)", [](NodeContext &ctx) { return importGlobalPool(ctx, globalMax); });
  table.add(2, "GlobalLpPool(x: float; p = 2)", [](NodeContext &ctx) { return importGlobalPool(ctx, globalLp); });
}
