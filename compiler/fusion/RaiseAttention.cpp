//===- RaiseAttention.cpp - softmax between two products -> attention -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %qh = linalg.transpose ins(%q : BxMxHxD) permutation = [0, 2, 1, 3]
//   %kh = linalg.transpose ins(%k : BxNxHxD) permutation = [0, 2, 3, 1]
//   %vh = linalg.transpose ins(%v : BxNxHxE) permutation = [0, 2, 1, 3]
//   %s  = linalg.contract (b, h, m, d), (b, h, d, n) -> (b, h, m, n) ins(%qh, %kh)
//   %t  = linalg.generic { divf %in, 8.0 } ins(%s)
//   %p  = linalg.softmax dimension(3) ins(%t)
//   %o  = linalg.contract (b, h, m, n), (b, h, n, e) -> (b, h, m, e) ins(%p, %vh)
//   %y  = linalg.transpose ins(%o) permutation = [0, 2, 1, 3]
// ->
//   %y = attn.attention {scale = 0.125} q(%q "BMHD") k(%k "BNHD") v(%v "BNHE") outs("BMHE", ...)
//
// (with G for the heads of K and V). What the match needs is in
// AttentionMatch.h; this file builds the op:
//
//   1. every operand is read behind its transposes, with a layout that says their order;
//   2. the code from the product to the softmax becomes scale, score and mask;
//   3. the op writes in the order that the ops behind the second product need.
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/AttentionMatch.h"
#include "compiler/fusion/AttentionScore.h"
#include "compiler/fusion/AxisRole.h"
#include "compiler/fusion/Layouts.h"
#include "compiler/fusion/MaskText.h"
#include "compiler/fusion/Passes.h"
#include "compiler/fusion/WeightsGuard.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringExtras.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::fusion {
#define GEN_PASS_DEF_RAISEATTENTION
#include "compiler/fusion/Passes.h.inc"

namespace {

class AttentionBuilder {
public:
  AttentionBuilder(OpBuilder &builder, AttentionMatch &match, StaticMasks &masks)
      : builder(builder), match(match), masks(masks), axes(match.axes), loc(match.softmax.getLoc()) {}
  FailureOr<attn::AttentionOp> build(Mismatch &mismatch);
  std::string maskText; ///< what the mask says, in words

private:
  std::string describeMask(Block &scratch);
  attn::AttentionOp buildOp(Block &scratch, const LaidOut &q, const LaidOut &k, const LaidOut &v, const LaidOut &out);

  OpBuilder &builder;
  AttentionMatch &match;
  StaticMasks &masks;
  AxisSpace &axes;
  Location loc;
  ScoreParts parts;
};

} // namespace

/// For people: the mask, and why it may be said so.
std::string AttentionBuilder::describeMask(Block &scratch) {
  std::string text = parts.mask ? fusion::describeMask(parts.mask, scratch) : "";
  if (text.empty())
    return text;
  if (text == "key <= query")
    text += " (causal, starts aligned)";
  llvm::SetVector<ShapedType> constants(llvm::from_range, match.score->comparedConstants);
  for (ShapedType constant : constants) {
    text += constant == constants.front() ? "; proved for each element of a constant of " : " and of one of ";
    text += llvm::join(llvm::map_range(constant.getShape(), [](int64_t e) { return std::to_string(e); }), "x");
  }
  return text;
}

attn::AttentionOp AttentionBuilder::buildOp(Block &scratch, const LaidOut &q, const LaidOut &k, const LaidOut &v,
                                            const LaidOut &out) {
  SmallVector<Value> results{parts.score};
  if (parts.mask)
    results.push_back(parts.mask);
  SmallVector<Value> captures = collectCaptures(scratch, results).takeVector();
  auto op = attn::AttentionOp::create(builder, loc, out.tensor.getType(), q.tensor, k.tensor, v.tensor, captures,
                                      out.tensor, q.layout, k.layout, v.layout, out.layout,
                                      builder.getF64FloatAttr(match.scale * parts.scale), /*schedule=*/nullptr);
  if (parts.score != scratch.getArgument(0))
    fillRegion(*op.addScoreBlock(), scratch.getArguments(), scratch, captures, parts.score);
  if (parts.mask)
    fillRegion(*op.addMaskBlock(), scratch.getArguments().drop_front(), scratch, captures, parts.mask);
  return op;
}

/// Dynamic extents are read where the op reads, not where the graph happened to
/// compute them.
static void measureBases(AttentionMatch &match) {
  for (Access *access : {&match.v, &match.k, &match.q})
    for (auto [dim, index] : llvm::enumerate(access->index))
      if (index.size() == 1)
        match.axes.measure(index.front(), access->tensor, dim);
}

/// A single key has no axis and so no letter, but K and V must have one.
static void nameSingleKey(OpBuilder &builder, Location loc, const AxisSpace &axes, LaidOut &operand) {
  if (StringRef(operand.layout).contains('N'))
    return;
  bool hasFeatures =
      StringRef(operand.layout).ends_with("D") || StringRef(operand.layout).ends_with("E"); // or one alone
  size_t at = operand.layout.size() - hasFeatures;
  Index index = operand.index;
  index.insert(index.begin() + at, DimIndex());
  operand.layout.insert(at, "N");
  operand.tensor = regroup(builder, loc, axes, operand.tensor, operand.index, index);
  operand.index = index;
}

FailureOr<attn::AttentionOp> AttentionBuilder::build(Mismatch &mismatch) {
  match.resolve(); // asking for the role of the keys has followed Q and K further
  measureBases(match);
  Role b{'B', match.batch}, h{'H', match.heads}, m{'M', match.queries}, n{'N', match.keys};
  Role g{'G', match.groups}, d{'D', match.features}, e{'E', match.outputs};
  auto refuse = [&](std::string reason) {
    mismatch = {match.softmax, std::move(reason)};
    return failure();
  };
  for (const Role &role : {h, d, e}) {
    int64_t extent = axes.extent(role.axes);
    if (ShapedType::isDynamic(extent) || extent == 0)
      return refuse(fmt::format("the extent of {} is {}", role.letter, extent ? "not known at compile time" : "0"));
  }
  FailureOr<LaidOut> q = layOut(builder, loc, axes, match.q, {b, h, m, d});
  FailureOr<LaidOut> k = layOut(builder, loc, axes, match.k, {b, g, n, d});
  FailureOr<LaidOut> v = layOut(builder, loc, axes, match.v, {b, g, n, e});
  if (failed(q) || failed(k) || failed(v))
    return refuse("an operand's dimensions cannot be told apart");
  for (LaidOut *operand : {&*k, &*v})
    nameSingleKey(builder, loc, axes, *operand);
  FailureOr<LaidOut> out = makeDestination(builder, loc, axes, match.result.index, {b, h, m, e}, match.resultElement);
  if (failed(out))
    return refuse("the extents of the result are not known");
  Block scratch;
  ScoreCode code = writeScore(builder, match, scratch, &masks);
  parts = code.parts;
  maskText = describeMask(scratch);
  if (!isGuardedWeight(code.weight, code.p, parts.mask)) {
    mismatch = {*match.softmax->getResult(0).user_begin(),
                "what stands between the softmax and the product with V changes the weights"};
    return failure();
  }
  attn::AttentionOp op = buildOp(scratch, *q, *k, *v, *out);
  Value result =
      restore(builder, loc, axes, op.getResults()[0], *out, match.result.index, match.result.tensor.getType());
  if (!result) {
    op.erase();
    return refuse("the extents of the result are not known");
  }
  match.result.tensor.replaceAllUsesWith(result);
  return op;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

static std::string describe(attn::AttentionOp op) {
  std::string text = fmt::format("fused into attn.attention: scale {:.6g}", op.getScaleValue());
  if (!op.getScore().empty())
    text += ", a score";
  if (!op.getMask().empty())
    text += ", a mask";
  if (!op.getCaptures().empty())
    text += fmt::format(" reading {} value{}", op.getCaptures().size(), op.getCaptures().size() == 1 ? "" : "s");
  return text + fmt::format(", read in place as q {} k {} v {}, written as {}", op.getQLayout().str(),
                            op.getKLayout().str(), op.getVLayout().str(), op.getOLayout().str());
}

namespace {

struct RaiseAttention : impl::RaiseAttentionBase<RaiseAttention> {
  using RaiseAttentionBase::RaiseAttentionBase;

  void runOnOperation() override {
    SmallVector<linalg::SoftmaxOp> softmaxes;
    getOperation().walk([&](linalg::SoftmaxOp op) { softmaxes.push_back(op); });
    StaticMasks masks;
    for (linalg::SoftmaxOp softmax : softmaxes)
      raise(softmax, masks);
  }

  void raise(linalg::SoftmaxOp softmax, StaticMasks &masks) {
    Mismatch mismatch;
    std::unique_ptr<AttentionMatch> match = matchAttention(softmax, mismatch);
    if (!match || !keysArePositions(*match, mismatch))
      return leave(softmax, mismatch);
    OpBuilder builder(match->result.tensor.getDefiningOp());
    AttentionBuilder attention(builder, *match, masks);
    FailureOr<attn::AttentionOp> op = attention.build(mismatch);
    if (failed(op))
      return leave(softmax, mismatch);
    ++numRaised;
    if (remarks)
      softmax.emitRemark() << describe(*op);
    if (remarks && !attention.maskText.empty())
      softmax.emitRemark() << "mask: " << attention.maskText;
    eraseDeadOps(*(*op)->getBlock());
  }

  void leave(linalg::SoftmaxOp softmax, const Mismatch &mismatch) {
    ++numLeft;
    if (!remarks)
      return;
    InFlightDiagnostic remark = softmax.emitRemark() << "not fused into attn.attention: " << mismatch.reason;
    if (mismatch.op && mismatch.op != softmax)
      remark.attachNote(mismatch.op->getLoc()) << "here";
  }
};

} // namespace
} // namespace attnc::fusion
