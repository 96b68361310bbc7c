//===- ConvolutionOps.cpp - Convolutions are sums over windows ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   y[n, g, o, p..] = sum over c, w.. of windows(x)[n, g, c, p.., w..] weight[g, o, c, w..] + bias[g, o]
//
// is one linalg.contract of a view. With one channel in and out for each group (depthwise) there is nothing to contract:
// y[n, c, p..] is the sum of few shifted tensors, one for each element of a window.
//
// ConvTranspose is the same: with zeros between the elements of x, stride 1 and the weight reversed.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Convolutions.h"
#include "compiler/frontend/onnx/Scalars.h"
#include "compiler/support/Printable.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::onnx;

namespace {
/// Sums of more terms than this are loops.
constexpr int64_t kMostTaps = 64;

/// Sizes of the windows, which must be fixed: those of `weight`, and of kernel_shape where it is given.
FailureOr<SmallVector<int64_t>> windowSizes(NodeContext &ctx, Tensor *weight) {
  SmallVector<int64_t> sizes;
  for (const Sym &extent : ArrayRef(weight->shape).drop_front(2)) {
    std::optional<int64_t> size = extent.constant();
    if (!size)
      return ctx.fail("the extents of its windows are not fixed: " + ctx.describe(weight));
    sizes.push_back(*size);
  }
  if (std::optional<SmallVector<int64_t>> given = ctx.intsAttr("kernel_shape"); given && *given != sizes)
    return ctx.fail(fmt::format("its kernel_shape is not that of its weight, {}", ctx.describe(weight)));
  return sizes;
}

/// `dim` of a tensor as two: [groups, extent / groups]. Null, after an error, if it has no whole groups.
Tensor *splitGroups(NodeContext &ctx, Tensor *tensor, size_t dim, int64_t groups) {
  std::optional<Sym> each = ctx.symbols.divideExactly(tensor->shape[dim], groups);
  if (!each) {
    (void)ctx.fail(fmt::format("{} groups do not divide dim {} of {}", groups, dim, ctx.describe(tensor)));
    return nullptr;
  }
  SymList shape(tensor->shape);
  shape[dim] = *each;
  shape.insert(shape.begin() + static_cast<ptrdiff_t>(dim), Sym(groups));
  return ctx.emit.reshape(tensor, shape);
}

/// The sum over taps of x, moved by the tap, times weight[c, tap].
Tensor *sumOfTaps(NodeContext &ctx, Tensor *padded, const Convolution &conv) {
  SmallVector<Tensor *> operands;
  const Windows &windows = conv.windows;
  SmallVector<int64_t> steps(conv.weight->shape.size(), 1);
  for (int64_t tap = 0; tap < windows.taps(); ++tap) {
    SmallVector<int64_t> place = windows.tap(tap);
    operands.push_back(viewTap(ctx, padded, windows, place));
    SymList offsets(2, Sym(0)), sizes{conv.weight->shape[0]};
    offsets.append(place.begin(), place.end());
    sizes.resize(conv.weight->shape.size(), Sym(1));
    Tensor *factor = ctx.emit.slice(conv.weight, offsets, sizes, steps);
    SymList alongChannels(1 + windows.rank(), Sym(1));
    alongChannels[0] = conv.weight->shape[0];
    operands.push_back(ctx.emit.reshape(factor, alongChannels));
  }
  Type type = padded->elementType;
  return ctx.emit.elementwise(operands, type, operands[0]->shape, [&](OpBuilder &b, Location l, ValueRange in) {
    auto widen = [&](Value value) -> Value {
      return isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32
                 ? arith::ExtFOp::create(b, l, b.getF32Type(), value).getResult()
                 : value;
    };
    Value sum;
    for (size_t at = 0; at < in.size(); at += 2) {
      Value product = scalar::mul(b, l, widen(in[at]), widen(in[at + 1]));
      sum = sum ? scalar::add(b, l, sum, product) : product;
    }
    return sum.getType() == type ? sum : arith::TruncFOp::create(b, l, type, sum).getResult();
  });
}

/// One contraction of what windows hold with `weight`; loops are n, g, o, positions, and then c and the window, where there is one.
Tensor *contractView(NodeContext &ctx, Tensor *x, Tensor *weight, const Convolution &conv) {
  size_t rank = conv.windows.rank();
  bool isPoint = weight->rank() == 2, isGrouped = conv.groups > 1;
  if (isGrouped && (!(x = splitGroups(ctx, x, 1, conv.groups)) || !(weight = splitGroups(ctx, weight, 0, conv.groups))))
    return nullptr;

  MLIRContext *context = ctx.emit.builder.getContext();
  size_t next = 0, inWindow = isPoint ? 0 : rank;
  auto dims = [&](size_t count) {
    SmallVector<AffineExpr> made;
    for (size_t i = 0; i < count; ++i)
      made.push_back(getAffineDimExpr(static_cast<unsigned>(next++), context));
    return made;
  };
  auto n = dims(1), g = dims(isGrouped), o = dims(1), p = dims(rank), c = dims(1), w = dims(inWindow);
  auto map = [&](std::initializer_list<ArrayRef<AffineExpr>> parts) {
    SmallVector<AffineExpr> results;
    for (ArrayRef<AffineExpr> part : parts)
      results.append(part.begin(), part.end());
    return AffineMap::get(static_cast<unsigned>(next), 0, results, context);
  };
  SymList shape{x->shape[0]};
  if (isGrouped)
    shape.push_back(conv.groups);
  shape.push_back(weight->shape[isGrouped]);
  auto positionsAt = x->shape.begin() + 2 + isGrouped;
  shape.append(positionsAt, positionsAt + static_cast<ptrdiff_t>(rank));
  Tensor *sum = ctx.emit.contract(x, weight, map({n, g, c, p, w}), map({g, o, c, w}), map({n, g, o, p}), shape);
  if (!isGrouped)
    return sum;
  SymList joined{shape[0], conv.weight->shape[0]};
  joined.append(shape.begin() + 3, shape.end());
  return ctx.emit.reshape(sum, joined);
}

Tensor *contractWindows(NodeContext &ctx, Tensor *padded, const Convolution &conv) {
  Tensor *weight = conv.weight;
  if (conv.windows.taps() != 1)
    return contractView(ctx, viewWindows(ctx, padded, conv.windows), weight, conv);
  // Only strides are left.
  Tensor *x = viewTap(ctx, padded, conv.windows, SmallVector<int64_t>(conv.windows.rank(), 0));
  return contractView(ctx, x, ctx.emit.reshape(weight, {weight->shape[0], weight->shape[1]}), conv);
}

LogicalResult checkChannels(NodeContext &ctx, Tensor *x, Tensor *weight, int64_t groups) {
  if (!ctx.sameExtent(x->shape[1], ctx.symbols.mul(weight->shape[1], groups)))
    return ctx.fail(fmt::format("{} in {} groups has other channels than its weight, {}", ctx.describe(x), groups,
                                ctx.describe(weight)));
  return success();
}

/// The convolution of x, with a bias for each of its channels if there is one.
LogicalResult convolve(NodeContext &ctx, Tensor *x, const Convolution &conv, Tensor *bias) {
  Tensor *sum = convolved(ctx, x, conv);
  if (sum && bias)
    sum = addPerChannel(ctx, sum, bias);
  return sum ? ctx.result(sum) : failure();
}

LogicalResult importConv(NodeContext &ctx) {
  FailureOr<Convolution> conv = readConvolution(ctx, ctx.input(0), ctx.input(1));
  return failed(conv) ? failure() : convolve(ctx, ctx.input(0), *conv, ctx.input(2));
}
} // namespace

Tensor *attnc::onnx::convolved(NodeContext &ctx, Tensor *x, const Convolution &conv) {
  if (failed(checkChannels(ctx, x, conv.weight, conv.groups)))
    return nullptr;
  Tensor *padded = padSpatial(ctx, x, conv.windows, ctx.emit.zero(x->elementType));
  bool isDepthwise = conv.groups > 1 && conv.weight->shape[1].isConstant(1) &&
                     conv.weight->shape[0].isConstant(conv.groups) && conv.windows.taps() <= kMostTaps;
  return isDepthwise ? sumOfTaps(ctx, padded, conv) : contractWindows(ctx, padded, conv);
}

Tensor *attnc::onnx::contractedWindows(NodeContext &ctx, Tensor *view, const Convolution &conv) {
  return failed(checkChannels(ctx, view, conv.weight, conv.groups)) ? nullptr
                                                                    : contractView(ctx, view, conv.weight, conv);
}

Tensor *attnc::onnx::addPerChannel(NodeContext &ctx, Tensor *sum, Tensor *bias) {
  if (bias->rank() == 1 && ctx.sameExtent(bias->shape[0], sum->shape[1])) {
    Composer c(ctx);
    return c.add(sum, c.alongDim(bias, 1, sum->rank()));
  }
  (void)ctx.fail(
      fmt::format("its bias {} is not one number for each channel of {}", ctx.describe(bias), ctx.describe(sum)));
  return nullptr;
}

FailureOr<Convolution> attnc::onnx::readConvolution(NodeContext &ctx, Tensor *x, Tensor *weight) {
  int64_t groups = ctx.intAttr("group");
  if (x->rank() < 3 || weight->rank() != x->rank())
    return ctx.fail(fmt::format("{} has no weight {}", ctx.describe(x), ctx.describe(weight)));
  if (groups < 1)
    return ctx.fail(fmt::format("its group is {}, expected 1 or more", groups));
  FailureOr<SmallVector<int64_t>> sizes = windowSizes(ctx, weight);
  if (failed(sizes))
    return failure();
  FailureOr<Windows> windows = readWindows(ctx, x, *sizes);
  if (failed(windows))
    return failure();
  return Convolution{weight, groups, *windows};
}

namespace {
/// com.microsoft.FusedConv: activation(conv + bias + z).
LogicalResult importFusedConv(NodeContext &ctx) {
  FailureOr<Convolution> conv = readConvolution(ctx, ctx.input(0), ctx.input(1));
  Tensor *sum = failed(conv) ? nullptr : convolved(ctx, ctx.input(0), *conv);
  if (sum && ctx.input(2))
    sum = addPerChannel(ctx, sum, ctx.input(2));
  Composer c(ctx);
  if (ctx.input(3))
    sum = c.add(sum, ctx.input(3));
  const NodeAttr *activation = ctx.attr("activation"), *given = ctx.attr("activation_params");
  std::vector<float> numbers = given ? given->floats : std::vector<float>();
  StringRef name = activation ? StringRef(activation->s) : "";
  size_t wanted = name == "LeakyRelu" ? 1 : name == "Clip" || name == "HardSigmoid" ? 2 : 0;
  if (numbers.size() < wanted)
    return ctx.fail(fmt::format("its activation {} wants {} activation_params", name.str(), wanted));
  auto number = [&](OpBuilder &b, Location l, Value x, size_t at) {
    return scalar::constantLike(b, l, x, numbers[at]);
  };
  auto apply = [&](OpBuilder &b, Location l, ValueRange in) -> Value {
    Value x = in[0], zero = scalar::constantLike(b, l, x, 0);
    if (name == "Relu")
      return scalar::max(b, l, x, zero);
    if (name == "Tanh")
      return math::TanhOp::create(b, l, x);
    if (name == "Sigmoid")
      return scalar::sigmoid(b, l, x);
    if (name == "LeakyRelu")
      return scalar::select(b, l, scalar::less(b, l, x, zero), scalar::mul(b, l, x, number(b, l, x, 0)), x);
    if (name == "Clip")
      return scalar::min(b, l, scalar::max(b, l, x, number(b, l, x, 0)), number(b, l, x, 1));
    Value line = scalar::add(b, l, scalar::mul(b, l, x, number(b, l, x, 0)), number(b, l, x, 1)); // HardSigmoid
    return scalar::max(b, l, zero, scalar::min(b, l, scalar::constantLike(b, l, x, 1), line));
  };
  if (name.empty())
    return c.finish(sum);
  if (!llvm::is_contained({"Relu", "Tanh", "Sigmoid", "LeakyRelu", "Clip", "HardSigmoid"}, name))
    return ctx.fail("its activation '" + printable(name) + "' is not supported");
  return c.finish(c.map({sum}, apply));
}

//===- ConvTranspose ------------------------------------------------------===//

/// x with stride - 1 zeros between neighbours.
Tensor *spread(NodeContext &ctx, Tensor *x, ArrayRef<int64_t> strides) {
  if (llvm::all_of(strides, [](int64_t stride) { return stride == 1; }))
    return x;
  SymList shape(x->shape), offsets(x->shape.size(), Sym(0));
  SmallVector<int64_t> steps(2, 1);
  for (auto [i, stride] : llvm::enumerate(strides)) {
    Sym &extent = shape[i + 2];
    extent = ctx.symbols.max(ctx.symbols.sub(ctx.symbols.mul(extent, stride), stride - 1), 0);
    steps.push_back(stride);
  }
  return ctx.emit.embed(x, ctx.emit.filled(ctx.emit.zero(x->elementType), shape), shape, offsets, steps);
}

/// [C, O / groups, window..] -> [O, C / groups, window.. reversed]
Tensor *reversedWeight(NodeContext &ctx, Tensor *weight, int64_t groups) {
  SymList offsets(2, Sym(0));
  SmallVector<int64_t> steps(2, 1), order{0, 2, 1};
  for (const Sym &extent : ArrayRef(weight->shape).drop_front(2)) {
    offsets.push_back(ctx.symbols.sub(extent, 1));
    steps.push_back(-1);
    order.push_back(static_cast<int64_t>(order.size()));
  }
  Tensor *reversed = ctx.emit.slice(weight, offsets, weight->shape, steps);
  Tensor *split = splitGroups(ctx, reversed, 0, groups); // [groups, C / groups, O / groups, window..]
  if (!split)
    return nullptr;
  Tensor *turned = ctx.emit.transpose(split, order);
  SymList shape{ctx.symbols.mul(turned->shape[0], turned->shape[1])};
  shape.append(turned->shape.begin() + 2, turned->shape.end());
  return ctx.emit.reshape(turned, shape);
}

/// The pads of the result of a transposed convolution, which are cut off: given, or such that it has the extents asked for.
LogicalResult cutPads(NodeContext &ctx, Tensor *x, Windows &windows, ArrayRef<int64_t> outputPadding) {
  std::optional<SmallVector<int64_t>> asked = ctx.intsAttr("output_shape");
  std::string mode = ctx.stringAttr("auto_pad");
  bool isSame = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (!asked && !isSame)
    return success();
  if (asked && asked->size() == windows.rank() + 2)
    asked->erase(asked->begin(), asked->begin() + 2);
  if (asked && asked->size() != windows.rank())
    return ctx.fail(fmt::format("its output_shape has {} numbers, not {}", asked->size(), windows.rank()));
  Extents &symbols = ctx.symbols;
  for (size_t i = 0; i < windows.rank(); ++i) {
    const Sym &extent = x->shape[i + 2];
    int64_t stride = windows.strides[i];
    Sym whole = symbols.add(symbols.mul(symbols.sub(extent, 1), stride), windows.span(i) + outputPadding[i]);
    Sym wanted = asked ? Sym((*asked)[i]) : symbols.mul(extent, stride);
    Sym total = symbols.sub(whole, wanted), shared = symbols.max(total, 0), half = symbols.div(shared, 2);
    windows.before[i] = mode == "SAME_UPPER" ? half : symbols.sub(shared, half);
    windows.after[i] = symbols.sub(total, windows.before[i]); // negative where more is asked for: zeros
  }
  return success();
}

/// x and `windows` of the convolution that a transposed one is: what is cut off of the result is not padded to the operand, and
/// more than that is cut off of the operand.
Tensor *operandOfTransposed(NodeContext &ctx, Tensor *x, Windows &windows, ArrayRef<int64_t> more) {
  Tensor *spaced = spread(ctx, x, windows.strides);
  SymList offsets(2, Sym(0)), shape(spaced->shape);
  for (size_t i = 0; i < windows.rank(); ++i) {
    Sym before = ctx.symbols.sub(windows.span(i) - 1, windows.before[i]);
    Sym after = ctx.symbols.sub(windows.span(i) - 1 + more[i], windows.after[i]);
    Sym cutBefore = ctx.symbols.max(ctx.symbols.mul(before, -1), 0),
        cutAfter = ctx.symbols.max(ctx.symbols.mul(after, -1), 0);
    offsets.push_back(cutBefore);
    shape[i + 2] = ctx.symbols.max(ctx.symbols.sub(shape[i + 2], ctx.symbols.add(cutBefore, cutAfter)), 0);
    windows.before[i] = ctx.symbols.max(before, 0);
    windows.after[i] = ctx.symbols.max(after, 0);
    windows.strides[i] = 1;
  }
  return ctx.emit.slice(spaced, offsets, shape, SmallVector<int64_t>(shape.size(), 1));
}

LogicalResult importConvTranspose(NodeContext &ctx) {
  FailureOr<Convolution> conv = readConvolution(ctx, ctx.input(0), ctx.input(1));
  if (failed(conv))
    return failure();
  Tensor *x = ctx.input(0);
  Windows windows = conv->windows;
  SmallVector<int64_t> more = ctx.intsAttr("output_padding").value_or(SmallVector<int64_t>(windows.rank(), 0));
  if (more.size() != windows.rank() || llvm::any_of(more, [](int64_t pad) { return pad < 0; }))
    return ctx.fail(fmt::format("its output_padding is not {} numbers from 0", windows.rank()));
  if (failed(cutPads(ctx, x, windows, more)))
    return failure();
  Tensor *spaced = operandOfTransposed(ctx, x, windows, more);
  Tensor *turned = reversedWeight(ctx, conv->weight, conv->groups);
  return turned ? convolve(ctx, spaced, {turned, conv->groups, windows}, ctx.input(2)) : failure();
}
} // namespace

void attnc::onnx::addConvolutionOps(OpTable &table) {
  std::string walk =
      "auto_pad = \"NOTSET\", dilations?: ints, group = 1, kernel_shape?: ints, pads?: ints, strides?: ints";
  table.add(1, "Conv(x: float, w, b?; " + walk + ")", importConv);
  table.add(
      1, "com.microsoft.FusedConv(x: float, w, b?, z?; activation?: string, activation_params?: floats, " + walk + ")",
      importFusedConv);
  table.add(1, "ConvTranspose(x: float, w, b?; " + walk + ", output_padding?: ints, output_shape?: ints)",
            importConvTranspose);
}
