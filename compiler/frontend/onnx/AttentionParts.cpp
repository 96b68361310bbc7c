//===- AttentionParts.cpp - What attention operators have in common -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads, pasts and rotary embeddings.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/AttentionEmitter.h"
#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Integers.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

//===- Heads --------------------------------------------------------------===//

Tensor *attnc::onnx::splitHeads(NodeContext &ctx, Tensor *x, int64_t heads) {
  std::optional<Sym> features =
      x->rank() == 3 && heads > 0 ? ctx.symbols.divideExactly(x->shape[2], heads) : std::nullopt;
  if (!features) {
    (void)ctx.fail(fmt::format("{} cannot be split into {} heads", ctx.describe(x), heads));
    return nullptr;
  }
  return Composer(ctx).reshape(x, {x->shape[0], x->shape[1], Sym(heads), *features});
}

Tensor *attnc::onnx::mergeHeads(NodeContext &ctx, Tensor *x) {
  if (!x)
    return nullptr;
  return Composer(ctx).reshape(x, {x->shape[0], x->shape[1], ctx.symbols.mul(x->shape[2], x->shape[3])});
}

//===- Past ---------------------------------------------------------------===//

LogicalResult attnc::onnx::readPast(NodeContext &ctx, AttentionCase &attention, Tensor *pastKey, Tensor *pastValue,
                                    size_t present) {
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

//===- Rotary embeddings --------------------------------------------------===//

Tensor *attnc::onnx::rotated(NodeContext &ctx, Tensor *x, Tensor *cosines, Tensor *sines, const Sym &turned,
                             bool interleaved) {
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

Tensor *attnc::onnx::anglesAt(NodeContext &ctx, Tensor *table, Tensor *positions) {
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
