//===- QuantizedOps.cpp - Operators on integers that stand for floats -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matmuls multiply signed bytes. A uint8 a is the int8 a' = a - 128, and its zero point moves along:
//
//   a - z = a' - (z - 128)
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/QuantizedOps.h"
#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Integers.h"
#include "compiler/frontend/onnx/LinearOps.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/Sequence.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

bool attnc::onnx::isOne(const Tensor *tensor) {
  return tensor->rank() == 0 || (tensor->rank() == 1 && tensor->shape[0].isConstant(1));
}

namespace {
constexpr int64_t kMoved = 128;

/// An int32 for the whole tensor.
Tensor *number(NodeContext &ctx, int64_t value) {
  return ctx.emit.symbolic(ctx.emit.builder.getI32Type(), {}, {Sym(value)});
}

//===- Products of bytes --------------------------------------------------===//

/// The elements of a uint8 less 128, as int8.
Tensor *moved(NodeContext &ctx, Tensor *tensor) {
  Type i8 = ctx.emit.builder.getI8Type();
  if (tensor->constant) {
    std::vector<int8_t> bytes;
    for (int8_t bits : tensor->constant.getValues<int8_t>())
      bytes.push_back(static_cast<int8_t>(bits - kMoved));
    return ctx.emit.constant(DenseElementsAttr::get(ctx.emit.typeOf(i8, tensor->shape), llvm::ArrayRef(bytes)));
  }
  return ctx.emit.elementwise(tensor, i8, tensor->shape, [&](OpBuilder &b, Location l, ValueRange in) -> Value {
    return arith::AddIOp::create(b, l, in[0], arith::ConstantIntOp::create(b, l, i8, -kMoved));
  });
}

/// An operand as int8, and its zero points as int32, to meet the product: one, or one for each row of the left operand
/// (a column of them) or each column of the right one. Null where they are 0.
struct Bytes {
  Tensor *values, *zero;
};

FailureOr<Bytes> bytesOf(NodeContext &ctx, Tensor *given, Tensor *zero, bool isLeft) {
  if (!given->elementType.isInteger(8))
    return ctx.fail(fmt::format("{} is not of int8 or uint8", ctx.describe(given)));
  int64_t shift = given->isUnsigned() ? kMoved : 0;
  Tensor *values = shift ? moved(ctx, given) : given;
  if (!zero)
    return Bytes{values, shift ? number(ctx, -shift) : nullptr};
  if (zero->elementType != given->elementType)
    return ctx.fail(fmt::format("its zero point {} is not of the type of {}", ctx.describe(zero), ctx.describe(given)));
  std::optional<SymList> known = ctx.emit.elements(zero);
  if (known && llvm::all_of(*known, [&](const Sym &element) { return element.isConstant(shift); }))
    return Bytes{values, nullptr};
  bool fits = isOne(zero) || (zero->rank() == 1 && given->rank() > 1 &&
                              ctx.sameExtent(zero->shape[0], given->shape[given->rank() - (isLeft ? 2 : 1)]));
  if (!fits)
    return ctx.fail(fmt::format("{} is neither a zero point for the whole of {} nor one for each {}",
                                ctx.describe(zero), ctx.describe(given), isLeft ? "row" : "column"));
  SymList shape;
  if (!isOne(zero)) {
    shape.push_back(zero->shape[0]);
    if (isLeft)
      shape.push_back(Sym(1));
  }
  Type i32 = ctx.emit.builder.getI32Type();
  zero = ctx.emit.cast(ctx.emit.reshape(zero, shape), i32);
  if (shift)
    zero = ctx.emit.elementwise({zero, number(ctx, shift)}, i32, shape, [](OpBuilder &b, Location l, ValueRange in) {
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

/// The sums of int8 along `dim`, which stays as 1, in int32.
Tensor *sumAlong(NodeContext &ctx, Tensor *tensor, int64_t dim) {
  Type i32 = ctx.emit.builder.getI32Type();
  SymList shape(tensor->shape);
  shape[dim] = Sym(1);
  Tensor *sums = ctx.emit.reduce(tensor, {dim}, ctx.emit.zero(i32), [&](OpBuilder &b, Location l, ValueRange in) {
    return Value(arith::AddIOp::create(b, l, in[0], arith::ExtSIOp::create(b, l, i32, in[1])));
  });
  return ctx.emit.reshape(sums, shape);
}

/// sum (a - za) (b - zb) = sum a b - za * (sum b - k * zb) - zb * sum a, of int8 in int32: exact but for wrapping around.
FailureOr<Tensor *> multiplyBytes(NodeContext &ctx, const Bytes &left, const Bytes &right) {
  auto [a, za] = left;
  auto [b, zb] = right;
  Type i32 = ctx.emit.builder.getI32Type();
  FailureOr<Tensor *> product = matMul(ctx, a, b, i32);
  if (failed(product))
    return failure();
  Tensor *result = *product;
  if ((za || zb) && (a->rank() < 2 || b->rank() < 2))
    return ctx.fail("zero points other than 0, and of uint8 other than 128, want matrices on both sides");
  if (za) {
    Tensor *sums = sumAlong(ctx, b, b->rank() - 2);
    if (zb) {
      Tensor *depth = ctx.emit.symbolic(ctx.emit.builder.getI64Type(), {}, {a->shape.back()});
      sums = subtract(ctx, sums, zb, ctx.emit.cast(depth, i32));
    }
    result = subtract(ctx, result, sums, za);
  }
  if (zb)
    result = subtract(ctx, result, sumAlong(ctx, a, a->rank() - 1), zb);
  return result;
}

LogicalResult importMatMulInteger(NodeContext &ctx) {
  FailureOr<Bytes> left = bytesOf(ctx, ctx.input(0), ctx.input(2), /*isLeft=*/true);
  FailureOr<Bytes> right = bytesOf(ctx, ctx.input(1), ctx.input(3), /*isLeft=*/false);
  if (failed(left) || failed(right))
    return failure();
  FailureOr<Tensor *> result = multiplyBytes(ctx, *left, *right);
  return failed(result) ? failure() : ctx.result(*result);
}

//===- Products of what was quantised ------------------------------------===//

/// A scale as float32, one or one for each row or column of an operand, to meet the product.
FailureOr<Tensor *> scaleOf(NodeContext &ctx, Tensor *scale, Tensor *operand, bool isLeft) {
  if (!scale->isFloat() || scale->elementType.isF64())
    return ctx.fail(fmt::format("its scale {} is not of float32, float16 or bfloat16", ctx.describe(scale)));
  SymList shape;
  if (!isOne(scale)) {
    if (scale->rank() != 1 || operand->rank() < 2 ||
        !ctx.sameExtent(scale->shape[0], operand->shape[operand->rank() - (isLeft ? 2 : 1)]))
      return ctx.fail(fmt::format("{} is neither a scale for the whole of {} nor one for each {}", ctx.describe(scale),
                                  ctx.describe(operand), isLeft ? "row" : "column"));
    shape.push_back(scale->shape[0]);
    if (isLeft)
      shape.push_back(Sym(1));
  }
  return ctx.emit.cast(ctx.emit.reshape(scale, shape), ctx.emit.builder.getF32Type());
}

/// Whether scales and zero points of `tensor` differ along `dim` at most, which is not summed over.
bool isScaledAlong(const Tensor *tensor, int64_t dim) {
  auto fits = [&](const Tensor *factor) { return !factor || isOne(factor) || tensor->origin->axis == dim; };
  return tensor->origin && tensor->rank() > 1 && fits(tensor->origin->scale) && fits(tensor->origin->zero);
}
} // namespace

/// A weight less its zero point as whole floats, which recipes make once; null where it is no weight, or the zero point is
/// not one known number.
static Tensor *wholeNumbers(NodeContext &ctx, const Quantized &weight) {
  Value source = ctx.emit.value(weight.values);
  while (auto transpose = source.getDefiningOp<linalg::TransposeOp>())
    source = transpose.getInput();
  std::optional<SymList> zero = weight.zero ? ctx.emit.elements(weight.zero) : SymList{Sym(0)};
  if (!source.getDefiningOp<attnc::attn::WeightOp>() || !zero || zero->size() != 1 || !zero->front().constant())
    return nullptr;
  Type i32 = ctx.emit.builder.getI32Type(), f32 = ctx.emit.builder.getF32Type();
  int64_t point = *zero->front().constant();
  if (point == 0)
    return ctx.emit.cast(weight.values, f32);
  Tensor *wide = ctx.emit.cast(weight.values, i32);
  auto less = [&](OpBuilder &b, Location l, ValueRange in) -> Value {
    return arith::AddIOp::create(b, l, in[0], arith::ConstantIntOp::create(b, l, i32, -point));
  };
  return ctx.emit.cast(ctx.emit.elementwise(wide, i32, wide->shape, less), f32);
}

/// sum a (b - zb) sb = sb * sum a (b - zb): the weight is made of whole numbers once.
static FailureOr<Tensor *> multiplyByWeight(NodeContext &ctx, Tensor *a, Tensor *b) {
  Tensor *numbers = b->rank() == 2 ? wholeNumbers(ctx, *b->origin) : nullptr;
  if (!numbers)
    return numbers;
  FailureOr<Tensor *> scale = scaleOf(ctx, b->origin->scale, b, /*isLeft=*/false), product = matMul(ctx, a, numbers);
  if (failed(scale) || failed(product))
    return failure();
  return ctx.emit.elementwise({*product, *scale}, b->elementType, (*product)->shape,
                              [](OpBuilder &builder, Location l, ValueRange in) -> Value {
                                return arith::MulFOp::create(builder, l, in[0], in[1]);
                              });
}

FailureOr<Tensor *> attnc::onnx::matMulQuantized(NodeContext &ctx, Tensor *a, Tensor *b) {
  constexpr int64_t kMostSums = INT32_MAX / (255 * 255);
  std::optional<int64_t> sums = a->rank() ? a->shape.back().constant() : std::nullopt;
  if (!isScaledAlong(b, b->rank() - 1))
    return static_cast<Tensor *>(nullptr);
  if (!isScaledAlong(a, a->rank() - 2) || !sums || *sums > kMostSums)
    return multiplyByWeight(ctx, a, b);
  return multiplyQuantized(ctx, *a->origin, *b->origin);
}

FailureOr<Tensor *> attnc::onnx::multiplyQuantized(NodeContext &ctx, const Quantized &x, const Quantized &w) {
  FailureOr<Bytes> left = bytesOf(ctx, x.values, x.zero, /*isLeft=*/true);
  FailureOr<Bytes> right = bytesOf(ctx, w.values, w.zero, /*isLeft=*/false);
  FailureOr<Tensor *> sa = scaleOf(ctx, x.scale, x.values, true), sb = scaleOf(ctx, w.scale, w.values, false);
  if (failed(left) || failed(right) || failed(sa) || failed(sb))
    return failure();
  FailureOr<Tensor *> product = multiplyBytes(ctx, *left, *right);
  if (failed(product))
    return failure();
  Type f32 = ctx.emit.builder.getF32Type();
  return ctx.emit.elementwise(
      {*product, *sa, *sb}, f32, (*product)->shape, [&](OpBuilder &builder, Location l, ValueRange in) -> Value {
        Value real = arith::SIToFPOp::create(builder, l, f32, in[0]);
        return arith::MulFOp::create(builder, l, real, arith::MulFOp::create(builder, l, in[1], in[2]));
      });
}

namespace {
//===- Rounding -----------------------------------------------------------===//

/// The whole float x as an integer, held inside `type`: 8 or 16 bits, with or without a sign; 0 for NaN. In int32.
Value hold(OpBuilder &b, Location l, Value x, Type type) {
  Type i32 = b.getI32Type();
  int64_t span = int64_t(1) << type.getIntOrFloatBitWidth(), least = type.isUnsignedInteger() ? 0 : -span / 2;
  Value whole = emitToInteger(b, l, x, i32);
  whole = arith::MaxSIOp::create(b, l, whole, arith::ConstantIntOp::create(b, l, i32, least));
  return arith::MinSIOp::create(b, l, whole, arith::ConstantIntOp::create(b, l, i32, least + span - 1));
}

} // namespace

Value attnc::onnx::quantize(OpBuilder &b, Location l, Value x, Value zero, Type type) {
  Value steps = math::RoundEvenOp::create(b, l, x), moves = arith::SIToFPOp::create(b, l, x.getType(), zero);
  return arith::TruncIOp::create(b, l, storedType(type), hold(b, l, arith::AddFOp::create(b, l, steps, moves), type));
}

namespace {
/// scale = (max(x, 0) - min(x, 0)) / 255, zero = byte(-min(x, 0) / scale), y = byte(round(x / scale) + zero)
FailureOr<Quantized> quantizeDynamically(NodeContext &ctx, Tensor *x) {
  if (!x->elementType.isF32())
    return ctx.fail(fmt::format("{} is not of float32", ctx.describe(x)));
  Type f32 = x->elementType, i32 = ctx.emit.builder.getI32Type();
  Type ui8 = ctx.emit.builder.getIntegerType(8, /*isSigned=*/false);
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
  Tensor *point = ctx.emit.elementwise({least, scale}, i32, {}, [&](OpBuilder &b, Location l, ValueRange in) -> Value {
    Value steps = arith::DivFOp::create(b, l, arith::NegFOp::create(b, l, in[0]), in[1]);
    return hold(b, l, math::RoundEvenOp::create(b, l, steps), ui8);
  });
  Tensor *y = ctx.emit.elementwise({x, scale, point}, ui8, x->shape, [&](OpBuilder &b, Location l, ValueRange in) {
    return quantize(b, l, arith::DivFOp::create(b, l, in[0], in[1]), in[2], ui8);
  });
  return Quantized{y, scale, ctx.emit.cast(point, ui8), /*axis=*/0};
}

LogicalResult importDynamicQuantizeLinear(NodeContext &ctx) {
  FailureOr<Quantized> made = quantizeDynamically(ctx, ctx.input(0));
  if (failed(made) || failed(ctx.result(made->values)) || failed(ctx.result(made->scale, 1)))
    return failure();
  return ctx.result(made->zero, 2);
}

//===- com.microsoft's matmuls of bytes that give floats ------------------===//

LogicalResult finishToFloat(NodeContext &ctx, FailureOr<Tensor *> product, Tensor *bias) {
  if (failed(product))
    return failure();
  Composer c(ctx);
  return c.finish(bias ? c.add(*product, bias) : *product);
}

/// (a - za) sa (b - zb) sb + bias
LogicalResult importMatMulIntegerToFloat(NodeContext &ctx) {
  Tensor *a = ctx.input(0), *b = ctx.input(1);
  return finishToFloat(
      ctx,
      multiplyQuantized(ctx, {a, ctx.input(2), ctx.input(4), /*axis=*/0}, {b, ctx.input(3), ctx.input(5), /*axis=*/0}),
      ctx.input(6));
}

/// The same of floats on the left, quantised as DynamicQuantizeLinear does.
LogicalResult importDynamicQuantizeMatMul(NodeContext &ctx) {
  FailureOr<Quantized> left = quantizeDynamically(ctx, ctx.input(0));
  if (failed(left))
    return failure();
  return finishToFloat(ctx, multiplyQuantized(ctx, *left, {ctx.input(1), ctx.input(2), ctx.input(3), /*axis=*/0}),
                       ctx.input(4));
}

//===- QLinearMatMul ------------------------------------------------------===//

/// round(sum (a - za) (b - zb) * (sa * sb / sy)) + zy, held in the type of zy.
LogicalResult importQLinearMatMul(NodeContext &ctx) {
  Tensor *a = ctx.input(0), *b = ctx.input(3), *scale = ctx.input(6), *zero = ctx.input(7);
  FailureOr<Bytes> left = bytesOf(ctx, a, ctx.input(2), /*isLeft=*/true);
  FailureOr<Bytes> right = bytesOf(ctx, b, ctx.input(5), /*isLeft=*/false);
  FailureOr<Tensor *> sa = scaleOf(ctx, ctx.input(1), a, true), sb = scaleOf(ctx, ctx.input(4), b, false);
  if (failed(left) || failed(right) || failed(sa) || failed(sb))
    return failure();
  if (!isOne(scale) || !scale->isFloat() || scale->elementType.isF64() || !isOne(zero) ||
      !zero->elementType.isInteger(8))
    return ctx.fail(fmt::format("{} and {} are no scale and zero point of int8 or uint8 for the whole result",
                                ctx.describe(scale), ctx.describe(zero)));
  FailureOr<Tensor *> sums = multiplyBytes(ctx, *left, *right);
  if (failed(sums))
    return failure();
  Type f32 = ctx.emit.builder.getF32Type(), type = zero->elementType;
  Tensor *sy = ctx.emit.cast(ctx.emit.reshape(scale, {}), f32);
  Tensor *zy = ctx.emit.cast(ctx.emit.reshape(zero, {}), ctx.emit.builder.getI32Type());
  return ctx.result(ctx.emit.elementwise(
      {*sums, *sa, *sb, sy, zy}, type, (*sums)->shape, [&](OpBuilder &builder, Location l, ValueRange in) {
        Value factor = arith::DivFOp::create(builder, l, arith::MulFOp::create(builder, l, in[1], in[2]), in[3]);
        Value real = arith::SIToFPOp::create(builder, l, f32, in[0]);
        return quantize(builder, l, arith::MulFOp::create(builder, l, real, factor), in[4], type);
      }));
}
} // namespace

void attnc::onnx::addQuantizedOps(OpTable &table) {
  table.add(10, "MatMulInteger(a: whole, b: whole, a_zero_point?: whole, b_zero_point?: whole)", importMatMulInteger);
  table.add(
      10,
      "QLinearMatMul(a: whole, a_scale: float, a_zero_point: whole, b: whole, b_scale: float, b_zero_point: whole, "
      "y_scale: float, y_zero_point: whole)",
      importQLinearMatMul);
  table.add(1,
            "com.microsoft.MatMulIntegerToFloat(a: whole, b: whole, a_scale: float, b_scale: float, a_zero_point?: "
            "whole, b_zero_point?: whole, bias?: float)",
            importMatMulIntegerToFloat);
  table.add(
      1, "com.microsoft.DynamicQuantizeMatMul(a: float, b: whole, b_scale: float, b_zero_point?: whole, bias?: float)",
      importDynamicQuantizeMatMul);
  table.add(11, "DynamicQuantizeLinear(x: float) -> y, y_scale, y_zero_point", importDynamicQuantizeLinear);
  addQuantizeLinearOps(table);
}
