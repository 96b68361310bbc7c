//===- AttentionOps.cpp - Attention and what belongs to it ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/AttentionEmitter.h"
#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Scalars.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

namespace {

//===- Attention ----------------------------------------------------------===//

/// Q, K and V as heads. Of rank 4 they are [B, heads, S, D] already.
LogicalResult readHeads(NodeContext &ctx, AttentionCase &attention) {
  bool areSplit = ctx.input(0)->rank() == 4;
  for (size_t index = 0; index < 3; ++index)
    if (ctx.input(index)->rank() != (areSplit ? 4 : 3))
      return ctx.fail(fmt::format("Q, K and V must all have rank 3 or 4, not {}", ctx.describe(ctx.input(index))));
  attention.q = ctx.input(0), attention.k = ctx.input(1), attention.v = ctx.input(2);
  const NodeAttr *qHeads = ctx.attr("q_num_heads"), *kvHeads = ctx.attr("kv_num_heads");
  if (areSplit) {
    attention.qLayout = "BHMD", attention.kLayout = "BGND", attention.vLayout = "BGNE", attention.outLayout = "BHME";
    return success();
  }
  if (!qHeads || !kvHeads)
    return ctx.fail("q_num_heads and kv_num_heads are missing: its operands have rank 3");
  attention.q = splitHeads(ctx, attention.q, qHeads->i);
  attention.k = splitHeads(ctx, attention.k, kvHeads->i);
  attention.v = splitHeads(ctx, attention.v, kvHeads->i);
  attention.qLayout = "BMHD", attention.kLayout = "BNGD", attention.vLayout = "BNGE", attention.outLayout = "BMHE";
  return success(attention.q && attention.k && attention.v);
}

/// Puts the past before K and V, which are the results `present` from then on.
LogicalResult readPast(NodeContext &ctx, AttentionCase &attention, Tensor *pastKey, Tensor *pastValue, size_t present) {
  Composer c(ctx);
  if (pastKey && pastValue) {
    attention.offset = pastKey->shape[2];
  } else if (pastKey || pastValue) {
    return ctx.fail("a past of keys wants one of values, and the other way round");
  }
  if (!pastKey && !ctx.wants(present) && !ctx.wants(present + 1))
    return success();
  for (auto [tensor, layout, past, order, result] :
       {std::tuple(&attention.k, &attention.kLayout, pastKey, "BGND", present),
        std::tuple(&attention.v, &attention.vLayout, pastValue, "BGNE", present + 1)}) {
    if (StringRef(*layout).starts_with("BN")) // [B, S, heads, D]
      *tensor = c.transpose(*tensor, {0, 2, 1, 3});
    *layout = order;
    if (past && past->rank() != 4)
      return ctx.fail(fmt::format("its past {} is not of rank 4", ctx.describe(past)));
    if (past)
      for (int64_t dim : {0, 1, 3})
        if (!ctx.sameExtent(past->shape[dim], (*tensor)->shape[dim]))
          return ctx.fail(fmt::format("its past {} does not fit {}", ctx.describe(past), ctx.describe(*tensor)));
    *tensor = past ? c.join({past, *tensor}, 2) : *tensor;
    if (failed(c.finish(*tensor, result)))
      return failure();
  }
  return success();
}

/// [B, S, heads, D] as [B, S, heads * D]
Tensor *mergeHeads(NodeContext &ctx, Tensor *x) {
  if (!x)
    return nullptr;
  return Composer(ctx).reshape(x, {x->shape[0], x->shape[1], ctx.symbols.mul(x->shape[2], x->shape[3])});
}

LogicalResult finishAttention(NodeContext &ctx, const AttentionCase &attention) {
  Tensor *result = emitAttention(ctx, attention);
  if (attention.outLayout == "BMHE")
    result = mergeHeads(ctx, result);
  return Composer(ctx).finish(result);
}

LogicalResult importAttention(NodeContext &ctx) {
  AttentionCase attention;
  if (failed(readHeads(ctx, attention)) || failed(readPast(ctx, attention, ctx.input(4), ctx.input(5), /*present=*/1)))
    return failure();
  attention.mask = ctx.input(3);
  if (attention.mask && !attention.mask->isBool() && !attention.mask->isFloat())
    return ctx.fail(fmt::format("its mask {} is neither bool nor float", ctx.describe(attention.mask)));
  attention.lengths = ctx.input(6);
  attention.endsAtLengths = attention.lengths != nullptr;
  if (const NodeAttr *scale = ctx.attr("scale"))
    attention.scale = scale->f;
  attention.softcap = ctx.floatAttr("softcap");
  ctx.attr("softmax_precision"); // never below f32 here
  auto window = [&](StringRef name, std::optional<int64_t> &side) {
    if (const NodeAttr *given = ctx.attr(name); given && given->i >= 0)
      side = given->i;
  };
  window("left_window_size", attention.before);
  window("right_window_size", attention.after);
  if (ctx.intAttr("is_causal"))
    attention.after = std::min<int64_t>(attention.after.value_or(0), 0);
  int64_t mode = ctx.intAttr("qk_matmul_output_mode");
  if (mode < 0 || mode > 3)
    return ctx.fail(fmt::format("qk_matmul_output_mode = {} is none", mode));
  if (ctx.wants(3) && failed(Composer(ctx).finish(emitScores(ctx, attention, static_cast<ScoresOf>(mode)), 3)))
    return failure();
  return finishAttention(ctx, attention);
}

//===- RotaryEmbedding ----------------------------------------------------===//

/// What a rotary embedding says: x [B, S, heads, D] with angles' cosines and sines [B, S, R / 2], of which the first R
/// features are turned, in halves or in neighbouring pairs.
Tensor *rotated(NodeContext &ctx, Tensor *x, Tensor *cosines, Tensor *sines, const Sym &turned, bool interleaved) {
  Composer c(ctx);
  Sym half = ctx.symbols.div(turned, 2), all = x->shape[3];
  auto perHead = [&](Tensor *angles) {
    return c.reshape(angles, {angles->shape[0], angles->shape[1], Sym(1), angles->shape[2]});
  };
  Tensor *cosine = perHead(cosines), *sine = perHead(sines);
  Tensor *front = c.part(x, 3, 0, turned), *first, *second;
  SymList pairs(front->shape);
  pairs[3] = half;
  if (interleaved) {
    SymList zero(4, Sym(0)), one(zero);
    one[3] = 1;
    first = ctx.emit.slice(front, zero, pairs, {1, 1, 1, 2});
    second = ctx.emit.slice(front, one, pairs, {1, 1, 1, 2});
  } else {
    first = c.part(front, 3, 0, half);
    second = c.part(front, 3, half, half);
  }
  Tensor *real = c.sub(c.mul(first, cosine), c.mul(second, sine));
  Tensor *imaginary = c.add(c.mul(first, sine), c.mul(second, cosine));
  if (!real || !imaginary)
    return nullptr;
  if (interleaved) {
    SymList each(real->shape);
    each.push_back(Sym(1));
    Tensor *joined = c.join({c.reshape(real, each), c.reshape(imaginary, each)}, 4);
    front = c.reshape(joined, front->shape);
  } else {
    front = c.join({real, imaginary}, 3);
  }
  Sym rest = ctx.symbols.sub(all, turned);
  return rest.isConstant(0) ? front : c.join({front, c.part(x, 3, turned, rest)}, 3);
}

/// Rows of a table of angles [positions, R / 2] for each of `positions` [B, S].
Tensor *anglesAt(NodeContext &ctx, Tensor *table, Tensor *positions) {
  SymList shape(positions->shape);
  shape.push_back(table->shape[1]);
  MLIRContext *context = ctx.emit.builder.getContext();
  AffineMap all = AffineMap::getMultiDimIdentityMap(3, context);
  Value source = ctx.emit.value(table), extent = ctx.emit.index(table->shape[0]);
  ctx.noteIndices(positions, table->shape[0]);
  return ctx.emit.generic(positions, all.getMajorSubMap(2), all, table->elementType, shape,
                          [&](OpBuilder &b, Location l, ValueRange in) -> Value {
                            Value at = emitPosition(b, l, in[0], extent);
                            return tensor::ExtractOp::create(b, l, source,
                                                             ValueRange{at, linalg::IndexOp::create(b, l, 2)});
                          });
}

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

//===- TensorScatter ------------------------------------------------------===//

/// The cache with `update` written along `axis` from write_indices[b] on; circular: past the end it begins anew.
LogicalResult importTensorScatter(NodeContext &ctx) {
  Tensor *cache = ctx.input(0), *update = ctx.input(1), *starts = ctx.input(2);
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), cache->rank());
  const std::string &mode = ctx.stringAttr("mode");
  if (failed(axis))
    return failure();
  if (mode != "linear" && mode != "circular")
    return ctx.fail("mode '" + printable(mode) + "' is not supported");
  bool fits = update->rank() == cache->rank() && *axis > 0;
  for (int64_t dim = 0; fits && dim < cache->rank(); ++dim)
    fits = dim == *axis || ctx.sameExtent(update->shape[dim], cache->shape[dim]);
  if (!fits || (starts && (starts->rank() != 1 || !ctx.sameExtent(starts->shape[0], cache->shape[0]))))
    return ctx.fail(fmt::format("{} does not fit into {}", ctx.describe(update), ctx.describe(cache)));
  Value source = ctx.emit.value(update), begin = starts ? ctx.emit.value(starts) : Value();
  Value written = ctx.emit.index(update->shape[*axis]), extent = ctx.emit.index(cache->shape[*axis]);
  return ctx.result(ctx.emit.elementwise(
      cache, cache->elementType, cache->shape, [&](OpBuilder &b, Location l, ValueRange in) -> Value {
        SmallVector<Value> at;
        for (int64_t dim = 0; dim < cache->rank(); ++dim)
          at.push_back(linalg::IndexOp::create(b, l, dim));
        Value zero = arith::ConstantIndexOp::create(b, l, 0), one = arith::ConstantIndexOp::create(b, l, 1);
        Value from = zero;
        if (begin)
          from = arith::IndexCastOp::create(b, l, b.getIndexType(), tensor::ExtractOp::create(b, l, begin, at[0]));
        Value offset = arith::SubIOp::create(b, l, at[*axis], from);
        if (mode == "circular") {
          Value isBefore = arith::CmpIOp::create(b, l, arith::CmpIPredicate::slt, offset, zero);
          offset = arith::SelectOp::create(b, l, isBefore, arith::AddIOp::create(b, l, offset, extent), offset);
        }
        Value isNew = arith::AndIOp::create(b, l, arith::CmpIOp::create(b, l, arith::CmpIPredicate::sge, offset, zero),
                                            arith::CmpIOp::create(b, l, arith::CmpIPredicate::slt, offset, written));
        Value last = arith::SubIOp::create(b, l, written, one);
        at[*axis] = arith::MaxSIOp::create(b, l, zero, arith::MinSIOp::create(b, l, offset, last));
        return arith::SelectOp::create(b, l, isNew, tensor::ExtractOp::create(b, l, source, at), in[0]);
      }));
}

//===- com.microsoft.MultiHeadAttention -----------------------------------===//

/// Vectors added to q, k and v, one behind the other in `bias`.
LogicalResult addBiases(NodeContext &ctx, Tensor *bias, Tensor *&q, Tensor *&k, Tensor *&v) {
  Composer c(ctx);
  Sym offset(0);
  for (Tensor **tensor : {&q, &k, &v}) {
    const Sym &width = (*tensor)->shape.back();
    *tensor = c.add(*tensor, c.part(bias, 0, offset, width));
    if (!*tensor)
      return failure();
    offset = ctx.symbols.add(offset, width);
  }
  if (bias->rank() != 1 || bias->shape[0] != offset)
    return ctx.fail(fmt::format("its bias {} does not fit", ctx.describe(bias)));
  return success();
}

/// What com.microsoft's operators say alike: a bias of the scores (operand 5), the scale, the direction.
LogicalResult finishContrib(NodeContext &ctx, AttentionCase &attention) {
  if (ctx.input(5)) {
    if (attention.mask)
      return ctx.fail("a mask of paddings beside a bias of the scores is not supported");
    attention.mask = ctx.input(5);
  }
  if (double scale = ctx.floatAttr("scale"))
    attention.scale = scale;
  if (ctx.intAttr("unidirectional"))
    attention.after = 0;
  return finishAttention(ctx, attention);
}

/// A mask of integers: [B, N] of 0 and 1, or [B] of lengths.
LogicalResult readPadding(NodeContext &ctx, Tensor *mask, AttentionCase &attention) {
  if (!mask)
    return success();
  Composer c(ctx);
  if (mask->rank() == 1) {
    attention.lengths = mask;
    return success();
  }
  Tensor *zero = ctx.emit.splat(ctx.emit.zero(mask->elementType), {});
  attention.mask = c.map(
      {mask, zero},
      [](OpBuilder &b, Location l, ValueRange in) -> Value {
        return arith::CmpIOp::create(b, l, arith::CmpIPredicate::ne, in[0], in[1]);
      },
      ctx.emit.builder.getI1Type());
  if (mask->rank() == 2)
    attention.mask = c.reshape(attention.mask, {mask->shape[0], Sym(1), Sym(1), mask->shape[1]});
  else if (mask->rank() == 3)
    attention.mask = c.reshape(attention.mask, {mask->shape[0], Sym(1), mask->shape[1], mask->shape[2]});
  else
    return ctx.fail(fmt::format("its mask {} is not supported", ctx.describe(mask)));
  return success(attention.mask != nullptr);
}

LogicalResult importMultiHeadAttention(NodeContext &ctx) {
  AttentionCase attention;
  Tensor *q = ctx.input(0), *k = ctx.input(1), *v = ctx.input(2);
  int64_t heads = ctx.intAttr("num_heads");
  ctx.attr("mask_filter_value"); // hidden keys have no weight at all
  if (!k || !v || q->rank() != 3 || k->rank() != 3 || v->rank() != 3)
    return ctx.fail("packed queries, keys and values are not supported; it wants Q, K and V of rank 3");
  if (ctx.input(3) && failed(addBiases(ctx, ctx.input(3), q, k, v)))
    return failure();
  attention.q = splitHeads(ctx, q, heads), attention.k = splitHeads(ctx, k, heads),
  attention.v = splitHeads(ctx, v, heads);
  if (!attention.q || !attention.k || !attention.v)
    return failure();
  attention.qLayout = "BMHD", attention.kLayout = "BNGD", attention.vLayout = "BNGE", attention.outLayout = "BMHE";
  if (failed(readPast(ctx, attention, ctx.input(6), ctx.input(7), 1)) ||
      failed(readPadding(ctx, ctx.input(4), attention)))
    return failure();
  return finishContrib(ctx, attention);
}

/// Q, K and V are one product of x with [D, 3 D'].
LogicalResult importContribAttention(NodeContext &ctx) {
  Composer c(ctx);
  Tensor *x = ctx.input(0), *weights = ctx.input(1), *bias = ctx.input(2);
  int64_t heads = ctx.intAttr("num_heads");
  ctx.attr("mask_filter_value");
  if (ctx.input(4) || ctx.wants(1))
    return ctx.fail("a past is not supported");
  if (ctx.flag("do_rotary") || ctx.flag("past_present_share_buffer"))
    return ctx.fail("rotary embeddings and shared buffers are not supported");
  if (x->rank() != 3 || weights->rank() != 2)
    return ctx.fail(fmt::format("{} and {} cannot be projected", ctx.describe(x), ctx.describe(weights)));
  SymList widths(3, ctx.symbols.div(weights->shape[1], 3));
  if (auto given = ctx.intsAttr("qkv_hidden_sizes"))
    widths.assign(given->begin(), given->end());
  if (widths.size() != 3 || ctx.symbols.add(widths[0], ctx.symbols.add(widths[1], widths[2])) != weights->shape[1])
    return ctx.fail(fmt::format("{} is not for queries, keys and values", ctx.describe(weights)));
  AttentionCase attention;
  Sym offset(0);
  Tensor **parts[] = {&attention.q, &attention.k, &attention.v};
  for (auto [part, width] : llvm::zip(parts, widths)) {
    Tensor *projected = c.matMul(x, c.part(weights, 1, offset, width));
    if (bias)
      projected = c.add(projected, c.part(bias, 0, offset, width));
    *part = projected ? splitHeads(ctx, projected, heads) : nullptr;
    if (!*part)
      return failure();
    offset = ctx.symbols.add(offset, width);
  }
  attention.qLayout = "BMHD", attention.kLayout = "BNGD", attention.vLayout = "BNGE", attention.outLayout = "BMHE";
  if (failed(readPadding(ctx, ctx.input(3), attention)))
    return failure();
  return finishContrib(ctx, attention);
}
} // namespace

void attnc::onnx::addAttentionOps(OpTable &table) {
  constexpr const char *kOperands =
      "Attention(Q: float, K: float, V: float, attn_mask?: any, past_key?: float, past_value?: float";
  constexpr const char *kAttributes =
      "is_causal = 0, kv_num_heads?: int, q_num_heads?: int, qk_matmul_output_mode = 0, scale?: float, softcap = 0.0, "
      "softmax_precision?: int";
  constexpr const char *kResults = ") -> Y, present_key?, present_value?, qk_matmul_output?";
  table.add(23, fmt::format("{}; {}{}", kOperands, kAttributes, kResults), importAttention);
  table.add(24, fmt::format("{}, nonpad_kv_seqlen?: int; {}{}", kOperands, kAttributes, kResults), importAttention);
  table.add(25,
            fmt::format("{}, nonpad_kv_seqlen?: int; {}, left_window_size = -1, right_window_size = -1{}", kOperands,
                        kAttributes, kResults),
            importAttention);
  table.add(23,
            "RotaryEmbedding(x: float, cos_cache, sin_cache, position_ids?: int; interleaved = 0, num_heads = 0, "
            "rotary_embedding_dim = 0)",
            importRotaryEmbedding);
  table.add(24, "TensorScatter(past_cache: any, update, write_indices?: int; axis = -2, mode = \"linear\")",
            importTensorScatter);
  table.add(1,
            "com.microsoft.RotaryEmbedding(x: float, position_ids: int, cos_cache: float, sin_cache; interleaved = 0, "
            "is_packed_batching = 0, num_heads = 0, rotary_embedding_dim = 0, scale = 1.0)",
            importContribRotaryEmbedding);
  table.add(
      1,
      "com.microsoft.MultiHeadAttention(query: float, key?, value?, bias?, key_padding_mask?: int, "
      "attention_bias?: float, past_key?, past_value?; num_heads: int, mask_filter_value = -10000.0, scale = 0.0, "
      "unidirectional = 0) -> output, present_key?, present_value?",
      importMultiHeadAttention);
  table.add(1,
            "com.microsoft.Attention(x: float, weights, bias?, mask_index?: int, past?: float, attention_bias?: float; "
            "num_heads: int, do_rotary = 0, mask_filter_value = -10000.0, past_present_share_buffer = 0, "
            "qkv_hidden_sizes?: ints, scale = 0.0, unidirectional = 0) -> output, present?",
            importContribAttention);
}
