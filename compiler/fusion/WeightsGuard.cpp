//===- WeightsGuard.cpp - Code behind a softmax that changes nothing ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/WeightsGuard.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OperationSupport.h"

using namespace mlir;

namespace attnc::fusion {

static bool isFloat(Value value, double number) {
  FloatAttr attribute;
  return matchPattern(value, m_Constant(&attribute)) && attribute.getValueAsDouble() == number;
}

static Value withoutConversions(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::TruncFOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// The same code on the same values.
static bool isSame(Value a, Value b) {
  if (a == b)
    return true;
  Operation *x = a.getDefiningOp(), *y = b.getDefiningOp();
  return x && y && isMemoryEffectFree(x) && isMemoryEffectFree(y) &&
         OperationEquivalence::isEquivalentTo(
             x, y, [](Value p, Value q) { return success(isSame(p, q)); }, nullptr,
             OperationEquivalence::IgnoreLocations);
}

namespace {
/// A boolean, or its opposite.
struct Condition {
  Value value;
  bool negated = false;
};
} // namespace

/// xor(c, true) is not c.
static Condition normalise(Condition condition) {
  while (auto flip = condition.value.getDefiningOp<arith::XOrIOp>()) {
    if (!matchPattern(flip.getRhs(), m_One()))
      break;
    condition = {flip.getLhs(), !condition.negated};
  }
  return condition;
}

/// a and b, not (a or b): what both of its operands must give.
static Operation *conjunction(const Condition &condition) {
  Operation *op = condition.value.getDefiningOp();
  bool both = op && (condition.negated ? isa<arith::OrIOp>(op) : isa<arith::AndIOp>(op));
  return both ? op : nullptr;
}

/// Does `mask` imply `wanted`, as far as the conjuncts of both show?
static bool implies(Condition mask, Condition wanted) {
  mask = normalise(mask), wanted = normalise(wanted);
  if (mask.negated == wanted.negated && isSame(mask.value, wanted.value))
    return true;
  if (Operation *both = conjunction(wanted))
    return llvm::all_of(both->getOperands(), [&](Value part) { return implies(mask, {part, wanted.negated}); });
  if (Operation *both = conjunction(mask))
    return llvm::any_of(both->getOperands(), [&](Value part) { return implies({part, mask.negated}, wanted); });
  return false;
}

/// Is `condition` "p is NaN"?
static bool isNaNTest(Condition condition, Value p) {
  condition = normalise(condition);
  auto compare = condition.value.getDefiningOp<arith::CmpFOp>();
  if (!compare || withoutConversions(compare.getLhs()) != p || withoutConversions(compare.getRhs()) != p)
    return false;
  arith::CmpFPredicate predicate = compare.getPredicate();
  if (condition.negated)
    return predicate == arith::CmpFPredicate::ORD || predicate == arith::CmpFPredicate::OEQ;
  return predicate == arith::CmpFPredicate::UNO || predicate == arith::CmpFPredicate::UNE;
}

/// The condition under which `factor` is 1, if it is 0 otherwise.
static Condition indicator(Value factor) {
  factor = withoutConversions(factor);
  if (auto convert = factor.getDefiningOp<arith::UIToFPOp>(); convert && convert.getIn().getType().isInteger(1))
    return {convert.getIn()};
  auto select = factor.getDefiningOp<arith::SelectOp>();
  if (select && isFloat(select.getTrueValue(), 1) && isFloat(select.getFalseValue(), 0))
    return {select.getCondition()};
  if (select && isFloat(select.getTrueValue(), 0) && isFloat(select.getFalseValue(), 1))
    return {select.getCondition(), true};
  return {};
}

bool isGuardedWeight(Value weight, Value p, Value mask) {
  weight = withoutConversions(weight);
  if (weight == p)
    return true;
  auto holds = [&](Condition condition) {
    Condition opposite{condition.value, !condition.negated};
    return isNaNTest(opposite, p) || (mask && implies({mask}, condition));
  };
  if (auto select = weight.getDefiningOp<arith::SelectOp>()) {
    if (isFloat(select.getFalseValue(), 0) && holds({select.getCondition()}))
      return isGuardedWeight(select.getTrueValue(), p, mask);
    if (isFloat(select.getTrueValue(), 0) && holds({select.getCondition(), true}))
      return isGuardedWeight(select.getFalseValue(), p, mask);
  }
  if (auto product = weight.getDefiningOp<arith::MulFOp>())
    for (unsigned side : {0u, 1u})
      if (Condition keep = indicator(product->getOperand(side)); keep.value && mask && implies({mask}, keep))
        return isGuardedWeight(product->getOperand(1 - side), p, mask);
  return false;
}

} // namespace attnc::fusion
