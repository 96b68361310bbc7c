//===- QLinearOps.cpp - com.microsoft's operators on quantised tensors ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each is the operator on what its bytes stand for, rounded into bytes again:
//
//   y = round(f((x - x_zero) * x_scale) / y_scale) + y_zero
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/QuantizedOps.h"
#include "compiler/frontend/onnx/Scalars.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

namespace {
class QLinear {
public:
  explicit QLinear(NodeContext &ctx) : ctx(ctx), c(ctx), f32(ctx.emit.builder.getF32Type()) {}

  /// What operand `at` stands for, its scale and zero point being the next ones.
  Tensor *real(size_t at);
  /// `x` in bytes of the type of `like`, by a scale and a zero point.
  LogicalResult finish(Tensor *x, size_t scale, size_t zero, Tensor *like);

  NodeContext &ctx;
  Composer c;

private:
  /// One number, as an operand says; null, after an error, if it is none.
  Tensor *number(size_t at, Type type);
  Type f32;
};
} // namespace

Tensor *QLinear::number(size_t at, Type type) {
  Tensor *given = ctx.input(at);
  if (given && isOne(given))
    return c.cast(c.reshape(given, {}), type);
  (void)ctx.fail(fmt::format("{} is not one number", given ? ctx.describe(given) : "a scale"));
  return nullptr;
}

Tensor *QLinear::real(size_t at) {
  Tensor *x = ctx.input(at), *scale = number(at + 1, f32);
  Type i32 = ctx.emit.builder.getI32Type();
  Tensor *zero = ctx.input(at + 2) ? number(at + 2, i32) : ctx.emit.symbolic(i32, {}, {Sym(0)});
  if (!x->elementType.isInteger(8) || (ctx.input(at + 2) && ctx.input(at + 2)->elementType != x->elementType)) {
    (void)ctx.fail(fmt::format("{} is not of int8 or uint8, with a zero point of its type", ctx.describe(x)));
    return nullptr;
  }
  return c.mul(c.cast(c.sub(c.cast(x, i32), zero), f32), scale);
}

LogicalResult QLinear::finish(Tensor *x, size_t scale, size_t zero, Tensor *like) {
  Type i32 = ctx.emit.builder.getI32Type(), type = like->elementType;
  if (ctx.input(zero) && ctx.input(zero)->elementType != type)
    return ctx.fail(
        fmt::format("its zero point {} is not of the type of {}", ctx.describe(ctx.input(zero)), ctx.describe(like)));
  Tensor *steps = number(scale, f32);
  Tensor *moves = ctx.input(zero) ? number(zero, i32) : ctx.emit.symbolic(i32, {}, {Sym(0)});
  if (!x || !steps || !moves)
    return failure();
  return ctx.result(
      ctx.emit.elementwise({x, steps, moves}, type, x->shape, [&](OpBuilder &b, Location l, ValueRange in) {
        return quantize(b, l, arith::DivFOp::create(b, l, in[0], in[1]), in[2], type);
      }));
}

namespace {
LogicalResult importBinary(NodeContext &ctx, bool isSum) {
  QLinear q(ctx);
  Tensor *a = q.real(0), *b = q.real(3);
  return q.finish(isSum ? q.c.add(a, b) : q.c.mul(a, b), 6, 7, ctx.input(0));
}

LogicalResult importSigmoid(NodeContext &ctx) {
  QLinear q(ctx);
  Tensor *y =
      q.c.map({q.real(0)}, [](OpBuilder &b, Location l, ValueRange in) { return scalar::sigmoid(b, l, in[0]); });
  return q.finish(y, 3, 4, ctx.input(0));
}

LogicalResult importLeakyRelu(NodeContext &ctx) {
  QLinear q(ctx);
  double alpha = ctx.floatAttr("alpha");
  Tensor *y = q.c.map({q.real(0)}, [&](OpBuilder &b, Location l, ValueRange in) {
    Value zero = scalar::constantLike(b, l, in[0], 0), slope = scalar::constantLike(b, l, in[0], alpha);
    return scalar::select(b, l, scalar::less(b, l, in[0], zero), scalar::mul(b, l, in[0], slope), in[0]);
  });
  return q.finish(y, 3, 4, ctx.input(0));
}

/// The mean over all but batch and channels.
LogicalResult importGlobalAveragePool(NodeContext &ctx) {
  QLinear q(ctx);
  int64_t rank = ctx.input(0)->rank();
  if (rank < 3)
    return ctx.fail(fmt::format("{} has no spatial dims", ctx.describe(ctx.input(0))));
  bool channelsLast = ctx.flag("channels_last");
  SmallVector<int64_t> dims = allDims(rank);
  dims.erase(dims.begin());
  dims.erase(channelsLast ? dims.end() - 1 : dims.begin());
  return q.finish(q.c.mean(q.real(0), dims), 3, 4, ctx.input(0));
}

/// Along an axis, each part with a scale and zero point of its own; those of the result come first.
LogicalResult importConcat(NodeContext &ctx) {
  QLinear q(ctx);
  if (ctx.numInputs() < 5 || (ctx.numInputs() - 2) % 3 != 0)
    return ctx.fail("it wants a scale and a zero point for the result and for each part");
  SmallVector<Tensor *> parts;
  for (size_t at = 2; at < ctx.numInputs(); at += 3)
    parts.push_back(q.real(at));
  if (llvm::is_contained(parts, nullptr))
    return failure();
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), parts[0]->rank());
  if (failed(axis))
    return failure();
  for (Tensor *part : parts)
    for (int64_t dim = 0; dim < parts[0]->rank(); ++dim)
      if (part->rank() != parts[0]->rank() || (dim != *axis && !ctx.sameExtent(part->shape[dim], parts[0]->shape[dim])))
        return ctx.fail(fmt::format("{} does not fit beside {}", ctx.describe(part), ctx.describe(parts[0])));
  return q.finish(q.c.join(parts, *axis), 0, 1, ctx.input(2));
}
} // namespace

void attnc::onnx::addQLinearOps(OpTable &table) {
  for (auto [name, isSum] : {std::pair("Add", true), std::pair("Mul", false)})
    table.add(1,
              fmt::format("com.microsoft.QLinear{}(a: whole, a_scale: float, a_zero_point?: whole, b: whole, b_scale: "
                          "float, b_zero_point?: whole, c_scale: float, c_zero_point?: whole)",
                          name),
              [isSum](NodeContext &ctx) { return importBinary(ctx, isSum); });
  std::string operands = "x: whole, x_scale: float, x_zero_point?: whole, y_scale: float, y_zero_point?: whole";
  table.add(1, "com.microsoft.QLinearSigmoid(" + operands + ")", importSigmoid);
  table.add(1, "com.microsoft.QLinearLeakyRelu(" + operands + "; alpha = 0.01)", importLeakyRelu);
  table.add(1, "com.microsoft.QLinearGlobalAveragePool(" + operands + "; channels_last = 0)", importGlobalAveragePool);
  table.add(1, "com.microsoft.QLinearConcat(y_scale: float, y_zero_point: whole, parts**: any; axis: int)",
            importConcat);
}
