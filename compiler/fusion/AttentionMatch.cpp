//===- AttentionMatch.cpp - Is this softmax an attention? -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/AttentionMatch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::fusion {

namespace {

using AxisSet = llvm::SmallSetVector<Axis, 8>;

/// Loops of a contraction by the operands that they index.
struct LoopKinds {
  AxisSet both, summed, only[2]; ///< in both operands and the result; in both
                                 ///< and not in the result; in one operand
};

class Matcher {
public:
  Matcher(linalg::SoftmaxOp softmax, Mismatch &mismatch)
      : match(std::make_unique<AttentionMatch>()), axes(match->axes), mismatch(mismatch) {
    match->softmax = softmax;
  }
  std::unique_ptr<AttentionMatch> run(Operation *scoreProduct, Operation *valueProduct);

private:
  LogicalResult fail(Operation *op, std::string reason, Mismatch::Kind kind = Mismatch::Other) {
    mismatch = {op, std::move(reason), kind};
    return failure();
  }
  LogicalResult matchWeights();
  LogicalResult matchScores();
  LogicalResult matchOperands();
  Mismatch::Kind kindOfAxis(const AxisSet &keys, const LoopKinds &kinds) const;
  LogicalResult checkValueProduct();
  LogicalResult chooseLetters();
  void followResult();
  void followOperands(bool broadcasts);

  LoopKinds kindsOf(const Contraction &contraction) const;
  AxisSet axesOf(const Index &index) const;
  AxisSet axesOf(ArrayRef<Axis> dim) const { return axesOf(Index{DimIndex(dim)}); }
  /// The members of `set` in the order in which `index` has them.
  DimIndex ordered(const AxisSet &set, const Index &index) const;
  AxisSet sharedHeads() const;

  std::unique_ptr<AttentionMatch> match;
  AxisSpace &axes;
  Mismatch &mismatch;
  Contraction scoreProduct, valueProduct;
  Index weights;        ///< the index of the softmax's result
  unsigned keySide = 1; ///< which operand of scoreProduct is K
  unsigned valueSide = 1;
};

} // namespace

//===----------------------------------------------------------------------===//
// Sets of axes
//===----------------------------------------------------------------------===//

AxisSet Matcher::axesOf(const Index &index) const {
  AxisSet set;
  for (const DimIndex &dim : index)
    for (Axis axis : axes.resolve(dim))
      set.insert(axis);
  return set;
}

static bool sameSet(const AxisSet &a, const AxisSet &b) {
  return a.size() == b.size() && llvm::all_of(a, [&](Axis axis) { return b.contains(axis); });
}

static bool isSubset(const AxisSet &a, const AxisSet &b) {
  return llvm::all_of(a, [&](Axis axis) { return b.contains(axis); });
}

DimIndex Matcher::ordered(const AxisSet &set, const Index &index) const {
  DimIndex result;
  for (const DimIndex &dim : index)
    for (Axis axis : axes.resolve(dim))
      if (set.contains(axis) && !llvm::is_contained(result, axis))
        result.push_back(axis);
  return result;
}

LoopKinds Matcher::kindsOf(const Contraction &contraction) const {
  AxisSet sides[2] = {axesOf(contraction.operands[0].index), axesOf(contraction.operands[1].index)};
  AxisSet out = axesOf(contraction.result.index);
  LoopKinds kinds;
  for (const DimIndex &loop : contraction.loops)
    for (Axis axis : axes.resolve(loop)) {
      bool left = sides[0].contains(axis), right = sides[1].contains(axis);
      if (!out.contains(axis))
        kinds.summed.insert(axis);
      else if (left && right)
        kinds.both.insert(axis);
      else
        kinds.only[right].insert(axis);
    }
  return kinds;
}

//===----------------------------------------------------------------------===//
// The steps
//===----------------------------------------------------------------------===//

/// weights[...] = softmax over one axis, and what the second product reads is
/// computed from it element by element.
LogicalResult Matcher::matchWeights() {
  linalg::SoftmaxOp softmax = match->softmax;
  weights = axes.createIndex(softmax.getInput());
  match->keys = weights[softmax.getDimension()]; // empty: one key
  match->weight = std::make_unique<ScalarExpression>(axes, Access{softmax->getResult(0), weights});
  for (unsigned side : {0u, 1u}) {
    if (!match->weight->dependsOnLeaf(valueProduct.operands[side].tensor))
      continue;
    valueSide = 1 - side;
    if (succeeded(match->weight->read(valueProduct.operands[side])))
      return success();
    return fail(match->weight->blocker, match->weight->reason);
  }
  return fail(valueProduct.op, "neither operand is the softmax's result");
}

/// scores[...] = f(product), f elementwise.
LogicalResult Matcher::matchScores() {
  match->score = std::make_unique<ScalarExpression>(axes, scoreProduct.result);
  if (succeeded(match->score->read({match->softmax.getInput(), weights})))
    return success();
  return fail(match->score->blocker, match->score->reason);
}

/// What is wrong with a softmax over `keys`, which no operand has for itself alone, if the second product sums over an axis
/// that one has.
Mismatch::Kind Matcher::kindOfAxis(const AxisSet &keys, const LoopKinds &kinds) const {
  AxisSet summed = kindsOf(valueProduct).summed;
  for (const AxisSet &own : kinds.only)
    if (!own.empty() && isSubset(own, keys) && !sameSet(own, keys))
      return Mismatch::SeveralAxes;
  bool sumsOwn = llvm::any_of(kinds.only, [&](const AxisSet &own) { return !summed.empty() && isSubset(summed, own); });
  return !keys.empty() && isSubset(keys, kinds.both) && sumsOwn ? Mismatch::SharedAxis : Mismatch::Other;
}

/// Which operand is K: the one that the keys index and the queries do not.
LogicalResult Matcher::matchOperands() {
  LoopKinds kinds = kindsOf(scoreProduct);
  AxisSet keys = axesOf(match->keys);
  if (!sameSet(keys, kinds.only[0]) && !sameSet(keys, kinds.only[1]))
    return fail(match->softmax, "it does not run over exactly the axis that one operand of the product alone has",
                kindOfAxis(keys, kinds));
  keySide = sameSet(keys, kinds.only[1]) ? 1 : 0;
  if (!sameSet(axesOf(weights), axesOf(scoreProduct.result.index)))
    return fail(match->softmax, "its scores are broadcast over an axis that Q and K do not have");
  match->keys = ordered(keys, weights);
  match->queries = ordered(kinds.only[1 - keySide], weights);
  // Heads of Q that K lacks altogether (multi-query) index Q alone like its
  // rows; the rows stand next to the keys.
  while (match->queries.size() > 1) {
    kinds.both.insert(match->queries.front());
    match->queries.erase(match->queries.begin());
  }
  match->batch = ordered(kinds.both, weights);
  match->features = ordered(kinds.summed, scoreProduct.operands[keySide].index);
  return success();
}

/// result[b, m, e] = sum over exactly the keys.
LogicalResult Matcher::checkValueProduct() {
  LoopKinds kinds = kindsOf(valueProduct);
  AxisSet rows = axesOf(match->queries), batch = axesOf(match->batch);
  if (!sameSet(kinds.summed, axesOf(match->keys)))
    return fail(valueProduct.op, "it does not sum over exactly the axis of the softmax", Mismatch::NotSummed);
  if (!isSubset(kinds.both, batch))
    return fail(valueProduct.op, "V depends on the query");
  AxisSet expected = rows;
  expected.insert(batch.begin(), batch.end());
  AxisSet kept = kinds.only[1 - valueSide];
  kept.insert(kinds.both.begin(), kinds.both.end());
  if (!sameSet(kept, expected))
    return fail(valueProduct.op, "it lacks an axis of the weights");
  match->outputs = ordered(kinds.only[valueSide], valueProduct.result.index);
  match->resultElement = cast<RankedTensorType>(valueProduct.result.tensor.getType()).getElementType();
  return success();
}

/// The constant by which the pointwise `op` multiplies an operand that it reads
/// at its own index; that operand.
static OpOperand *getScaledOperand(linalg::LinalgOp op, double &factor) {
  if (!isPointwise(op) || op.getBlock()->without_terminator().empty())
    return nullptr;
  Operation *inner = op.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
  if (!inner || inner->getBlock() != op.getBlock() || !llvm::hasSingleElement(op.getBlock()->without_terminator()) ||
      !isa<arith::MulFOp, arith::DivFOp>(inner))
    return nullptr;
  for (unsigned side : {0u, 1u}) {
    auto argument = dyn_cast<BlockArgument>(inner->getOperand(side));
    Value constant = inner->getOperand(1 - side);
    if (!argument || argument.getOwner() != op.getBlock() || (isa<arith::DivFOp>(inner) && side == 1))
      continue;
    if (auto other = dyn_cast<BlockArgument>(constant); other && other.getOwner() == op.getBlock())
      constant = op.getMatchingOpOperand(other)->get();
    std::optional<APFloat> value = getSplatFloat(constant);
    if (!value)
      continue;
    factor = isa<arith::DivFOp>(inner) ? 1.0 / value->convertToDouble() : value->convertToDouble();
    OpOperand *operand = op.getMatchingOpOperand(argument);
    if (std::isfinite(factor) && !op.isDpsInit(operand) && isa<RankedTensorType>(operand->get().getType()))
      return operand;
  }
  return nullptr;
}

void followScaled(AxisSpace &axes, Access &access, bool broadcasts, double *scale) {
  while (true) {
    followViews(axes, access, broadcasts);
    auto op = dyn_cast_or_null<linalg::LinalgOp>(access.tensor.getDefiningOp());
    double factor;
    OpOperand *source = op && scale ? getScaledOperand(op, factor) : nullptr;
    std::optional<Index> loops = source ? loopsOf(op, access.index) : std::nullopt;
    std::optional<Index> index = loops ? indexThrough(op.getMatchingIndexingMap(source), *loops) : std::nullopt;
    if (!index || !op.getMatchingIndexingMap(source).isPermutation())
      return;
    *scale *= factor;
    access = {source->get(), *index};
  }
}

void Matcher::followOperands(bool broadcasts) {
  match->scale = 1.0;
  match->q = scoreProduct.operands[1 - keySide];
  match->k = scoreProduct.operands[keySide];
  match->v = valueProduct.operands[valueSide];
  followScaled(axes, match->q, /*broadcasts=*/false, &match->scale);
  followScaled(axes, match->k, broadcasts, &match->scale);
  followScaled(axes, match->v, broadcasts, nullptr);
}

/// Views behind the second product belong to the result: they become its layout. They are followed forwards, because
/// the axes of the product are known by now: [m, b, h, e] seen as (M*B, H*E) splits where it must.
void Matcher::followResult() {
  match->result = valueProduct.result;
  while (match->result.tensor.hasOneUse() &&
         followViewForwards(axes, match->result, *match->result.tensor.user_begin())) {
  }
}

/// Batch axes that neither K nor V has.
AxisSet Matcher::sharedHeads() const {
  AxisSet shared = axesOf(match->batch);
  shared.remove_if(
      [&](Axis axis) { return axesOf(match->k.index).contains(axis) || axesOf(match->v.index).contains(axis); });
  return shared;
}

/// Which batch axes are heads. Axes that K and V lack are, together with the
/// static axis before them if that is not the only one left (grouped heads);
/// else the last static axis of several. The others are B, and so is an only
/// batch axis.
LogicalResult Matcher::chooseLetters() {
  ArrayRef<Axis> batch = match->batch;
  AxisSet shared = sharedHeads();
  for (const Access *access : {&match->k, &match->v}) {
    AxisSet has = axesOf(access->index);
    if (llvm::any_of(batch, [&](Axis axis) { return !shared.contains(axis) && !has.contains(axis); }))
      return fail(match->softmax, "K and V are shared along different axes");
  }
  auto isStatic = [&](Axis axis) { return !ShapedType::isDynamic(axes.extent(axis)); };
  ArrayRef<Axis> rest = batch.drop_back(shared.size()), tail = batch.take_back(shared.size());
  if (!llvm::all_of(tail, [&](Axis axis) { return shared.contains(axis) && isStatic(axis); }))
    return fail(match->softmax, "K and V are shared along an axis that is not "
                                "the innermost of the heads");
  DimIndex others(rest);
  if (rest.size() > 1) {
    const Axis *group = llvm::find_if(llvm::reverse(rest), isStatic).base();
    bool found = group != rest.begin() && (tail.empty() || group == rest.end());
    if (found) {
      match->groups = {*--group};
      others.erase(others.begin() + (group - rest.begin()));
    }
  }
  match->heads = match->groups;
  llvm::append_range(match->heads, tail);
  match->batch = others;
  return success();
}

std::unique_ptr<AttentionMatch> Matcher::run(Operation *scoreOp, Operation *valueOp) {
  auto score = matchContraction(scoreOp, axes), value = matchContraction(valueOp, axes);
  if (!score || !value || !score->isZero || !value->isZero) {
    (void)fail(score && score->isZero ? valueOp : scoreOp, "it adds a product to a tensor");
    return nullptr;
  }
  scoreProduct = *score;
  valueProduct = *value;
  if (failed(matchWeights()) || failed(matchScores()))
    return nullptr;
  for (bool broadcasts : {true, false}) {
    if (failed(matchOperands()))
      return nullptr;
    followOperands(broadcasts);
    followResult();
    if (failed(matchOperands()) || failed(checkValueProduct())) // again: their axes may have been split
      return nullptr;
    if (succeeded(chooseLetters()))
      break;
    if (!broadcasts)
      return nullptr;
  }
  match->resolve();
  return std::move(match);
}

void AttentionMatch::resolve() {
  for (DimIndex *dim : {&batch, &heads, &groups, &queries, &keys, &features, &outputs})
    *dim = axes.resolve(*dim);
  for (Access *access : {&q, &k, &v, &result})
    access->index = axes.resolve(access->index);
}

//===----------------------------------------------------------------------===//
// Finding the two products
//===----------------------------------------------------------------------===//

/// The contraction that reads the weights, once, through views and elementwise
/// ops. With `shared`, what else reads them does not matter.
static Operation *findValueProduct(linalg::SoftmaxOp softmax, Mismatch &mismatch, bool shared) {
  auto refuse = [&](Operation *op, std::string reason, Mismatch::Kind kind = Mismatch::Other) {
    mismatch = {op, std::move(reason), kind};
    return nullptr;
  };
  SetVector<Value> weights;
  weights.insert(softmax->getResult(0));
  OpOperand *found = nullptr;
  for (size_t i = 0; i < weights.size(); ++i)
    for (OpOperand &use : weights[i].getUses()) {
      Operation *user = use.getOwner();
      if (isContraction(user)) {
        if (found && !shared)
          return refuse(softmax, "its weights have more than one use");
        found = found ? found : &use;
      } else if (isView(user, /*broadcasts=*/false) || isPointwise(user)) {
        weights.insert(user->getResult(0));
      } else if (shared) {
        continue;
      } else if (user->hasTrait<OpTrait::IsTerminator>()) {
        return refuse(softmax, "its weights are a result of the function");
      } else {
        return refuse(user, fmt::format("'{}' stands between the softmax and the product with V",
                                        user->getName().getStringRef().str()));
      }
    }
  return found ? found->getOwner() : refuse(softmax, "no product reads its weights", Mismatch::NoProduct);
}

/// The contractions from which `value` is computed by views and pointwise ops,
/// nearest first.
static void findScoreProducts(Value value, SetVector<Operation *> &seen, SetVector<Operation *> &products) {
  Operation *op = value.getDefiningOp();
  if (!op || !seen.insert(op))
    return;
  if (isContraction(op))
    products.insert(op);
  else if (isView(op, /*broadcasts=*/true))
    findScoreProducts(op->getOperand(0), seen, products);
  else if (isPointwise(op))
    for (OpOperand *operand : cast<linalg::LinalgOp>(op).getDpsInputOperands())
      findScoreProducts(operand->get(), seen, products);
}

std::unique_ptr<AttentionMatch> matchAttention(linalg::SoftmaxOp softmax, Mismatch &mismatch, bool shared) {
  Operation *valueProduct = findValueProduct(softmax, mismatch, shared);
  if (!valueProduct)
    return nullptr;
  SetVector<Operation *> seen, products;
  findScoreProducts(softmax.getInput(), seen, products);
  if (products.empty()) {
    Operation *producer = softmax.getInput().getDefiningOp();
    mismatch = {producer ? producer : softmax, "no product of Q and K leads to its scores elementwise",
                Mismatch::NoProduct};
    return nullptr;
  }
  // Several products may add up to the scores (relative positions): the first
  // that is a Q K^T is it, the others are biases that the score region reads.
  std::optional<Mismatch> first;
  for (Operation *product : products) {
    if (auto match = Matcher(softmax, mismatch).run(product, valueProduct))
      return match;
    if (!first)
      first = mismatch;
  }
  mismatch = *first;
  return nullptr;
}

} // namespace attnc::fusion
