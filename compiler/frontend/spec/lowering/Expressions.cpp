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

#include "compiler/frontend/spec/lowering/ExpressionLowering.h"
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
    return lowerArgument(symbol.position);
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

/// Why the statement has no `name`, an index.
static std::string explainMissing(llvm::StringRef name, llvm::StringRef statement) {
  if (statement == "scale")
    return "differs from pair to pair, 'scale' is one number for all: multiply in 'score' instead";
  if (name == "d")
    return "is a feature of the row that 'query' or 'key' transforms; there is none here";
  if (name == "g")
    return "is the key-value head of 'key'; elsewhere it is 'group'";
  if (statement == "mask")
    return "is the score, and a mask cannot depend on it: what is allowed is decided by position (A3)";
  if (statement == "sink")
    return "belongs to one key; 'sink' is one number for each query (A10)";
  if (statement == "query")
    return "belongs to a key; 'query' transforms a query before it meets keys (A11)";
  if (name == "h")
    return "is a query head; 'key' transforms a key for all of them, its own head is 'g' (A11)";
  return "belongs to a query; 'key' transforms key j for all queries (A11)";
}

/// s, b, h, i, j, g, d with their intervals.
Operand ExpressionLowering::lowerIndexName(const Expr &expr) {
  if (expr.name == "d" && feature.value)
    return feature;
  auto [value, extent] = llvm::StringSwitch<std::pair<Value, llvm::StringRef>>(expr.name)
                             .Case("s", {environment.s, ""})
                             .Case("b", {environment.b, "B"})
                             .Case("h", {environment.h, "H"})
                             .Case("i", {environment.i, "M"})
                             .Case("g", {environment.g, "G"})
                             .Case("d", {environment.d, "D"})
                             .Default({environment.j, "N"});
  if (!value)
    return fail(expr, "'" + expr.name + "' " + explainMissing(expr.name, context.name));
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
  if (position == (context.name == "query" ? context.shapes.q : context.shapes.k) && feature.value) {
    arithmetic.setLoc(userLoc(expr.loc));
    return arithmetic.feature(feature);
  }
  if (llvm::is_contained({context.shapes.q, context.shapes.k, context.shapes.v}, position))
    return fail(expr, "'" + expr.name +
                          "' is read by the attention itself and cannot be read here; s is the scaled product of q and "
                          "k, 'query' and 'key' transform a row of q and of k");
  if (context.shapes.isTable(position))
    return fail(expr, "'" + expr.name + "' names the pages of k and v: the attention itself reads it");
  if (!context.shapes.params[position].type)
    return {}; // reported
  Value value = environment.params[position];
  if (!value)
    return fail(expr, "'" + expr.name + "' is known only at run time, '" + context.name +
                          "' must be known when the file is compiled: multiply "
                          "in 'score' instead");
  auto isOfKeys = [&](const std::string &symbol) { return symbol == "N" && context.shapes.querySymbol != symbol; };
  if (context.name == "sink" && llvm::any_of(context.shapes.params[position].symbols, isOfKeys))
    return fail(expr, "'" + expr.name + "' has a dimension of keys; 'sink' is one number for each query (A10)");
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
  frames.push_back({scope, arguments, expr.loc, &expr, frames.size() - 1, binding});
  Operand result = lower(*definition.body);
  frames.pop_back();
  if (isConstant)
    expanded[&definition] = result;
  return result;
}

Operand ExpressionLowering::lowerCall(const Expr &expr) {
  Symbol symbol = lookup(expr.name, frames.back().scope);
  if (symbol.kind == Symbol::Function && symbol.builtin->builtin == Builtin::Sum && expr.operands.size() == 1)
    return lowerSum(expr);
  llvm::SmallVector<Operand> arguments;
  for (const ExprPtr &operand : expr.operands)
    arguments.push_back(lower(*operand));
  if (symbol.kind == Symbol::Definition && symbol.definition->params.size() == arguments.size())
    return expand(expr, *symbol.definition, arguments);
  if (symbol.kind == Symbol::Function && arguments.size() >= symbol.builtin->minArguments &&
      arguments.size() <= symbol.builtin->maxArguments)
    return lowerBuiltin(expr, *symbol.builtin, arguments);
  return {}; // reported
}

//===----------------------------------------------------------------------===//
// Rows: expressions in d
//===----------------------------------------------------------------------===//

/// Lowers `body` with `position` for d. What was lowered for another d does not count there.
Operand ExpressionLowering::withFeature(Operand position, llvm::function_ref<Operand()> body) {
  auto saved = std::tuple(feature, binding, std::exchange(expanded, decltype(expanded)()));
  feature = position;
  binding = ++lastBinding;
  Operand result = body();
  std::tie(feature, binding, expanded) = std::move(saved);
  return result;
}

/// An argument of the definition under way. Arguments are lowered where they are written, so one that was lowered for
/// another d is lowered anew, as if the caller were at this place.
Operand ExpressionLowering::lowerArgument(size_t position) {
  const Frame &frame = frames.back();
  Operand known = frame.arguments[position];
  if (frame.binding == binding || known.isPoison() || known.type == Operand::Tensor)
    return known;
  const Expr &argument = *frame.call->operands[position];
  frames.push_back(Frame(frames[frame.caller]));
  Operand result = lower(argument);
  frames.pop_back();
  return result;
}

/// x[e] means x at feature e: q, k, an argument that is no tensor, or a definition.
bool ExpressionLowering::isRow(const Expr &expr) {
  Symbol symbol = lookup(expr.name, frames.back().scope);
  if (symbol.kind == Symbol::Parameter)
    return feature.value && symbol.position == (context.name == "query" ? context.shapes.q : context.shapes.k);
  if (symbol.kind == Symbol::Argument)
    return feature.value && frames.back().arguments[symbol.position].isNumber();
  return symbol.kind == Symbol::Definition;
}

/// The row `expr.name` at the feature of its index, the nearest one if there is none.
Operand ExpressionLowering::lowerFeature(const Expr &expr) {
  if (!feature.value)
    return fail(expr, "'" + expr.name + "' is not a tensor and cannot be indexed");
  if (expr.operands.size() != 1)
    return fail(expr, "a row is read with one index, the feature, as in '" + expr.name + "[d]'");
  Operand position = lower(*expr.operands[0]);
  if (!require(*expr.operands[0], position, Operand::Int, "an index"))
    return {};
  int64_t features = context.shapes.extents.lookup("D");
  arithmetic.setLoc(userLoc(expr.loc));
  if (!position.range.isWithin(0, features - 1))
    position = arithmetic.clampIndex(position, arithmetic.integer(features));
  Expr name{.kind = ExprKind::Name, .loc = expr.loc, .name = expr.name};
  return withFeature(position, [&] { return lower(name); });
}

Operand ExpressionLowering::lowerSum(const Expr &expr) {
  if (!feature.value)
    return fail(expr, "'sum' adds over the features of a row and stands in 'query' and 'key' only");
  arithmetic.setLoc(userLoc(expr.loc));
  Operand d = arithmetic.openSum(context.shapes.extents.lookup("D"));
  Operand summand = withFeature(d, [&] {
    Operand value = lower(*expr.operands[0]);
    return requireNumber(*expr.operands[0], value, "what 'sum' adds") ? value : Operand();
  });
  arithmetic.setLoc(userLoc(expr.loc));
  return arithmetic.closeSum(summand);
}

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

llvm::StringRef attnc::spec::getRegionNames(llvm::StringRef statement) {
  return llvm::StringSwitch<llvm::StringRef>(statement)
      .Case("query", "bhidMN")
      .Case("key", "bgjdMN")
      .Case("score", "sbhijMN")
      .Case("mask", "bhijMN")
      .Case("sink", "bhiMN")
      .Default("");
}

void Environment::bind(llvm::StringRef names, ValueRange values) {
  for (auto [name, value] : llvm::zip_equal(names, values)) {
    Value *place = llvm::StringSwitch<Value *>(llvm::StringRef(&name, 1))
                       .Case("s", &s)
                       .Case("b", &b)
                       .Case("h", &h)
                       .Case("i", &i)
                       .Case("j", &j)
                       .Case("g", &g)
                       .Case("d", &d)
                       .Case("M", &M)
                       .Default(&N);
    *place = value;
  }
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
