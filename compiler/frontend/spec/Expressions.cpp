//===- Expressions.cpp - Typing and lowering of expressions ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types are found bottom up while the operations are emitted: a definition has no types of its own, its body is lowered
// anew for the arguments of every use. Arguments are lowered once, before the body, and a definition without parameters
// once per statement, so only calls within calls can multiply; kMaxOperations bounds them.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/ExpressionLowering.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace attnc::spec;

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
    return arithmetic.integer(std::max<int64_t>(size, 1));
  if (!value)
    return fail(expr, "'" + expr.name + "' is known only at run time, '" + context.name +
                          "' must be known when the file is compiled");
  return {Operand::Int, value, ShapedType::isDynamic(size) ? range : Interval::exactly(std::max<int64_t>(size, 1))};
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
