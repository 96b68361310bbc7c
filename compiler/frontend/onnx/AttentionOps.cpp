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
  table.add(24, "TensorScatter(past_cache: any, update, write_indices?: int; axis = -2, mode = \"linear\")",
            importTensorScatter);
}
