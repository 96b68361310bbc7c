//===- PrintExpressions.cpp - A region's operations as text ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %0 = arith.addi %i, %N
//   %1 = arith.subi %0, %M
//   %2 = arith.subi %j, %1                 ->    score = slope[h] * (j - (i + N - M))
//   %3 = tensor.extract %slope[%h]
//   %4 = ... sitofp %2 ...
//   %5 = arith.mulf %3, %4
//
// Steps: 1. one node per thing that the language has a word for (ExpressionNodes.h); 2. count the uses of what the
// result reaches; 3. give a let to what is used twice or is nested deeply; 4. print.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/printing/PrintExpressions.h"
#include "compiler/frontend/spec/printing/ExpressionNodes.h"
#include "dialects/Attn/AttnOps.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

using namespace mlir;
using namespace attnc::spec;

/// Trees higher than this are split by lets, far below what the parser accepts.
static constexpr unsigned kMaxHeight = 40;

namespace {
/// How strongly the outermost operator of a text binds.
enum Level { ConditionalLevel, OrLevel, AndLevel, NotLevel, CompareLevel, SumLevel, ProductLevel, UnaryLevel, Atom };

class StatementPrinter {
public:
  StatementPrinter(Block &block, ArrayRef<std::string> names, function_ref<std::string()> newName)
      : block(block), names(names), newName(newName) {}
  FailureOr<StatementText> run();

private:
  void markLets(Value root);
  bool isSmall(const Node &node) const;
  std::string print(Value value, Level atLeast);
  std::string printBody(const Node &node, Level &level);
  std::string printOperation(const Node &node, Level &level);
  std::string printPair(const Node &node, Value first, Level left, StringRef between, Value second, Level right);
  bool isPromotion(Value value) const;
  std::string printPromoted(Value value, Level atLeast);

  Block &block;
  ArrayRef<std::string> names;
  function_ref<std::string()> newName;
  ExpressionGraph graph;
};
} // namespace

//===----------------------------------------------------------------------===//
// What becomes a let
//===----------------------------------------------------------------------===//

/// Repeating it is shorter than naming it.
bool StatementPrinter::isSmall(const Node &node) const {
  return node.kind == Node::Leaf ||
         ((node.kind == Node::Promotion || node.kind == Node::Negation) && graph[node.operands[0]].kind == Node::Leaf);
}

void StatementPrinter::markLets(Value root) {
  graph[root].uses = 1;
  for (Node &user : llvm::reverse(graph.storage))
    if (user.uses != 0)
      for (Value operand : user.operands)
        ++graph[operand].uses;
  for (Node &candidate : graph.storage) {
    for (Value operand : candidate.operands)
      candidate.height = std::max(candidate.height, graph[operand].let.empty() ? graph[operand].height + 1 : 1);
    bool isShared = candidate.uses > 1 && !isSmall(candidate);
    if (isShared || (candidate.uses != 0 && candidate.height > kMaxHeight))
      candidate.let = newName();
  }
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::string StatementPrinter::print(Value value, Level atLeast) {
  const Node &printed = graph[value];
  if (!printed.let.empty())
    return printed.let;
  Level level = Atom;
  std::string text = printBody(printed, level);
  return level < atLeast ? "(" + text + ")" : text;
}

bool StatementPrinter::isPromotion(Value value) const {
  return graph[value].kind == Node::Promotion && graph[value].let.empty();
}

/// Where an integer becomes a float by itself, `float(...)` need not be
/// written.
std::string StatementPrinter::printPromoted(Value value, Level atLeast) {
  return print(isPromotion(value) ? graph[value].operands[0] : value, atLeast);
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
  if (node.op == Operator::Divide && graph[node.operands[1]].text == "0.0")
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
    if (operands.size() > 2)
      return fmt::format(
          "{}({})", node.text,
          fmt::join(llvm::map_range(operands, [&](Value operand) { return print(operand, ConditionalLevel); }), ", "));
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
  if (failed(buildGraph(block, names, graph)))
    return failure();
  Value root = cast<attnc::attn::YieldOp>(block.getTerminator()).getValue();
  markLets(root);
  StatementText text;
  for (const Node &named : graph.storage)
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
