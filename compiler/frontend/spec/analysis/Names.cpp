//===- Names.cpp - What the names of a .attn file mean --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scopes are lexical. A `def` sees its parameters, the indices and extents, the
// defs of its file and the library. A `let` and the statements of an attention
// see, besides, the lets above them and the attention's parameters. `d` and `g` mean a feature and a key-value head
// only where nothing else has that name.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/analysis/Names.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

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
    {"sum", Builtin::Sum, 1, 1, "sum(x)"},
    {"rope_phase", Builtin::Phase, 4, 4, "rope_phase(p, base, a, n)"},
    {"columns", Builtin::Columns, 1, 1, "columns(table)"},
    {"require", Builtin::Require, 2, 2, "require(condition, x)"},
};
static constexpr StringLiteral kValueNames[] = {"s", "b", "h", "i", "j", "g",  "d",   "B",
                                                "M", "N", "H", "G", "D", "Dv", "inf", "nan"};
static constexpr StringLiteral kStatements[] = {"scale", "query", "key", "score", "mask", "sink"};

ArrayRef<BuiltinInfo> attnc::spec::getBuiltins() { return kBuiltins; }
ArrayRef<StringLiteral> attnc::spec::getValueNames() { return kValueNames; }
ArrayRef<StringLiteral> attnc::spec::getStatementNames() { return kStatements; }

static const BuiltinInfo *findBuiltin(StringRef name) {
  const BuiltinInfo *found = find_if(kBuiltins, [&](const BuiltinInfo &info) { return info.name == name; });
  return found == std::end(kBuiltins) ? nullptr : found;
}

/// What a name of the language's own is.
static Symbol::Kind kindOfReserved(StringRef name) {
  return StringSwitch<Symbol::Kind>(name)
      .Cases({"s", "b", "h", "i", "j"}, Symbol::Index)
      .Cases({"B", "M", "N", "H", "G", "D", "Dv"}, Symbol::Extent)
      .Cases({"inf", "nan"}, Symbol::Constant)
      .Default(findBuiltin(name) ? Symbol::Function : Symbol::Unknown);
}

StringRef attnc::spec::getReservedMeaning(StringRef name) {
  switch (kindOfReserved(name)) {
  case Symbol::Index:
    return "an index of the score";
  case Symbol::Extent:
    return "a dimension";
  case Symbol::Constant:
    return "a constant";
  case Symbol::Function:
    return "a function of the language";
  default:
    return "";
  }
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
  if (Symbol::Kind kind = kindOfReserved(name); kind != Symbol::Unknown)
    return {kind, 0, nullptr, findBuiltin(name)};
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
  if (name == "d" || name == "g") // not reserved: `dilated(d)` may call its parameter so
    return {Symbol::Index};
  return {};
}
