//===- RaiseAttention.cpp - softmax between two products -> attention -----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %qh = linalg.transpose ins(%q : BxMxHxD) permutation = [0, 2, 1, 3]
//   %kh = linalg.transpose ins(%k : BxNxHxD) permutation = [0, 2, 3, 1]
//   %vh = linalg.transpose ins(%v : BxNxHxE) permutation = [0, 2, 1, 3]
//   %s  = linalg.contract (b, h, m, d), (b, h, d, n) -> (b, h, m, n) ins(%qh,
//   %kh) %t  = linalg.generic { divf %in, 8.0 } ins(%s) %p  = linalg.softmax
//   dimension(3) ins(%t) %o  = linalg.contract (b, h, m, n), (b, h, n, e) ->
//   (b, h, m, e) ins(%p, %vh) %y  = linalg.transpose ins(%o) permutation = [0,
//   2, 1, 3]
// ->
//   %y = attn.attention {scale = 0.125} q(%q "BMHD") k(%k "BNHD") v(%v "BNHE")
//   outs("BMHE", ...)
//
// (with G for the heads of K and V). What the match needs is in
// AttentionMatch.h; this file builds the op:
//
//   1. every operand is read behind its transposes, with a layout that says
//   their order;
//   2. the code from the product to the softmax becomes scale, score and mask;
//   3. the op writes in the order that the ops behind the second product ask
//   for.
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/AttentionMatch.h"
#include "compiler/fusion/AxisRole.h"
#include "compiler/fusion/Passes.h"
#include "compiler/fusion/ScoreRegion.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringExtras.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::fusion {
#define GEN_PASS_DEF_RAISEATTENTION
#include "compiler/fusion/Passes.h.inc"

namespace {

/// A letter of a layout and the axes that it stands for, major first.
struct Role {
  char letter;
  DimIndex axes;
};

/// A tensor with one dimension per letter of `layout`.
struct Operand {
  Value tensor;
  std::string layout;
  Index index;
};

class AttentionBuilder {
public:
  AttentionBuilder(OpBuilder &builder, AttentionMatch &match)
      : builder(builder), match(match), axes(match.axes),
        loc(match.softmax.getLoc()) {}
  FailureOr<attn::AttentionOp> build(Mismatch &mismatch);

private:
  LogicalResult buildOperand(const Access &access, ArrayRef<Role> roles,
                             Operand &operand);
  std::optional<Operand> buildDestination(ArrayRef<Role> roles);
  void buildScore(Block &scratch, ArrayRef<Role> roles);
  attn::AttentionOp buildOp(Block &scratch, const Operand &q, const Operand &k,
                            const Operand &v, const Operand &out);
  Value restoreResult(Value attention, const Operand &out);
  Value indexOf(OpBuilder &inner, ArrayRef<Axis> dim, ArrayRef<Role> roles,
                Block &scratch);

  OpBuilder &builder;
  AttentionMatch &match;
  AxisSpace &axes;
  Location loc;
  ScoreParts parts;
  DenseMap<Axis, OpFoldResult> extents;
};

} // namespace

//===----------------------------------------------------------------------===//
// Operands and result
//===----------------------------------------------------------------------===//

static DimIndex flatten(const Index &index) {
  DimIndex flat;
  for (const DimIndex &dim : index)
    llvm::append_range(flat, dim);
  return flat;
}

/// Cuts `order` into whole roles: [b, m, h, d] is B, M, H, D. False if a role
/// is torn or mixed.
static bool cutIntoRoles(ArrayRef<Axis> order, ArrayRef<Role> roles,
                         std::string &layout, Index &index) {
  while (!order.empty()) {
    const Role *role = llvm::find_if(roles, [&](const Role &role) {
      return !role.axes.empty() &&
             order.take_front(role.axes.size()) == ArrayRef<Axis>(role.axes);
    });
    if (role == roles.end())
      return false;
    layout.push_back(role->letter);
    index.push_back(role->axes);
    order = order.drop_front(role->axes.size());
  }
  return true;
}

static void canonicalOrder(ArrayRef<Role> roles, std::string &layout,
                           Index &index) {
  for (const Role &role : roles) {
    if (role.axes.empty())
      continue;
    layout.push_back(role.letter);
    index.push_back(role.axes);
  }
}

static Index oneAxisPerDim(ArrayRef<Axis> order) {
  return llvm::map_to_vector<4>(order,
                                [](Axis axis) { return DimIndex{axis}; });
}

/// Reorders a tensor with one axis per dimension.
static Value transpose(OpBuilder &builder, Location loc, Value tensor,
                       ArrayRef<Axis> from, ArrayRef<Axis> to) {
  auto permutation = llvm::map_to_vector(to, [&](Axis axis) {
    return static_cast<int64_t>(llvm::find(from, axis) - from.begin());
  });
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, tensor);
  auto permuted =
      llvm::map_to_vector(permutation, [&](int64_t dim) { return sizes[dim]; });
  Value init = tensor::EmptyOp::create(builder, loc, permuted,
                                       getElementTypeOrSelf(tensor.getType()));
  return linalg::TransposeOp::create(builder, loc, tensor, init, permutation)
      .getResult()[0];
}

/// 1. Read in place if the axes of each letter lie together, else reorder once.
LogicalResult AttentionBuilder::buildOperand(const Access &access,
                                             ArrayRef<Role> roles,
                                             Operand &operand) {
  DimIndex order = flatten(access.index);
  DimIndex wanted;
  for (const Role &role : roles)
    llvm::append_range(wanted, role.axes);
  if (order.size() != wanted.size() || !llvm::all_of(wanted, [&](Axis axis) {
        return llvm::is_contained(order, axis);
      }))
    return failure();
  if (cutIntoRoles(order, roles, operand.layout, operand.index)) {
    operand.tensor =
        regroup(builder, loc, axes, access.tensor, access.index, operand.index);
    return success(operand.tensor != nullptr);
  }
  operand.layout.clear();
  operand.index.clear();
  canonicalOrder(roles, operand.layout, operand.index);
  Value flat = regroup(builder, loc, axes, access.tensor, access.index,
                       oneAxisPerDim(order));
  if (!flat)
    return failure();
  flat = transpose(builder, loc, flat, order, wanted);
  operand.tensor =
      regroup(builder, loc, axes, flat, oneAxisPerDim(wanted), operand.index);
  return success(operand.tensor != nullptr);
}

/// 3. The destination, in the order of the axes of the value that is replaced
/// if that keeps letters together.
std::optional<Operand>
AttentionBuilder::buildDestination(ArrayRef<Role> roles) {
  Operand out;
  if (!cutIntoRoles(flatten(match.result.index), roles, out.layout,
                    out.index)) {
    out.layout.clear();
    out.index.clear();
    canonicalOrder(roles, out.layout, out.index);
  }
  SmallVector<OpFoldResult> sizes;
  for (const DimIndex &dim : out.index) {
    OpFoldResult size = builder.getIndexAttr(1);
    for (Axis axis : dim) {
      OpFoldResult extent = axes.materializeExtent(builder, loc, axis);
      if (!extent)
        return std::nullopt;
      AffineExpr product =
          builder.getAffineSymbolExpr(0) * builder.getAffineSymbolExpr(1);
      size = affine::makeComposedFoldedAffineApply(builder, loc, product,
                                                   {size, extent});
    }
    sizes.push_back(size);
  }
  out.tensor =
      tensor::EmptyOp::create(builder, loc, sizes, match.resultElement);
  return out;
}

Value AttentionBuilder::restoreResult(Value attention, const Operand &out) {
  DimIndex have = flatten(out.index), want = flatten(match.result.index);
  Value result = attention;
  Index index = out.index;
  if (have != want) {
    result = regroup(builder, loc, axes, result, index, oneAxisPerDim(have));
    if (!result)
      return {};
    result = transpose(builder, loc, result, have, want);
    index = oneAxisPerDim(want);
  }
  result = regroup(builder, loc, axes, result, index, match.result.index);
  if (result && result.getType() != match.result.tensor.getType())
    result = tensor::CastOp::create(builder, loc, match.result.tensor.getType(),
                                    result);
  return result;
}

//===----------------------------------------------------------------------===//
// The score
//===----------------------------------------------------------------------===//

/// Row-major value of `dim`, of which each axis is a digit of the index that
/// its role has in the region.
Value AttentionBuilder::indexOf(OpBuilder &inner, ArrayRef<Axis> dim,
                                ArrayRef<Role> roles, Block &scratch) {
  auto extent = [&](Axis axis) {
    return getValueOrCreateConstantIndexOp(inner, loc, extents.lookup(axis));
  };
  auto digit = [&](Axis axis) {
    for (auto [number, role] : llvm::enumerate(roles)) {
      const Axis *position = llvm::find(role.axes, axis);
      if (position == role.axes.end())
        continue;
      Value value = scratch.getArgument(1 + number); // s b h i j
      for (Axis minor :
           llvm::reverse(ArrayRef<Axis>(position + 1, role.axes.end())))
        value = inner.createOrFold<arith::DivUIOp>(loc, value, extent(minor));
      if (position != role.axes.begin())
        value = inner.createOrFold<arith::RemUIOp>(loc, value, extent(axis));
      return value;
    }
    llvm_unreachable("an axis of the scores without a role");
  };
  for (auto [number, role] : llvm::enumerate(roles))
    if (!dim.empty() && dim == ArrayRef<Axis>(role.axes))
      return scratch.getArgument(1 + number);
  Value value;
  for (Axis axis : dim) {
    if (value)
      value = inner.createOrFold<arith::MulIOp>(loc, value, extent(axis));
    value = value ? inner.createOrFold<arith::AddIOp>(loc, value, digit(axis))
                  : digit(axis);
  }
  return value ? value : arith::ConstantIndexOp::create(inner, loc, 0);
}

/// 2. Writes the score into `scratch` (s b h i j M N) and takes it apart.
void AttentionBuilder::buildScore(Block &scratch, ArrayRef<Role> roles) {
  for (const Role &role : roles)
    for (Axis axis : role.axes)
      if (role.axes.size() > 1) // else the region's own argument will do
        extents[axis] = axes.materializeExtent(builder, loc, axis);
  OpBuilder inner(builder.getContext()); // a block of no op
  inner.setInsertionPointToEnd(&scratch);
  auto index = [&](OpBuilder &b, ArrayRef<Axis> dim) {
    for (Axis axis : dim)
      if (dim.size() > 1 && !extents.count(axis))
        extents[axis] = axes.materializeExtent(builder, loc, axis);
    return indexOf(b, dim, roles, scratch);
  };
  Value score = match.score->emit(inner, loc, {scratch.getArgument(0), index});
  if (score.getType() != scratch.getArgument(0).getType())
    score = arith::ExtFOp::create(inner, loc, scratch.getArgument(0).getType(),
                                  score);
  parts = splitScore(inner, score, scratch.getArgument(0));
}

/// Clones the code of `result` into `block`, of which the arguments are those
/// of `scratch` from `skip` on, then captures.
static void fillRegion(Block &block, Block &scratch, unsigned skip,
                       ValueRange captures, Value result) {
  IRMapping mapping;
  for (auto [from, to] :
       llvm::zip(scratch.getArguments().drop_front(skip), block.getArguments()))
    mapping.map(from, to);
  for (auto [from, to] :
       llvm::zip(captures, block.getArguments().take_back(captures.size())))
    mapping.map(from, to);
  OpBuilder builder = OpBuilder::atBlockEnd(&block);
  Value value = cloneScratch(builder, scratch, result, mapping);
  attn::YieldOp::create(builder, result.getLoc(), value);
}

attn::AttentionOp AttentionBuilder::buildOp(Block &scratch, const Operand &q,
                                            const Operand &k, const Operand &v,
                                            const Operand &out) {
  SmallVector<Value> results{parts.score};
  if (parts.mask)
    results.push_back(parts.mask);
  SmallVector<Value> captures = collectCaptures(scratch, results).takeVector();
  auto op = attn::AttentionOp::create(
      builder, loc, out.tensor.getType(), q.tensor, k.tensor, v.tensor,
      captures, out.tensor, q.layout, k.layout, v.layout, out.layout,
      builder.getF64FloatAttr(match.scale * parts.scale));
  if (parts.score != scratch.getArgument(0))
    fillRegion(*op.addScoreBlock(), scratch, 0, captures, parts.score);
  if (parts.mask)
    fillRegion(*op.addMaskBlock(), scratch, 1, captures, parts.mask);
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

FailureOr<attn::AttentionOp> AttentionBuilder::build(Mismatch &mismatch) {
  measureBases(match);
  Role scoreRoles[] = {{'B', match.batch},
                       {'H', match.heads},
                       {'M', match.queries},
                       {'N', match.keys}};
  Role features{'D', match.features}, outputs{'E', match.outputs},
      groups{'G', match.groups};
  auto refuse = [&](std::string reason) {
    mismatch = {match.softmax, std::move(reason)};
    return failure();
  };
  for (const Role &role : {features, outputs, scoreRoles[1]})
    if (ShapedType::isDynamic(axes.extent(role.axes)))
      return refuse(fmt::format("the extent of {} is not known at compile time",
                                role.letter));
  Operand q, k, v;
  if (failed(buildOperand(
          match.q, {scoreRoles[0], scoreRoles[1], scoreRoles[2], features},
          q)) ||
      failed(buildOperand(
          match.k, {scoreRoles[0], groups, scoreRoles[3], features}, k)) ||
      failed(buildOperand(match.v,
                          {scoreRoles[0], groups, scoreRoles[3], outputs}, v)))
    return refuse("an operand's dimensions cannot be told apart");
  std::optional<Operand> out =
      buildDestination({scoreRoles[0], scoreRoles[1], scoreRoles[2], outputs});
  if (!out)
    return refuse("the extents of the result are not known");
  Block scratch;
  FloatType accumulator = builder.getF32Type();
  if (cast<RankedTensorType>(q.tensor.getType()).getElementType().isF64())
    accumulator = builder.getF64Type();
  scratch.addArgument(accumulator, loc);
  for (unsigned i = 0; i < attn::AttentionOp::kMaskIndices; ++i)
    scratch.addArgument(builder.getIndexType(), loc);
  buildScore(scratch, scoreRoles);
  attn::AttentionOp op = buildOp(scratch, q, k, v, *out);
  Value result = restoreResult(op.getResults()[0], *out);
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

static void eraseDeadOps(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

static std::string describe(attn::AttentionOp op) {
  std::string text = fmt::format("fused into attn.attention: scale {:.6g}",
                                 op.getScaleValue());
  if (!op.getScore().empty())
    text += ", a score";
  if (!op.getMask().empty())
    text += ", a mask";
  if (!op.getCaptures().empty())
    text += fmt::format(" reading {} value{}", op.getCaptures().size(),
                        op.getCaptures().size() == 1 ? "" : "s");
  return text + fmt::format(", read in place as q {} k {} v {}, written as {}",
                            op.getQLayout().str(), op.getKLayout().str(),
                            op.getVLayout().str(), op.getOLayout().str());
}

namespace {

struct RaiseAttention : impl::RaiseAttentionBase<RaiseAttention> {
  using RaiseAttentionBase::RaiseAttentionBase;

  void runOnOperation() override {
    SmallVector<linalg::SoftmaxOp> softmaxes;
    getOperation().walk([&](linalg::SoftmaxOp op) { softmaxes.push_back(op); });
    for (linalg::SoftmaxOp softmax : softmaxes)
      raise(softmax);
  }

  void raise(linalg::SoftmaxOp softmax) {
    Mismatch mismatch;
    std::unique_ptr<AttentionMatch> match = matchAttention(softmax, mismatch);
    if (!match || !keysArePositions(*match, mismatch))
      return leave(softmax, mismatch);
    OpBuilder builder(match->result.tensor.getDefiningOp());
    FailureOr<attn::AttentionOp> op =
        AttentionBuilder(builder, *match).build(mismatch);
    if (failed(op))
      return leave(softmax, mismatch);
    ++numRaised;
    if (remarks)
      softmax.emitRemark() << describe(*op);
    eraseDeadOps(*(*op)->getBlock());
  }

  void leave(linalg::SoftmaxOp softmax, const Mismatch &mismatch) {
    ++numLeft;
    if (!remarks)
      return;
    InFlightDiagnostic remark = softmax.emitRemark()
                                << "not fused into attn.attention: "
                                << mismatch.reason;
    if (mismatch.op && mismatch.op != softmax)
      remark.attachNote(mismatch.op->getLoc()) << "here";
  }
};

} // namespace
} // namespace attnc::fusion
