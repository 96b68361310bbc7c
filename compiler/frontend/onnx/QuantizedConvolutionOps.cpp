//===- QuantizedConvolutionOps.cpp - Convolutions of bytes ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Both operands lose their zero points first, so that pads are 0 and sums are int32: exact but for wrapping around.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Convolutions.h"
#include "compiler/frontend/onnx/QuantizedOps.h"
#include "compiler/frontend/onnx/Scalars.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

namespace {
/// A scale or zero point for the whole of an operand, or, of a weight, for each of its channels (dim 0), to meet a tensor of
/// `rank` dims.
FailureOr<Tensor *> spread(NodeContext &ctx, Tensor *given, const Sym *channels, int64_t dim, int64_t rank) {
  Composer c(ctx);
  if (isOne(given))
    return c.reshape(given, {});
  if (!channels || given->rank() != 1 || !ctx.sameExtent(given->shape[0], *channels))
    return ctx.fail(
        fmt::format("{} is neither one number nor one for each channel of its weight", ctx.describe(given)));
  return c.alongDim(given, dim, rank);
}

/// Bytes less their zero point, as int32.
Tensor *centred(NodeContext &ctx, Tensor *bytes, Tensor *zero, const Sym *channels) {
  Type i32 = ctx.emit.builder.getI32Type();
  if (!bytes->elementType.isInteger(8)) {
    (void)ctx.fail(fmt::format("{} is not of int8 or uint8", ctx.describe(bytes)));
    return nullptr;
  }
  if (!zero)
    return ctx.emit.cast(bytes, i32);
  if (zero->elementType != bytes->elementType) {
    (void)ctx.fail(fmt::format("its zero point {} is not of the type of {}", ctx.describe(zero), ctx.describe(bytes)));
    return nullptr;
  }
  FailureOr<Tensor *> point = spread(ctx, zero, channels, 0, bytes->rank());
  Composer c(ctx);
  return failed(point) ? nullptr : c.sub(ctx.emit.cast(bytes, i32), ctx.emit.cast(*point, i32));
}

/// The convolution of bytes, in int32.
Tensor *convolveBytes(NodeContext &ctx, Tensor *x, Tensor *xZero, Tensor *weight, Tensor *weightZero) {
  FailureOr<Convolution> conv = readConvolution(ctx, x, weight);
  if (failed(conv))
    return nullptr;
  Tensor *operand = centred(ctx, x, xZero, nullptr);
  conv->weight = centred(ctx, weight, weightZero, &weight->shape[0]);
  return operand && conv->weight ? convolved(ctx, operand, *conv) : nullptr;
}

LogicalResult importConvInteger(NodeContext &ctx) {
  return Composer(ctx).finish(convolveBytes(ctx, ctx.input(0), ctx.input(2), ctx.input(1), ctx.input(3)));
}

/// round((sum (x - zx) (w - zw) + bias) * (sx * sw / sy)) + zy, held in the type of zy.
LogicalResult importQLinearConv(NodeContext &ctx) {
  Tensor *weight = ctx.input(3), *scale = ctx.input(6), *zero = ctx.input(7);
  Tensor *sums = convolveBytes(ctx, ctx.input(0), ctx.input(2), weight, ctx.input(5));
  if (!sums)
    return failure();
  if (!isOne(ctx.input(1)) || !isOne(scale) || !isOne(zero) || !zero->elementType.isInteger(8))
    return ctx.fail(fmt::format("{} and {} are no scale and zero point of int8 or uint8 for the whole result",
                                ctx.describe(scale), ctx.describe(zero)));
  if (Tensor *bias = ctx.input(8); bias && !(sums = addPerChannel(ctx, sums, bias)))
    return failure();
  Composer c(ctx);
  Type f32 = ctx.emit.builder.getF32Type(), type = zero->elementType;
  FailureOr<Tensor *> scales = spread(ctx, ctx.input(4), &weight->shape[0], 1, sums->rank());
  if (failed(scales))
    return failure();
  Tensor *factor = c.mul(c.cast(*scales, f32), c.cast(c.reshape(ctx.input(1), {}), f32));
  factor = c.div(factor, c.cast(c.reshape(scale, {}), f32));
  Tensor *moves = c.cast(c.reshape(zero, {}), ctx.emit.builder.getI32Type());
  if (!factor || !moves)
    return failure();
  return ctx.result(
      ctx.emit.elementwise({sums, factor, moves}, type, sums->shape, [&](OpBuilder &b, Location l, ValueRange in) {
        Value real = arith::SIToFPOp::create(b, l, f32, in[0]);
        return quantize(b, l, arith::MulFOp::create(b, l, real, in[1]), in[2], type);
      }));
}
} // namespace

void attnc::onnx::addQuantizedConvolutionOps(OpTable &table) {
  std::string walk =
      "auto_pad = \"NOTSET\", dilations?: ints, group = 1, kernel_shape?: ints, pads?: ints, strides?: ints";
  table.add(10, "ConvInteger(x: whole, w: whole, x_zero_point?: whole, w_zero_point?: whole; " + walk + ")",
            importConvInteger);
  table.add(10,
            "QLinearConv(x: whole, x_scale: float, x_zero_point: whole, w: whole, w_scale: float, w_zero_point: whole, "
            "y_scale: float, y_zero_point: whole, b?: int; " +
                walk + ")",
            importQLinearConv);
}
