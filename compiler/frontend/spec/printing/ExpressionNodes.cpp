//===- ExpressionNodes.cpp - A region as a graph of expressions -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/printing/ExpressionNodes.h"
#include "dialects/Attn/AttnOps.h"
#include "fmt/format.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cstdlib>

using namespace mlir;
using namespace attnc::spec;

namespace {
class GraphBuilder {
public:
  GraphBuilder(ArrayRef<std::string> names, Type floatType, ExpressionGraph &graph)
      : names(names), floatType(floatType), graph(graph) {}
  LogicalResult build(Operation &op);

private:
  LogicalResult buildConstant(arith::ConstantOp op);
  LogicalResult buildElement(tensor::ExtractOp op);
  LogicalResult buildFeature(attnc::attn::FeatureOp op);
  LogicalResult buildSum(attnc::attn::SumOp op);
  LogicalResult buildSelect(arith::SelectOp op);
  LogicalResult buildSubtraction(arith::SubIOp op);
  LogicalResult buildMaximum(arith::MaxSIOp op);
  LogicalResult buildCompare(Operation *op, Value lhs, Value rhs);
  LogicalResult buildIndexCast(arith::IndexCastOp op);
  LogicalResult unsupported(Operation &op);
  LogicalResult operation(Operation *op, Operator kind);
  LogicalResult call(Operation *op, StringRef name, bool promotesAlone = false);
  LogicalResult alias(Operation *op, Value value);
  LogicalResult create(Operation *op, Node node);
  Value unclamped(Value index, int64_t extent);
  bool isRoleExtent(Value value) const;

  ArrayRef<std::string> names;
  Type floatType; // of the accumulator
  ExpressionGraph &graph;
};
} // namespace

//===----------------------------------------------------------------------===//
// What Arithmetic.cpp emits together
//===----------------------------------------------------------------------===//

static bool isInteger(Value value, int64_t expected) {
  IntegerAttr constant;
  return matchPattern(value, m_Constant(&constant)) && value.getType().isIndex() && constant.getInt() == expected;
}

/// 0 - x, or two constants that are each other's negative.
static bool isNegationOf(Value value, Value x) {
  if (auto sub = value.getDefiningOp<arith::SubIOp>())
    return isInteger(sub.getLhs(), 0) && sub.getRhs() == x;
  IntegerAttr negative, positive;
  return matchPattern(value, m_Constant(&negative)) && matchPattern(x, m_Constant(&positive)) &&
         negative.getValue() == -positive.getValue();
}

/// y == constant
static bool comparesEqual(Value value, Value y, int64_t constant) {
  auto compare = value.getDefiningOp<arith::CmpIOp>();
  return compare && compare.getPredicate() == arith::CmpIPredicate::eq && compare.getLhs() == y &&
         isInteger(compare.getRhs(), constant);
}

/// The guarded x // y of Arithmetic::floorDivide:
/// y == 0 ? 0 : y == -1 ? -x : x floordiv (y == 0 or y == -1 ? 1 : y)
static std::optional<std::pair<Value, Value>> matchGuardedDivision(arith::SelectOp outer) {
  auto inner = outer.getFalseValue().getDefiningOp<arith::SelectOp>();
  auto division = inner ? inner.getFalseValue().getDefiningOp<arith::FloorDivSIOp>() : nullptr;
  auto divisor = division ? division.getRhs().getDefiningOp<arith::SelectOp>() : nullptr;
  auto special = divisor ? divisor.getCondition().getDefiningOp<arith::OrIOp>() : nullptr;
  if (!special || !isInteger(outer.getTrueValue(), 0) || !isInteger(divisor.getTrueValue(), 1))
    return std::nullopt;
  Value x = division.getLhs(), y = divisor.getFalseValue();
  if (special.getLhs() != outer.getCondition() || special.getRhs() != inner.getCondition() ||
      !comparesEqual(outer.getCondition(), y, 0) || !comparesEqual(inner.getCondition(), y, -1) ||
      !isNegationOf(inner.getTrueValue(), x))
    return std::nullopt;
  return std::pair(x, y);
}

/// The x of Arithmetic::toInt, whose last operation before the cast to index is
/// `op`.
static Value matchToInt(arith::FPToSIOp op) {
  auto limited = op.getIn().getDefiningOp<arith::MinimumFOp>();
  auto low = limited ? limited.getLhs().getDefiningOp<arith::MaximumFOp>() : nullptr;
  auto finite = low ? low.getLhs().getDefiningOp<arith::SelectOp>() : nullptr;
  auto isNumber = finite ? finite.getCondition().getDefiningOp<arith::CmpFOp>() : nullptr;
  auto isConstant = [](Value value, double expected) {
    FloatAttr constant;
    return matchPattern(value, m_Constant(&constant)) && constant.getValueAsDouble() == expected;
  };
  constexpr double kLimit = int64_t(1) << 30;
  if (!isNumber || isNumber.getPredicate() != arith::CmpFPredicate::OEQ || !isConstant(finite.getFalseValue(), 0) ||
      !isConstant(low.getRhs(), -kLimit) || !isConstant(limited.getRhs(), kLimit))
    return {};
  Value x = finite.getTrueValue();
  return isNumber.getLhs() == x && isNumber.getRhs() == x ? x : Value();
}

/// The language computes in index, i1 and the accumulator type; an operation in another type has no words.
LogicalResult GraphBuilder::create(Operation *op, Node node) {
  Type type = op->getResult(0).getType();
  bool isElement = node.kind == Node::Element;
  if (!isElement && !type.isIndex() && !type.isInteger(1) && type != floatType)
    return unsupported(*op);
  for (Value operand : node.operands)
    if (!graph.nodes.contains(operand))
      return unsupported(*op);
  graph.storage.push_back(std::move(node));
  graph.nodes[op->getResult(0)] = &graph.storage.back();
  return success();
}

LogicalResult GraphBuilder::operation(Operation *op, Operator kind) {
  return create(op, {.kind = Node::Operation, .op = kind, .operands = SmallVector<Value, 3>(op->getOperands())});
}

LogicalResult GraphBuilder::call(Operation *op, StringRef name, bool promotesAlone) {
  return create(op, {.kind = Node::Call,
                     .text = name.str(),
                     .operands = SmallVector<Value, 3>(op->getOperands()),
                     .promotesAlone = promotesAlone});
}

/// `op` only converts: its result is written like `value`.
LogicalResult GraphBuilder::alias(Operation *op, Value value) {
  if (!graph.nodes.contains(value))
    return unsupported(*op);
  graph.nodes[op->getResult(0)] = &graph[value];
  return success();
}

LogicalResult GraphBuilder::unsupported(Operation &op) {
  return op.emitError() << "the .attn language has no word for '" << op.getName() << "' on "
                        << (op.getNumResults() ? op.getResult(0).getType() : Type());
}

LogicalResult GraphBuilder::build(Operation &op) {
  using R = LogicalResult;
  return TypeSwitch<Operation *, R>(&op)
      .Case([&](arith::ConstantOp c) { return buildConstant(c); })
      .Case([&](tensor::ExtractOp e) { return buildElement(e); })
      .Case([&](attnc::attn::FeatureOp f) { return buildFeature(f); })
      .Case([&](attnc::attn::SumOp s) { return buildSum(s); })
      .Case([&](arith::SelectOp s) { return buildSelect(s); })
      .Case([&](arith::SubIOp s) { return buildSubtraction(s); })
      .Case([&](arith::MaxSIOp m) { return buildMaximum(m); })
      .Case([&](arith::CmpIOp c) { return buildCompare(c, c.getLhs(), c.getRhs()); })
      .Case([&](arith::CmpFOp c) { return buildCompare(c, c.getLhs(), c.getRhs()); })
      .Case([&](arith::IndexCastOp c) { return buildIndexCast(c); })
      .Case<arith::ExtFOp, arith::TruncFOp>([&](auto c) {
        // Only of elements, whose types the parameter list tells.
        return c.getIn().template getDefiningOp<tensor::ExtractOp>() || isa<BlockArgument>(c.getIn())
                   ? alias(c, c.getIn())
                   : unsupported(op);
      })
      .Case([&](arith::SIToFPOp c) -> R {
        auto wide = c.getIn().getDefiningOp<arith::IndexCastOp>();
        if (!wide || !wide.getIn().getType().isIndex())
          return unsupported(op);
        return create(c, {.kind = Node::Promotion, .operands = {wide.getIn()}});
      })
      .Case([&](arith::FPToSIOp c) { return success(); }) // part of int(x), see buildIndexCast
      .Case([&](arith::AddIOp o) { return operation(o, Operator::Add); })
      .Case([&](arith::MulIOp o) { return operation(o, Operator::Multiply); })
      .Case([&](arith::FloorDivSIOp o) {
        // x // N is x floordiv max(N, 1): the extent is never 0 where an
        // expression is evaluated.
        auto max = o.getRhs().getDefiningOp<arith::MaxSIOp>();
        bool isExtent = max && isRoleExtent(max.getLhs()) && isInteger(max.getRhs(), 1);
        return create(o, {.kind = Node::Operation,
                          .op = Operator::FloorDivide,
                          .operands = {o.getLhs(), isExtent ? max.getLhs() : o.getRhs()}});
      })
      .Case([&](arith::AddFOp o) { return operation(o, Operator::Add); })
      .Case([&](arith::SubFOp o) { return operation(o, Operator::Subtract); })
      .Case([&](arith::MulFOp o) { return operation(o, Operator::Multiply); })
      .Case([&](arith::DivFOp o) { return operation(o, Operator::Divide); })
      .Case([&](arith::AndIOp o) { return operation(o, Operator::And); })
      .Case([&](arith::OrIOp o) { return operation(o, Operator::Or); })
      .Case([&](arith::XOrIOp o) -> R {
        IntegerAttr constant;
        if (!matchPattern(o.getRhs(), m_Constant(&constant)))
          return operation(o, Operator::NotEqual);
        return create(o, {.kind = Node::Inversion, .operands = {o.getLhs()}});
      })
      .Case([&](arith::NegFOp o) { return create(o, {.kind = Node::Negation, .operands = {o.getOperand()}}); })
      .Case<arith::MinSIOp, arith::MinimumFOp>([&](auto o) { return call(o, "min"); })
      .Case([&](arith::MaximumFOp o) { return call(o, "max"); })
      .Case([&](math::AbsFOp o) { return call(o, "abs"); })
      .Case([&](math::ExpOp o) { return call(o, "exp", true); })
      .Case([&](math::Exp2Op o) { return call(o, "exp2", true); })
      .Case([&](math::LogOp o) { return call(o, "log", true); })
      .Case([&](math::Log2Op o) { return call(o, "log2", true); })
      .Case([&](math::TanhOp o) { return call(o, "tanh", true); })
      .Case([&](math::SqrtOp o) { return call(o, "sqrt", true); })
      .Case([&](math::SinOp o) { return call(o, "sin", true); })
      .Case([&](math::CosOp o) { return call(o, "cos", true); })
      .Case([&](math::FloorOp o) { return call(o, "floor", true); })
      .Case([&](attnc::attn::PhaseOp o) { return call(o, "rope_phase"); })
      .Default([&](Operation *other) { return unsupported(*other); });
}

/// Digits that read back as exactly `value` in the accumulator type, always
/// recognisable as a float.
static std::string printFloat(FloatAttr attr) {
  double value = attr.getValueAsDouble();
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  std::string text = fmt::format("{}", value);
  if (attr.getType().isF32()) {
    // The parser rounds twice, to f64 and to f32: take the short form only if
    // that is harmless.
    std::string brief = fmt::format("{}", static_cast<float>(value));
    if (static_cast<float>(std::strtod(brief.c_str(), nullptr)) == value)
      text = brief;
  }
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

LogicalResult GraphBuilder::buildConstant(arith::ConstantOp op) {
  Type type = op.getType();
  if (auto number = dyn_cast<FloatAttr>(op.getValue()); number && (type.isF32() || type.isF64())) {
    return create(op, {.text = printFloat(number)});
  }
  auto integer = dyn_cast<IntegerAttr>(op.getValue());
  if (!integer || !(type.isIndex() || type.isInteger(1)))
    return unsupported(*op);
  std::string text = type.isIndex() ? std::to_string(integer.getInt()) : integer.getValue().isOne() ? "true" : "false";
  if (type.isIndex() && integer.getInt() == std::numeric_limits<int64_t>::min())
    text = "(-9223372036854775807 - 1)"; // the literal without its sign would
                                         // not fit
  return create(op, {.text = text});
}

/// M or N, or B where it is captured.
bool GraphBuilder::isRoleExtent(Value value) const {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument)
    return false;
  StringRef name = names[argument.getArgNumber()];
  return name == "B" || name == "M" || name == "N";
}

/// The index that was clamped into a dimension of `extent` by Arithmetic::clampIndex, or `index` itself.
Value GraphBuilder::unclamped(Value index, int64_t extent) {
  auto max = index.getDefiningOp<arith::MaxSIOp>();
  auto min = max ? max.getLhs().getDefiningOp<arith::MinSIOp>() : nullptr;
  if (!min || !isInteger(max.getRhs(), 0))
    return index;
  auto isLast = [&](Value value) {
    if (!ShapedType::isDynamic(extent))
      return isInteger(value, extent - 1);
    auto last = value.getDefiningOp<arith::SubIOp>();
    return last && isRoleExtent(last.getLhs()) && isInteger(last.getRhs(), 1);
  };
  // Folding puts a constant index on the right.
  return isLast(min.getRhs()) ? min.getLhs() : isLast(min.getLhs()) ? min.getRhs() : index;
}

LogicalResult GraphBuilder::buildElement(tensor::ExtractOp op) {
  auto tensor = dyn_cast<BlockArgument>(op.getTensor());
  if (!tensor)
    return unsupported(*op);
  Node element{.kind = Node::Element, .text = names[tensor.getArgNumber()]};
  for (auto [dim, index] : llvm::enumerate(op.getIndices()))
    element.operands.push_back(unclamped(index, cast<RankedTensorType>(tensor.getType()).getDimSize(dim)));
  return create(op, std::move(element));
}

/// q[x] in a query region, k[x] in a key region.
LogicalResult GraphBuilder::buildFeature(attnc::attn::FeatureOp op) {
  auto attention = op->getParentOfType<attnc::attn::AttentionOp>();
  const char *row = attention.getQuery().findAncestorBlockInRegion(*op->getBlock()) ? "q" : "k";
  return create(
      op, {.kind = Node::Element, .text = row, .operands = {unclamped(op.getPosition(), attention.getExtent('D'))}});
}

/// sum(x), in which d is the feature that the sum is at.
LogicalResult GraphBuilder::buildSum(attnc::attn::SumOp op) {
  Block &body = op.getBody().front();
  graph.storage.push_back({.text = "d"});
  graph.nodes[body.getArgument(0)] = &graph.storage.back();
  for (Operation &inner : body.without_terminator())
    if (failed(build(inner)))
      return failure();
  return create(op, {.kind = Node::Call,
                     .text = "sum",
                     .operands = {cast<attnc::attn::YieldOp>(body.getTerminator()).getValue()},
                     .promotesAlone = true});
}

LogicalResult GraphBuilder::buildSelect(arith::SelectOp op) {
  if (auto division = matchGuardedDivision(op)) {
    return create(
        op, {.kind = Node::Operation, .op = Operator::FloorDivide, .operands = {division->first, division->second}});
  }
  return create(op,
                {.kind = Node::Conditional, .operands = {op.getCondition(), op.getTrueValue(), op.getFalseValue()}});
}

/// 0 - x is -x, and x - (x // y) * y is x % y.
LogicalResult GraphBuilder::buildSubtraction(arith::SubIOp op) {
  if (isInteger(op.getLhs(), 0)) {
    return create(op, {.kind = Node::Negation, .operands = {op.getRhs()}});
  }
  auto product = op.getRhs().getDefiningOp<arith::MulIOp>();
  if (product && graph.nodes.contains(product.getLhs())) {
    const Node &quotient = graph[product.getLhs()];
    if (quotient.kind == Node::Operation && quotient.op == Operator::FloorDivide &&
        quotient.operands[0] == op.getLhs() && quotient.operands[1] == product.getRhs()) {
      return create(op, {.kind = Node::Operation, .op = Operator::Modulo, .operands = {op.getLhs(), product.getRhs()}});
    }
  }
  return operation(op, Operator::Subtract);
}

/// max(x, -x) is abs(x).
LogicalResult GraphBuilder::buildMaximum(arith::MaxSIOp op) {
  if (isNegationOf(op.getRhs(), op.getLhs())) {
    return create(op, {.kind = Node::Call, .text = "abs", .operands = {op.getLhs()}});
  }
  return call(op, "max");
}

LogicalResult GraphBuilder::buildCompare(Operation *op, Value lhs, Value rhs) {
  Operator kind = Operator::None;
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    switch (compare.getPredicate()) {
    case arith::CmpIPredicate::eq:
      kind = Operator::Equal;
      break;
    case arith::CmpIPredicate::ne:
      kind = Operator::NotEqual;
      break;
    case arith::CmpIPredicate::slt:
      kind = Operator::Less;
      break;
    case arith::CmpIPredicate::sle:
      kind = Operator::LessEqual;
      break;
    case arith::CmpIPredicate::sgt:
      kind = Operator::Greater;
      break;
    case arith::CmpIPredicate::sge:
      kind = Operator::GreaterEqual;
      break;
    default:
      break;
    }
    bool isEquality = kind == Operator::Equal || kind == Operator::NotEqual;
    if (!lhs.getType().isIndex() && !(isEquality && lhs.getType().isInteger(1)))
      kind = Operator::None;
  } else {
    switch (cast<arith::CmpFOp>(op).getPredicate()) {
    case arith::CmpFPredicate::OEQ:
      kind = Operator::Equal;
      break;
    case arith::CmpFPredicate::UNE:
      kind = Operator::NotEqual;
      break;
    case arith::CmpFPredicate::OLT:
      kind = Operator::Less;
      break;
    case arith::CmpFPredicate::OLE:
      kind = Operator::LessEqual;
      break;
    case arith::CmpFPredicate::OGT:
      kind = Operator::Greater;
      break;
    case arith::CmpFPredicate::OGE:
      kind = Operator::GreaterEqual;
      break;
    default:
      break;
    }
  }
  return kind == Operator::None ? unsupported(*op) : operation(op, kind);
}

/// From an element's integer type, into a promotion, or out of int(x).
LogicalResult GraphBuilder::buildIndexCast(arith::IndexCastOp op) {
  if (op.getIn().getType().isIndex())
    return alias(op, op.getIn()); // its only reader is a promotion
  auto truncation = op.getIn().getDefiningOp<arith::FPToSIOp>();
  if (!truncation)
    return alias(op, op.getIn());
  Value x = matchToInt(truncation);
  if (!x)
    return unsupported(*op);
  return create(op, {.kind = Node::Call, .text = "int", .operands = {x}});
}

LogicalResult attnc::spec::buildGraph(Block &block, ArrayRef<std::string> names, ExpressionGraph &graph) {
  for (auto [argument, name] : llvm::zip(block.getArguments(), names)) {
    graph.storage.push_back({.text = name});
    graph.nodes[argument] = &graph.storage.back();
  }
  Type floatType = cast<attnc::attn::AttentionOp>(block.getParentOp()).getAccumulatorType();
  GraphBuilder builder(names, floatType, graph);
  for (Operation &op : block.without_terminator())
    if (failed(builder.build(op)))
      return failure();
  return success();
}
