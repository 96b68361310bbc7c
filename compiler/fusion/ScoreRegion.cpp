//===- ScoreRegion.cpp - Scale, score and mask of a score -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/ScoreRegion.h"
#include "dialects/Attn/Smooth.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace attnc::fusion {

static std::optional<APFloat> getConstant(Value value) {
  FloatAttr attribute;
  if (!matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  return attribute.getValue();
}

static bool isNegativeInfinity(Value value) {
  std::optional<APFloat> constant = getConstant(value);
  return constant && constant->isInfinity() && constant->isNegative();
}

static bool isZero(Value value) {
  std::optional<APFloat> constant = getConstant(value);
  return constant && constant->isZero();
}

static bool dependsOn(Value value, Value s) {
  llvm::SetVector<Value> sources;
  sources.insert(value);
  for (size_t at = 0; at < sources.size(); ++at) {
    if (sources[at] == s)
      return true;
    if (Operation *op = sources[at].getDefiningOp(); op && op->getBlock() == s.getParentBlock())
      sources.insert(op->operand_begin(), op->operand_end());
  }
  return false;
}

/// The factor by which `op` multiplies `value`, if it is a finite constant.
static std::optional<double> getFactor(Operation *op, Value value) {
  std::optional<double> factor;
  if (auto multiply = dyn_cast<arith::MulFOp>(op)) {
    if (auto constant = getConstant(multiply.getLhs() == value ? multiply.getRhs() : multiply.getLhs()))
      factor = constant->convertToDouble();
  } else if (auto divide = dyn_cast<arith::DivFOp>(op); divide && divide.getLhs() == value) {
    if (auto constant = getConstant(divide.getRhs()))
      factor = 1.0 / constant->convertToDouble();
  }
  return factor && std::isfinite(*factor) ? factor : std::nullopt;
}

/// While the only use of s is `s * c` or `s / c`, and nothing hangs on its last bit, that is a part of the scale.
static double peelScale(Value s, Value &root) {
  double scale = 1.0;
  while (s != root && s.hasOneUse()) {
    Operation *user = *s.user_begin();
    std::optional<double> factor = getFactor(user, s);
    if (!factor || !attn::isReadSmoothly(user->getResult(0)))
      break;
    scale *= *factor;
    if (root == user->getResult(0))
      root = s;
    user->getResult(0).replaceAllUsesWith(s);
    user->erase();
  }
  return scale;
}

/// Added to a score it is the sum, unless the score itself is beyond 1e13: half the distance of neighbours of 1e30 in
/// f64, in which graphs are checked.
constexpr double kLargestAddedFill = -1e30;

namespace {
/// Removes the masks from a score; conditions of allowed keys collect in
/// `allowed`.
struct MaskPeeler {
  MaskPeeler(OpBuilder &builder, Value s) : builder(builder), s(s) {}

  OpBuilder &builder;
  Value s;
  SmallVector<Value> allowed;
  llvm::DenseMap<Value, Value> peeled; // s + s asks twice, and so does each of its operands

  Value peel(Value value) {
    if (auto found = peeled.find(value); found != peeled.end())
      return found->second;
    Value result = peelOp(value);
    return peeled[value] = result;
  }

  Value peelOp(Value value) {
    if (auto select = value.getDefiningOp<arith::SelectOp>())
      return peelSelect(select);
    if (auto add = value.getDefiningOp<arith::AddFOp>())
      return peelAdd(add);
    if (Operation *op = value.getDefiningOp(); isa_and_nonnull<arith::MulFOp, arith::DivFOp>(op))
      return peelScaled(op); // positive c: -inf * c = -inf
    return value;
  }

  Value peelSelect(arith::SelectOp select) {
    Value condition = select.getCondition();
    if (dependsOn(condition, s) || !isa<FloatType>(select.getType()))
      return select;
    if (isNegativeInfinity(select.getFalseValue())) {
      allowed.push_back(condition);
      return peel(select.getTrueValue());
    }
    if (isNegativeInfinity(select.getTrueValue())) {
      Value one = arith::ConstantIntOp::create(builder, select.getLoc(), 1, 1);
      allowed.push_back(arith::XOrIOp::create(builder, select.getLoc(), condition, one));
      return peel(select.getFalseValue());
    }
    return select;
  }

  Value peelAdd(arith::AddFOp add) {
    Value lhs = peel(add.getLhs()), rhs = peel(add.getRhs());
    if (isZero(rhs))
      return lhs;
    if (isZero(lhs))
      return rhs;
    for (auto [x, table] : {std::pair(lhs, rhs), std::pair(rhs, lhs)})
      if (Value filled = fillByAddition(x, table))
        return filled;
    if (lhs == add.getLhs() && rhs == add.getRhs())
      return add;
    return arith::AddFOp::create(builder, add.getLoc(), lhs, rhs);
  }

  /// x + select(c, 0, fill) as select(c, x, fill); null where it is no such sum, or x may be too large for it.
  Value fillByAddition(Value x, Value table) {
    auto select = table.getDefiningOp<arith::SelectOp>();
    if (!select || dependsOn(select.getCondition(), s))
      return {};
    bool keeps = isZero(select.getTrueValue());
    Value other = keeps ? select.getFalseValue() : select.getTrueValue();
    std::optional<APFloat> fill = getConstant(other);
    if ((!keeps && !isZero(select.getFalseValue())) || !fill || fill->convertToDouble() > kLargestAddedFill)
      return {};
    Value filled = plusFill(x, *fill, /*depth=*/0);
    if (!filled)
      return {};
    return arith::SelectOp::create(builder, select.getLoc(), select.getCondition(), keeps ? x : filled,
                                   keeps ? filled : x);
  }

  /// x + fill, where x is filled already: by constants that have a sum; else fill. Null where x has too many fills.
  Value plusFill(Value x, const APFloat &fill, unsigned depth) {
    Location loc = x.getLoc();
    std::optional<APFloat> constant = getConstant(x);
    auto select = x.getDefiningOp<arith::SelectOp>();
    if (constant || !select || (!getConstant(select.getTrueValue()) && !getConstant(select.getFalseValue()))) {
      APFloat sum = constant ? *constant + fill : fill;
      return arith::ConstantOp::create(builder, loc, FloatAttr::get(x.getType(), sum));
    }
    constexpr unsigned kMostFills = 8;
    Value yes = depth < kMostFills ? plusFill(select.getTrueValue(), fill, depth + 1) : Value();
    Value no = yes ? plusFill(select.getFalseValue(), fill, depth + 1) : Value();
    return no ? arith::SelectOp::create(builder, loc, select.getCondition(), yes, no).getResult() : no;
  }

  Value peelScaled(Operation *op) {
    for (unsigned i : {0u, 1u}) {
      std::optional<double> factor = getFactor(op, op->getOperand(i));
      if (!factor || *factor <= 0)
        continue;
      Value rest = peel(op->getOperand(i));
      if (rest == op->getOperand(i))
        return op->getResult(0);
      if (isZero(rest))
        return rest;
      Operation *clone = builder.clone(*op);
      clone->setOperand(i, rest);
      return clone->getResult(0);
    }
    return op->getResult(0);
  }
};
} // namespace

ScoreParts splitScore(OpBuilder &builder, Value root, Value s) {
  ScoreParts parts;
  MaskPeeler peeler(builder, s);
  parts.score = peeler.peel(root);
  for (Value condition : peeler.allowed)
    parts.mask = parts.mask ? arith::AndIOp::create(builder, condition.getLoc(), parts.mask, condition) : condition;
  // Peeling leaves the code of the masks behind, which may use s no longer:
  // clean it up before uses are counted.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*s.getParentBlock())))
    if (isOpTriviallyDead(&op) && !llvm::is_contained(op.getResults(), parts.score) &&
        !llvm::is_contained(op.getResults(), parts.mask))
      op.erase();
  parts.scale = peelScale(s, parts.score);
  return parts;
}

} // namespace attnc::fusion
