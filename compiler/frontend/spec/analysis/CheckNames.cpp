//===- CheckNames.cpp - Duplicate, unknown and recursive names ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/analysis/Names.h"
#include "compiler/support/Suggest.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace llvm;
using namespace attnc;
using namespace attnc::spec;

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
  StringSet<> unknown; // names reported so far
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
  StringRef meaning = getReservedMeaning(name.text);
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
    if (!is_contained(getStatementNames(), name)) {
      SmallVector<StringRef> known(getStatementNames().begin(), getStatementNames().end());
      auto error = diagnostics.error(statement.name.loc);
      error << "an attention has no '" << name << "'";
      std::string guess = didYouMean(name, known);
      if (guess.empty())
        error << fmt::format(": it has '{}'; a name of your own is 'let {} = ...'", fmt::join(known, "', '"), name);
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
  bool isRow = symbol.kind == Symbol::Definition && symbol.definition->params.empty(); // x[d + 1] of a let x
  if (symbol.kind == Symbol::Definition && current)
    calls[current].push_back({symbol.definition, expr.loc});
  if (symbol.kind == Symbol::Argument || isRow)
    return; // checked where it is used
  if (symbol.kind != Symbol::Parameter) {
    diagnostics.error(expr.loc) << "'" << expr.name << "' is not a tensor and cannot be indexed";
    return;
  }
  const Parameter &parameter = scope.attention->params[symbol.position];
  bool isFeature = (expr.name == "q" || expr.name == "k") && expr.operands.size() == 1; // of a row, in query and key
  if (parameter.type.dims.size() == expr.operands.size() || isFeature)
    return;
  auto error = diagnostics.error(expr.loc);
  error << "'" << expr.name << "' has " << parameter.type.dims.size() << " dimensions and is read with "
        << expr.operands.size() << " indices";
  diagnostics.note(error, parameter.name.loc, "declared here");
}

void Resolver::reportUnknown(const Expr &expr, const Scope &scope, bool wantsFunction) {
  if (!unknown.insert(expr.name).second)
    return; // one mistake, however often it is used
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
    for (const BuiltinInfo &builtin : getBuiltins())
      known.push_back(builtin.name);
  else
    known.append(getValueNames().begin(), getValueNames().end());
  if (!wantsFunction)
    known.append({"true", "false"});
  std::string guess = didYouMean(expr.name, known);
  auto error = diagnostics.error(expr.loc);
  error << "unknown " << (wantsFunction ? "function '" : "name '") << expr.name << "'" << guess;
  if (guess.empty() && scope.definition && !scope.attention)
    error << "; a 'def' sees no parameters of an attention: pass them as "
             "arguments";
}

void attnc::spec::resolveNames(Program &program, Diagnostics &diagnostics) { Resolver(program, diagnostics).run(); }
