//===- NormalizationOps.cpp - Normalisations over channels and groups -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dim 1 is that of the channels. Sums are made in f32 at least.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Scalars.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;
using namespace attnc::onnx::scalar;

namespace {
/// sqrt(x + epsilon)
Tensor *rootPlus(Composer &c, Tensor *x, double epsilon) {
  return x ? c.sqrt(c.add(x, c.number(epsilon, x->elementType))) : nullptr;
}

/// (x - mean) / sqrt(var + epsilon) over `dims`
Tensor *normalised(Composer &c, Tensor *x, ArrayRef<int64_t> dims, double epsilon) {
  Tensor *centred = c.sub(x, c.mean(x, dims));
  return c.div(centred, rootPlus(c, c.mean(c.square(centred), dims), epsilon));
}

/// x * scale + bias, a number of each for every channel.
Tensor *perChannel(NodeContext &ctx, Tensor *x, Tensor *scale, Tensor *bias) {
  Composer c(ctx);
  if (!x)
    return nullptr;
  Tensor *wideScale = c.cast(c.alongDim(scale, 1, x->rank()), x->elementType);
  Tensor *wideBias = c.cast(c.alongDim(bias, 1, x->rank()), x->elementType);
  return c.add(c.mul(x, wideScale), wideBias);
}

/// Checks that x has channels, and that the operands from 1 on are vectors of as many numbers.
LogicalResult checkChannels(NodeContext &ctx, size_t least) {
  Tensor *x = ctx.input(0);
  bool fits = x->rank() >= static_cast<int64_t>(least);
  for (Tensor *operand : ctx.allInputs().drop_front())
    fits = fits && operand->rank() == 1 && ctx.sameExtent(operand->shape[0], x->shape[1]);
  return fits ? success()
              : ctx.fail(fmt::format("its operands are not one number for each channel of {}", ctx.describe(x)));
}

/// (x - mean) / sqrt(var + epsilon) * scale + bias, all given: two numbers for each channel.
LogicalResult importBatchNormalization(NodeContext &ctx) {
  double epsilon = ctx.floatAttr("epsilon");
  ctx.attr("momentum"); // of training
  bool trains = ctx.flag("training_mode") || (ctx.signature.attribute("is_test") && !ctx.flag("is_test"));
  for (size_t output = 1; output < ctx.node.outputs.size(); ++output)
    trains |= ctx.wants(output);
  if (trains)
    return ctx.fail("training mode is not supported");
  if (const NodeAttr *spatial = ctx.attr("spatial"); spatial && !spatial->i)
    return ctx.fail("spatial = 0 is not supported");
  if (failed(checkChannels(ctx, 2)))
    return failure();
  Composer c(ctx);
  Tensor *x = ctx.input(0), *wide = c.wide(x);
  auto widened = [&](size_t index) { return c.cast(ctx.input(index), wide->elementType); };
  Tensor *scale = c.div(widened(1), rootPlus(c, widened(4), epsilon));
  Tensor *bias = c.sub(widened(2), c.mul(widened(3), scale));
  return c.finish(c.cast(perChannel(ctx, wide, scale, bias), x->elementType));
}

LogicalResult importInstanceNormalization(NodeContext &ctx) {
  double epsilon = ctx.floatAttr("epsilon");
  if (failed(checkChannels(ctx, 3)))
    return failure();
  Composer c(ctx);
  Tensor *x = ctx.input(0);
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(2, x->rank()));
  Tensor *normal = normalised(c, c.wide(x), dims, epsilon);
  return c.finish(c.cast(perChannel(ctx, normal, ctx.input(1), ctx.input(2)), x->elementType));
}

/// x [n, c, ...] as [n, groups, the rest] is normalised over the rest. Scale and bias are one number for each channel, or
/// before opset 21 for each group.
LogicalResult importGroupNormalization(NodeContext &ctx, bool perGroup) {
  Tensor *x = ctx.input(0);
  double epsilon = ctx.floatAttr("epsilon");
  int64_t groups = ctx.intAttr("num_groups");
  if (const NodeAttr *stash = ctx.attr("stash_type"); stash && stash->i != 1)
    return ctx.fail("stash_type is not float32");
  std::optional<Sym> size =
      x->rank() >= 2 && groups > 0 ? ctx.symbols.divideExactly(x->shape[1], groups) : std::nullopt;
  if (!size)
    return ctx.fail(fmt::format("the channels of {} are not {} groups", ctx.describe(x), groups));
  Composer c(ctx);
  SymList grouped{x->shape[0], Sym(groups), ctx.symbols.product(ArrayRef(x->shape).drop_front(2))};
  grouped[2] = ctx.symbols.mul(grouped[2], *size);
  Tensor *normal = normalised(c, c.reshape(c.wide(x), grouped), 2, epsilon);
  if (perGroup)
    normal = perChannel(ctx, normal, ctx.input(1), ctx.input(2));
  normal = c.reshape(normal, x->shape);
  if (!perGroup)
    normal = perChannel(ctx, normal, ctx.input(1), ctx.input(2));
  return c.finish(c.cast(normal, x->elementType));
}

/// (x - mean) / (sqrt(var) + 1e-9)
LogicalResult importMeanVarianceNormalization(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  FailureOr<SmallVector<int64_t>> dims =
      ctx.axes(ctx.intsAttr("axes").value_or(SmallVector<int64_t>{0, 2, 3}), x->rank());
  if (failed(dims))
    return failure();
  Composer c(ctx);
  Tensor *wide = c.wide(x), *centred = c.sub(wide, c.mean(wide, *dims));
  Tensor *deviation = c.add(c.sqrt(c.mean(c.square(centred), *dims)), c.number(1e-9, wide->elementType));
  return c.finish(c.cast(c.div(centred, deviation), x->elementType));
}

/// x over its norm along an axis.
LogicalResult importLpNormalization(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), x->rank());
  int64_t p = ctx.intAttr("p");
  if (failed(axis))
    return failure();
  if (p != 1 && p != 2)
    return ctx.fail("p must be 1 or 2");
  Composer c(ctx);
  Tensor *wide = c.wide(x);
  Tensor *norm = p == 1 ? c.sum(c.abs(wide), *axis) : c.sqrt(c.sum(c.square(wide), *axis));
  return c.finish(c.cast(c.div(wide, norm), x->elementType));
}

/// x / (bias + alpha / size * s)^beta, where s sums the squares of the `size` channels around each.
LogicalResult importLRN(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  int64_t size = ctx.intAttr("size");
  double alpha = ctx.floatAttr("alpha"), beta = ctx.floatAttr("beta"), bias = ctx.floatAttr("bias");
  constexpr int64_t kMostChannels = 64;
  if (x->rank() < 2 || size < 1 || size > kMostChannels)
    return ctx.fail(fmt::format("it sums {} channels of {}", size, ctx.describe(x)));
  Composer c(ctx);
  Tensor *wide = c.wide(x);
  // The squares, with zeros before and after their channels, are summed at each of `size` offsets.
  SymList before(x->shape), after(x->shape);
  before[1] = Sym((size - 1) / 2), after[1] = Sym(size - 1 - (size - 1) / 2);
  TypedAttr zero = ctx.emit.zero(wide->elementType);
  SmallVector<Tensor *> parts;
  if (!before[1].isConstant(0))
    parts.push_back(ctx.emit.splat(zero, before));
  parts.push_back(c.square(wide));
  if (!after[1].isConstant(0))
    parts.push_back(ctx.emit.splat(zero, after));
  Tensor *padded = c.join(parts, 1), *sum = nullptr;
  for (int64_t offset = 0; offset < size; ++offset) {
    Tensor *part = c.part(padded, 1, offset, x->shape[1]);
    sum = sum ? c.add(sum, part) : part;
  }
  Tensor *result = c.map({wide, sum}, [&](B &b, L l, ValueRange in) -> V {
    V base = add(b, l, mul(b, l, in[1], constantLike(b, l, in[1], alpha / static_cast<double>(size))),
                 constantLike(b, l, in[1], bias));
    return div(b, l, in[0], math::PowFOp::create(b, l, base, constantLike(b, l, base, beta)));
  });
  return c.finish(c.cast(result, x->elementType));
}
} // namespace

void attnc::onnx::addNormalizationOps(OpTable &table) {
  table.add(
      6,
      "BatchNormalization(x: float, scale, b, mean, var; epsilon = 1e-05, is_test = 0, momentum = 0.9, spatial = 1) "
      "-> y, mean?, var?, saved_mean?, saved_var?",
      importBatchNormalization);
  table.add(7,
            "BatchNormalization(x: float, scale, b, mean, var; epsilon = 1e-05, momentum = 0.9, spatial = 1) "
            "-> y, mean?, var?, saved_mean?, saved_var?",
            importBatchNormalization);
  table.add(9,
            "BatchNormalization(x: float, scale, b, mean, var; epsilon = 1e-05, momentum = 0.9) "
            "-> y, mean?, var?, saved_mean?, saved_var?",
            importBatchNormalization);
  table.add(14,
            "BatchNormalization(x: float, scale: float, b, mean: float, var; epsilon = 1e-05, momentum = 0.9, "
            "training_mode = 0) -> y, running_mean?, running_var?",
            importBatchNormalization);
  table.add(1, "InstanceNormalization(x: float, scale, b; epsilon = 1e-05)", importInstanceNormalization);
  table.add(18, "GroupNormalization(x: float, scale, bias; num_groups: int, epsilon = 1e-05)",
            [](NodeContext &ctx) { return importGroupNormalization(ctx, true); });
  table.add(21, "GroupNormalization(x: float, scale, bias; num_groups: int, epsilon = 1e-05, stash_type = 1)",
            [](NodeContext &ctx) { return importGroupNormalization(ctx, false); });
  table.add(9, "MeanVarianceNormalization(x: float; axes?: ints)", importMeanVarianceNormalization);
  table.add(1, "LpNormalization(input: float; axis = -1, p = 2)", importLpNormalization);
  table.add(1, "LRN(x: float; size: int, alpha = 0.0001, beta = 0.75, bias = 1.0)", importLRN);
}
