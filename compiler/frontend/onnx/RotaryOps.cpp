//===- RotaryOps.cpp - RotaryEmbedding, in both domains -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/AttentionEmitter.h"
#include "compiler/frontend/onnx/Composer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

namespace {
/// The operands as x [B, S, heads, D] and angles [B, S, R / 2].
LogicalResult importRotary(NodeContext &ctx, Tensor *cosines, Tensor *sines, Tensor *positions) {
  Composer c(ctx);
  Tensor *given = ctx.input(0), *x = given;
  int64_t heads = ctx.intAttr("num_heads"), turned = ctx.intAttr("rotary_embedding_dim");
  bool interleaved = ctx.intAttr("interleaved");
  if (x->rank() == 4)
    x = c.transpose(x, {0, 2, 1, 3});
  else if (heads > 0)
    x = splitHeads(ctx, x, heads);
  else if (x->rank() == 3 && turned == 0 && cosines->shape.back().constant()) { // as many as features are turned
    Sym each(2 * *cosines->shape.back().constant());
    std::optional<Sym> count = ctx.symbols.divideExactly(x->shape[2], each);
    x = count ? c.reshape(x, {x->shape[0], x->shape[1], *count, each}) : nullptr;
  } else
    return ctx.fail("num_heads is missing: its operand has rank 3");
  if (!x)
    return failure();
  if (positions) {
    if (cosines->rank() != 2 || sines->rank() != 2 || positions->rank() != 2)
      return ctx.fail(fmt::format("{} are no positions in {}", ctx.describe(positions), ctx.describe(cosines)));
    cosines = anglesAt(ctx, cosines, positions), sines = anglesAt(ctx, sines, positions);
  }
  Sym features = turned > 0 ? Sym(turned) : x->shape[3];
  bool fits = cosines->rank() == 3 && cosines->shape == sines->shape &&
              ctx.sameExtent(cosines->shape[1], x->shape[1]) && ctx.sameExtent(cosines->shape[0], x->shape[0]) &&
              cosines->shape[2] == ctx.symbols.div(features, 2);
  if (!fits)
    return ctx.fail(fmt::format("angles {} do not fit {}", ctx.describe(cosines), ctx.describe(given)));
  Tensor *result = rotated(ctx, x, cosines, sines, features, interleaved);
  if (!result)
    return failure();
  return c.finish(given->rank() == 4 ? c.transpose(result, {0, 2, 1, 3}) : c.reshape(result, given->shape));
}

LogicalResult importRotaryEmbedding(NodeContext &ctx) {
  return importRotary(ctx, ctx.input(1), ctx.input(2), ctx.input(3));
}

/// com.microsoft: positions come first, and may be one number, that of the first token.
LogicalResult importContribRotaryEmbedding(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *positions = ctx.input(1);
  if (ctx.flag("is_packed_batching") || ctx.floatAttr("scale") != 1)
    return ctx.fail("packed batches and scales are not supported");
  if (positions->rank() == 1) {
    if (!positions->shape[0].isConstant(1))
      return ctx.fail(fmt::format("{} is not the position of the first token", ctx.describe(positions)));
    const Sym &length = x->shape[x->rank() == 4 ? 2 : 1];
    positions = ctx.emit.elementwise(positions, positions->elementType, {x->shape[0], length},
                                     [&](OpBuilder &b, Location l, ValueRange in) -> Value {
                                       Value at = arith::IndexCastOp::create(b, l, in[0].getType(),
                                                                             linalg::IndexOp::create(b, l, 1));
                                       return arith::AddIOp::create(b, l, in[0], at);
                                     });
  }
  return importRotary(ctx, ctx.input(2), ctx.input(3), positions);
}
} // namespace

void attnc::onnx::addRotaryOps(OpTable &table) {
  table.add(23,
            "RotaryEmbedding(x: float, cos_cache, sin_cache, position_ids?: int; interleaved = 0, num_heads = 0, "
            "rotary_embedding_dim = 0)",
            importRotaryEmbedding);
  table.add(1,
            "com.microsoft.RotaryEmbedding(x: float, position_ids: int, cos_cache: float, sin_cache; interleaved = 0, "
            "is_packed_batching = 0, num_heads = 0, rotary_embedding_dim = 0, scale = 1.0)",
            importContribRotaryEmbedding);
}
