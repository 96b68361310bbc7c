//===- Expressions.cpp - Typing and lowering of expressions ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types are found bottom up while the operations are emitted: a definition has
// no types of its own, its body is lowered anew for the arguments of every use.
// Arguments are lowered once, before the body, and a definition without
// parameters once per statement, so only calls within calls can multiply;
// kMaxOperations bounds them.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Expressions.h"
#include "fmt/format.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace attnc::spec;

namespace {
/// One definition being expanded, or the statement itself.
struct Frame {
  Scope scope;
  llvm::ArrayRef<Operand> arguments;
  llvm::SMLoc use; // where the definition is used
};

class ExpressionLowering {
public:
  ExpressionLowering(const StatementContext &context, const Environment &environment, OpBuilder builder,
                     FloatType floatType, Diagnostics &diagnostics)
      : context(context), environment(environment), arithmetic(builder, floatType), diagnostics(diagnostics) {}

  Operand run(const Expr &expr);

private:
  // One function per kind of expression.
  Operand lower(const Expr &expr);
  Operand lowerKind(const Expr &expr);
  Operand lowerName(const Expr &expr);
  Operand lowerIndexName(const Expr &expr);
  Operand lowerExtent(const Expr &expr);
  Operand lowerParameter(const Expr &expr, size_t position);
  Operand lowerCall(const Expr &expr);
  Operand lowerBuiltin(const Expr &expr, const BuiltinInfo &info, llvm::ArrayRef<Operand> arguments);
  Operand lowerElement(const Expr &expr);
  Operand lowerUnary(const Expr &expr);
  Operand lowerBinary(const Expr &expr);
  Operand lowerComparison(const Expr &expr);
  Operand lowerConditional(const Expr &expr);
  Operand expand(const Expr &expr, const Definition &definition, llvm::ArrayRef<Operand> arguments);
  void lowerLets(const Expr &expr);

  // Types.
  bool require(const Expr &at, Operand operand, Operand::Type type, const llvm::Twine &who);
  bool requireNumber(const Expr &at, Operand operand, const llvm::Twine &who);
  bool unify(Operand &x, Operand &y);
  Operand select(const Expr &expr, Operand condition, Operand x, Operand y);
  bool isInRange(Operand index, const TensorInfo &tensor, unsigned dim);
  Operand extentOf(const TensorInfo &tensor, unsigned dim);

  // Errors.
  InFlightDiagnostic error(llvm::SMLoc loc);
  Operand fail(const Expr &expr, const llvm::Twine &message) {
    error(expr.loc) << message;
    return {};
  }
  Location userLoc(llvm::SMLoc loc) const { return diagnostics.translate(userPlace(loc)); }
  llvm::SMLoc userPlace(llvm::SMLoc loc) const;

  const StatementContext &context;
  const Environment &environment;
  Arithmetic arithmetic;
  Diagnostics &diagnostics;
  std::vector<Frame> frames;
  llvm::DenseMap<const Definition *, Operand> expanded; // definitions without parameters
  llvm::DenseSet<const char *> reported;                // uses of the library that led to an error
  unsigned operations = 0, depth = 0;
};
} // namespace

static llvm::StringRef describe(Operand::Type type) {
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

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

/// Inside the library the user's mistake is where the library is used.
llvm::SMLoc ExpressionLowering::userPlace(llvm::SMLoc loc) const {
  for (const Frame &frame : llvm::reverse(frames)) {
    if (!frame.scope.definition || !frame.scope.definition->isLibrary)
      return loc;
    loc = frame.use;
  }
  return loc;
}

InFlightDiagnostic ExpressionLowering::error(llvm::SMLoc loc) {
  llvm::SMLoc place = userPlace(loc);
  if (place != loc && !reported.insert(place.getPointer()).second)
    return InFlightDiagnostic(); // one mistake can trip the library more than once
  InFlightDiagnostic report = diagnostics.error(place);
  // The notes follow the message, so they are attached when it is complete:
  // InFlightDiagnostic keeps both apart.
  if (place != loc)
    diagnostics.note(report, loc, "in the standard library, here");
  unsigned shown = 0;
  for (const Frame &frame : llvm::reverse(frames)) {
    if (!frame.scope.definition || frame.use == place || shown++ == 3)
      break;
    if (!frame.scope.definition->isLibrary)
      diagnostics.note(report, frame.use, "in '" + frame.scope.definition->name.text + "', used here");
  }
  return report;
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
// Names
//===----------------------------------------------------------------------===//

/// Collects into `names` every name that occurs in `expr`.
static void collectNames(const Expr &expr, llvm::StringSet<> &names) {
  if (!expr.name.empty())
    names.insert(expr.name);
  for (const ExprPtr &operand : expr.operands)
    collectNames(*operand, names);
}

/// Lowers the lets that `expr` needs from the first to the last, so that a long
/// chain of them needs no deep recursion.
void ExpressionLowering::lowerLets(const Expr &expr) {
  llvm::StringSet<> names;
  collectNames(expr, names);
  llvm::SmallVector<const Definition *> needed;
  for (const Definition &let : llvm::reverse(context.attention.lets))
    if (let.body && names.contains(let.name.text)) {
      collectNames(*let.body, names);
      if (let.params.empty())
        needed.push_back(&let);
    }
  for (const Definition *let : llvm::reverse(needed)) {
    Expr use{.kind = ExprKind::Name, .loc = let->name.loc, .name = let->name.text};
    expand(use, *let, {});
  }
}

Operand ExpressionLowering::lowerName(const Expr &expr) {
  Symbol symbol = lookup(expr.name, frames.back().scope);
  switch (symbol.kind) {
  case Symbol::Argument:
    return frames.back().arguments[symbol.position];
  case Symbol::Definition:
    return symbol.definition->params.empty() ? expand(expr, *symbol.definition, {}) : Operand();
  case Symbol::Parameter:
    return lowerParameter(expr, symbol.position);
  case Symbol::Index:
    return lowerIndexName(expr);
  case Symbol::Extent:
    return lowerExtent(expr);
  case Symbol::Constant: {
    auto limits = std::numeric_limits<double>();
    return arithmetic.number(expr.name == "inf" ? limits.infinity() : limits.quiet_NaN());
  }
  case Symbol::Unknown:
  case Symbol::Function:
    break; // reported when names were resolved
  }
  return {};
}

/// s, b, h, i, j with their intervals.
Operand ExpressionLowering::lowerIndexName(const Expr &expr) {
  auto [value, extent] = llvm::StringSwitch<std::pair<Value, llvm::StringRef>>(expr.name)
                             .Case("s", {environment.s, ""})
                             .Case("b", {environment.b, "B"})
                             .Case("h", {environment.h, "H"})
                             .Case("i", {environment.i, "M"})
                             .Default({environment.j, "N"});
  if (!value && expr.name == "s" && context.name == "mask")
    return fail(expr, "a mask cannot depend on the score s: what is allowed is "
                      "decided by position (A3)");
  if (!value)
    return fail(expr, llvm::Twine("'") + expr.name + "' differs from pair to pair, '" + context.name +
                          "' is one number for all: multiply in 'score' instead");
  if (extent.empty())
    return {Operand::Float, value};
  int64_t size = context.shapes.extents.lookup(extent);
  return {Operand::Int, value, {0, ShapedType::isDynamic(size) ? kMaxExtent : std::max<int64_t>(size - 1, 0)}};
}

Operand ExpressionLowering::lowerExtent(const Expr &expr) {
  int64_t size = context.shapes.extents.lookup(expr.name);
  // Expressions are evaluated for pairs of a query and a key, so no extent is 0
  // there.
  Interval range{1, kMaxExtent};
  Value value = llvm::StringSwitch<Value>(expr.name)
                    .Case("B", environment.B)
                    .Case("M", environment.M)
                    .Case("N", environment.N)
                    .Default(Value());
  if (!ShapedType::isDynamic(size) && !(value && (expr.name == "M" || expr.name == "N")))
    return arithmetic.integer(size);
  if (!value)
    return fail(expr, "'" + expr.name + "' is known only at run time, '" + context.name +
                          "' must be known when the file is compiled");
  return {Operand::Int, value, ShapedType::isDynamic(size) ? range : Interval::exactly(size)};
}

Operand ExpressionLowering::lowerParameter(const Expr &expr, size_t position) {
  if (llvm::is_contained({context.shapes.q, context.shapes.k, context.shapes.v}, position))
    return fail(expr, "'" + expr.name +
                          "' is read by the attention itself and cannot be "
                          "read in an expression; s is "
                          "the scaled product of q and k");
  if (!context.shapes.params[position].type)
    return {}; // reported
  Value value = environment.params[position];
  if (!value)
    return fail(expr, "'" + expr.name + "' is known only at run time, '" + context.name +
                          "' must be known when the file is compiled: multiply "
                          "in 'score' instead");
  (*environment.used)[position] = true;
  if (context.attention.params[position].type.isScalar)
    return arithmetic.captured(value);
  return {Operand::Tensor, value, {}, position};
}

//===----------------------------------------------------------------------===//
// Definitions
//===----------------------------------------------------------------------===//

Operand ExpressionLowering::expand(const Expr &expr, const Definition &definition, llvm::ArrayRef<Operand> arguments) {
  if (!definition.body || context.program.recursive.contains(&definition))
    return {}; // reported
  bool isConstant = definition.params.empty();
  if (auto known = expanded.find(&definition); isConstant && known != expanded.end())
    return known->second;
  Scope scope = frames.back().scope.enter(definition);
  frames.push_back({scope, arguments, expr.loc});
  Operand result = lower(*definition.body);
  frames.pop_back();
  if (isConstant)
    expanded[&definition] = result;
  return result;
}

Operand ExpressionLowering::lowerCall(const Expr &expr) {
  llvm::SmallVector<Operand> arguments;
  for (const ExprPtr &operand : expr.operands)
    arguments.push_back(lower(*operand));
  Symbol symbol = lookup(expr.name, frames.back().scope);
  if (symbol.kind == Symbol::Definition && symbol.definition->params.size() == arguments.size())
    return expand(expr, *symbol.definition, arguments);
  if (symbol.kind == Symbol::Function && arguments.size() >= symbol.builtin->minArguments &&
      arguments.size() <= symbol.builtin->maxArguments)
    return lowerBuiltin(expr, *symbol.builtin, arguments);
  return {}; // reported
}

Operand ExpressionLowering::lowerBuiltin(const Expr &expr, const BuiltinInfo &info, llvm::ArrayRef<Operand> arguments) {
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
// Dispatch
//===----------------------------------------------------------------------===//

Operand ExpressionLowering::lowerKind(const Expr &expr) {
  switch (expr.kind) {
  case ExprKind::Integer:
    return arithmetic.integer(expr.integer);
  case ExprKind::Float:
    return arithmetic.number(expr.number);
  case ExprKind::Bool:
    return arithmetic.boolean(expr.integer);
  case ExprKind::Name:
    return lowerName(expr);
  case ExprKind::Call:
    return lowerCall(expr);
  case ExprKind::Index:
    return lowerElement(expr);
  case ExprKind::Unary:
    return lowerUnary(expr);
  case ExprKind::Binary:
    return lowerBinary(expr);
  case ExprKind::Comparison:
    return lowerComparison(expr);
  case ExprKind::Conditional:
    return lowerConditional(expr);
  }
  llvm_unreachable("unknown kind of expression");
}

Operand ExpressionLowering::lower(const Expr &expr) {
  if (operations > kMaxOperations)
    return {}; // reported
  llvm::scope_exit leave([this] { --depth; });
  if (++depth > kMaxExpansionDepth || ++operations > kMaxOperations) {
    const char *what = operations > kMaxOperations ? "expands to too many operations" : "is nested too deeply";
    operations = kMaxOperations + 1; // say it once
    diagnostics.error(frames.size() > 1 ? frames[1].use : expr.loc)
        << "'" << context.name << "' " << what << " once its definitions are put in place; the limits are "
        << kMaxOperations << " operations and " << kMaxExpansionDepth << " levels";
    return {};
  }
  arithmetic.setLoc(userLoc(expr.loc));
  return lowerKind(expr);
}

/// The statement's own type: a mask is a boolean, the others are floats.
Operand ExpressionLowering::run(const Expr &expr) {
  frames.push_back({Scope{context.program, &context.attention, context.attention.lets.size()}, {}, {}});
  lowerLets(expr);
  Operand result = lower(expr);
  if (result.isPoison())
    return {};
  if (result.type == Operand::Tensor)
    return fail(expr, "'" + context.name + "' is a tensor here: read an element of it, as in x[b, h, i, j]");
  if (context.name == "mask")
    return require(expr, result, Operand::Bool, "'mask'") ? result : Operand();
  if (result.type == Operand::Bool)
    return fail(expr, "'" + context.name + "' must be a number, this is a boolean; a condition belongs in 'mask'");
  arithmetic.setLoc(userLoc(expr.loc));
  return arithmetic.toFloat(result);
}

Operand attnc::spec::lowerStatement(const Expr &expr, const StatementContext &context, const Environment &environment,
                                    OpBuilder builder, FloatType floatType, Diagnostics &diagnostics) {
  return ExpressionLowering(context, environment, builder, floatType, diagnostics).run(expr);
}
