//===- RegionOps.cpp - Operators that read moved parts of images ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Convolutions.h"
#include "compiler/frontend/onnx/Sampling.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;
using namespace attnc::onnx::scalar;

namespace {
//===- RoiAlign -----------------------------------------------------------===//

struct RoiAlign {
  int64_t height, width, samples;
  double scale, offset;
  bool takesMax;
};

/// The elements around a place along one dim, and the weight of the second one; `outside` where it is more than one away.
struct Between {
  V low, high, rest, outside;
};

Between between(B &b, L l, V place, V extent) {
  Type f32 = place.getType();
  V zero = number(b, l, f32, 0), one = number(b, l, f32, 1), size = toFloat(b, l, extent, f32);
  V isInside = isBetween(b, l, place, number(b, l, f32, -1), size);
  V last = sub(b, l, size, one), held = min(b, l, max(b, l, place, zero), last);
  V low = math::FloorOp::create(b, l, held);
  return {toIndex(b, l, low, extent), toIndex(b, l, add(b, l, low, one), extent), sub(b, l, held, low), isInside};
}

/// What a sample of an image at (y, x) gives: the sum of the four elements around it, or with max the largest of the four with
/// their weights.
V sampleAt(B &b, L l, V image, ArrayRef<V> plane, const Between &y, const Between &x, bool takesMax) {
  V one = number(b, l, y.rest.getType(), 1), zero = number(b, l, y.rest.getType(), 0), result;
  for (bool isHigh : {false, true})
    for (bool isRight : {false, true}) {
      V weight = mul(b, l, isHigh ? y.rest : sub(b, l, one, y.rest), isRight ? x.rest : sub(b, l, one, x.rest));
      SmallVector<V> at(plane);
      at.append({isHigh ? y.high : y.low, isRight ? x.high : x.low});
      V part = mul(b, l, weight, tensor::ExtractOp::create(b, l, image, at));
      result = !result ? part : takesMax ? max(b, l, result, part) : add(b, l, result, part);
    }
  return select(b, l, arith::AndIOp::create(b, l, y.outside, x.outside), result, zero);
}

LogicalResult readRoiAlign(NodeContext &ctx, RoiAlign &roi) {
  roi = {ctx.intAttr("output_height"),
         ctx.intAttr("output_width"),
         ctx.intAttr("sampling_ratio"),
         ctx.floatAttr("spatial_scale"),
         0,
         ctx.stringAttr("mode") == "max"};
  const NodeAttr *how = ctx.attr("coordinate_transformation_mode");
  if (how && how->s == "half_pixel")
    roi.offset = 0.5;
  else if (how && how->s != "output_half_pixel")
    return ctx.fail("its coordinate_transformation_mode '" + printable(how->s) + "' is not supported");
  if (!roi.takesMax && ctx.stringAttr("mode") != "avg")
    return ctx.fail("its mode '" + printable(ctx.stringAttr("mode")) + "' is neither avg nor max");
  if (roi.samples == 0)
    return ctx.fail("with sampling_ratio = 0 how many samples it takes depends on the data; export it with a number");
  constexpr int64_t kMostSamples = 8, kMostBins = 1 << 16;
  if (roi.samples < 0 || roi.samples > kMostSamples || roi.height < 1 || roi.width < 1 || roi.height > kMostBins ||
      roi.width > kMostBins)
    return ctx.fail(fmt::format("{} samples in {} x {} bins are not supported", roi.samples, roi.height, roi.width));
  return success();
}

/// Each region of an image as bins, of each the mean or the maximum of a grid of samples.
LogicalResult importRoiAlign(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *rois = ctx.input(1), *images = ctx.input(2);
  RoiAlign roi;
  if (failed(readRoiAlign(ctx, roi)))
    return failure();
  if (!x->elementType.isF32())
    return ctx.fail(fmt::format("{} is not of float32", ctx.describe(x)));
  if (x->rank() != 4 || rois->rank() != 2 || !rois->shape[1].isConstant(4) || images->rank() != 1 ||
      !ctx.sameExtent(images->shape[0], rois->shape[0]))
    return ctx.fail(
        fmt::format("{} and {} are no regions of {}", ctx.describe(rois), ctx.describe(images), ctx.describe(x)));
  if (llvm::any_of(x->shape, [](const Sym &extent) { return extent.isConstant(0); }))
    return ctx.fail(fmt::format("it reads between the elements of {}, which has none", ctx.describe(x)));
  ctx.noteIndices(images, x->shape[0]);
  V image = ctx.emit.value(x), regions = ctx.emit.value(rois), numbers = ctx.emit.value(images);
  auto extents = llvm::map_to_vector(x->shape, [&](const Sym &extent) { return ctx.emit.index(extent); });
  Type f32 = x->elementType;
  SymList shape{rois->shape[0], x->shape[1], Sym(roi.height), Sym(roi.width)};
  return ctx.result(Composer(ctx).generate(shape, f32, [&](B &b, L l, ValueRange at) -> V {
    auto corner = [&](int64_t which) {
      V given =
          tensor::ExtractOp::create(b, l, regions, ValueRange{at[0], arith::ConstantIndexOp::create(b, l, which)});
      return sub(b, l, mul(b, l, given, number(b, l, f32, roi.scale)), number(b, l, f32, roi.offset));
    };
    auto placesOf = [&](int64_t first, V bin, int64_t bins, V extent) { // of the samples, along one dim
      V start = corner(first), size = sub(b, l, corner(first + 2), start);
      if (roi.offset == 0)
        size = max(b, l, size, number(b, l, f32, 1));
      V step = div(b, l, size, number(b, l, f32, static_cast<double>(bins)));
      SmallVector<Between> places;
      for (int64_t sample = 0; sample < roi.samples; ++sample) {
        double share = (static_cast<double>(sample) + 0.5) / static_cast<double>(roi.samples);
        V place = add(b, l, add(b, l, start, mul(b, l, toFloat(b, l, bin, f32), step)),
                      mul(b, l, step, number(b, l, f32, share)));
        places.push_back(between(b, l, place, extent));
      }
      return places;
    };
    SmallVector<Between> ys = placesOf(1, at[2], roi.height, extents[2]),
                         xs = placesOf(0, at[3], roi.width, extents[3]);
    V which = emitPosition(b, l, tensor::ExtractOp::create(b, l, numbers, at[0]), extents[0]), result;
    for (const Between &y : ys)
      for (const Between &column : xs) {
        V sample = sampleAt(b, l, image, {which, at[1]}, y, column, roi.takesMax);
        result = !result ? sample : roi.takesMax ? max(b, l, result, sample) : add(b, l, result, sample);
      }
    double count = static_cast<double>(roi.samples * roi.samples);
    return roi.takesMax ? result : div(b, l, result, number(b, l, f32, count));
  }));
}

//===- DeformConv ---------------------------------------------------------===//

/// The four elements around (y, x), of which those outside of the image are 0.
V blendAt(B &b, L l, V image, ArrayRef<V> plane, ArrayRef<V> place, ArrayRef<V> extents) {
  Type type = place[0].getType();
  V zero = number(b, l, type, 0), one = number(b, l, type, 1), sum;
  V top = math::FloorOp::create(b, l, place[0]), left = math::FloorOp::create(b, l, place[1]);
  V down = sub(b, l, place[0], top), right = sub(b, l, place[1], left);
  auto lastOf = [&](V extent) { return sub(b, l, toFloat(b, l, extent, type), one); };
  V lastRow = lastOf(extents[0]), lastColumn = lastOf(extents[1]);
  for (bool isLow : {false, true})
    for (bool isRight : {false, true}) {
      V row = isLow ? add(b, l, top, one) : top, column = isRight ? add(b, l, left, one) : left;
      V weight = mul(b, l, isLow ? down : sub(b, l, one, down), isRight ? right : sub(b, l, one, right));
      V isInside =
          arith::AndIOp::create(b, l, isBetween(b, l, row, zero, lastRow), isBetween(b, l, column, zero, lastColumn));
      SmallVector<V> at(plane);
      at.append({toIndex(b, l, row, extents[0]), toIndex(b, l, column, extents[1])});
      V element = tensor::ExtractOp::create(b, l, image, at);
      if (element.getType() != type)
        element = arith::ExtFOp::create(b, l, type, element);
      V part = select(b, l, isInside, mul(b, l, weight, element), zero);
      sum = sum ? add(b, l, sum, part) : part;
    }
  return sum;
}

/// A convolution that reads each element of its windows at an offset of its own, times a mask if there is one; channels share
/// them in groups.
struct Deformed {
  Tensor *x, *offset, *mask;
  int64_t perGroup;
  const Windows &windows;
};

/// What it reads, [N, C, positions.., window..] as `shape` says.
Tensor *sampleWindows(NodeContext &ctx, const Deformed &of, const SymList &shape) {
  Type stored = of.x->elementType, type = stored.isF64() ? stored : Type(ctx.emit.builder.getF32Type());
  V image = ctx.emit.value(of.x), offsets = ctx.emit.value(of.offset), masks = of.mask ? ctx.emit.value(of.mask) : V();
  V extents[] = {ctx.emit.index(of.x->shape[2]), ctx.emit.index(of.x->shape[3])};
  V pads[] = {ctx.emit.index(of.windows.before[0]), ctx.emit.index(of.windows.before[1])};
  return Composer(ctx).generate(shape, stored, [&](B &b, L l, ValueRange at) -> V { // n, c, oy, ox, ky, kx
    auto index = [&](int64_t value) -> V { return arith::ConstantIndexOp::create(b, l, value); };
    auto wide = [&](V x) { return x.getType() == type ? x : V(arith::ExtFOp::create(b, l, type, x)); };
    V group = arith::DivUIOp::create(b, l, at[1], index(of.perGroup));
    V tap = add(b, l, mul(b, l, at[4], index(of.windows.sizes[1])), at[5]);
    V channel = add(b, l, mul(b, l, group, index(of.windows.taps())), tap);
    SmallVector<V> place;
    for (size_t i : {0, 1}) {
      V which = add(b, l, mul(b, l, channel, index(2)), index(static_cast<int64_t>(i)));
      V moved = tensor::ExtractOp::create(b, l, offsets, ValueRange{at[0], which, at[2], at[3]});
      V still = add(b, l, mul(b, l, at[2 + i], index(of.windows.strides[i])),
                    mul(b, l, at[4 + i], index(of.windows.dilations[i])));
      place.push_back(add(b, l, toFloat(b, l, sub(b, l, still, pads[i]), type), wide(moved)));
    }
    V sample = blendAt(b, l, image, {at[0], at[1]}, place, extents);
    if (masks)
      sample =
          mul(b, l, sample, wide(tensor::ExtractOp::create(b, l, masks, ValueRange{at[0], channel, at[2], at[3]})));
    return type == stored ? sample : V(arith::TruncFOp::create(b, l, stored, sample));
  });
}

LogicalResult importDeformConv(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *offset = ctx.input(2), *mask = ctx.input(4);
  FailureOr<Convolution> conv = readConvolution(ctx, x, ctx.input(1));
  if (failed(conv))
    return failure();
  int64_t groups = ctx.intAttr("offset_group");
  std::optional<int64_t> channels = x->shape[1].constant();
  if (x->rank() != 4 || !channels || groups < 1 || *channels % groups != 0)
    return ctx.fail(fmt::format("{} has no {} groups of channels in two dims", ctx.describe(x), groups));
  if (x->shape[2].isConstant(0) || x->shape[3].isConstant(0))
    return ctx.fail(fmt::format("it reads between the elements of {}, which has none", ctx.describe(x)));
  SymList shape{x->shape[0], x->shape[1]}, expected{x->shape[0], Sym(0)};
  for (size_t i : {0, 1}) {
    Sym padded = ctx.symbols.add(x->shape[i + 2], ctx.symbols.add(conv->windows.before[i], conv->windows.after[i]));
    shape.push_back(positions(ctx.symbols, conv->windows, i, padded));
    expected.push_back(shape.back());
  }
  shape.append({Sym(conv->windows.sizes[0]), Sym(conv->windows.sizes[1])});
  for (auto [given, each] : {std::pair(offset, int64_t(2)), std::pair(mask, int64_t(1))}) {
    expected[1] = groups * conv->windows.taps() * each;
    bool fits = !given || given->rank() == 4;
    for (int64_t dim = 0; given && fits && dim < 4; ++dim)
      fits = ctx.sameExtent(given->shape[dim], expected[dim]);
    if (!fits)
      return ctx.fail(fmt::format("{} is not {}", ctx.describe(given), ctx.describe(expected)));
  }
  Tensor *samples = sampleWindows(ctx, {x, offset, mask, *channels / groups, conv->windows}, shape);
  Tensor *sum = contractedWindows(ctx, samples, *conv);
  if (sum && ctx.input(3))
    sum = addPerChannel(ctx, sum, ctx.input(3));
  return sum ? ctx.result(sum) : failure();
}
} // namespace

void attnc::onnx::addRegionOps(OpTable &table) {
  std::string bins = "mode = \"avg\", output_height = 1, output_width = 1, sampling_ratio = 0, spatial_scale = 1.0";
  table.add(10, "RoiAlign(x: float, rois, batch_indices: int; " + bins + ")", importRoiAlign);
  table.add(
      16, "RoiAlign(x: float, rois, batch_indices: int; coordinate_transformation_mode = \"half_pixel\", " + bins + ")",
      importRoiAlign);
  table.add(
      19,
      "DeformConv(x: float, w, offset, b?, mask?; dilations?: ints, group = 1, kernel_shape?: ints, offset_group = 1, "
      "pads?: ints, strides?: ints)",
      importDeformConv);
}
