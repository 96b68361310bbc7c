//===- ActivationOps.cpp - Functions between layers -----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Ops.h"
#include "compiler/frontend/onnx/Scalars.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;
using namespace attnc::onnx::scalar;

namespace {
V emitGelu(B &b, L l, V x, bool tanh) {
  V half = arith::MulFOp::create(b, l, x, constantLike(b, l, x, 0.5)), inner;
  if (tanh) { // tanh(sqrt(2/pi) * (x + 0.044715 * x^3))
    V cube = arith::MulFOp::create(b, l, x, arith::MulFOp::create(b, l, x, x));
    V sum = arith::AddFOp::create(b, l, x, arith::MulFOp::create(b, l, cube, constantLike(b, l, x, 0.044715)));
    inner = math::TanhOp::create(b, l, arith::MulFOp::create(b, l, sum, constantLike(b, l, x, std::sqrt(2 / M_PI))));
  } else { // erf(x / sqrt(2))
    inner = math::ErfOp::create(b, l, arith::MulFOp::create(b, l, x, constantLike(b, l, x, std::sqrt(0.5))));
  }
  return arith::MulFOp::create(b, l, half, arith::AddFOp::create(b, l, inner, constantLike(b, l, x, 1)));
}

/// Float operators with a number or two as attributes.
LogicalResult importActivation(NodeContext &ctx, llvm::function_ref<V(B &, L, V)> emit) {
  Tensor *x = ctx.input(0);
  return ctx.result(
      ctx.emit.elementwise(x, x->elementType, x->shape, [&](B &b, L l, ValueRange in) { return emit(b, l, in[0]); }));
}

LogicalResult importGelu(NodeContext &ctx) {
  std::string approximate = ctx.stringAttr("approximate");
  if (approximate != "none" && approximate != "tanh")
    return ctx.fail("approximate = '" + printable(approximate) + "' is not supported");
  return importActivation(ctx, [&](B &b, L l, V x) { return emitGelu(b, l, x, approximate == "tanh"); });
}

LogicalResult importSwish(NodeContext &ctx) { // x * sigmoid(alpha * x)
  double alpha = ctx.floatAttr("alpha");
  return importActivation(ctx, [&](B &b, L l, V x) -> V {
    V scaled = alpha == 1 ? x : V(arith::MulFOp::create(b, l, x, constantLike(b, l, x, alpha)));
    return arith::MulFOp::create(b, l, x, sigmoid(b, l, scaled));
  });
}

LogicalResult importLeakyRelu(NodeContext &ctx) { // x < 0 ? alpha * x : x
  double alpha = ctx.floatAttr("alpha");
  return importActivation(ctx, [&](B &b, L l, V x) -> V {
    V isNegative = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OLT, x, constantLike(b, l, x, 0));
    return arith::SelectOp::create(b, l, isNegative, arith::MulFOp::create(b, l, x, constantLike(b, l, x, alpha)), x);
  });
}

LogicalResult importElu(NodeContext &ctx) { // x < 0 ? alpha * (exp(x) - 1) : x
  double alpha = ctx.floatAttr("alpha");
  return importActivation(ctx, [&](B &b, L l, V x) -> V {
    V isNegative = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OLT, x, constantLike(b, l, x, 0));
    V curve = arith::MulFOp::create(b, l, math::ExpM1Op::create(b, l, x), constantLike(b, l, x, alpha));
    return arith::SelectOp::create(b, l, isNegative, curve, x);
  });
}

/// gamma * (x < 0 ? alpha * (exp(x) - 1) : x)
LogicalResult importSelu(NodeContext &ctx) {
  double alpha = ctx.floatAttr("alpha"), gamma = ctx.floatAttr("gamma");
  return importActivation(ctx, [&](B &b, L l, V x) {
    V curve = mul(b, l, math::ExpM1Op::create(b, l, x), constantLike(b, l, x, alpha));
    V bent = select(b, l, less(b, l, x, constantLike(b, l, x, 0)), curve, x);
    return mul(b, l, constantLike(b, l, x, gamma), bent);
  });
}

/// max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)
LogicalResult importCelu(NodeContext &ctx) {
  double alpha = ctx.floatAttr("alpha");
  return importActivation(ctx, [&](B &b, L l, V x) {
    V zero = constantLike(b, l, x, 0), scale = constantLike(b, l, x, alpha);
    V curve = mul(b, l, scale, math::ExpM1Op::create(b, l, div(b, l, x, scale)));
    return add(b, l, max(b, l, x, zero), min(b, l, curve, zero));
  });
}

/// x > alpha ? x : 0
LogicalResult importThresholdedRelu(NodeContext &ctx) {
  double alpha = ctx.floatAttr("alpha");
  return importActivation(ctx, [&](B &b, L l, V x) {
    return select(b, l, less(b, l, constantLike(b, l, x, alpha), x), x, constantLike(b, l, x, 0));
  });
}

V emitHardSigmoid(B &b, L l, V x, double alpha, double beta) { // alpha * x + beta, held in [0, 1]
  V line = add(b, l, mul(b, l, constantLike(b, l, x, alpha), x), constantLike(b, l, x, beta));
  return max(b, l, constantLike(b, l, x, 0), min(b, l, constantLike(b, l, x, 1), line));
}

LogicalResult importHardSigmoid(NodeContext &ctx) {
  double alpha = ctx.floatAttr("alpha"), beta = ctx.floatAttr("beta");
  return importActivation(ctx, [&](B &b, L l, V x) { return emitHardSigmoid(b, l, x, alpha, beta); });
}

LogicalResult importHardSwish(NodeContext &ctx) {
  return importActivation(ctx, [&](B &b, L l, V x) { return mul(b, l, x, emitHardSigmoid(b, l, x, 1.0 / 6, 0.5)); });
}

/// x * tanh(softplus(x))
LogicalResult importMish(NodeContext &ctx) {
  return importActivation(ctx,
                          [&](B &b, L l, V x) { return mul(b, l, x, math::TanhOp::create(b, l, softplus(b, l, x))); });
}

/// x / (1 + |x|)
LogicalResult importSoftsign(NodeContext &ctx) {
  return importActivation(ctx, [&](B &b, L l, V x) {
    return div(b, l, x, add(b, l, constantLike(b, l, x, 1), math::AbsFOp::create(b, l, x)));
  });
}

/// x < -lambd: x + bias; x > lambd: x - bias; else 0
LogicalResult importShrink(NodeContext &ctx) {
  double bias = ctx.floatAttr("bias"), lambd = ctx.floatAttr("lambd");
  return importActivation(ctx, [&](B &b, L l, V x) {
    V step = constantLike(b, l, x, bias), zero = constantLike(b, l, x, 0);
    V above = select(b, l, less(b, l, constantLike(b, l, x, lambd), x), sub(b, l, x, step), zero);
    return select(b, l, less(b, l, x, constantLike(b, l, x, -lambd)), add(b, l, x, step), above);
  });
}

/// The model's own x, and a bias of the same features.
LogicalResult importBiasGelu(NodeContext &ctx, bool tanh) {
  Tensor *x = ctx.input(0), *bias = ctx.input(1);
  if (!bias)
    return importActivation(ctx, [&](B &b, L l, V v) { return emitGelu(b, l, v, tanh); });
  FailureOr<SymList> shape = ctx.broadcastShapes(x->shape, bias->shape);
  if (failed(shape))
    return failure();
  return ctx.result(ctx.emit.elementwise({x, bias}, x->elementType, *shape, [&](B &b, L l, ValueRange in) {
    return emitGelu(b, l, add(b, l, in[0], in[1]), tanh);
  }));
}
} // namespace

void attnc::onnx::addActivationOps(OpTable &table) {
  table.add(20, "Gelu(x: float; approximate = \"none\")", importGelu);
  table.add(24, "Swish(x: float; alpha = 1.0)", importSwish);
  table.add(1, "LeakyRelu(x: float; alpha = 0.01)", importLeakyRelu);
  table.add(1, "Elu(x: float; alpha = 1.0)", importElu);
  table.add(1, "Selu(x: float; alpha = 1.67326319, gamma = 1.05070102)", importSelu);
  table.add(12, "Celu(x: float; alpha = 1.0)", importCelu);
  table.add(10, "ThresholdedRelu(x: float; alpha = 1.0)", importThresholdedRelu);
  table.add(1, "HardSigmoid(x: float; alpha = 0.2, beta = 0.5)", importHardSigmoid);
  table.add(14, "HardSwish(x: float)", importHardSwish);
  table.add(18, "Mish(x: float)", importMish);
  table.add(1, "Softsign(x: float)", importSoftsign);
  table.add(9, "Shrink(x: float; bias = 0.0, lambd = 0.5)", importShrink);
  table.add(1, "com.microsoft.Gelu(x: float)", [](NodeContext &ctx) { return importBiasGelu(ctx, false); });
  table.add(1, "com.microsoft.BiasGelu(x: float, bias)", [](NodeContext &ctx) { return importBiasGelu(ctx, false); });
  table.add(1, "com.microsoft.FastGelu(x: float, bias?)", [](NodeContext &ctx) { return importBiasGelu(ctx, true); });
  table.add(1, "com.microsoft.QuickGelu(x: float; alpha = 1.702)", importSwish);
}
