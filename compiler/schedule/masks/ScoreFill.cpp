//===- ScoreFill.cpp - Scores that stand for forbidden keys ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/masks/ScoreFill.h"
#include "compiler/schedule/masks/MaskClone.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attnc::attn::AttentionOp;

/// Above it, a row whose scores are all far below 0 would often be visited twice.
constexpr double kLargestFill = -1000;

/// The largest constant that `value`, which chooses among constants, can be; nothing if one is no fill, or it chooses
/// more than kMostChoices times in a row.
static std::optional<double> largestFill(Value value, unsigned depth = 0) {
  constexpr unsigned kMostChoices = 8;
  FloatAttr constant;
  if (matchPattern(value, m_Constant(&constant))) {
    double fill = constant.getValueAsDouble();
    return fill <= kLargestFill ? std::optional(fill) : std::nullopt;
  }
  auto select = value.getDefiningOp<arith::SelectOp>();
  if (!select || depth == kMostChoices)
    return std::nullopt;
  std::optional<double> yes = largestFill(select.getTrueValue(), depth + 1);
  std::optional<double> no = yes ? largestFill(select.getFalseValue(), depth + 1) : std::nullopt;
  return no ? std::optional(std::max(*yes, *no)) : std::nullopt;
}

static bool isComputedFrom(Value value, Value source) {
  llvm::SetVector<Value> needed;
  needed.insert(value);
  for (size_t at = 0; at < needed.size(); ++at)
    if (Operation *op = needed[at].getDefiningOp())
      needed.insert(op->operand_begin(), op->operand_end());
  return needed.contains(source);
}

/// A copy of `op` whose mask says more: the conditions of `fills` hold, or do not where they are false.
static OwningOpRef<AttentionOp> withMask(AttentionOp op, const llvm::MapVector<Operation *, bool> &fills) {
  OwningOpRef<AttentionOp> copy(cast<AttentionOp>(op->clone()));
  Region &mask = copy->getMask();
  Location loc = op.getLoc();
  OpBuilder b(op.getContext());
  Value allowed;
  if (mask.empty()) {
    b.setInsertionPointToEnd(copy->addMaskBlock());
  } else {
    Operation *yield = mask.front().getTerminator();
    allowed = yield->getOperand(0);
    loc = yield->getLoc();
    yield->erase();
    b.setInsertionPointToEnd(&mask.front());
  }
  IRMapping mapping;
  mapping.map(op.getScore().getArguments().drop_front(), mask.getArguments()); // of a score, s comes first
  for (auto [select, keeps] : fills) {
    Value condition = cloneNeeded(b, cast<arith::SelectOp>(select).getCondition(), mapping, op.getScore());
    if (!keeps)
      condition = arith::XOrIOp::create(b, loc, condition, arith::ConstantIntOp::create(b, loc, 1, 1));
    allowed = allowed ? arith::AndIOp::create(b, loc, allowed, condition).getResult() : condition;
  }
  attn::YieldOp::create(b, loc, allowed);
  return copy;
}

ScoreFill::ScoreFill(AttentionOp op, bool wanted) : op(op), most(-std::numeric_limits<double>::infinity()) {
  if (!wanted || op.getScore().empty())
    return;
  Value s = op.getScore().getArgument(0);
  Value at = op.getScore().front().getTerminator()->getOperand(0);
  while (true) {
    while (auto extend = at.getDefiningOp<arith::ExtFOp>())
      at = extend.getIn();
    auto select = at.getDefiningOp<arith::SelectOp>();
    if (!select || isComputedFrom(select.getCondition(), s))
      break;
    std::optional<double> no = largestFill(select.getFalseValue()), fill = no ? no : largestFill(select.getTrueValue());
    if (!fill)
      break;
    fills[select] = no.has_value();
    most = std::max(most, *fill);
    at = no ? select.getTrueValue() : select.getFalseValue();
  }
  if (!fills.empty())
    copy = withMask(op, fills);
}

Value ScoreFill::filled(Operation *select) const {
  auto found = fills.find(select);
  return found == fills.end() ? Value() : found->first->getOperand(found->second ? 2 : 1);
}

Value ScoreFill::kept(Operation *select) const {
  auto found = fills.find(select);
  return found == fills.end() ? Value() : found->first->getOperand(found->second ? 1 : 2);
}
