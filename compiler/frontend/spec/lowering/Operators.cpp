//===- Operators.cpp - Typing and lowering of operators, functions --------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/lowering/ExpressionLowering.h"
#include "fmt/format.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attnc::spec;

//===----------------------------------------------------------------------===//
// What an operand must be
//===----------------------------------------------------------------------===//

llvm::StringRef attnc::spec::describe(Operand::Type type) {
  switch (type) {
  case Operand::Int:
    return "an integer";
  case Operand::Float:
    return "a float";
  case Operand::Bool:
    return "a boolean";
  case Operand::Tensor:
    return "a tensor";
  case Operand::Poison:
    break;
  }
  return "unknown";
}

bool ExpressionLowering::require(const Expr &at, Operand operand, Operand::Type type, const llvm::Twine &who) {
  if (operand.type == type || operand.isPoison())
    return !operand.isPoison();
  auto report = error(at.loc);
  report << who << " must be " << describe(type) << ", this is " << describe(operand.type);
  if (type == Operand::Bool && operand.isNumber())
    report << "; compare it, as in ... != 0";
  if (type == Operand::Int && operand.type == Operand::Float)
    report << "; int(x) makes an integer of it";
  return false;
}

bool ExpressionLowering::requireNumber(const Expr &at, Operand operand, const llvm::Twine &who) {
  if (operand.isNumber() || operand.isPoison())
    return !operand.isPoison();
  auto report = error(at.loc);
  report << who << " must be a number, this is " << describe(operand.type);
  if (operand.type == Operand::Bool)
    report << "; write 'a if condition else b', or int(x)";
  return false;
}

//===----------------------------------------------------------------------===//
// Elements of captured tensors
//===----------------------------------------------------------------------===//

/// A dimension named like the role of the index, or an interval inside a fixed
/// extent.
bool ExpressionLowering::isInRange(Operand index, const TensorInfo &tensor, unsigned dim) {
  int64_t extent = tensor.type.getDimSize(dim);
  if (!ShapedType::isDynamic(extent))
    return index.range.isWithin(0, extent - 1);
  auto is = [&](Value variable, llvm::StringRef role) {
    return variable && index.value == variable && tensor.symbols[dim] == role;
  };
  return is(environment.b, "B") || is(environment.j, "N") || is(environment.i, context.shapes.querySymbol);
}

Operand ExpressionLowering::extentOf(const TensorInfo &tensor, unsigned dim) {
  int64_t extent = tensor.type.getDimSize(dim);
  if (!ShapedType::isDynamic(extent))
    return arithmetic.integer(extent);
  llvm::StringRef symbol = tensor.symbols[dim];
  Value value = symbol == "B" ? environment.B : symbol == "M" ? environment.M : environment.N;
  return {Operand::Int, value, {1, kMaxExtent}};
}

/// tensor[indices], each index clamped into range unless it is known to be in
/// range.
Operand ExpressionLowering::lowerElement(const Expr &expr) {
  if (isRow(expr))
    return lowerFeature(expr);
  llvm::SmallVector<Operand> indices;
  for (const ExprPtr &operand : expr.operands)
    indices.push_back(lower(*operand));
  Expr name{.kind = ExprKind::Name, .loc = expr.loc, .name = expr.name};
  Operand tensor = lowerName(name);
  if (tensor.isPoison())
    return {};
  bool isArgument = lookup(expr.name, frames.back().scope).kind == Symbol::Argument; // else: reported with the names
  if (tensor.type != Operand::Tensor)
    return isArgument ? fail(expr, "'" + expr.name + "' is " + describe(tensor.type) + " and cannot be indexed")
                      : Operand();
  const TensorInfo &info = context.shapes.params[tensor.tensor];
  if (static_cast<size_t>(info.type.getRank()) != indices.size()) {
    if (!isArgument)
      return {};
    return fail(expr, llvm::Twine("'") + info.parameter->name.text + "' has " + llvm::Twine(info.type.getRank()) +
                          " dimensions and is read with " + llvm::Twine(indices.size()) + " indices");
  }
  llvm::SmallVector<Value> values;
  arithmetic.setLoc(userLoc(expr.loc));
  for (auto [dim, index] : llvm::enumerate(indices)) {
    if (!require(*expr.operands[dim], index, Operand::Int, "an index"))
      return {};
    if (info.type.getDimSize(dim) == 1)
      index = arithmetic.integer(0);
    else if (!isInRange(index, info, dim))
      index = arithmetic.clampIndex(index, extentOf(info, dim));
    values.push_back(index.value);
  }
  return arithmetic.extract(tensor.value, values);
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

/// Promotes the integer of an integer and a float; false if the types then
/// still differ.
bool ExpressionLowering::unify(Operand &x, Operand &y) {
  if (x.type == Operand::Int && y.type == Operand::Float)
    x = arithmetic.toFloat(x);
  else if (x.type == Operand::Float && y.type == Operand::Int)
    y = arithmetic.toFloat(y);
  return x.type == y.type;
}

Operand ExpressionLowering::lowerUnary(const Expr &expr) {
  const Expr &at = *expr.operands[0];
  Operand operand = lower(at);
  arithmetic.setLoc(userLoc(expr.loc));
  if (expr.op == Operator::Not)
    return require(at, operand, Operand::Bool, "the operand of 'not'") ? arithmetic.logicalNot(operand) : Operand();
  return requireNumber(at, operand, "the operand of '-'") ? arithmetic.negate(operand) : Operand();
}

Operand ExpressionLowering::lowerBinary(const Expr &expr) {
  Operand x = lower(*expr.operands[0]), y = lower(*expr.operands[1]);
  bool isLogical = expr.op == Operator::And || expr.op == Operator::Or;
  auto check = [&](const Expr &at, Operand operand, const char *side) {
    std::string who = fmt::format("the {} side of '{}'", side, spelling(expr.op).str());
    return isLogical ? require(at, operand, Operand::Bool, who) : requireNumber(at, operand, who);
  };
  bool left = check(*expr.operands[0], x, "left"), right = check(*expr.operands[1], y, "right");
  if (!left || !right)
    return {};
  const Expr &divisor = *expr.operands[1];
  bool divides = expr.op == Operator::Divide || expr.op == Operator::FloorDivide || expr.op == Operator::Modulo;
  bool isZero = (divisor.kind == ExprKind::Integer && divisor.integer == 0) ||
                (divisor.kind == ExprKind::Float && divisor.number == 0) ||
                (y.type == Operand::Int && y.range.isConstant() && y.range.low == 0);
  if (divides && isZero) {
    error(divisor.loc) << "division by zero";
    return {};
  }
  arithmetic.setLoc(userLoc(expr.loc));
  if (expr.op == Operator::Divide) {
    x = arithmetic.toFloat(x);
    y = arithmetic.toFloat(y);
  }
  unify(x, y);
  return arithmetic.binary(expr.op, x, y);
}

/// a < b <= c: every neighbouring pair compared, and all of it true.
Operand ExpressionLowering::lowerComparison(const Expr &expr) {
  llvm::SmallVector<Operand> operands;
  for (const ExprPtr &operand : expr.operands)
    operands.push_back(lower(*operand));
  Operand all;
  for (auto [position, link] : llvm::enumerate(expr.chain)) {
    Operand x = operands[position], y = operands[position + 1];
    bool mayBeBool = x.type == Operand::Bool && y.type == Operand::Bool &&
                     (link.op == Operator::Equal || link.op == Operator::NotEqual);
    std::string side = fmt::format("side of '{}'", spelling(link.op).str());
    bool left = mayBeBool || requireNumber(*expr.operands[position], x, "the left " + side);
    bool right = mayBeBool || requireNumber(*expr.operands[position + 1], y, "the right " + side);
    if (!left || !right)
      return {};
    arithmetic.setLoc(userLoc(link.loc));
    unify(x, y);
    Operand one = arithmetic.binary(link.op, x, y);
    all = position == 0 ? one : arithmetic.binary(Operator::And, all, one);
  }
  return all;
}

Operand ExpressionLowering::lowerConditional(const Expr &expr) {
  Operand condition = lower(*expr.operands[0]);
  Operand x = lower(*expr.operands[1]), y = lower(*expr.operands[2]);
  return select(expr, condition, x, y);
}

Operand ExpressionLowering::select(const Expr &expr, Operand condition, Operand x, Operand y) {
  if (!require(*expr.operands[0], condition, Operand::Bool, "the condition") || x.isPoison() || y.isPoison())
    return {};
  arithmetic.setLoc(userLoc(expr.loc));
  if (!unify(x, y) || x.type == Operand::Tensor)
    return fail(expr, llvm::Twine("the two values are ") + describe(x.type) + " and " + describe(y.type) +
                          ": both must be numbers, or both booleans");
  return arithmetic.select(condition, x, y);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// columns(table): the extent of its last dimension.
Operand ExpressionLowering::lowerColumns(const Expr &expr, Operand table) {
  if (!require(*expr.operands[0], table, Operand::Tensor, "the argument of columns"))
    return {};
  const TensorInfo &info = context.shapes.params[table.tensor];
  int64_t extent = info.type.getRank() == 0 ? 1 : info.type.getShape().back();
  if (ShapedType::isDynamic(extent))
    return fail(expr, llvm::Twine("the last dimension of '") + info.parameter->name.text +
                          "' is known only at run time, 'columns' must be known when the file is compiled");
  return arithmetic.integer(extent);
}

/// require(condition, x): x where the condition is known to hold.
Operand ExpressionLowering::lowerRequire(const Expr &expr, Operand condition, Operand x) {
  if (!require(*expr.operands[0], condition, Operand::Bool, "the condition") || x.isPoison())
    return {};
  if (condition.range.low == 1 || matchPattern(condition.value, m_One()))
    return x;
  // The user knows the definition that the file uses, not what it needs in the library.
  auto isOfLibrary = [](const Frame &frame) { return frame.scope.definition && frame.scope.definition->isLibrary; };
  auto used = llvm::find_if(frames, isOfLibrary);
  const Definition *definition = used == frames.end() ? frames.back().scope.definition : used->scope.definition;
  llvm::StringRef name = definition ? definition->name.text : context.name;
  bool isKnown = matchPattern(condition.value, m_Constant());
  return fail(*expr.operands[0], "what '" + name + "' requires " +
                                     (isKnown ? "does not hold" : "cannot be known when the file is compiled"));
}

Operand ExpressionLowering::lowerBuiltin(const Expr &expr, const BuiltinInfo &info, llvm::ArrayRef<Operand> arguments) {
  if (info.builtin == Builtin::Columns)
    return lowerColumns(expr, arguments[0]);
  if (info.builtin == Builtin::Require)
    return lowerRequire(expr, arguments[0], arguments[1]);
  std::string who = fmt::format("the argument of {}", std::string_view(info.name));
  if (info.builtin == Builtin::Select)
    return select(expr, arguments[0], arguments[1], arguments[2]);
  bool isCast = info.builtin == Builtin::Int || info.builtin == Builtin::Float;
  for (auto [operand, argument] : llvm::zip(expr.operands, arguments))
    if (!(isCast && argument.type == Operand::Bool) && !requireNumber(*operand, argument, who))
      return {};
  arithmetic.setLoc(userLoc(expr.loc));
  switch (info.builtin) {
  case Builtin::Float:
    return arithmetic.toFloat(arguments[0]);
  case Builtin::Int:
    return arithmetic.toInt(arguments[0]);
  case Builtin::Phase:
    return arithmetic.phase(arguments[0], arguments[1], arguments[2], arguments[3]);
  case Builtin::Abs:
    return arithmetic.absolute(arguments[0]);
  case Builtin::Min:
  case Builtin::Max: {
    Operand result = arguments[0];
    for (Operand next : arguments.drop_front()) {
      unify(result, next);
      result = info.builtin == Builtin::Min ? arithmetic.minimum(result, next) : arithmetic.maximum(result, next);
    }
    return result;
  }
  default:
    return arithmetic.function(info.builtin, arithmetic.toFloat(arguments[0]));
  }
}
