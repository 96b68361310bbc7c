//===- QuantizeLinearOps.cpp - From floats to integers and back -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/QuantizedOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

namespace {
/// An int32 for the whole tensor.
Tensor *number(NodeContext &ctx, int64_t value) {
  return ctx.emit.symbolic(ctx.emit.builder.getI32Type(), {}, {Sym(value)});
}

/// What such integers are stored as: bytes, or pairs of them.
bool isQuantized(Type type) { return type.isInteger(8) || type.isInteger(16); }

/// A scale or zero point, one for the tensor or one for each index of a dim, to meet a tensor of `shape`.
FailureOr<Tensor *> spread(NodeContext &ctx, Tensor *tensor, const SymList &shape) {
  if (isOne(tensor))
    return ctx.emit.reshape(tensor, {});
  const NodeAttr *given = ctx.attr("axis"); // none before opset 13
  FailureOr<int64_t> axis = ctx.axis(given ? given->i : 1, static_cast<int64_t>(shape.size()));
  if (failed(axis))
    return failure();
  if (tensor->rank() != 1 || !ctx.sameExtent(tensor->shape[0], shape[*axis]))
    return ctx.fail(
        fmt::format("{} is neither one number nor one for each index of dim {}", ctx.describe(tensor), *axis));
  SymList ones(shape.size() - *axis, Sym(1));
  ones[0] = tensor->shape[0];
  return ctx.emit.reshape(tensor, ones);
}

/// The operands of both: x, its scale as float32, and its zero point as int32 (0 where it is absent).
struct Scaled {
  Tensor *x, *scale, *zero;
};

/// With blocks along an axis, x [.., n, ..] is [.., n / block, block, ..], and scales and zero points [.., n / block, 1, ..].
FailureOr<Scaled> splitBlocks(NodeContext &ctx, Scaled in, int64_t block) {
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), in.x->rank());
  if (failed(axis))
    return failure();
  std::optional<Sym> count = block > 0 ? ctx.symbols.divideExactly(in.x->shape[*axis], block) : std::nullopt;
  SymList few(in.x->shape);
  if (!count)
    return ctx.fail(fmt::format("dim {} of {} is no whole blocks of {}", *axis, ctx.describe(in.x), block));
  few[*axis] = *count;
  for (Tensor *each : {in.scale, in.zero})
    if (each && (each->rank() != in.x->rank() || !llvm::all_of(llvm::zip(each->shape, few), [&](auto pair) {
                   return ctx.sameExtent(std::get<0>(pair), std::get<1>(pair));
                 })))
      return ctx.fail(fmt::format("{} is not one number for each of blocks {}", ctx.describe(each), ctx.describe(few)));
  few.insert(few.begin() + *axis + 1, Sym(1));
  SymList split(few);
  split[static_cast<size_t>(*axis) + 1] = Sym(block);
  in = {ctx.emit.reshape(in.x, split), ctx.emit.reshape(in.scale, few),
        in.zero ? ctx.emit.reshape(in.zero, few) : nullptr};
  return in;
}

FailureOr<Scaled> scaledOf(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *scale = ctx.input(1), *zero = ctx.input(2);
  ctx.attr("axis");
  if (!scale->isFloat() || scale->elementType.isF64())
    return ctx.fail(fmt::format("its scale {} is not of float32, float16 or bfloat16", ctx.describe(scale)));
  if (const NodeAttr *block = ctx.attr("block_size"); block && block->i) {
    FailureOr<Scaled> split = splitBlocks(ctx, {x, scale, zero}, block->i);
    if (failed(split))
      return failure();
    Builder &b = ctx.emit.builder;
    return Scaled{split->x, ctx.emit.cast(split->scale, b.getF32Type()),
                  split->zero ? ctx.emit.cast(split->zero, b.getI32Type()) : number(ctx, 0)};
  }
  FailureOr<Tensor *> scales = spread(ctx, scale, x->shape);
  FailureOr<Tensor *> zeros = zero ? spread(ctx, zero, x->shape) : FailureOr<Tensor *>(number(ctx, 0));
  if (failed(scales) || failed(zeros))
    return failure();
  Builder &builder = ctx.emit.builder;
  return Scaled{x, ctx.emit.cast(*scales, builder.getF32Type()), ctx.emit.cast(*zeros, builder.getI32Type())};
}

/// (x - zero) * scale, in float32, and rounded to the scale's type.
LogicalResult importDequantizeLinear(NodeContext &ctx) {
  Tensor *given = ctx.input(0), *zero = ctx.input(2);
  Type i32 = ctx.emit.builder.getI32Type(), f32 = ctx.emit.builder.getF32Type();
  if (!isQuantized(given->elementType) && given->elementType != i32)
    return ctx.fail(fmt::format("{} is not of int8, uint8, int16, uint16 or int32", ctx.describe(given)));
  if (zero && zero->elementType != given->elementType)
    return ctx.fail(fmt::format("its zero point {} is not of the type of {}", ctx.describe(zero), ctx.describe(given)));
  FailureOr<Scaled> in = scaledOf(ctx);
  if (failed(in))
    return failure();
  // A weight is read as it is, and becomes wider in registers.
  Tensor *real = ctx.emit.elementwise(
      {in->x, in->scale, in->zero}, f32, in->x->shape, [&](OpBuilder &b, Location l, ValueRange v) {
        Value x = v[0];
        if (x.getType() != i32)
          x = given->isUnsigned() ? arith::ExtUIOp::create(b, l, i32, x).getResult()
                                  : arith::ExtSIOp::create(b, l, i32, x).getResult();
        Value steps = arith::SIToFPOp::create(b, l, f32, arith::SubIOp::create(b, l, x, v[2]));
        return Value(arith::MulFOp::create(b, l, steps, v[1]));
      });
  Tensor *result = ctx.emit.reshape(ctx.emit.cast(real, ctx.input(1)->elementType), given->shape);
  const NodeAttr *along = ctx.attr("axis"); // none before opset 13; checked where it matters
  int64_t axis = along ? along->i : 1;
  if (given->elementType.isInteger(8) && result == real)
    result->origin = {given, ctx.input(1), zero, axis < 0 ? axis + given->rank() : axis};
  return ctx.result(result);
}

/// round(x / scale) + zero, held in the type of the zero point, uint8 without one.
LogicalResult importQuantizeLinear(NodeContext &ctx) {
  Tensor *given = ctx.input(0), *zero = ctx.input(2);
  Type f32 = ctx.emit.builder.getF32Type();
  if (given->elementType != f32)
    return ctx.fail(fmt::format("{} is not of float32", ctx.describe(given)));
  if (zero && !isQuantized(zero->elementType))
    return ctx.fail(fmt::format("its zero point {} is not of int8, uint8, int16 or uint16", ctx.describe(zero)));
  ctx.attr("saturate"), ctx.attr("output_dtype"); // only float8 looks at it
  FailureOr<Scaled> in = scaledOf(ctx);
  if (failed(in))
    return failure();
  Type type = zero ? zero->elementType : ctx.emit.builder.getIntegerType(8, /*isSigned=*/false);
  Tensor *result = ctx.emit.elementwise({in->x, in->scale, in->zero}, type, in->x->shape,
                                        [&](OpBuilder &b, Location l, ValueRange v) {
                                          return quantize(b, l, arith::DivFOp::create(b, l, v[0], v[1]), v[2], type);
                                        });
  return ctx.result(ctx.emit.reshape(result, given->shape));
}
} // namespace

void attnc::onnx::addQuantizeLinearOps(OpTable &table) {
  table.add(10, "QuantizeLinear(x: float, y_scale: float, y_zero_point?: whole)", importQuantizeLinear);
  table.add(13, "QuantizeLinear(x: float, y_scale: float, y_zero_point?: whole; axis = 1)", importQuantizeLinear);
  table.add(19, "QuantizeLinear(x: float, y_scale: float, y_zero_point?: whole; axis = 1, saturate = 1)",
            importQuantizeLinear);
  table.add(21,
            "QuantizeLinear(x: float, y_scale: float, y_zero_point?: whole; axis = 1, saturate = 1, block_size = 0)",
            importQuantizeLinear);
  table.add(10, "DequantizeLinear(x: whole, x_scale: float, x_zero_point?: whole)", importDequantizeLinear);
  table.add(13, "DequantizeLinear(x: whole, x_scale: float, x_zero_point?: whole; axis = 1)", importDequantizeLinear);
  table.add(21, "DequantizeLinear(x: whole, x_scale: float, x_zero_point?: whole; axis = 1, block_size = 0)",
            importDequantizeLinear);
}
