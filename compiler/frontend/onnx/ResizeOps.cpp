//===- ResizeOps.cpp - Images of another size -----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One dim after the other. Extents are known when compiling, so that where each position of the result reads, and with
// which weights, are tables:
//
//   result[..., o, ...] = sum over taps t of weight[t][o] * x[..., place[t][o], ...]
//
// nearest has one tap without a weight, linear two, cubic four.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Scalars.h"
#include "compiler/support/Limits.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::onnx;
using namespace attnc::onnx::scalar;

namespace {
/// What the attributes of a resize say.
struct Method {
  std::string mode = "nearest", coordinates = "asymmetric", rounding = "floor";
  double cubicA = -0.75, outsideValue = 0;
  bool excludesOutside = false;
};

/// One dim that changes.
struct Axis {
  int64_t dim, from, to;
  double scale;
  double roiStart = 0, roiEnd = 1;
};

/// A tap of every position of the result.
struct Tap {
  std::vector<int64_t> places;
  std::vector<double> weights;
};
} // namespace

//===- Tables -------------------------------------------------------------===//

/// Where position `x` of the result lies in the source.
static double sourceOf(const Method &method, const Axis &axis, int64_t x) {
  auto at = static_cast<double>(x), from = static_cast<double>(axis.from);
  double to = axis.scale * from;
  StringRef how = method.coordinates;
  if (how == "half_pixel")
    return (at + 0.5) / axis.scale - 0.5;
  if (how == "half_pixel_symmetric") {
    double offset = from / 2 * (1 - static_cast<double>(axis.to) / to);
    return offset + (at + 0.5) / axis.scale - 0.5;
  }
  if (how == "tf_half_pixel_for_nn")
    return (at + 0.5) / axis.scale;
  if (how == "pytorch_half_pixel")
    return axis.to > 1 ? (at + 0.5) / axis.scale - 0.5 : 0;
  if (how == "align_corners")
    return axis.to == 1 ? 0 : at * (from - 1) / (to - 1);
  if (how == "tf_crop_and_resize") {
    if (axis.to == 1)
      return 0.5 * (axis.roiStart + axis.roiEnd) * (from - 1);
    return axis.roiStart * (from - 1) +
           at * (axis.roiEnd - axis.roiStart) * (from - 1) / (static_cast<double>(axis.to) - 1);
  }
  return at / axis.scale; // asymmetric
}

static double nearestTo(StringRef rounding, double x) {
  if (rounding == "round_prefer_floor")
    return std::ceil(x - 0.5);
  if (rounding == "round_prefer_ceil")
    return std::floor(x + 0.5);
  return rounding == "ceil" ? std::ceil(x) : std::floor(x);
}

/// The weights of the taps from floor(x) - 1 on (cubic), or from floor(x) on (linear); `ratio` is x - floor(x).
static SmallVector<double> weightsAt(const Method &method, double ratio) {
  if (method.mode == "linear")
    return {1 - ratio, ratio};
  double a = method.cubicA, r = ratio, s = 1 - ratio;
  auto outer = [&](double d) { return ((a * (d + 1) - 5 * a) * (d + 1) + 8 * a) * (d + 1) - 4 * a; };
  auto inner = [&](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  return {outer(r), inner(r), inner(s), outer(s)};
}

/// The taps of one dim. `outside` says where only the value for places outside of the source is due.
static SmallVector<Tap> tapsOf(const Method &method, const Axis &axis, std::vector<bool> &outside) {
  bool isNearest = method.mode == "nearest";
  SmallVector<Tap> taps(isNearest ? 1 : method.mode == "linear" ? 2 : 4);
  int64_t firstTap = method.mode == "cubic" ? -1 : 0;
  for (int64_t position = 0; position < axis.to; ++position) {
    double x = sourceOf(method, axis, position);
    outside.push_back(method.coordinates == "tf_crop_and_resize" && (x < 0 || x > static_cast<double>(axis.from - 1)));
    double base = isNearest ? nearestTo(method.rounding, x) : std::floor(x);
    SmallVector<double> weights = isNearest ? SmallVector<double>{1} : weightsAt(method, x - base);
    double total = 0;
    for (auto [index, weight] : llvm::enumerate(weights)) {
      double place = base + static_cast<double>(firstTap + static_cast<int64_t>(index));
      if (method.excludesOutside && (place < 0 || place >= static_cast<double>(axis.from)))
        weight = 0;
      total += weight;
      taps[index].places.push_back(static_cast<int64_t>(std::clamp(place, 0.0, static_cast<double>(axis.from - 1))));
    }
    for (auto [tap, weight] : llvm::zip(taps, weights))
      tap.weights.push_back(method.excludesOutside ? weight / total : weight);
  }
  return taps;
}

//===- Emission -----------------------------------------------------------===//

static Tensor *tableOf(NodeContext &ctx, ArrayRef<int64_t> numbers) {
  auto type = RankedTensorType::get(static_cast<int64_t>(numbers.size()), ctx.emit.builder.getI64Type());
  return ctx.emit.constant(DenseElementsAttr::get(type, numbers));
}
static Tensor *tableOf(NodeContext &ctx, ArrayRef<double> numbers, Type element) {
  auto type = RankedTensorType::get(static_cast<int64_t>(numbers.size()), element);
  auto attrs = llvm::map_to_vector(
      numbers, [&](double number) -> mlir::Attribute { return ctx.emit.builder.getFloatAttr(element, number); });
  return ctx.emit.constant(DenseElementsAttr::get(type, attrs));
}

static Tensor *resizeAxis(NodeContext &ctx, Tensor *x, const Method &method, const Axis &axis) {
  std::vector<bool> outside;
  SmallVector<Tap> taps = tapsOf(method, axis, outside);
  bool isWeighted = taps.size() > 1, hasOutside = llvm::is_contained(outside, true);
  SmallVector<Tensor *> operands;
  for (const Tap &tap : taps)
    operands.push_back(tableOf(ctx, tap.places));
  for (const Tap &tap : taps)
    if (isWeighted)
      operands.push_back(tableOf(ctx, tap.weights, x->elementType));
  if (hasOutside) {
    SmallVector<int64_t> flags(outside.begin(), outside.end());
    operands.push_back(tableOf(ctx, flags));
  }
  SymList shape(x->shape);
  shape[axis.dim] = axis.to;
  AffineMap all = AffineMap::getMultiDimIdentityMap(shape.size(), ctx.emit.builder.getContext());
  SmallVector<AffineMap> maps(operands.size(), all.getSubMap({static_cast<unsigned>(axis.dim)}));
  V source = ctx.emit.value(x);
  return ctx.emit.generic(operands, maps, all, x->elementType, shape, [&](B &b, L l, ValueRange in) {
    SmallVector<V> position;
    for (size_t dim = 0; dim < shape.size(); ++dim)
      position.push_back(linalg::IndexOp::create(b, l, dim));
    V result;
    for (size_t tap = 0; tap < taps.size(); ++tap) {
      position[axis.dim] = arith::IndexCastOp::create(b, l, b.getIndexType(), in[tap]);
      V element = tensor::ExtractOp::create(b, l, source, position);
      if (isWeighted)
        element = mul(b, l, element, in[taps.size() + tap]);
      result = result ? add(b, l, result, element) : element;
    }
    if (!hasOutside)
      return result;
    V isOutside = arith::CmpIOp::create(b, l, arith::CmpIPredicate::ne, in.back(), constantLike(b, l, in.back(), 0));
    return select(b, l, isOutside, constantLike(b, l, result, method.outsideValue), result);
  });
}

static LogicalResult resize(NodeContext &ctx, const Method &method, ArrayRef<Axis> axes) {
  Composer c(ctx);
  Tensor *x = ctx.input(0);
  if (!llvm::is_contained({"nearest", "linear", "cubic"}, method.mode))
    return ctx.fail("mode '" + printable(method.mode) + "' is not supported");
  if (method.mode != "nearest" && !x->isFloat())
    return ctx.fail(fmt::format("mode '{}' wants floats, not {}", method.mode, ctx.describe(x)));
  Tensor *result = method.mode == "nearest" ? x : c.wide(x);
  for (const Axis &axis : axes) {
    constexpr int64_t kMostPositions = 1 << 20; // a table each
    if (axis.from < 1 || axis.to < 0 || axis.to > kMostPositions)
      return ctx.fail(fmt::format("it makes {} positions of {}", axis.to, axis.from));
    result = resizeAxis(ctx, result, method, axis);
  }
  return c.finish(c.cast(result, x->elementType));
}

//===- The operators ------------------------------------------------------===//

/// The dims that `scales` change, and to what extent.
static FailureOr<SmallVector<Axis>> scaledAxes(NodeContext &ctx, ArrayRef<double> scales, ArrayRef<int64_t> dims) {
  Tensor *x = ctx.input(0);
  SmallVector<Axis> axes;
  if (scales.size() != dims.size())
    return ctx.fail(fmt::format("it has {} scales for {}", scales.size(), ctx.describe(x)));
  for (auto [scale, dim] : llvm::zip(scales, dims)) {
    if (scale == 1)
      continue;
    std::optional<int64_t> from = x->shape[dim].constant();
    if (!from || !(scale > 0))
      return ctx.fail(
          fmt::format("it scales dim {} of {} by {}; fix its extent with --dims", dim, ctx.describe(x), scale));
    double to = std::floor(static_cast<double>(*from) * scale);
    if (!(to <= static_cast<double>(kMaxExtent)))
      return ctx.fail(fmt::format("it scales dim {} of {} by {}", dim, ctx.describe(x), scale));
    axes.push_back({dim, *from, static_cast<int64_t>(to), scale});
  }
  return axes;
}

/// The dims that are to have `sizes`; with a policy, as large as fits into them (or just covers them), in proportion.
static FailureOr<SmallVector<Axis>> sizedAxes(NodeContext &ctx, ArrayRef<int64_t> sizes, ArrayRef<int64_t> dims,
                                              StringRef policy) {
  Tensor *x = ctx.input(0);
  if (sizes.size() != dims.size())
    return ctx.fail(fmt::format("it has {} sizes for {}", sizes.size(), ctx.describe(x)));
  SmallVector<Axis> axes;
  for (auto [size, dim] : llvm::zip(sizes, dims)) {
    std::optional<int64_t> from = x->shape[dim].constant();
    if (!from || *from < 1 || size < 1)
      return ctx.fail(
          fmt::format("it makes {} of dim {} of {}; fix its extent with --dims", size, dim, ctx.describe(x)));
    axes.push_back({dim, *from, size, static_cast<double>(size) / static_cast<double>(*from)});
  }
  if (policy == "not_larger" || policy == "not_smaller") {
    double common = axes.front().scale;
    for (const Axis &axis : axes)
      common = policy == "not_larger" ? std::min(common, axis.scale) : std::max(common, axis.scale);
    for (Axis &axis : axes) {
      axis.scale = common;
      axis.to = static_cast<int64_t>(std::floor(common * static_cast<double>(axis.from) + 0.5));
    }
  } else if (policy != "stretch") {
    return ctx.fail("keep_aspect_ratio_policy '" + printable(policy) + "' is not supported");
  }
  llvm::erase_if(axes, [](const Axis &axis) { return axis.from == axis.to && axis.scale == 1; });
  return axes;
}

static LogicalResult importResize(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  Method method{ctx.stringAttr("mode"),
                ctx.stringAttr("coordinate_transformation_mode"),
                ctx.stringAttr("nearest_mode"),
                ctx.floatAttr("cubic_coeff_a"),
                ctx.floatAttr("extrapolation_value"),
                ctx.flag("exclude_outside")};
  if (!llvm::is_contained({"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
                           "tf_crop_and_resize", "tf_half_pixel_for_nn"},
                          method.coordinates))
    return ctx.fail("coordinate_transformation_mode '" + printable(method.coordinates) + "' is not supported");
  if (ctx.flag("antialias"))
    return ctx.fail("antialias is not supported");
  SmallVector<int64_t> dims = allDims(x->rank());
  if (auto given = ctx.intsAttr("axes")) {
    if (failed(ctx.axes(*given, x->rank())))
      return failure();
    dims = llvm::map_to_vector(*given, [&](int64_t axis) { return axis < 0 ? axis + x->rank() : axis; });
  }
  const NodeAttr *policy = ctx.attr("keep_aspect_ratio_policy");
  auto isEmpty = [](Tensor *tensor) { return !tensor || (tensor->rank() == 1 && tensor->shape[0].isConstant(0)); };
  FailureOr<SmallVector<Axis>> axes = SmallVector<Axis>();
  if (!isEmpty(ctx.input(3))) {
    FailureOr<SmallVector<int64_t>> sizes = ctx.fixedInput(3, "sizes");
    if (failed(sizes))
      return failure();
    axes = sizedAxes(ctx, *sizes, dims, policy ? StringRef(policy->s) : "stretch");
  } else if (ctx.input(2)) {
    FailureOr<SmallVector<double>> scales = ctx.fixedFloats(2, "scales");
    if (failed(scales))
      return failure();
    axes = scaledAxes(ctx, *scales, dims);
  } else {
    return ctx.fail("it has neither scales nor sizes");
  }
  if (failed(axes))
    return failure();
  if (method.coordinates == "tf_crop_and_resize") {
    FailureOr<SmallVector<double>> roi = ctx.input(1) ? ctx.fixedFloats(1, "roi") : SmallVector<double>();
    if (failed(roi))
      return failure();
    if (roi->size() != 2 * dims.size())
      return ctx.fail(fmt::format("its roi has {} numbers", roi->size()));
    for (Axis &axis : *axes) {
      size_t index = llvm::find(dims, axis.dim) - dims.begin();
      axis.roiStart = (*roi)[index], axis.roiEnd = (*roi)[index + dims.size()];
    }
  }
  return resize(ctx, method, *axes);
}

/// Before opset 11 positions are divided by the scale and rounded down.
static LogicalResult resizeByScales(NodeContext &ctx, ArrayRef<double> scales) {
  FailureOr<SmallVector<Axis>> axes = scaledAxes(ctx, scales, allDims(ctx.input(0)->rank()));
  std::string mode = ctx.stringAttr("mode");
  return failed(axes) ? failure() : resize(ctx, {mode == "bilinear" ? "linear" : mode}, *axes);
}

static LogicalResult importOldResize(NodeContext &ctx) {
  FailureOr<SmallVector<double>> scales = ctx.fixedFloats(1, "scales");
  return failed(scales) ? failure() : resizeByScales(ctx, *scales);
}

static LogicalResult importOldUpsample(NodeContext &ctx) {
  const std::vector<float> &scales = ctx.attr("scales")->floats;
  return resizeByScales(ctx, SmallVector<double>(scales.begin(), scales.end()));
}

void attnc::onnx::addResizeOps(OpTable &table) {
  std::string how = "mode = \"nearest\", coordinate_transformation_mode = \"half_pixel\", nearest_mode = "
                    "\"round_prefer_floor\", cubic_coeff_a = -0.75, exclude_outside = 0, extrapolation_value = 0.0";
  table.add(7, "Upsample(x: any; scales: floats, mode = \"nearest\")", importOldUpsample);
  table.add(9, "Upsample(x: any, scales: float; mode = \"nearest\")", importOldResize);
  table.refuse("Upsample", "it is called Resize since opset 10", 10);
  table.add(10, "Resize(x: any, scales: float; mode = \"nearest\")", importOldResize);
  table.add(11, "Resize(x: any, roi: float, scales: float, sizes?: int; " + how + ")", importResize);
  table.add(13, "Resize(x: any, roi?: float, scales?: float, sizes?: int; " + how + ")", importResize);
  table.add(18,
            "Resize(x: any, roi?: float, scales?: float, sizes?: int; " + how +
                ", antialias = 0, axes?: ints, keep_aspect_ratio_policy = \"stretch\")",
            importResize);
}
