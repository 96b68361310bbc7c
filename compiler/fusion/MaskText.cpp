//===- MaskText.cpp - A mask in words -------------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/MaskText.h"
#include "dialects/Common/DimNames.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::fusion {

namespace {
constexpr size_t kLongest = 200;

class MaskPrinter {
public:
  explicit MaskPrinter(Block &scratch) : scratch(scratch) {}

  /// A condition, or its opposite; empty where there are no words for it.
  std::string condition(Value value, bool negated, bool inParentheses = false);

private:
  std::string number(Value value, int64_t offset = 0);
  std::string join(Operation *op, bool negated, bool inParentheses);
  std::string compare(arith::CmpIOp op, bool negated);

  Block &scratch;
};
} // namespace

static std::string plus(const std::string &text, int64_t offset) {
  if (text.empty() || offset == 0)
    return text;
  return offset < 0 ? fmt::format("{} - {}", text, -offset) : fmt::format("{} + {}", text, offset);
}

/// What the user calls an extent that is computed outside of the mask.
static std::string nameExtent(Value value) {
  auto dim = value.getDefiningOp<tensor::DimOp>();
  auto argument = dim ? dyn_cast<BlockArgument>(dim.getSource()) : BlockArgument();
  StringAttr name =
      argument ? DimNames::ofArgument(argument).symbol(dim.getConstantIndex().value_or(-1)) : StringAttr();
  return name ? DimName::parse(name.getValue()).symbol.str() : "an extent";
}

std::string MaskPrinter::number(Value value, int64_t offset) {
  static const char *const names[] = {"", "batch", "head", "query", "key", "queries", "keys"};
  if (auto argument = dyn_cast<BlockArgument>(value); argument && argument.getOwner() == &scratch)
    return plus(names[argument.getArgNumber()], offset);
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return std::to_string(constant.getSExtValue() + offset);
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != &scratch)
    return value.getType().isIndex() ? plus(nameExtent(value), offset) : "";
  if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(op))
    return number(op->getOperand(0), offset);
  if (op->getNumOperands() != 2)
    return {};
  if (isa<arith::AddIOp>(op) && matchPattern(op->getOperand(1), m_ConstantInt(&constant)))
    return number(op->getOperand(0), offset + constant.getSExtValue());
  std::string lhs = number(op->getOperand(0)), rhs = number(op->getOperand(1));
  if (lhs.empty() || rhs.empty() || lhs.size() + rhs.size() > kLongest)
    return {};
  if (isa<arith::AddIOp>(op))
    return plus(fmt::format("{} + {}", lhs, rhs), offset);
  if (isa<arith::SubIOp>(op) && !isa_and_nonnull<arith::AddIOp, arith::SubIOp>(op->getOperand(1).getDefiningOp()))
    return plus(fmt::format("{} - {}", lhs, rhs), offset);
  if (isa<arith::FloorDivSIOp>(op) && lhs.find(' ') == std::string::npos)
    return plus(fmt::format("{} / {}", lhs, rhs), offset);
  return {};
}

/// x < y + 1 is x <= y.
std::string MaskPrinter::compare(arith::CmpIOp op, bool negated) {
  arith::CmpIPredicate predicate = negated ? arith::invertPredicate(op.getPredicate()) : op.getPredicate();
  int64_t offset = 0;
  if (predicate == arith::CmpIPredicate::slt)
    predicate = arith::CmpIPredicate::sle, offset = -1;
  if (predicate == arith::CmpIPredicate::sgt)
    predicate = arith::CmpIPredicate::sge, offset = 1;
  // eq, ne, slt, sle, sgt, sge; those without a sign follow.
  static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
  auto sign = static_cast<size_t>(predicate);
  std::string lhs = number(op.getLhs()), rhs = number(op.getRhs(), offset);
  if (lhs.empty() || rhs.empty() || sign >= std::size(signs))
    return {};
  return fmt::format("{} {} {}", lhs, signs[sign], rhs);
}

/// a and b; the opposite is "not a or not b".
std::string MaskPrinter::join(Operation *op, bool negated, bool inParentheses) {
  bool isAnd = isa<arith::AndIOp>(op) != negated;
  std::string lhs = condition(op->getOperand(0), negated, true), rhs = condition(op->getOperand(1), negated, true);
  if (lhs.empty() || rhs.empty() || lhs.size() + rhs.size() > kLongest)
    return {};
  std::string text = fmt::format("{} {} {}", lhs, isAnd ? "and" : "or", rhs);
  return inParentheses ? "(" + text + ")" : text;
}

std::string MaskPrinter::condition(Value value, bool negated, bool inParentheses) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != &scratch)
    return {};
  if (auto comparison = dyn_cast<arith::CmpIOp>(op))
    return compare(comparison, negated);
  if (auto flip = dyn_cast<arith::XOrIOp>(op); flip && matchPattern(flip.getRhs(), m_One()))
    return condition(flip.getLhs(), !negated, inParentheses);
  if (isa<arith::AndIOp, arith::OrIOp>(op))
    return join(op, negated, inParentheses);
  return {};
}

std::string describeMask(Value mask, Block &scratch) { return MaskPrinter(scratch).condition(mask, /*negated=*/false); }

} // namespace attnc::fusion
