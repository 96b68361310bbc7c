//===- AttentionEmitter.cpp - Attention operators as attn.attention -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/AttentionEmitter.h"
#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Scalars.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::onnx;
using namespace attnc::onnx::scalar;

const Sym &AttentionCase::extent(char letter) const {
  for (auto [tensor, layout] : {std::pair(q, &qLayout), std::pair(k, &kLayout), std::pair(v, &vLayout)})
    if (size_t dim = layout->find(letter); dim != std::string::npos)
      return tensor->shape[dim];
  llvm_unreachable("every letter is in a layout");
}

namespace {
/// One pair of a query and a key.
struct Place {
  V b, h, i, j, M;
};

class AttentionEmitter {
public:
  AttentionEmitter(NodeContext &ctx, const AttentionCase &attention)
      : ctx(ctx), emit(ctx.emit), of(attention), keys(attention.extent('N')) {
    for (Tensor *tensor : {of.mask, of.bias, of.lengths, of.begins, of.starts, of.sinks})
      if (tensor && places.try_emplace(tensor, captures.size()).second)
        captures.push_back(emit.value(tensor));
    if (!of.offset.constant())
      captures.push_back(emit.index(of.offset));
  }

  LogicalResult check();
  Tensor *attention();
  Tensor *scores(ScoresOf which);

private:
  bool isMaskShort() const { return of.mask && of.mask->shape.back() != keys && !of.mask->shape.back().isConstant(1); }
  bool hides() const {
    return of.before || of.after || of.lengths || of.begins || isMaskShort() || (of.mask && of.mask->isBool());
  }
  LogicalResult checkMask(const Tensor *mask);
  /// Element b of one number for each batch entry, as index.
  V perEntry(B &b, L l, const Tensor *numbers, const Place &at, ValueRange held);
  V maskAt(B &b, L l, const Tensor *mask, const Place &at, ValueRange held);
  V positionOf(B &b, L l, const Place &at, ValueRange held);
  V scored(B &b, L l, V s, const Place &at, ValueRange held);
  void fillSink(attn::AttentionOp op);
  V allowed(B &b, L l, const Place &at, ValueRange held);

  NodeContext &ctx;
  Emitter &emit;
  const AttentionCase &of;
  const Sym &keys;
  SmallVector<Value> captures;                        ///< as far as there are any; an offset is the last
  llvm::SmallDenseMap<const Tensor *, size_t> places; ///< of the others
};
} // namespace

//===- One pair -----------------------------------------------------------===//

V AttentionEmitter::perEntry(B &b, L l, const Tensor *numbers, const Place &at, ValueRange held) {
  V number = tensor::ExtractOp::create(b, l, held[places.lookup(numbers)], at.b);
  return arith::IndexCastOp::create(b, l, b.getIndexType(), number);
}

V AttentionEmitter::maskAt(B &b, L l, const Tensor *mask, const Place &at, ValueRange held) {
  V all[] = {at.b, at.h, at.i, at.j};
  SmallVector<V> position;
  int64_t missing = 4 - mask->rank();
  for (auto [dim, extent] : llvm::enumerate(mask->shape)) {
    V index = all[missing + dim];
    if (extent.isConstant(1))
      index = arith::ConstantIndexOp::create(b, l, 0);
    else if (missing + dim == 3 && mask == of.mask && isMaskShort()) {
      V last = arith::ConstantIndexOp::create(b, l, *extent.constant() - 1);
      index = arith::MinSIOp::create(b, l, index, last);
    }
    position.push_back(index);
  }
  return tensor::ExtractOp::create(b, l, held[places.lookup(mask)], position);
}

/// Of query i, among the keys.
V AttentionEmitter::positionOf(B &b, L l, const Place &at, ValueRange held) {
  V offset;
  if (of.starts) {
    offset = perEntry(b, l, of.starts, at, held);
  } else if (of.endsAtLengths) {
    offset = arith::SubIOp::create(b, l, perEntry(b, l, of.lengths, at, held), at.M);
  } else if (std::optional<int64_t> fixed = of.offset.constant()) {
    if (*fixed == 0)
      return at.i;
    offset = arith::ConstantIndexOp::create(b, l, *fixed);
  } else {
    offset = held.back();
  }
  return arith::AddIOp::create(b, l, at.i, offset);
}

/// A float in another type.
static V inType(B &b, L l, V x, Type type) {
  if (x.getType() == type)
    return x;
  return x.getType().getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth() ? V(arith::ExtFOp::create(b, l, type, x))
                                                                            : V(arith::TruncFOp::create(b, l, type, x));
}

V AttentionEmitter::scored(B &b, L l, V s, const Place &at, ValueRange held) {
  if (of.softcap != 0) {
    V cap = constantLike(b, l, s, of.softcap);
    s = mul(b, l, math::TanhOp::create(b, l, div(b, l, s, cap)), cap);
  }
  for (const Tensor *bias : {of.mask, of.bias})
    if (bias && bias->isFloat())
      s = add(b, l, s, inType(b, l, maskAt(b, l, bias, at, held), s.getType()));
  return s;
}

/// Null where every key is.
V AttentionEmitter::allowed(B &b, L l, const Place &at, ValueRange held) {
  using P = arith::CmpIPredicate;
  V result;
  auto require = [&](V condition) { result = result ? V(arith::AndIOp::create(b, l, result, condition)) : condition; };
  if (of.after || of.before) {
    V position = positionOf(b, l, at, held);
    auto moved = [&](int64_t distance) -> V {
      return distance == 0 ? position
                           : V(arith::AddIOp::create(b, l, position, arith::ConstantIndexOp::create(b, l, distance)));
    };
    if (of.after)
      require(arith::CmpIOp::create(b, l, P::sle, at.j, moved(*of.after)));
    if (of.before)
      require(arith::CmpIOp::create(b, l, P::sge, at.j, moved(-*of.before)));
  }
  if (of.lengths)
    require(arith::CmpIOp::create(b, l, P::slt, at.j, perEntry(b, l, of.lengths, at, held)));
  if (of.begins)
    require(arith::CmpIOp::create(b, l, P::sge, at.j, perEntry(b, l, of.begins, at, held)));
  if (isMaskShort())
    require(arith::CmpIOp::create(b, l, P::slt, at.j,
                                  arith::ConstantIndexOp::create(b, l, *of.mask->shape.back().constant())));
  if (of.mask && of.mask->isBool())
    require(maskAt(b, l, of.mask, at, held));
  return result;
}

//===- The whole ----------------------------------------------------------===//

LogicalResult AttentionEmitter::check() {
  for (char letter : {'H', 'G', 'D', 'E'})
    if (!of.extent(letter).constant())
      return ctx.fail(fmt::format("its {} are not known at compile time; fix {} with --dims",
                                  letter == 'H' || letter == 'G' ? "heads" : "features",
                                  ctx.symbols.str(of.extent(letter))));
  if (*of.extent('G').constant() == 0 || *of.extent('H').constant() % *of.extent('G').constant())
    return ctx.fail(fmt::format("its {} heads of queries are no multiple of {} heads of keys",
                                *of.extent('H').constant(), *of.extent('G').constant()));
  for (const Tensor *numbers : {of.lengths, of.begins, of.starts})
    if (numbers && (numbers->rank() != 1 || !ctx.sameExtent(numbers->shape[0], of.extent('B'))))
      return ctx.fail(fmt::format("{} is not one length for each batch entry", ctx.describe(numbers)));
  if (of.sinks && (of.sinks->rank() != 1 || !ctx.sameExtent(of.sinks->shape[0], of.extent('H'))))
    return ctx.fail(fmt::format("{} is not one sink for each head", ctx.describe(of.sinks)));
  return success(succeeded(checkMask(of.mask)) && succeeded(checkMask(of.bias)));
}

LogicalResult AttentionEmitter::checkMask(const Tensor *mask) {
  if (!mask)
    return success();
  bool fits = mask->rank() >= 1 && mask->rank() <= 4;
  const Sym *all[] = {&of.extent('B'), &of.extent('H'), &of.extent('M'), &keys};
  for (int64_t dim = 0; fits && dim < mask->rank(); ++dim) {
    const Sym &mine = mask->shape[dim], &theirs = *all[4 - mask->rank() + dim];
    bool isShort = mask == of.mask && dim == mask->rank() - 1 && mine.constant() && theirs.constant() &&
                   *mine.constant() > 0 && *mine.constant() < *theirs.constant();
    fits = mine.isConstant(1) || isShort || ctx.sameExtent(mine, theirs);
  }
  return fits ? success()
              : ctx.fail(fmt::format("its {} {} does not fit scores {}", mask == of.mask ? "mask" : "bias",
                                     ctx.describe(mask), ctx.describe(SymList{*all[0], *all[1], *all[2], *all[3]})));
}

static Place placeOf(ArrayRef<BlockArgument> arguments) { // b h i j M N
  return {arguments[0], arguments[1], arguments[2], arguments[3], arguments[4]};
}

void AttentionEmitter::fillSink(attn::AttentionOp op) {
  Block *block = op.addSinkBlock();
  OpBuilder b = OpBuilder::atBlockEnd(block);
  V score;
  if (of.sinks) {
    V held = block->getArguments().take_back(captures.size())[places.lookup(of.sinks)];
    score = tensor::ExtractOp::create(b, emit.loc, held, V(op.argumentOf(op.getSink(), 'h')));
    score = inType(b, emit.loc, score, op.getAccumulatorType());
  } else {
    score = arith::ConstantOp::create(b, emit.loc, b.getFloatAttr(op.getAccumulatorType(), *of.sink));
  }
  attn::YieldOp::create(b, emit.loc, score);
}

Tensor *AttentionEmitter::attention() {
  OpBuilder &builder = emit.builder;
  SymList shape;
  for (char letter : of.outLayout)
    shape.push_back(of.extent(letter));
  Value init = emit.empty(of.q->elementType, shape);
  auto op =
      attn::AttentionOp::create(builder, emit.loc, init.getType(), emit.value(of.q), emit.value(of.k), emit.value(of.v),
                                captures, init, of.qLayout, of.kLayout, of.vLayout, of.outLayout,
                                of.scale ? builder.getF64FloatAttr(*of.scale) : FloatAttr(), /*schedule=*/nullptr);
  auto fill = [&](Block *block, unsigned first, llvm::function_ref<V(B &, const Place &, ValueRange)> body) {
    OpBuilder inside = OpBuilder::atBlockEnd(block);
    ArrayRef<BlockArgument> arguments = block->getArguments().drop_front(first);
    SmallVector<Value> held(arguments.drop_front(attn::AttentionOp::kMaskIndices));
    attn::YieldOp::create(inside, emit.loc, body(inside, placeOf(arguments), held));
  };
  if (of.softcap != 0 || of.bias || (of.mask && !of.mask->isBool())) {
    Block *block = op.addScoreBlock();
    fill(block, 1,
         [&](B &b, const Place &at, ValueRange held) { return scored(b, emit.loc, block->getArgument(0), at, held); });
  }
  if (hides())
    fill(op.addMaskBlock(), 0, [&](B &b, const Place &at, ValueRange held) { return allowed(b, emit.loc, at, held); });
  if (of.sink || of.sinks)
    fillSink(op);
  return emit.computed(op.getResults()[0], shape);
}

//===- The scores as well -------------------------------------------------===//

/// `tensor` with the dims of its layout in the order of `letters`.
static Tensor *inOrder(Composer &c, Tensor *tensor, StringRef layout, StringRef letters) {
  SmallVector<int64_t> permutation;
  for (char letter : letters)
    permutation.push_back(static_cast<int64_t>(layout.find(letter)));
  return c.transpose(tensor, permutation);
}

Tensor *AttentionEmitter::scores(ScoresOf which) {
  Composer c(ctx);
  const Sym &batch = of.extent('B'), &queries = of.extent('M'), &features = of.extent('D'), &groups = of.extent('G');
  Sym each(*of.extent('H').constant() / *groups.constant());
  Tensor *q = c.reshape(inOrder(c, c.wide(of.q), of.qLayout, "BHMD"), {batch, groups, each, queries, features});
  Tensor *k = c.reshape(inOrder(c, c.wide(of.k), of.kLayout, "BGDN"), {batch, groups, Sym(1), features, keys});
  double scale = of.scale.value_or(1 / std::sqrt(static_cast<double>(*features.constant())));
  Tensor *product = c.matMul(c.mul(q, c.number(scale, q->elementType)), k);
  product = c.reshape(product, {batch, of.extent('H'), queries, keys});
  if (!product)
    return nullptr;
  Type type = of.q->elementType;
  if (which == ScoresOf::Product)
    return c.cast(product, type);
  bool hasMask = which == ScoresOf::Mask || which == ScoresOf::Softmax;
  Value rows = emit.index(queries);
  Tensor *result = emit.elementwise(product, product->elementType, product->shape, [&](B &b, L l, ValueRange in) {
    auto index = [&](unsigned dim) { return linalg::IndexOp::create(b, l, dim); };
    Place at{index(0), index(1), index(2), index(3), rows};
    if (!hasMask)
      return of.softcap == 0
                 ? in[0]
                 : mul(b, l, math::TanhOp::create(b, l, div(b, l, in[0], constantLike(b, l, in[0], of.softcap))),
                       constantLike(b, l, in[0], of.softcap));
    V score = scored(b, l, in[0], at, captures), isAllowed = allowed(b, l, at, captures);
    V hidden = constantLike(b, l, score, -std::numeric_limits<double>::infinity());
    return isAllowed ? select(b, l, isAllowed, score, hidden) : score;
  });
  if (which != ScoresOf::Softmax)
    return c.cast(result, type);
  // A row without keys is 0, not NaN.
  Tensor *top = c.max(result, 3), *weights = c.softmax(result, 3);
  Tensor *none = c.number(-std::numeric_limits<double>::infinity(), result->elementType);
  return c.cast(c.select(c.equal(top, none), c.number(0, result->elementType), weights), type);
}

Tensor *attnc::onnx::emitAttention(NodeContext &ctx, const AttentionCase &attention) {
  AttentionEmitter emitter(ctx, attention);
  return failed(emitter.check()) ? nullptr : emitter.attention();
}

Tensor *attnc::onnx::emitScores(NodeContext &ctx, const AttentionCase &attention, ScoresOf which) {
  AttentionEmitter emitter(ctx, attention);
  return failed(emitter.check()) ? nullptr : emitter.scores(which);
}

LogicalResult attnc::onnx::finishAttention(NodeContext &ctx, const AttentionCase &attention) {
  Tensor *result = emitAttention(ctx, attention);
  if (attention.outLayout == "BMHE")
    result = mergeHeads(ctx, result);
  return Composer(ctx).finish(result);
}
