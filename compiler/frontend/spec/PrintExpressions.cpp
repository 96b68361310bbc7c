//===- PrintExpressions.cpp - A region's operations as text ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %0 = arith.addi %i, %N                     score = slope[h] * (j - pos)
//   would print as %1 = arith.subi %0, %M            -> %2 = arith.subi %j, %1
//   score = slope[h] * (j - (i + N - M))
//   ...
//
// Steps: 1. one node per operation in block order, where a few operations that
// Arithmetic.cpp emits together (clamped indices, guarded divisions,
// conversions) become one node again; 2. count the uses of what the result
// reaches; 3. give a let to what is used twice or is nested deeply; 4. print.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/PrintExpressions.h"
#include "compiler/frontend/spec/AST.h"
#include "dialects/Attn/AttnOps.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cstdlib>
#include <deque>

using namespace mlir;
using namespace attnc::spec;

/// Trees higher than this are split by lets, far below what the parser accepts.
static constexpr unsigned kMaxHeight = 40;

namespace {
/// How strongly the outermost operator of a text binds.
enum Level { ConditionalLevel, OrLevel, AndLevel, NotLevel, CompareLevel, SumLevel, ProductLevel, UnaryLevel, Atom };

struct Node {
  enum Kind { Leaf, Operation, Negation, Inversion, Call, Element, Conditional, Promotion };
  Kind kind = Leaf;
  Operator op = Operator::None;        // Operation
  std::string text = {};               // Leaf: all of it; Call, Element: the name
  SmallVector<Value, 3> operands = {}; // Conditional: condition, then, else; Promotion: the integer
  bool promotesAlone = false;          // Call: an integer argument becomes a float by itself
  bool isFloat = false;
  // Filled by steps 2 and 3.
  unsigned uses = 0, height = 0;
  std::string let = {};
};

class StatementPrinter {
public:
  StatementPrinter(Block &block, ArrayRef<std::string> names, function_ref<std::string()> newName)
      : block(block), names(names), newName(newName) {}
  FailureOr<StatementText> run();

private:
  // Step 1.
  LogicalResult build(Operation &op);
  LogicalResult buildConstant(arith::ConstantOp op);
  LogicalResult buildElement(tensor::ExtractOp op);
  LogicalResult buildSelect(arith::SelectOp op);
  LogicalResult buildSubtraction(arith::SubIOp op);
  LogicalResult buildMaximum(arith::MaxSIOp op);
  LogicalResult buildCompare(Operation *op, Value lhs, Value rhs);
  LogicalResult buildIndexCast(arith::IndexCastOp op);
  LogicalResult unsupported(Operation &op);
  LogicalResult operation(Operation *op, Operator kind);
  LogicalResult call(Operation *op, StringRef name, bool promotesAlone = false);
  LogicalResult alias(Operation *op, Value value);
  Node &create(Operation *op, Node node);
  Value unclamped(Value index, Value tensor, unsigned dim);
  bool isRoleExtent(Value value) const;

  // Steps 2 to 4.
  void markLets(Value root);
  bool isSmall(const Node &node) const;
  std::string print(Value value, Level atLeast);
  std::string printBody(const Node &node, Level &level);
  std::string printOperation(const Node &node, Level &level);
  std::string printPair(const Node &node, Value first, Level left, StringRef between, Value second, Level right);
  bool isPromotion(Value value) const;
  std::string printPromoted(Value value, Level atLeast);

  Node &node(Value value) { return *nodes.find(value)->second; }
  const Node &node(Value value) const { return *nodes.find(value)->second; }

  Block &block;
  ArrayRef<std::string> names;
  function_ref<std::string()> newName;
  std::deque<Node> storage; // in block order
  DenseMap<Value, Node *> nodes;
};
} // namespace

//===----------------------------------------------------------------------===//
// Step 1: operations to nodes
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

Node &StatementPrinter::create(Operation *op, Node node) {
  node.isFloat = isa<FloatType>(op->getResult(0).getType());
  storage.push_back(std::move(node));
  nodes[op->getResult(0)] = &storage.back();
  return storage.back();
}

LogicalResult StatementPrinter::operation(Operation *op, Operator kind) {
  create(op, {.kind = Node::Operation, .op = kind, .operands = SmallVector<Value, 3>(op->getOperands())});
  return success();
}

LogicalResult StatementPrinter::call(Operation *op, StringRef name, bool promotesAlone) {
  create(op, {.kind = Node::Call,
              .text = name.str(),
              .operands = SmallVector<Value, 3>(op->getOperands()),
              .promotesAlone = promotesAlone});
  return success();
}

/// `op` only converts: its result is written like `value`.
LogicalResult StatementPrinter::alias(Operation *op, Value value) {
  nodes[op->getResult(0)] = &node(value);
  return success();
}

LogicalResult StatementPrinter::unsupported(Operation &op) {
  return op.emitError() << "the .attn language has no word for '" << op.getName() << "' on "
                        << (op.getNumResults() ? op.getResult(0).getType() : Type());
}

LogicalResult StatementPrinter::build(Operation &op) {
  using R = LogicalResult;
  return TypeSwitch<Operation *, R>(&op)
      .Case([&](arith::ConstantOp c) { return buildConstant(c); })
      .Case([&](tensor::ExtractOp e) { return buildElement(e); })
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
        create(c, {.kind = Node::Promotion, .operands = {wide.getIn()}});
        return success();
      })
      .Case([&](arith::FPToSIOp c) { return success(); }) // part of int(x), see buildIndexCast
      .Case([&](arith::AddIOp o) { return operation(o, Operator::Add); })
      .Case([&](arith::MulIOp o) { return operation(o, Operator::Multiply); })
      .Case([&](arith::FloorDivSIOp o) {
        // x // N is x floordiv max(N, 1): the extent is never 0 where an
        // expression is evaluated.
        auto max = o.getRhs().getDefiningOp<arith::MaxSIOp>();
        bool isExtent = max && isRoleExtent(max.getLhs()) && isInteger(max.getRhs(), 1);
        create(o, {.kind = Node::Operation,
                   .op = Operator::FloorDivide,
                   .operands = {o.getLhs(), isExtent ? max.getLhs() : o.getRhs()}});
        return success();
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
        create(o, {.kind = Node::Inversion, .operands = {o.getLhs()}});
        return success();
      })
      .Case([&](arith::NegFOp o) {
        create(o, {.kind = Node::Negation, .operands = {o.getOperand()}});
        return success();
      })
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

LogicalResult StatementPrinter::buildConstant(arith::ConstantOp op) {
  Type type = op.getType();
  if (auto number = dyn_cast<FloatAttr>(op.getValue()); number && (type.isF32() || type.isF64())) {
    create(op, {.text = printFloat(number)});
    return success();
  }
  auto integer = dyn_cast<IntegerAttr>(op.getValue());
  if (!integer || !(type.isIndex() || type.isInteger(1)))
    return unsupported(*op);
  std::string text = type.isIndex() ? std::to_string(integer.getInt()) : integer.getValue().isOne() ? "true" : "false";
  if (type.isIndex() && integer.getInt() == std::numeric_limits<int64_t>::min())
    text = "(-9223372036854775807 - 1)"; // the literal without its sign would
                                         // not fit
  create(op, {.text = text});
  return success();
}

/// M or N, or B where it is captured.
bool StatementPrinter::isRoleExtent(Value value) const {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument)
    return false;
  StringRef name = names[argument.getArgNumber()];
  return name == "B" || name == "M" || name == "N";
}

/// The index that was clamped into dimension `dim` by Arithmetic::clampIndex, or `index` itself.
Value StatementPrinter::unclamped(Value index, Value tensor, unsigned dim) {
  auto max = index.getDefiningOp<arith::MaxSIOp>();
  auto min = max ? max.getLhs().getDefiningOp<arith::MinSIOp>() : nullptr;
  if (!min || !isInteger(max.getRhs(), 0))
    return index;
  int64_t extent = cast<RankedTensorType>(tensor.getType()).getDimSize(dim);
  auto isLast = [&](Value value) {
    if (!ShapedType::isDynamic(extent))
      return isInteger(value, extent - 1);
    auto last = value.getDefiningOp<arith::SubIOp>();
    return last && isRoleExtent(last.getLhs()) && isInteger(last.getRhs(), 1);
  };
  // Folding puts a constant index on the right.
  return isLast(min.getRhs()) ? min.getLhs() : isLast(min.getLhs()) ? min.getRhs() : index;
}

LogicalResult StatementPrinter::buildElement(tensor::ExtractOp op) {
  auto tensor = dyn_cast<BlockArgument>(op.getTensor());
  if (!tensor)
    return unsupported(*op);
  Node element{.kind = Node::Element, .text = names[tensor.getArgNumber()]};
  for (auto [dim, index] : llvm::enumerate(op.getIndices()))
    element.operands.push_back(unclamped(index, tensor, dim));
  create(op, std::move(element));
  return success();
}

LogicalResult StatementPrinter::buildSelect(arith::SelectOp op) {
  if (auto division = matchGuardedDivision(op)) {
    create(op, {.kind = Node::Operation, .op = Operator::FloorDivide, .operands = {division->first, division->second}});
    return success();
  }
  create(op, {.kind = Node::Conditional, .operands = {op.getCondition(), op.getTrueValue(), op.getFalseValue()}});
  return success();
}

/// 0 - x is -x, and x - (x // y) * y is x % y.
LogicalResult StatementPrinter::buildSubtraction(arith::SubIOp op) {
  if (isInteger(op.getLhs(), 0)) {
    create(op, {.kind = Node::Negation, .operands = {op.getRhs()}});
    return success();
  }
  auto product = op.getRhs().getDefiningOp<arith::MulIOp>();
  if (product && nodes.contains(product.getLhs())) {
    const Node &quotient = node(product.getLhs());
    if (quotient.kind == Node::Operation && quotient.op == Operator::FloorDivide &&
        quotient.operands[0] == op.getLhs() && quotient.operands[1] == product.getRhs()) {
      create(op, {.kind = Node::Operation, .op = Operator::Modulo, .operands = {op.getLhs(), product.getRhs()}});
      return success();
    }
  }
  return operation(op, Operator::Subtract);
}

/// max(x, -x) is abs(x).
LogicalResult StatementPrinter::buildMaximum(arith::MaxSIOp op) {
  if (isNegationOf(op.getRhs(), op.getLhs())) {
    create(op, {.kind = Node::Call, .text = "abs", .operands = {op.getLhs()}});
    return success();
  }
  return call(op, "max");
}

LogicalResult StatementPrinter::buildCompare(Operation *op, Value lhs, Value rhs) {
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
LogicalResult StatementPrinter::buildIndexCast(arith::IndexCastOp op) {
  if (op.getIn().getType().isIndex())
    return alias(op, op.getIn()); // its only reader is a promotion
  auto truncation = op.getIn().getDefiningOp<arith::FPToSIOp>();
  if (!truncation)
    return nodes.contains(op.getIn()) ? alias(op, op.getIn()) : unsupported(*op);
  Value x = matchToInt(truncation);
  if (!x)
    return unsupported(*op);
  create(op, {.kind = Node::Call, .text = "int", .operands = {x}});
  return success();
}

//===----------------------------------------------------------------------===//
// Steps 2 and 3: what becomes a let
//===----------------------------------------------------------------------===//

/// Repeating it is shorter than naming it.
bool StatementPrinter::isSmall(const Node &node) const {
  return node.kind == Node::Leaf || ((node.kind == Node::Promotion || node.kind == Node::Negation) &&
                                     this->node(node.operands[0]).kind == Node::Leaf);
}

void StatementPrinter::markLets(Value root) {
  node(root).uses = 1;
  for (Node &user : llvm::reverse(storage))
    if (user.uses != 0)
      for (Value operand : user.operands)
        ++node(operand).uses;
  for (Node &candidate : storage) {
    for (Value operand : candidate.operands)
      candidate.height = std::max(candidate.height, node(operand).let.empty() ? node(operand).height + 1 : 1);
    bool isShared = candidate.uses > 1 && !isSmall(candidate);
    if (isShared || (candidate.uses != 0 && candidate.height > kMaxHeight))
      candidate.let = newName();
  }
}

//===----------------------------------------------------------------------===//
// Step 4: text
//===----------------------------------------------------------------------===//

std::string StatementPrinter::print(Value value, Level atLeast) {
  const Node &printed = node(value);
  if (!printed.let.empty())
    return printed.let;
  Level level = Atom;
  std::string text = printBody(printed, level);
  return level < atLeast ? "(" + text + ")" : text;
}

bool StatementPrinter::isPromotion(Value value) const {
  return node(value).kind == Node::Promotion && node(value).let.empty();
}

/// Where an integer becomes a float by itself, `float(...)` need not be
/// written.
std::string StatementPrinter::printPromoted(Value value, Level atLeast) {
  return print(isPromotion(value) ? node(value).operands[0] : value, atLeast);
}

/// Two operands of which one must be seen to be a float if both are converted
/// integers.
std::string StatementPrinter::printPair(const Node &node, Value first, Level left, StringRef between, Value second,
                                        Level right) {
  bool hidesBoth = node.kind == Node::Operation && node.op == Operator::Divide;
  bool showFirst = !hidesBoth && isPromotion(first) && isPromotion(second);
  std::string firstText = showFirst ? print(first, left) : printPromoted(first, left);
  return firstText + between.str() + printPromoted(second, right);
}

static Level levelOf(Operator op) {
  switch (op) {
  case Operator::Or:
    return OrLevel;
  case Operator::And:
    return AndLevel;
  case Operator::Add:
  case Operator::Subtract:
    return SumLevel;
  case Operator::Multiply:
  case Operator::Divide:
  case Operator::FloorDivide:
  case Operator::Modulo:
    return ProductLevel;
  default:
    return CompareLevel;
  }
}

std::string StatementPrinter::printOperation(const Node &node, Level &level) {
  level = levelOf(node.op);
  // Operators group to the left; comparisons would chain.
  Level left = level == CompareLevel ? SumLevel : level;
  Level right = static_cast<Level>(level + 1);
  std::string between = fmt::format(" {} ", spelling(node.op).str());
  // A written zero would be an error; this one came from folding.
  if (node.op == Operator::Divide && this->node(node.operands[1]).text == "0.0")
    return printPromoted(node.operands[0], left) + between + "float(0)";
  return printPair(node, node.operands[0], left, between, node.operands[1], right);
}

std::string StatementPrinter::printBody(const Node &node, Level &level) {
  ArrayRef<Value> operands = node.operands;
  switch (node.kind) {
  case Node::Leaf:
    level = StringRef(node.text).starts_with("-") ? UnaryLevel : Atom;
    return node.text;
  case Node::Operation:
    return printOperation(node, level);
  case Node::Negation:
    level = UnaryLevel;
    return "-" + print(operands[0], UnaryLevel);
  case Node::Inversion:
    level = NotLevel;
    return "not " + print(operands[0], NotLevel);
  case Node::Promotion:
    return fmt::format("float({})", print(operands[0], ConditionalLevel));
  case Node::Conditional: {
    level = ConditionalLevel;
    std::string values = printPair(node, operands[1], OrLevel, fmt::format(" if {} else ", print(operands[0], OrLevel)),
                                   operands[2], ConditionalLevel);
    return values;
  }
  case Node::Call:
    if (operands.size() == 2)
      return fmt::format("{}({})", node.text,
                         printPair(node, operands[0], ConditionalLevel, ", ", operands[1], ConditionalLevel));
    return fmt::format("{}({})", node.text,
                       node.promotesAlone ? printPromoted(operands[0], ConditionalLevel)
                                          : print(operands[0], ConditionalLevel));
  case Node::Element: {
    SmallVector<std::string> indices;
    for (Value index : operands)
      indices.push_back(print(index, ConditionalLevel));
    return fmt::format("{}[{}]", node.text, fmt::join(indices, ", "));
  }
  }
  llvm_unreachable("unknown kind of node");
}

FailureOr<StatementText> StatementPrinter::run() {
  for (auto [argument, name] : llvm::zip(block.getArguments(), names)) {
    storage.push_back({.text = name});
    nodes[argument] = &storage.back();
  }
  for (Operation &op : block.without_terminator())
    if (failed(build(op)))
      return failure();
  Value root = cast<attnc::attn::YieldOp>(block.getTerminator()).getValue();
  markLets(root);
  StatementText text;
  for (const Node &named : storage)
    if (!named.let.empty()) {
      Level level;
      text.lets.push_back({named.let, printBody(named, level)});
    }
  text.expr = printPromoted(root, ConditionalLevel);
  return text;
}

FailureOr<StatementText> attnc::spec::printStatement(Block &block, ArrayRef<std::string> names,
                                                     function_ref<std::string()> newName) {
  return StatementPrinter(block, names, newName).run();
}
