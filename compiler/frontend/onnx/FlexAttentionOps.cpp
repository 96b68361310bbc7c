//===- FlexAttentionOps.cpp - Attention with graphs inside ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

namespace {
/// What the graph `name` makes of `x`, or x itself without one.
Tensor *modified(NodeContext &ctx, StringRef name, Tensor *x) {
  const NodeAttr *graph = ctx.attr(name);
  if (!graph || !x)
    return x;
  FailureOr<SmallVector<Tensor *>> results = ctx.importGraph(*graph->graph, x);
  if (failed(results))
    return nullptr;
  if (results->size() != 1 || results->front()->shape != x->shape) {
    (void)ctx.fail(fmt::format("its {} does not give back {}", name.str(), ctx.describe(x)));
    return nullptr;
  }
  return ctx.emit.cast(results->front(), x->elementType);
}

/// softmax(score_mod(scale q k')) then prob_mod, times v: as graphs have it, so that fusion sees the attention.
LogicalResult importFlexAttention(NodeContext &ctx) {
  Tensor *q = ctx.input(0), *k = ctx.input(1), *v = ctx.input(2);
  if (q->rank() != 4 || k->rank() != 4 || v->rank() != 4 || !q->shape[3].constant())
    return ctx.fail(fmt::format("it wants operands of rank 4 with known features, not {}", ctx.describe(q)));
  Composer c(ctx);
  ctx.attr("softmax_precision"); // never below f32 here
  const NodeAttr *given = ctx.attr("scale");
  double scale = given && given->f != 0 ? given->f : 1 / std::sqrt(static_cast<double>(*q->shape[3].constant()));
  std::optional<Sym> each = ctx.symbols.divideExactly(q->shape[1], k->shape[1]);
  if (!each)
    return ctx.fail(fmt::format("the heads of {} are no multiple of those of {}", ctx.describe(q), ctx.describe(k)));
  auto repeated = [&](Tensor *x) { // every head of keys serves some of queries
    SymList split(x->shape), grown;
    split.insert(split.begin() + 2, Sym(1));
    grown = split;
    grown[2] = *each;
    SymList whole(x->shape);
    whole[1] = q->shape[1];
    return each->isConstant(1) ? x : c.reshape(c.expand(c.reshape(x, split), grown), whole);
  };
  Tensor *keys = c.transpose(repeated(k), {0, 1, 3, 2});
  Tensor *scores = c.mul(c.matMul(q, keys), c.number(scale, q->elementType));
  Tensor *weights = c.softmax(modified(ctx, "score_mod", c.wide(scores)), 3);
  weights = c.cast(modified(ctx, "prob_mod", weights), v->elementType);
  return c.finish(c.matMul(weights, repeated(v)));
}
} // namespace

void attnc::onnx::addFlexAttentionOps(OpTable &table) {
  table.add(1,
            "ai.onnx.preview.FlexAttention(Q: float, K: float, V: float; scale?: float, softmax_precision?: int, "
            "score_mod?: graph, prob_mod?: graph)",
            importFlexAttention);
}
