//===- ContribAttentionOps.cpp - com.microsoft's attention operators ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention, MultiHeadAttention and QAttention. Where ONNX Runtime adds a large negative number to the scores of hidden keys,
// these have no weight at all, and a row without keys is 0.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/AttentionEmitter.h"
#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/LinearOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

namespace {

//===- What they have in common -------------------------------------------===//

/// q, k and v [B, S, heads, D] as the operands of `attention`.
LogicalResult setOperands(AttentionCase &attention, Tensor *q, Tensor *k, Tensor *v) {
  attention.q = q, attention.k = k, attention.v = v;
  attention.qLayout = "BMHD", attention.kLayout = "BNGD", attention.vLayout = "BNGE", attention.outLayout = "BMHE";
  return success(q && k && v);
}

/// A scale of 0 is the default, a bias of the scores (operand `bias`) comes beside the mask.
void readScores(NodeContext &ctx, AttentionCase &attention, size_t bias) {
  attention.bias = ctx.input(bias);
  if (double scale = ctx.floatAttr("scale"))
    attention.scale = scale;
}

/// Whether each element is not 0.
Tensor *isSet(NodeContext &ctx, Tensor *mask) {
  Tensor *zero = ctx.emit.splat(ctx.emit.zero(mask->elementType), {});
  return Composer(ctx).map(
      {mask, zero},
      [](OpBuilder &b, Location l, ValueRange in) -> Value {
        return arith::CmpIOp::create(b, l, arith::CmpIPredicate::ne, in[0], in[1]);
      },
      ctx.emit.builder.getI1Type());
}

/// A mask of integers:
///   [B]            how many keys there are
///   [2 B]          where the keys end, and then where they begin
///   [B, N]         0 where a key is hidden
///   [B, M, N]      the same for each query
///   [B, 1, P, P]   the same of which the queries' rows and the keys' columns are used
LogicalResult readPadding(NodeContext &ctx, Tensor *mask, AttentionCase &attention) {
  if (!mask)
    return success();
  Composer c(ctx);
  const Sym &batch = attention.extent('B'), &queries = attention.extent('M'), &keys = attention.extent('N');
  if (mask->rank() == 1) {
    bool hasBegins = mask->shape[0] == ctx.symbols.mul(batch, 2);
    attention.lengths = hasBegins ? c.part(mask, 0, 0, batch) : mask;
    attention.begins = hasBegins ? c.part(mask, 0, batch, batch) : nullptr;
    return success();
  }
  mask = isSet(ctx, mask);
  if (mask->rank() == 4)
    mask = c.part(c.part(mask, 2, attention.offset, queries), 3, 0, keys);
  else if (mask->rank() == 3)
    mask = c.reshape(mask, {mask->shape[0], Sym(1), mask->shape[1], mask->shape[2]});
  else if (mask->rank() == 2)
    mask = c.reshape(mask, {mask->shape[0], Sym(1), Sym(1), mask->shape[1]});
  else
    return ctx.fail(fmt::format("its mask {} is not supported", ctx.describe(mask)));
  attention.mask = mask;
  return success(mask != nullptr);
}

LogicalResult checkMask4(NodeContext &ctx, const Tensor *mask, const AttentionCase &attention) {
  if (!mask || mask->rank() != 4)
    return success();
  for (auto [dim, needed] :
       {std::pair(2, ctx.symbols.add(attention.offset, attention.extent('M'))), std::pair(3, attention.extent('N'))})
    if (!ctx.symbols.isNonNegative(ctx.symbols.sub(mask->shape[dim], needed)))
      return ctx.fail(fmt::format("its mask {} is not known to hold {}; fix their extents with --dims",
                                  ctx.describe(mask), ctx.symbols.str(needed)));
  return success();
}

LogicalResult finishContrib(NodeContext &ctx, AttentionCase &attention, size_t mask, size_t bias) {
  readScores(ctx, attention, bias);
  ctx.attr("mask_filter_value"); // hidden keys have no weight at all
  if (ctx.intAttr("unidirectional"))
    attention.after = 0;
  if (failed(checkMask4(ctx, ctx.input(mask), attention)) || failed(readPadding(ctx, ctx.input(mask), attention)))
    return failure();
  return finishAttention(ctx, attention);
}

//===- MultiHeadAttention -------------------------------------------------===//

/// [B, S, heads, parts, D] as `parts` tensors [B, S, heads, D].
LogicalResult unpack(NodeContext &ctx, Tensor *packed, int64_t heads, ArrayRef<Tensor **> parts) {
  Composer c(ctx);
  int64_t count = static_cast<int64_t>(parts.size());
  if (packed->rank() != 5 || !packed->shape[2].isConstant(heads) || !packed->shape[3].isConstant(count))
    return ctx.fail(fmt::format("{} is not {} packed tensors of {} heads", ctx.describe(packed), count, heads));
  for (auto [index, part] : llvm::enumerate(parts)) {
    *part = c.part(packed, 3, static_cast<int64_t>(index), 1);
    *part = c.reshape(*part, {packed->shape[0], packed->shape[1], packed->shape[2], packed->shape[4]});
    if (!*part)
      return failure();
  }
  return success();
}

/// Vectors added to q, k and v [B, S, heads, D], one behind the other in `bias`.
LogicalResult addBiases(NodeContext &ctx, Tensor *bias, ArrayRef<Tensor **> parts) {
  Composer c(ctx);
  Sym offset(0);
  for (Tensor **tensor : parts)
    offset = ctx.symbols.add(offset, ctx.symbols.mul((*tensor)->shape[2], (*tensor)->shape[3]));
  if (bias->rank() != 1 || !ctx.sameExtent(bias->shape[0], offset))
    return ctx.fail(fmt::format("its bias {} is not {} numbers", ctx.describe(bias), ctx.symbols.str(offset)));
  offset = 0;
  for (Tensor **tensor : parts) {
    const Sym &heads = (*tensor)->shape[2], &features = (*tensor)->shape[3], width = ctx.symbols.mul(heads, features);
    *tensor = c.add(*tensor, c.reshape(c.part(bias, 0, offset, width), {heads, features}));
    if (!*tensor)
      return failure();
    offset = ctx.symbols.add(offset, width);
  }
  return success();
}

/// Queries, keys and values of their own; keys packed with values [B, N, heads, 2, D]; all packed [B, S, heads, 3, D]; or keys
/// and values as heads [B, heads, N, D] already.
LogicalResult readMultiHead(NodeContext &ctx, int64_t heads, AttentionCase &attention) {
  Tensor *q = ctx.input(0), *k = ctx.input(1), *v = ctx.input(2);
  bool areSplit = k && v && k->rank() == 4 && v->rank() == 4;
  auto split = [&](Tensor *x) { return splitHeads(ctx, x, heads); };
  if (k && (v == nullptr) != (k->rank() == 5))
    return ctx.fail("it wants keys and values, or both in one tensor of rank 5");
  if (!k && v)
    return ctx.fail("it has values and no keys");
  LogicalResult isRead = failure();
  if (!k) {
    Tensor *parts[3];
    isRead = unpack(ctx, q, heads, {&parts[0], &parts[1], &parts[2]});
    if (succeeded(isRead))
      isRead = setOperands(attention, parts[0], parts[1], parts[2]);
  } else if (!v) {
    Tensor *parts[2];
    isRead = unpack(ctx, k, heads, {&parts[0], &parts[1]});
    if (succeeded(isRead))
      isRead = setOperands(attention, split(q), parts[0], parts[1]);
  } else {
    isRead = setOperands(attention, split(q), areSplit ? k : split(k), areSplit ? v : split(v));
  }
  if (failed(isRead))
    return failure();
  if (areSplit)
    attention.kLayout = "BGND", attention.vLayout = "BGNE";
  Tensor *bias = ctx.input(3);
  if (bias && areSplit)
    return ctx.fail("a bias of keys and values that are heads already is not supported");
  return bias ? addBiases(ctx, bias, {&attention.q, &attention.k, &attention.v}) : success();
}

LogicalResult importMultiHeadAttention(NodeContext &ctx) {
  AttentionCase attention;
  if (failed(readMultiHead(ctx, ctx.intAttr("num_heads"), attention)) ||
      failed(readPast(ctx, attention, ctx.input(6), ctx.input(7), /*present=*/1)))
    return failure();
  return finishContrib(ctx, attention, /*mask=*/4, /*bias=*/5);
}

//===- Attention, QAttention ----------------------------------------------===//

/// A past [2, B, heads, P, D] of keys and values; both with it are the result `present`, of the same form.
LogicalResult readJointPast(NodeContext &ctx, AttentionCase &attention, Tensor *past) {
  Composer c(ctx);
  Tensor *parts[2] = {nullptr, nullptr};
  if (past && (past->rank() != 5 || !past->shape[0].isConstant(2)))
    return ctx.fail(fmt::format("its past {} is not [2, batch, heads, length, features]", ctx.describe(past)));
  for (int64_t index : {0, 1})
    if (past)
      parts[index] = c.reshape(c.part(past, 0, index, 1), SymList(ArrayRef(past->shape).drop_front()));
  constexpr size_t kNone = SIZE_MAX - 1; // no results of their own
  if (past && failed(readPast(ctx, attention, parts[0], parts[1], kNone)))
    return failure();
  if (!ctx.wants(1))
    return success();
  SmallVector<Tensor *> joined;
  for (Tensor *tensor : {attention.k, attention.v}) {
    if (!past) // [B, S, heads, D]
      tensor = c.transpose(tensor, {0, 2, 1, 3});
    SymList shape{Sym(1)};
    shape.append(tensor->shape.begin(), tensor->shape.end());
    joined.push_back(c.reshape(tensor, shape));
  }
  return c.finish(c.join(joined, 0), 1);
}

/// q, k and v [B, S, heads * D] as an attention; operands by number.
LogicalResult attend(NodeContext &ctx, SmallVector<Tensor *> parts, size_t mask, size_t past, size_t bias) {
  int64_t heads = ctx.intAttr("num_heads");
  for (Tensor *&part : parts)
    if (!part || !(part = splitHeads(ctx, part, heads)))
      return failure();
  AttentionCase attention;
  if (failed(setOperands(attention, parts[0], parts[1], parts[2])) ||
      failed(readJointPast(ctx, attention, ctx.input(past))))
    return failure();
  return finishContrib(ctx, attention, mask, bias);
}

/// How many columns are for queries, keys and values.
FailureOr<SymList> projectionWidths(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *weights = ctx.input(1);
  if (ctx.flag("do_rotary") || ctx.flag("past_present_share_buffer"))
    return ctx.fail("rotary embeddings and shared buffers are not supported; export the model without them");
  if (x->rank() != 3 || weights->rank() != 2)
    return ctx.fail(fmt::format("{} and {} cannot be projected", ctx.describe(x), ctx.describe(weights)));
  SymList widths(3, ctx.symbols.div(weights->shape[1], 3));
  const NodeAttr *given = ctx.signature.attribute("qkv_hidden_sizes") ? ctx.attr("qkv_hidden_sizes") : nullptr;
  if (given)
    widths.assign(given->ints.begin(), given->ints.end());
  if (widths.size() != 3 || ctx.symbols.add(widths[0], ctx.symbols.add(widths[1], widths[2])) != weights->shape[1])
    return ctx.fail(fmt::format("{} is not for queries, keys and values", ctx.describe(weights)));
  return widths;
}

/// Q, K and V are one product of x with [D, 3 D'].
LogicalResult importContribAttention(NodeContext &ctx) {
  Composer c(ctx);
  FailureOr<SymList> widths = projectionWidths(ctx);
  if (failed(widths))
    return failure();
  Tensor *bias = ctx.input(2);
  if (bias && (bias->rank() != 1 || !ctx.sameExtent(bias->shape[0], ctx.input(1)->shape[1])))
    return ctx.fail(fmt::format("its bias {} is not one number for each column of {}", ctx.describe(bias),
                                ctx.describe(ctx.input(1))));
  // One product for each: then a weight is read as it is, and each can become a layout of its own.
  SmallVector<Tensor *> parts;
  Sym offset(0);
  for (const Sym &width : *widths) {
    Tensor *part = c.matMul(ctx.input(0), c.part(ctx.input(1), 1, offset, width));
    parts.push_back(bias ? c.add(part, c.part(bias, 0, offset, width)) : part);
    offset = ctx.symbols.add(offset, width);
  }
  return attend(ctx, parts, /*mask=*/3, /*past=*/4, /*bias=*/5);
}

/// The same of bytes and their scales; the product is dequantised.
LogicalResult importQAttention(NodeContext &ctx) {
  Composer c(ctx);
  FailureOr<SymList> widths = projectionWidths(ctx);
  if (failed(widths))
    return failure();
  FailureOr<Tensor *> product = multiplyQuantized(ctx, Quantized{ctx.input(0), ctx.input(3), ctx.input(6), /*axis=*/2},
                                                  Quantized{ctx.input(1), ctx.input(4), ctx.input(7), /*axis=*/1});
  if (failed(product))
    return failure();
  Tensor *projected = c.add(c.cast(*product, ctx.input(2)->elementType), ctx.input(2));
  SmallVector<Tensor *> parts;
  Sym offset(0);
  for (const Sym &width : *widths) {
    parts.push_back(c.part(projected, 2, offset, width));
    offset = ctx.symbols.add(offset, width);
  }
  constexpr size_t kNone = SIZE_MAX;
  return attend(ctx, parts, /*mask=*/5, /*past=*/8, /*bias=*/kNone);
}
} // namespace

void attnc::onnx::addContribAttentionOps(OpTable &table) {
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
  table.add(1,
            "com.microsoft.QAttention(x: whole, weight: whole, bias: float, input_scale: float, weight_scale: float, "
            "mask_index?: int, input_zero_point?: whole, weight_zero_point?: whole, past?: float; num_heads: int, "
            "do_rotary = 0, mask_filter_value = -10000.0, past_present_share_buffer = 0, scale = 0.0, "
            "unidirectional = 0) -> output, present?",
            importQAttention);
}
