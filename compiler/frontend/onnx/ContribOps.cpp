//===- ContribOps.cpp - com.microsoft's fused operators -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ONNX Runtime's optimiser makes of transformers, taken apart again: each is the plain operators it stands for, which
// fusion puts together in its own way. Attention is in AttentionOps, activations are in ActivationOps.
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

//===- FusedMatMul --------------------------------------------------------===//

/// alpha * A' B'; a matrix is transposed in its last two dims, with transBatch in all but the last.
LogicalResult importFusedMatMul(NodeContext &ctx) {
  Composer c(ctx);
  auto operand = [&](size_t index, StringRef transposes, StringRef batch) -> Tensor * {
    Tensor *x = ctx.input(index);
    SmallVector<int64_t> order = allDims(x->rank());
    if (ctx.flag(batch) && x->rank() > 2) // [m, b..., k] stands for [b..., m, k]
      std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
    if (ctx.flag(transposes) && x->rank() > 1)
      std::swap(order[x->rank() - 1], order[x->rank() - 2]);
    return c.transpose(x, order);
  };
  Tensor *product = c.matMul(operand(0, "transA", "transBatchA"), operand(1, "transB", "transBatchB"));
  double alpha = ctx.floatAttr("alpha");
  return c.finish(alpha == 1 || !product ? product : c.mul(product, c.number(alpha, product->elementType)));
}

//===- Norms of sums ------------------------------------------------------===//

/// (x - mean) / sqrt(var + epsilon) * gamma + beta over the last dim; without `centres`, x / sqrt(mean(x^2) + epsilon) * gamma.
/// Where `hasMoments`, mean and 1 / sqrt(var + epsilon) are results 1 and 2.
Tensor *normalised(NodeContext &ctx, Tensor *x, Tensor *gamma, Tensor *beta, bool centres, bool hasMoments) {
  Composer c(ctx);
  if (!x || x->rank() < 1)
    return nullptr;
  int64_t last = x->rank() - 1;
  Tensor *wide = c.wide(x), *mean = c.mean(wide, last), *centred = centres ? c.sub(wide, mean) : wide;
  Tensor *variance = c.mean(c.square(centred), last);
  if (!variance)
    return nullptr;
  Tensor *root = c.sqrt(c.add(variance, c.number(ctx.floatAttr("epsilon"), variance->elementType)));
  if (hasMoments && ((ctx.wants(1) && failed(c.finish(mean, 1))) ||
                     (ctx.wants(2) && failed(c.finish(c.div(c.number(1, root->elementType), root), 2)))))
    return nullptr;
  Tensor *result = c.mul(c.cast(c.div(centred, root), x->elementType), gamma);
  return beta ? c.add(result, beta) : result;
}

/// The norm of x + skip (+ bias), and that sum as result 3.
LogicalResult importSkipNormalization(NodeContext &ctx, bool centres) {
  Composer c(ctx);
  Tensor *sum = c.add(ctx.input(0), ctx.input(1));
  Tensor *beta = centres ? ctx.input(3) : nullptr, *bias = ctx.input(centres ? 4 : 3);
  if (bias)
    sum = c.add(sum, bias);
  if (!sum || failed(ctx.result(sum, 3)))
    return failure();
  return c.finish(normalised(ctx, sum, ctx.input(2), beta, centres, /*hasMoments=*/true));
}

/// Rows of `table` for each of `ids` [B, S].
Tensor *rowsAt(NodeContext &ctx, Tensor *table, Tensor *ids) {
  if (table->rank() != 2 || ids->rank() != 2) {
    (void)ctx.fail(fmt::format("{} are no positions in {}", ctx.describe(ids), ctx.describe(table)));
    return nullptr;
  }
  SymList shape{ids->shape[0], ids->shape[1], table->shape[1]};
  AffineMap all = AffineMap::getMultiDimIdentityMap(3, ctx.emit.builder.getContext());
  V source = ctx.emit.value(table), extent = ctx.emit.index(table->shape[0]);
  ctx.noteIndices(ids, table->shape[0]);
  return ctx.emit.generic(
      ids, all.getMajorSubMap(2), all, table->elementType, shape, [&](B &b, L l, ValueRange in) -> V {
        V at = emitPosition(b, l, in[0], extent);
        return tensor::ExtractOp::create(b, l, source, ValueRange{at, linalg::IndexOp::create(b, l, 2)});
      });
}

/// The norm of word + position (+ segment) embeddings; positions are 0, 1 ... unless given.
LogicalResult importEmbedLayerNormalization(NodeContext &ctx) {
  Composer c(ctx);
  Tensor *ids = ctx.input(0), *segments = ctx.input(1), *positions = ctx.input(8);
  if (ctx.wants(1) && ctx.input(7))
    return ctx.fail("the count of a mask is not supported as a result");
  ctx.attr("mask_index_type");
  if (ids->rank() != 2)
    return ctx.fail(fmt::format("{} are no ids", ctx.describe(ids)));
  Tensor *table = ctx.input(3);
  if (!positions && table->rank() == 2 && table->shape[0].constant() &&
      !ctx.requireAtMost(ids->shape[1], *table->shape[0].constant()))
    return ctx.fail(fmt::format("{} have more positions than {}", ctx.describe(ids), ctx.describe(table)));
  if (!positions)
    positions = c.generate(ids->shape, ctx.emit.builder.getI64Type(), [](B &b, L l, ValueRange at) -> V {
      return arith::IndexCastOp::create(b, l, b.getI64Type(), at[1]);
    });
  Tensor *sum = c.add(rowsAt(ctx, ctx.input(2), ids), rowsAt(ctx, table, positions));
  if (segments && ctx.input(4))
    sum = c.add(sum, rowsAt(ctx, ctx.input(4), segments));
  if (!sum || failed(ctx.result(sum, 2)))
    return failure();
  if (ctx.wants(1)) // no mask: nothing is counted
    if (failed(c.finish(ctx.emit.splat(ctx.emit.builder.getI32IntegerAttr(0), {ids->shape[0]}), 1)))
      return failure();
  return c.finish(normalised(ctx, sum, ctx.input(5), ctx.input(6), /*centres=*/true, /*hasMoments=*/false));
}
} // namespace

void attnc::onnx::addContribOps(OpTable &table) {
  table.add(1,
            "com.microsoft.FusedMatMul(A: float, B; alpha = 1.0, transA = 0, transB = 0, transBatchA = 0, "
            "transBatchB = 0)",
            importFusedMatMul);
  table.add(1,
            "com.microsoft.SkipLayerNormalization(input: float, skip, gamma, beta?, bias?; epsilon = 1e-12) -> output, "
            "mean?, inv_std?, sum?",
            [](NodeContext &ctx) { return importSkipNormalization(ctx, /*centres=*/true); });
  table.add(
      1,
      "com.microsoft.SkipSimplifiedLayerNormalization(input: float, skip, gamma, bias?; epsilon = 1e-12) -> output, "
      "mean?, inv_std?, sum?",
      [](NodeContext &ctx) { return importSkipNormalization(ctx, /*centres=*/false); });
  table.add(1,
            "com.microsoft.EmbedLayerNormalization(input_ids: int, segment_ids?: int, word_embedding: float, "
            "position_embedding, segment_embedding?, gamma, beta, mask?: int, position_ids?: int; epsilon = 1e-12, "
            "mask_index_type = 0) -> output, mask_index?, embedding_sum?",
            importEmbedLayerNormalization);
}
