//===- LossOps.cpp - What a prediction costs ------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
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

/// For the class t that `target` names at each place (n, d...): source[n, t, d...], or source[t] of a vector, and 0 where t
/// is the ignored class.
Tensor *ofTarget(NodeContext &ctx, Tensor *source, Tensor *target, std::optional<int64_t> ignored) {
  Emitter &emit = ctx.emit;
  int64_t classDim = source->rank() == 1 ? 0 : 1;
  V value = emit.value(source), classes = emit.index(source->shape[classDim]);
  ctx.noteIndices(target, source->shape[classDim]);
  return emit.elementwise(target, source->elementType, target->shape, [&](B &b, L l, ValueRange in) -> V {
    SmallVector<V> position;
    for (int64_t dim = 0; dim < source->rank(); ++dim)
      position.push_back(dim == classDim ? emitPosition(b, l, in[0], classes)
                                         : V(linalg::IndexOp::create(b, l, dim < classDim ? dim : dim - 1)));
    V element = tensor::ExtractOp::create(b, l, value, position);
    if (!ignored)
      return element;
    V isIgnored = equal(b, l, in[0], arith::ConstantOp::create(b, l, b.getIntegerAttr(in[0].getType(), *ignored)));
    return select(b, l, isIgnored, constantLike(b, l, element, 0), element);
  });
}

/// -x[n, t, d...] * weight[t] at each place, then their mean (over the weights), sum, or all of them.
LogicalResult loss(NodeContext &ctx, Tensor *x, Tensor *target, Tensor *weight) {
  SymList shape(x->shape);
  if (x->rank() >= 2)
    shape.erase(shape.begin() + 1);
  bool fits = x->rank() >= 2 && target->rank() == x->rank() - 1;
  for (size_t dim = 0; fits && dim < shape.size(); ++dim)
    fits = ctx.sameExtent(shape[dim], target->shape[dim]);
  if (!fits || (weight && (weight->rank() != 1 || !ctx.sameExtent(weight->shape[0], x->shape[1]))))
    return ctx.fail(fmt::format("{} names no classes of {}", ctx.describe(target), ctx.describe(x)));
  Composer c(ctx);
  std::optional<int64_t> ignored;
  if (const NodeAttr *given = ctx.attr("ignore_index"))
    ignored = given->i;
  Tensor *cost = c.sub(c.number(0, x->elementType), ofTarget(ctx, x, target, ignored));
  Tensor *weights = nullptr;
  if (weight)
    weights = ofTarget(ctx, weight, target, ignored);
  else if (ignored)
    weights = ofTarget(ctx, ctx.emit.broadcast(c.number(1, x->elementType), {x->shape[1]}), target, ignored);
  if (weight)
    cost = c.mul(cost, weights);
  const std::string &reduction = ctx.stringAttr("reduction");
  if (reduction == "none")
    return c.finish(cost);
  if (reduction != "sum" && reduction != "mean")
    return ctx.fail(fmt::format("reduction = '{}' is not supported", printable(reduction)));
  SmallVector<int64_t> all = allDims(target->rank());
  Tensor *total = c.sum(c.wide(cost), all);
  if (reduction == "mean")
    total =
        c.div(total, weights ? c.sum(c.wide(weights), all) : c.count(total ? cost : nullptr, all, total->elementType));
  return c.finish(c.reshape(c.cast(total, x->elementType), {}));
}

LogicalResult importNegativeLogLikelihoodLoss(NodeContext &ctx) {
  return loss(ctx, ctx.input(0), ctx.input(1), ctx.input(2));
}

/// The same of the logarithm of a softmax over the classes: x - max - log(sum(exp(x - max))).
LogicalResult importSoftmaxCrossEntropyLoss(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  if (x->rank() < 2)
    return ctx.fail(ctx.describe(x) + " has no dim of classes");
  Composer c(ctx);
  Tensor *wide = c.wide(x);
  Tensor *shifted = c.sub(wide, c.max(wide, 1));
  Tensor *logs = c.cast(c.sub(shifted, c.log(c.sum(c.exp(shifted), 1))), x->elementType);
  if (!logs || failed(ctx.result(logs, 1)))
    return failure();
  return loss(ctx, logs, ctx.input(1), ctx.input(2));
}
} // namespace

void attnc::onnx::addLossOps(OpTable &table) {
  table.add(
      12, "NegativeLogLikelihoodLoss(x: float, target: int, weight?: float; ignore_index?: int, reduction = \"mean\")",
      importNegativeLogLikelihoodLoss);
  table.add(12,
            "SoftmaxCrossEntropyLoss(scores: float, labels: int, weights?: float; ignore_index?: int, "
            "reduction = \"mean\") -> output, log_prob?",
            importSoftmaxCrossEntropyLoss);
}
