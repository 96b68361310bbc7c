//===- QuantizedOps.cpp - Operators on integers that stand for floats -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matmuls multiply signed bytes. A uint8 a is the int8 a' = a - 128, and its zero point moves along:
//
//   a - z = a' - (z - 128)
//
// What ONNX calls uint8 is i32 until then (Tensor::isUint8): other operators take it as they take any integer.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Integers.h"
#include "compiler/frontend/onnx/LinearOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/Sequence.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

namespace {
constexpr int64_t kMoved = 128;

Value addIntegers(OpBuilder &b, Location l, ValueRange in) { return arith::AddIOp::create(b, l, in[0], in[1]); }

/// An int32 for the whole tensor.
Tensor *number(NodeContext &ctx, int64_t value) {
  return ctx.emit.symbolic(ctx.emit.builder.getI32Type(), {}, {Sym(value)});
}

//===- MatMulInteger ------------------------------------------------------===//

/// The elements of a uint8 less 128, as int8.
Tensor *moved(NodeContext &ctx, Tensor *tensor) {
  Type i8 = ctx.emit.builder.getI8Type();
  if (tensor->constant) {
    std::vector<int8_t> bytes;
    for (int32_t value : tensor->constant.getValues<int32_t>())
      bytes.push_back(static_cast<int8_t>(value - kMoved));
    return ctx.emit.constant(DenseElementsAttr::get(ctx.emit.typeOf(i8, tensor->shape), llvm::ArrayRef(bytes)));
  }
  return ctx.emit.elementwise(tensor, i8, tensor->shape, [&](OpBuilder &b, Location l, ValueRange in) -> Value {
    Value shift = arith::ConstantIntOp::create(b, l, in[0].getType(), kMoved);
    return arith::TruncIOp::create(b, l, i8, arith::SubIOp::create(b, l, in[0], shift));
  });
}

/// An operand as int8, and its zero point as an int32; null where that is 0.
struct Bytes {
  Tensor *values, *zero;
};

FailureOr<Bytes> bytesOf(NodeContext &ctx, size_t index) {
  Tensor *given = ctx.input(index), *zero = ctx.input(index + 2);
  if (!given->elementType.isInteger(8) && !given->isUint8)
    return ctx.fail(fmt::format("{} is not of int8 or uint8", ctx.describe(given)));
  int64_t shift = given->isUint8 ? kMoved : 0;
  Tensor *values = given->isUint8 ? moved(ctx, given) : given;
  if (!zero)
    return Bytes{values, shift ? number(ctx, -shift) : nullptr};
  bool isOfType = given->isUint8 ? zero->isUint8 : zero->elementType.isInteger(8);
  std::optional<SymList> known = ctx.emit.elements(zero);
  if (isOfType && known && llvm::all_of(*known, [&](const Sym &element) { return element.isConstant(shift); }))
    return Bytes{values, nullptr};
  if (!isOfType || zero->rank() > 1 || (zero->rank() == 1 && !zero->shape[0].isConstant(1)))
    return ctx.fail(fmt::format("{} is not a zero point of one {} for the whole tensor", ctx.describe(zero),
                                given->isUint8 ? "uint8" : "int8"));
  Type i32 = ctx.emit.builder.getI32Type();
  zero = ctx.emit.cast(ctx.emit.reshape(zero, {}), i32);
  if (shift)
    zero = ctx.emit.elementwise({zero, number(ctx, shift)}, i32, {}, [](OpBuilder &b, Location l, ValueRange in) {
      return Value(arith::SubIOp::create(b, l, in[0], in[1]));
    });
  return Bytes{values, zero};
}

/// tensor - factor * other (or tensor - other), in int32, over the broadcast dims of `tensor`.
Tensor *subtract(NodeContext &ctx, Tensor *tensor, Tensor *other, Tensor *factor = nullptr) {
  SmallVector<Tensor *> operands{tensor, other};
  if (factor)
    operands.push_back(factor);
  return ctx.emit.elementwise(operands, tensor->elementType, tensor->shape,
                              [](OpBuilder &b, Location l, ValueRange in) -> Value {
                                Value product = in.size() > 2 ? arith::MulIOp::create(b, l, in[1], in[2]) : in[1];
                                return arith::SubIOp::create(b, l, in[0], product);
                              });
}

/// sum (a - za) (b - zb) = sum a b - za * sum (b - zb) - zb * sum a, of int8 in int32: exact but for wrapping around.
LogicalResult importMatMulInteger(NodeContext &ctx) {
  FailureOr<Bytes> left = bytesOf(ctx, 0), right = bytesOf(ctx, 1);
  if (failed(left) || failed(right))
    return failure();
  auto [a, za] = *left;
  auto [b, zb] = *right;
  Type i32 = ctx.emit.builder.getI32Type();
  FailureOr<Tensor *> product = matMul(ctx, a, b, i32);
  if (failed(product))
    return failure();
  Tensor *result = *product;
  if ((za || zb) && (a->rank() < 2 || b->rank() != 2))
    return ctx.fail(
        "zero points other than 0, and of uint8 other than 128, want a matrix on the right and no vector on "
        "the left");
  if (za) {
    Tensor *wide = ctx.emit.cast(b, i32);
    wide = zb ? subtract(ctx, wide, zb) : wide;
    result = subtract(ctx, result, ctx.emit.reduce(wide, {0}, ctx.emit.zero(i32), addIntegers), za);
  }
  if (zb) {
    Tensor *rows = ctx.emit.reduce(ctx.emit.cast(a, i32), {a->rank() - 1}, ctx.emit.zero(i32), addIntegers);
    SymList shape(rows->shape);
    shape.push_back(Sym(1));
    result = subtract(ctx, result, ctx.emit.reshape(rows, shape), zb);
  }
  return ctx.result(result);
}

//===- DynamicQuantizeLinear ----------------------------------------------===//

/// The float x as an integer of [least, least + 255], to nearest, ties to even; 0 for NaN.
Value toByte(OpBuilder &b, Location l, Value x, int64_t least = 0) {
  Type i32 = b.getI32Type();
  Value whole = emitToInteger(b, l, math::RoundEvenOp::create(b, l, x), i32);
  whole = arith::MaxSIOp::create(b, l, whole, arith::ConstantIntOp::create(b, l, i32, least));
  return arith::MinSIOp::create(b, l, whole, arith::ConstantIntOp::create(b, l, i32, least + 255));
}

/// scale = (max(x, 0) - min(x, 0)) / 255, zero = byte(-min(x, 0) / scale), y = byte(round(x / scale) + zero)
LogicalResult importDynamicQuantizeLinear(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  if (!x->elementType.isF32())
    return ctx.fail(fmt::format("{} is not of float32", ctx.describe(x)));
  Type f32 = x->elementType, i32 = ctx.emit.builder.getI32Type();
  auto all = llvm::to_vector(llvm::seq<int64_t>(0, x->rank()));
  TypedAttr zero = ctx.emit.zero(f32);
  Tensor *least = ctx.emit.reduce(x, all, zero, [](OpBuilder &b, Location l, ValueRange in) -> Value {
    return arith::MinimumFOp::create(b, l, in[0], in[1]);
  });
  Tensor *most = ctx.emit.reduce(x, all, zero, [](OpBuilder &b, Location l, ValueRange in) -> Value {
    return arith::MaximumFOp::create(b, l, in[0], in[1]);
  });
  Tensor *scale = ctx.emit.elementwise({most, least}, f32, {}, [&](OpBuilder &b, Location l, ValueRange in) -> Value {
    Value steps = arith::ConstantOp::create(b, l, ctx.emit.scalar(f32, 255));
    return arith::DivFOp::create(b, l, arith::SubFOp::create(b, l, in[0], in[1]), steps);
  });
  Tensor *point = ctx.emit.elementwise({least, scale}, i32, {}, [](OpBuilder &b, Location l, ValueRange in) -> Value {
    return toByte(b, l, arith::DivFOp::create(b, l, arith::NegFOp::create(b, l, in[0]), in[1]));
  });
  Tensor *y = ctx.emit.elementwise({x, scale, point}, i32, x->shape, [&](OpBuilder &b, Location l, ValueRange in) {
    Value steps = math::RoundEvenOp::create(b, l, arith::DivFOp::create(b, l, in[0], in[1]));
    return toByte(b, l, arith::AddFOp::create(b, l, steps, arith::SIToFPOp::create(b, l, f32, in[2])));
  });
  y->isUint8 = point->isUint8 = true;
  if (failed(ctx.result(y)) || failed(ctx.result(scale, 1)))
    return failure();
  return ctx.result(point, 2);
}

//===- QuantizeLinear, DequantizeLinear -----------------------------------===//

/// A scale or zero point, one for the tensor or one for each index of a dim, to meet a tensor of `shape`.
FailureOr<Tensor *> spread(NodeContext &ctx, Tensor *tensor, const SymList &shape) {
  if (tensor->rank() == 0 || (tensor->rank() == 1 && tensor->shape[0].isConstant(1)))
    return ctx.emit.reshape(tensor, {});
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis", 1), static_cast<int64_t>(shape.size()));
  if (failed(axis))
    return failure();
  if (tensor->rank() != 1 || !ctx.sameExtent(tensor->shape[0], shape[*axis]))
    return ctx.fail(
        fmt::format("{} is neither one number nor one for each index of dim {}", ctx.describe(tensor), *axis));
  SymList ones(shape.size() - *axis, Sym(1));
  ones[0] = tensor->shape[0];
  return ctx.emit.reshape(tensor, ones);
}

/// The operands of both: x, its scale, and its zero point as int32 (0 where it is absent).
struct Scaled {
  Tensor *x, *scale, *zero;
};

FailureOr<Scaled> scaledOf(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *scale = ctx.input(1), *zero = ctx.input(2);
  if (ctx.intAttr("block_size", 0) != 0)
    return ctx.fail("scales of blocks are not supported");
  ctx.intAttr("axis", 1);
  if (!scale->elementType.isF32())
    return ctx.fail(fmt::format("its scale {} is not of float32", ctx.describe(scale)));
  FailureOr<Tensor *> scales = spread(ctx, scale, x->shape);
  FailureOr<Tensor *> zeros = zero ? spread(ctx, zero, x->shape) : FailureOr<Tensor *>(number(ctx, 0));
  if (failed(scales) || failed(zeros))
    return failure();
  return Scaled{x, *scales, ctx.emit.cast(*zeros, ctx.emit.builder.getI32Type())};
}

/// (x - zero) * scale
LogicalResult importDequantizeLinear(NodeContext &ctx) {
  Tensor *given = ctx.input(0);
  Type i32 = ctx.emit.builder.getI32Type(), f32 = ctx.emit.builder.getF32Type();
  if (!given->isUint8 && !given->elementType.isInteger(8) && given->elementType != i32)
    return ctx.fail(fmt::format("{} is not of int8, uint8 or int32", ctx.describe(given)));
  FailureOr<Scaled> in = scaledOf(ctx);
  if (failed(in))
    return failure();
  return ctx.result(ctx.emit.elementwise(
      {ctx.emit.cast(in->x, i32), in->scale, in->zero}, f32, in->x->shape, [&](OpBuilder &b, Location l, ValueRange v) {
        Value steps = arith::SIToFPOp::create(b, l, f32, arith::SubIOp::create(b, l, v[0], v[2]));
        return Value(arith::MulFOp::create(b, l, steps, v[1]));
      }));
}

/// round(x / scale) + zero, held in the type of the zero point: uint8 or int8.
LogicalResult importQuantizeLinear(NodeContext &ctx) {
  Tensor *given = ctx.input(0), *zero = ctx.input(2);
  Type i8 = ctx.emit.builder.getI8Type(), i32 = ctx.emit.builder.getI32Type();
  if (!given->elementType.isF32())
    return ctx.fail(fmt::format("{} is not of float32", ctx.describe(given)));
  if (zero && !zero->isUint8 && zero->elementType != i8)
    return ctx.fail(fmt::format("its zero point {} is not of int8 or uint8", ctx.describe(zero)));
  ctx.intAttr("saturate", 1); // only float8 looks at it
  FailureOr<Scaled> in = scaledOf(ctx);
  if (failed(in))
    return failure();
  int64_t least = !zero || zero->isUint8 ? 0 : -128;
  Tensor *y = ctx.emit.elementwise(
      {in->x, in->scale, in->zero}, least ? i8 : i32, in->x->shape, [&](OpBuilder &b, Location l, ValueRange v) {
        Value steps = math::RoundEvenOp::create(b, l, arith::DivFOp::create(b, l, v[0], v[1]));
        Value zero = arith::SIToFPOp::create(b, l, v[0].getType(), v[2]);
        Value byte = toByte(b, l, arith::AddFOp::create(b, l, steps, zero), least);
        return least ? Value(arith::TruncIOp::create(b, l, i8, byte)) : byte;
      });
  y->isUint8 = !least;
  return ctx.result(y);
}
} // namespace

void attnc::onnx::addQuantizedOps(OpTable &table) {
  table["MatMulInteger"] = {10, 2, 4, 1, importMatMulInteger};
  table["DynamicQuantizeLinear"] = {11, 1, 1, 3, importDynamicQuantizeLinear};
  table["QuantizeLinear"] = {10, 2, 3, 1, importQuantizeLinear};
  table["DequantizeLinear"] = {10, 2, 3, 1, importDequantizeLinear};
}
