//===- GroupQueryOps.cpp - com.microsoft.GroupQueryAttention --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Causal attention of S new tokens over a cache. Batch entry b holds seqlens_k[b] + 1 keys, of which the last S are new, or all
// where the whole length is S (a prompt):
//
//   start[b]            = 0 for a prompt, else seqlens_k[b] + 1 - S
//   present[b, g, j, :] = past[b, g, j, :]                for j < start[b]
//                       = k[b, j - start[b], g, :]        for the S next ones, turned to their positions j
//                       = 0                               behind them
//   query i stands at start[b] + i and sees no key behind it
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/AttentionEmitter.h"
#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Scalars.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;
using namespace attnc::onnx::scalar;

namespace {
class GroupQuery {
public:
  explicit GroupQuery(NodeContext &ctx) : ctx(ctx), c(ctx), emit(ctx.emit), symbols(ctx.symbols) {}

  LogicalResult import() {
    if (ctx.wants(3) || ctx.intAttr("qk_output"))
      return ctx.fail("its scores as a result are not supported; export the model without output_qk");
    if (failed(readHeads()) || failed(readLengths()) || (ctx.flag("do_rotary") && failed(turn())) ||
        failed(readCache()))
      return failure();
    readScores();
    return finishAttention(ctx, attention);
  }

private:
  LogicalResult readHeads();
  LogicalResult readLengths();
  Tensor *positions();
  LogicalResult turn();
  Tensor *present(Tensor *past, Tensor *added);
  LogicalResult readCache();
  void readScores();

  NodeContext &ctx;
  Composer c;
  Emitter &emit;
  Extents &symbols;
  AttentionCase attention;
  Sym total;                 ///< the length of the longest batch entry, where there is a past
  Tensor *starts = nullptr;  ///< [B], int32, where there is a past
  Tensor *lengths = nullptr; ///< [B], int32
};
} // namespace

/// q, k and v [B, S, heads, D], each for itself or packed behind one another in each token.
LogicalResult GroupQuery::readHeads() {
  Tensor *q = ctx.input(0), *k = ctx.input(1), *v = ctx.input(2);
  int64_t heads = ctx.intAttr("num_heads"), groups = ctx.intAttr("kv_num_heads");
  if (heads < 1 || groups < 1 || heads > INT32_MAX || groups > INT32_MAX)
    return ctx.fail("num_heads and kv_num_heads must be at least 1");
  if ((k == nullptr) != (v == nullptr))
    return ctx.fail("it wants keys and values, or neither of them");
  if (!k) {
    std::optional<Sym> features =
        q->rank() == 3 ? symbols.divideExactly(q->shape[2], heads + 2 * groups) : std::nullopt;
    if (!features)
      return ctx.fail(fmt::format("{} is not {} heads and twice {} in each token", ctx.describe(q), heads, groups));
    Sym wide = symbols.mul(*features, heads), narrow = symbols.mul(*features, groups);
    k = c.part(q, 2, wide, narrow);
    v = c.part(q, 2, symbols.add(wide, narrow), narrow);
    q = c.part(q, 2, 0, wide);
  }
  attention.q = splitHeads(ctx, q, heads), attention.k = splitHeads(ctx, k, groups);
  attention.v = splitHeads(ctx, v, groups);
  attention.qLayout = "BMHD", attention.kLayout = "BNGD", attention.vLayout = "BNGE", attention.outLayout = "BMHE";
  if (!attention.q || !attention.k || !attention.v)
    return failure();
  return ctx.sameExtent(attention.q->shape[1], attention.k->shape[1])
             ? success()
             : ctx.fail(fmt::format("{} and {} hold different numbers of tokens", ctx.describe(q), ctx.describe(k)));
}

/// seqlens_k + 1, and where the new tokens start.
LogicalResult GroupQuery::readLengths() {
  Tensor *last = ctx.input(5);
  const Sym &batch = attention.q->shape[0], &tokens = attention.q->shape[1];
  if (last->rank() == 2 && last->shape[1].isConstant(1)) // as some exporters write it
    last = c.reshape(last, {last->shape[0]});
  if (last->rank() != 1 || !ctx.sameExtent(last->shape[0], batch))
    return ctx.fail(fmt::format("seqlens_k {} is not one number for each batch entry", ctx.describe(last)));
  auto moved = [&](Tensor *numbers, Value by) {
    return c.map({numbers}, [&](B &b, L l, ValueRange in) -> V {
      return arith::AddIOp::create(b, l, in[0], arith::IndexCastOp::create(b, l, in[0].getType(), by));
    });
  };
  lengths = moved(last, emit.index(1));
  if (!ctx.input(3))
    return success(lengths != nullptr);
  FailureOr<SymList> given = ctx.shapeInput(6, "total_sequence_length");
  if (failed(given) || given->size() != 1)
    return failed(given) ? failure() : ctx.fail("total_sequence_length must be one number");
  total = given->front();
  Tensor *behind = moved(lengths, emit.index(symbols.mul(tokens, -1)));
  Value isPrompt = emit.index(symbols.equal(total, tokens));
  starts = c.map({behind}, [&](B &b, L l, ValueRange in) -> V {
    V zero = constantLike(b, l, in[0], 0), none = arith::ConstantIndexOp::create(b, l, 0);
    V startsAnew = arith::CmpIOp::create(b, l, arith::CmpIPredicate::ne, isPrompt, none);
    return select(b, l, startsAnew, zero, max(b, l, zero, in[0]));
  });
  return success(starts != nullptr);
}

/// Those of the new tokens [B, S].
Tensor *GroupQuery::positions() {
  if (Tensor *given = ctx.input(9))
    return given;
  Type i64 = emit.builder.getI64Type();
  const Sym &batch = attention.q->shape[0], &tokens = attention.q->shape[1];
  if (!starts)
    return c.generate({batch, tokens}, i64,
                      [&](B &b, L l, ValueRange at) -> V { return arith::IndexCastOp::create(b, l, i64, at[1]); });
  Tensor *column = c.reshape(starts, {batch, Sym(1)});
  return emit.elementwise(column, i64, {batch, tokens}, [&](B &b, L l, ValueRange in) -> V {
    V at = arith::IndexCastOp::create(b, l, i64, linalg::IndexOp::create(b, l, 1));
    return arith::AddIOp::create(b, l, at, arith::ExtSIOp::create(b, l, i64, in[0]));
  });
}

LogicalResult GroupQuery::turn() {
  Tensor *cosines = ctx.input(7), *sines = ctx.input(8), *places = positions();
  if (!cosines || !sines)
    return ctx.fail("do_rotary wants cos_cache and sin_cache");
  Sym turned = cosines->rank() == 2 ? symbols.mul(cosines->shape[1], 2) : Sym(0);
  const Sym &features = attention.q->shape[3];
  bool fits = cosines->rank() == 2 && cosines->shape == sines->shape && places->rank() == 2 &&
              ctx.sameExtent(places->shape[0], attention.q->shape[0]) &&
              ctx.sameExtent(places->shape[1], attention.q->shape[1]) &&
              symbols.isNonNegative(symbols.sub(features, turned));
  if (!fits)
    return ctx.fail(fmt::format("angles {} and {} at {} do not fit heads of {} features", ctx.describe(cosines),
                                ctx.describe(sines), ctx.describe(places), symbols.str(features)));
  cosines = anglesAt(ctx, cosines, places), sines = anglesAt(ctx, sines, places);
  for (Tensor **tensor : {&attention.q, &attention.k})
    *tensor = rotated(ctx, *tensor, cosines, sines, turned, ctx.flag("rotary_interleaved"));
  return success(attention.q && attention.k);
}

/// The cache with the new tokens [B, heads, S, D] in their places: rows of past, new ones and a row of zeros, one behind the
/// other.
Tensor *GroupQuery::present(Tensor *past, Tensor *added) {
  SymList row(added->shape), shape(added->shape);
  row[2] = 1;
  shape[2] = symbols.max(total, past->shape[2]);
  Tensor *all = c.join({past, added, emit.splat(emit.zero(added->elementType), row)}, 2);
  if (!all)
    return nullptr;
  Value rows = emit.value(all), begins = emit.value(starts);
  Value old = emit.index(past->shape[2]), count = emit.index(added->shape[2]);
  return c.generate(shape, added->elementType, [&](B &b, L l, ValueRange at) -> V {
    using P = arith::CmpIPredicate;
    V zero = arith::ConstantIndexOp::create(b, l, 0);
    V start = arith::IndexCastOp::create(b, l, b.getIndexType(), tensor::ExtractOp::create(b, l, begins, at[0]));
    V moved = arith::SubIOp::create(b, l, at[2], start);
    V isOld = arith::AndIOp::create(b, l, arith::CmpIOp::create(b, l, P::slt, moved, zero),
                                    arith::CmpIOp::create(b, l, P::slt, at[2], old));
    V isNew = arith::AndIOp::create(b, l, arith::CmpIOp::create(b, l, P::sge, moved, zero),
                                    arith::CmpIOp::create(b, l, P::slt, moved, count));
    V behind = arith::AddIOp::create(b, l, old, select(b, l, isNew, moved, count));
    return tensor::ExtractOp::create(b, l, rows, ValueRange{at[0], at[1], select(b, l, isOld, at[2], behind), at[3]});
  });
}

/// Keys and values with the past, [B, heads, N, D], which are results 1 and 2.
LogicalResult GroupQuery::readCache() {
  Tensor *pasts[] = {ctx.input(3), ctx.input(4)};
  if ((pasts[0] == nullptr) != (pasts[1] == nullptr))
    return ctx.fail("a past of keys wants one of values, and the other way round");
  if (!pasts[0])
    return readPast(ctx, attention, nullptr, nullptr, /*present=*/1);
  Tensor **operands[] = {&attention.k, &attention.v};
  for (size_t index : {0, 1}) {
    Tensor *added = c.transpose(*operands[index], {0, 2, 1, 3}), *past = pasts[index];
    bool fits = past->rank() == 4;
    for (int64_t dim : {0, 1, 3})
      fits = fits && ctx.sameExtent(past->shape[dim], added->shape[dim]);
    if (!fits)
      return ctx.fail(fmt::format("its past {} does not fit {}", ctx.describe(past), ctx.describe(added)));
    *operands[index] = present(past, added);
    if (failed(c.finish(*operands[index], index + 1)))
      return failure();
  }
  attention.kLayout = "BGND", attention.vLayout = "BGNE";
  attention.starts = starts;
  return success();
}

void GroupQuery::readScores() {
  attention.after = 0; // what lies behind a batch entry's keys lies behind its queries too
  if (int64_t window = ctx.intAttr("local_window_size"); window > 0)
    attention.before = window - 1;
  if (double scale = ctx.floatAttr("scale"))
    attention.scale = scale;
  attention.softcap = ctx.floatAttr("softcap");
  attention.bias = ctx.input(10);
  attention.sinks = ctx.input(11);
  if (ctx.intAttr("smooth_softmax") == 1 && !attention.sinks)
    attention.sink = 0;
}

void attnc::onnx::addGroupQueryOps(OpTable &table) {
  table.add(1,
            "com.microsoft.GroupQueryAttention(query: float, key?, value?, past_key?: float, past_value?: float, "
            "seqlens_k: int, total_sequence_length: int, cos_cache?: float, sin_cache?: float, position_ids?: int, "
            "attention_bias?: float, head_sink?: float; num_heads: int, kv_num_heads: int, do_rotary = 0, "
            "local_window_size = -1, qk_output = 0, rotary_interleaved = 0, scale = 0.0, smooth_softmax = -1, "
            "softcap = 0.0) -> output, present_key?, present_value?, output_qk?",
            [](NodeContext &ctx) { return GroupQuery(ctx).import(); });
}
