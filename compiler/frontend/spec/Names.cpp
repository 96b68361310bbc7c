//===- Names.cpp - What the names of a .attn file mean --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scopes are lexical. A `def` sees its parameters, the indices and extents, the
// defs of its file and the library. A `let` and the statements of an attention
// see, besides, the lets above them and the attention's parameters.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Names.h"
#include "compiler/support/Suggest.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace llvm;
using namespace attnc;
using namespace attnc::spec;

static constexpr unsigned kAny = ~0u;
static constexpr BuiltinInfo kBuiltins[] = {
    {"exp", Builtin::Exp, 1, 1, "exp(x)"},
    {"exp2", Builtin::Exp2, 1, 1, "exp2(x)"},
    {"log", Builtin::Log, 1, 1, "log(x)"},
    {"log2", Builtin::Log2, 1, 1, "log2(x)"},
    {"tanh", Builtin::Tanh, 1, 1, "tanh(x)"},
    {"sqrt", Builtin::Sqrt, 1, 1, "sqrt(x)"},
    {"sin", Builtin::Sin, 1, 1, "sin(x)"},
    {"cos", Builtin::Cos, 1, 1, "cos(x)"},
    {"floor", Builtin::Floor, 1, 1, "floor(x)"},
    {"abs", Builtin::Abs, 1, 1, "abs(x)"},
    {"min", Builtin::Min, 2, kAny, "min(a, b, ...)"},
    {"max", Builtin::Max, 2, kAny, "max(a, b, ...)"},
    {"select", Builtin::Select, 3, 3, "select(condition, a, b)"},
    {"float", Builtin::Float, 1, 1, "float(x)"},
    {"int", Builtin::Int, 1, 1, "int(x)"},
};
static constexpr StringLiteral kIndices[] = {"s", "b", "h", "i", "j"};
static constexpr StringLiteral kExtents[] = {"B", "M", "N", "H", "G", "D", "Dv"};
static constexpr StringLiteral kConstants[] = {"inf", "nan"};
static constexpr StringLiteral kStatements[] = {"score", "mask", "scale"};

ArrayRef<BuiltinInfo> attnc::spec::getBuiltins() { return kBuiltins; }

static const BuiltinInfo *findBuiltin(StringRef name) {
  const BuiltinInfo *found = find_if(kBuiltins, [&](const BuiltinInfo &info) { return info.name == name; });
  return found == std::end(kBuiltins) ? nullptr : found;
}

bool attnc::spec::isReserved(StringRef name) {
  return is_contained(kIndices, name) || is_contained(kExtents, name) || is_contained(kConstants, name) ||
         findBuiltin(name);
}

//===----------------------------------------------------------------------===//
// Scopes
//===----------------------------------------------------------------------===//

Scope Scope::enter(const Definition &inner) const {
  if (attention && !attention->lets.empty() && &inner >= attention->lets.data() &&
      &inner < attention->lets.data() + attention->lets.size())
    return {program, attention, static_cast<size_t>(&inner - attention->lets.data()), &inner};
  return {program, nullptr, 0, &inner};
}

template <typename Range, typename Name>
static std::optional<size_t> positionOf(const Range &range, StringRef name, Name getName) {
  for (auto [position, item] : enumerate(range))
    if (getName(item) == name)
      return position;
  return std::nullopt;
}

/// Every dimension name that the types of `attention` use.
static bool namesDimension(const Attention &attention, StringRef name) {
  auto uses = [&](const Parameter &parameter) {
    return any_of(parameter.type.dims, [&](const Dim &dim) { return dim.symbol.text == name; });
  };
  return any_of(attention.params, uses) || any_of(attention.results, uses);
}

static Symbol lookupInAttention(StringRef name, const Scope &scope) {
  ArrayRef<Definition> lets = ArrayRef(scope.attention->lets).take_front(scope.visibleLets);
  if (auto position = positionOf(lets, name, [](const Definition &let) { return let.name.text; }))
    return {Symbol::Definition, 0, &lets[*position]};
  if (auto position = positionOf(scope.attention->params, name, [](const Parameter &p) { return p.name.text; }))
    return {Symbol::Parameter, *position};
  if (namesDimension(*scope.attention, name))
    return {Symbol::Extent};
  return {};
}

Symbol attnc::spec::lookup(StringRef name, const Scope &scope) {
  if (is_contained(kIndices, name))
    return {Symbol::Index};
  if (is_contained(kExtents, name))
    return {Symbol::Extent};
  if (is_contained(kConstants, name))
    return {Symbol::Constant};
  if (const BuiltinInfo *builtin = findBuiltin(name))
    return {Symbol::Function, 0, nullptr, builtin};
  if (scope.definition)
    if (auto position = positionOf(scope.definition->params, name, [](const Identifier &p) { return p.text; }))
      return {Symbol::Argument, *position};
  if (scope.attention)
    if (Symbol symbol = lookupInAttention(name, scope); symbol.kind != Symbol::Unknown)
      return symbol;
  bool seesUser = !scope.definition || !scope.definition->isLibrary;
  if (const Definition *found = seesUser ? scope.program.userDefinitions.lookup(name) : nullptr)
    return {Symbol::Definition, 0, found};
  if (const Definition *found = scope.program.libraryDefinitions.lookup(name))
    return {Symbol::Definition, 0, found};
  return {};
}

//===----------------------------------------------------------------------===//
// The checks
//===----------------------------------------------------------------------===//

namespace {
class Resolver {
public:
  Resolver(Program &program, Diagnostics &diagnostics) : program(program), diagnostics(diagnostics) {}
  void run();

private:
  // Declarations.
  void declareDefinitions(File &file, StringMap<const Definition *> &table);
  void checkFunctionName(const Identifier &name, StringMap<SMLoc> &taken);
  void reportIfTaken(const Identifier &name, StringMap<SMLoc> &taken);
  void checkName(const Identifier &name, StringRef what, StringMap<SMLoc> &taken);
  void checkDefinition(const Definition &definition, const Scope &scope);
  void checkAttention(const Attention &attention);
  void checkStatements(const Attention &attention);
  void checkRecursion();

  // Expressions.
  void resolve(const Expr &expr, const Scope &scope);
  void resolveName(const Expr &expr, const Scope &scope);
  void resolveCall(const Expr &expr, const Scope &scope);
  void resolveIndex(const Expr &expr, const Scope &scope);
  void reportUnknown(const Expr &expr, const Scope &scope, bool wantsFunction);
  void reportArity(const Expr &expr, const Definition &callee);

  Program &program;
  Diagnostics &diagnostics;
  MapVector<const Definition *, SmallVector<std::pair<const Definition *, SMLoc>>> calls;
  const Definition *current = nullptr;
};
} // namespace

void Resolver::run() {
  declareDefinitions(program.library, program.libraryDefinitions);
  declareDefinitions(program.user, program.userDefinitions);
  for (File *file : {&program.library, &program.user})
    for (const Definition &definition : file->definitions)
      checkDefinition(definition, Scope{program});
  StringMap<SMLoc> taken;
  for (const Attention &attention : program.user.attentions) {
    checkFunctionName(attention.name, taken);
    checkAttention(attention);
  }
  checkRecursion();
}

void Resolver::declareDefinitions(File &file, StringMap<const Definition *> &table) {
  if (file.definitions.size() > kMaxDefinitions)
    diagnostics.error(file.definitions[kMaxDefinitions].name.loc)
        << "more than " << kMaxDefinitions << " definitions in one file";
  StringMap<SMLoc> taken;
  for (const Definition &definition : file.definitions) {
    checkName(definition.name, "def", taken);
    table.try_emplace(definition.name.text, &definition);
  }
}

/// `name` must be new in `taken` and not be one of the language's own.
void Resolver::checkName(const Identifier &name, StringRef what, StringMap<SMLoc> &taken) {
  StringRef meaning = is_contained(kIndices, name.text)     ? "an index of the score"
                      : is_contained(kExtents, name.text)   ? "a dimension"
                      : is_contained(kConstants, name.text) ? "a constant"
                      : findBuiltin(name.text)              ? "a function of the language"
                                                            : "";
  if (!meaning.empty()) {
    diagnostics.error(name.loc) << "'" << name.text << "' cannot name a " << what << ": it is " << meaning;
    return;
  }
  reportIfTaken(name, taken);
}

/// An attention becomes a C function of its name; in expressions the name means nothing.
void Resolver::checkFunctionName(const Identifier &name, StringMap<SMLoc> &taken) {
  static const StringSet<> cWords{
      "auto",     "break",  "case",   "char",   "const",    "continue", "default",  "do",       "double", "enum",
      "extern",   "float",  "for",    "goto",   "inline",   "int",      "long",     "register", "return", "short",
      "signed",   "sizeof", "static", "struct", "switch",   "typedef",  "union",    "unsigned", "void",   "volatile",
      "restrict", "while",  "class",  "delete", "template", "this",     "operator", "new",      "main",   "namespace"};
  if (cWords.contains(name.text))
    diagnostics.error(name.loc) << "'" << name.text << "' cannot name an attention: it is to be a C function";
  reportIfTaken(name, taken);
}

void Resolver::reportIfTaken(const Identifier &name, StringMap<SMLoc> &taken) {
  auto [first, isNew] = taken.try_emplace(name.text, name.loc);
  if (isNew)
    return;
  auto error = diagnostics.error(name.loc);
  error << "'" << name.text << "' is defined twice";
  diagnostics.note(error, first->second, "the first is here");
}

void Resolver::checkDefinition(const Definition &definition, const Scope &scope) {
  StringMap<SMLoc> taken;
  for (const Identifier &param : definition.params)
    checkName(param, "parameter", taken);
  current = &definition;
  calls[current]; // defs without calls are in the graph as well
  if (definition.body)
    resolve(*definition.body, scope.enter(definition));
  current = nullptr;
}

void Resolver::checkAttention(const Attention &attention) {
  if (attention.params.size() > kMaxParameters || attention.lets.size() > kMaxDefinitions) {
    diagnostics.error(attention.name.loc) << "'" << attention.name.text << "' has more than " << kMaxParameters
                                          << " parameters or " << kMaxDefinitions << " lets";
    return;
  }
  StringMap<SMLoc> taken;
  for (const Parameter &parameter : attention.params)
    checkName(parameter.name, "parameter", taken);
  for (const Definition &let : attention.lets)
    checkName(let.name, "let", taken);
  for (const Parameter &result : attention.results)
    if (!result.name.text.empty())
      checkName(result.name, "result", taken);
  for (const Definition &let : attention.lets)
    checkDefinition(let, Scope{program, &attention});
  checkStatements(attention);
}

void Resolver::checkStatements(const Attention &attention) {
  StringMap<SMLoc> taken;
  for (const Statement &statement : attention.statements) {
    StringRef name = statement.name.text;
    if (!is_contained(kStatements, name)) {
      SmallVector<StringRef> known(std::begin(kStatements), std::end(kStatements));
      auto error = diagnostics.error(statement.name.loc);
      error << "an attention has no '" << name << "'";
      std::string guess = didYouMean(name, known);
      if (guess.empty())
        error << ": it has 'score', 'mask' and 'scale'; a name of your own is "
                 "'let "
              << name << " = ...'";
      error << guess;
    } else if (auto [first, isNew] = taken.try_emplace(name, statement.name.loc); !isNew) {
      auto error = diagnostics.error(statement.name.loc);
      error << "'" << name << "' is given twice";
      diagnostics.note(error, first->second, "the first is here");
    }
    if (statement.value)
      resolve(*statement.value, Scope{program, &attention, attention.lets.size()});
  }
}

/// A depth-first walk of the calls; each cycle is reported at the def that
/// closes it and at its calls.
void Resolver::checkRecursion() {
  enum State { Unseen, Open, Done };
  DenseMap<const Definition *, State> states;
  struct Frame {
    const Definition *definition;
    size_t next = 0;
  };
  for (auto &[root, ignored] : calls) {
    SmallVector<Frame> stack;
    auto open = [&](const Definition *definition) {
      if (states[definition] != Unseen)
        return;
      states[definition] = Open;
      stack.push_back({definition});
    };
    open(root);
    while (!stack.empty()) {
      Frame &frame = stack.back();
      auto &out = calls[frame.definition];
      if (frame.next == out.size()) {
        states[frame.definition] = Done;
        stack.pop_back();
        continue;
      }
      auto [callee, loc] = out[frame.next++];
      if (states[callee] != Open) {
        open(callee);
        continue;
      }
      auto error = diagnostics.error(callee->name.loc);
      error << "'" << callee->name.text << "' is defined by itself; definitions cannot be recursive";
      auto *first = find_if(stack, [&](const Frame &f) { return f.definition == callee; });
      for (const Frame &link : make_range(first, stack.end())) {
        program.recursive.insert(link.definition);
        diagnostics.note(error, calls[link.definition][link.next - 1].second,
                         "'" + link.definition->name.text + "' needs '" +
                             calls[link.definition][link.next - 1].first->name.text + "' here");
      }
    }
  }
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

void Resolver::resolve(const Expr &expr, const Scope &scope) {
  if (diagnostics.hasTooManyErrors())
    return;
  if (expr.kind == ExprKind::Name)
    resolveName(expr, scope);
  else if (expr.kind == ExprKind::Call)
    resolveCall(expr, scope);
  else if (expr.kind == ExprKind::Index)
    resolveIndex(expr, scope);
  for (const ExprPtr &operand : expr.operands)
    resolve(*operand, scope);
}

void Resolver::resolveName(const Expr &expr, const Scope &scope) {
  Symbol symbol = lookup(expr.name, scope);
  if (symbol.kind == Symbol::Unknown)
    return reportUnknown(expr, scope, /*wantsFunction=*/false);
  if (symbol.kind == Symbol::Function)
    diagnostics.error(expr.loc) << "'" << expr.name << "' is a function: " << symbol.builtin->usage;
  if (symbol.kind != Symbol::Definition)
    return;
  if (current)
    calls[current].push_back({symbol.definition, expr.loc});
  if (!symbol.definition->params.empty())
    reportArity(expr, *symbol.definition);
}

void Resolver::resolveCall(const Expr &expr, const Scope &scope) {
  Symbol symbol = lookup(expr.name, scope);
  size_t count = expr.operands.size();
  switch (symbol.kind) {
  case Symbol::Unknown:
    return reportUnknown(expr, scope, /*wantsFunction=*/true);
  case Symbol::Function:
    if (count < symbol.builtin->minArguments || count > symbol.builtin->maxArguments)
      diagnostics.error(expr.loc) << "'" << expr.name << "' is used with " << count << " argument"
                                  << (count == 1 ? "" : "s") << ", its form is " << symbol.builtin->usage;
    return;
  case Symbol::Definition:
    if (current)
      calls[current].push_back({symbol.definition, expr.loc});
    if (symbol.definition->params.size() != count)
      reportArity(expr, *symbol.definition);
    return;
  default:
    diagnostics.error(expr.loc) << "'" << expr.name << "' is not a function";
    return;
  }
}

/// The definition's form stands in the message, the definition itself in a
/// note.
void Resolver::reportArity(const Expr &expr, const Definition &callee) {
  std::string form = callee.name.text.str();
  if (!callee.params.empty())
    form += fmt::format("({})",
                        fmt::join(map_range(callee.params, [](const Identifier &p) { return p.text.str(); }), ", "));
  auto error = diagnostics.error(expr.loc);
  error << "'" << expr.name << "' is used with " << expr.operands.size() << " argument"
        << (expr.operands.size() == 1 ? "" : "s") << ", its form is " << form;
  if (!callee.isLibrary)
    diagnostics.note(error, callee.name.loc, "defined here");
}

void Resolver::resolveIndex(const Expr &expr, const Scope &scope) {
  Symbol symbol = lookup(expr.name, scope);
  if (symbol.kind == Symbol::Unknown)
    return reportUnknown(expr, scope, /*wantsFunction=*/false);
  if (symbol.kind == Symbol::Argument)
    return; // checked where the definition is used
  if (symbol.kind != Symbol::Parameter) {
    diagnostics.error(expr.loc) << "'" << expr.name << "' is not a tensor and cannot be indexed";
    return;
  }
  const Parameter &parameter = scope.attention->params[symbol.position];
  if (parameter.type.dims.size() == expr.operands.size())
    return;
  auto error = diagnostics.error(expr.loc);
  error << "'" << expr.name << "' has " << parameter.type.dims.size() << " dimensions and is read with "
        << expr.operands.size() << " indices";
  diagnostics.note(error, parameter.name.loc, "declared here");
}

void Resolver::reportUnknown(const Expr &expr, const Scope &scope, bool wantsFunction) {
  SmallVector<StringRef> known;
  auto add = [&](const Definition &definition) {
    if (!wantsFunction || !definition.params.empty())
      known.push_back(definition.name.text);
  };
  if (scope.definition)
    for (const Identifier &param : scope.definition->params)
      known.push_back(param.text);
  if (scope.attention) {
    for_each(ArrayRef(scope.attention->lets).take_front(scope.visibleLets), add);
    if (!wantsFunction)
      for (const Parameter &parameter : scope.attention->params)
        known.push_back(parameter.name.text);
  }
  for_each(scope.program.user.definitions, add);
  for_each(scope.program.library.definitions, add);
  if (wantsFunction)
    for (const BuiltinInfo &builtin : kBuiltins)
      known.push_back(builtin.name);
  else
    for (ArrayRef<StringLiteral> names : {ArrayRef(kIndices), ArrayRef(kExtents), ArrayRef(kConstants)})
      known.append(names.begin(), names.end());
  std::string guess = didYouMean(expr.name, known);
  auto error = diagnostics.error(expr.loc);
  error << "unknown " << (wantsFunction ? "function '" : "name '") << expr.name << "'" << guess;
  if (guess.empty() && scope.definition && !scope.attention)
    error << "; a 'def' sees no parameters of an attention: pass them as "
             "arguments";
}

void attnc::spec::resolveNames(Program &program, Diagnostics &diagnostics) { Resolver(program, diagnostics).run(); }
