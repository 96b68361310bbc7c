//===- Names.h - What the names of a .attn file mean ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/spec/syntax/AST.h"
#include "compiler/frontend/spec/syntax/Diagnostics.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"

namespace attnc::spec {

/// Refused beyond these, so that checks stay cheap on hostile files.
inline constexpr size_t kMaxDefinitions = 2000;
inline constexpr size_t kMaxParameters = 256;

enum class Builtin {
  Exp,
  Exp2,
  Log,
  Log2,
  Tanh,
  Sqrt,
  Sin,
  Cos,
  Floor,
  Abs,
  Min,
  Max,
  Select,
  Float,
  Int,
  Sum,
  Columns,
  Phase,
  Require
};

struct BuiltinInfo {
  llvm::StringLiteral name;
  Builtin builtin;
  unsigned minArguments, maxArguments;
  llvm::StringLiteral usage; // "select(condition, a, b)"
};

/// The functions that are not written in the language, in the order of
/// docs/language.md.
llvm::ArrayRef<BuiltinInfo> getBuiltins();

/// The names of values that are not functions: indices, extents, constants.
llvm::ArrayRef<llvm::StringLiteral> getValueNames();

/// "query", "key", "score", ...: what an attention may say, in the order in which it is computed.
llvm::ArrayRef<llvm::StringLiteral> getStatementNames();

/// "a dimension" and the like for a name that belongs to the language and can name nothing else, otherwise "".
llvm::StringRef getReservedMeaning(llvm::StringRef name);

/// A user's file together with the standard library.
struct Program {
  File user;
  File library;
  llvm::StringMap<const Definition *> userDefinitions, libraryDefinitions;
  llvm::DenseSet<const Definition *> recursive; // never to be expanded
};

/// Where an expression stands; decides what its names mean.
struct Scope {
  const Program &program;
  const Attention *attention = nullptr;   // its parameters and dimensions are visible
  size_t visibleLets = 0;                 // the first so many lets of `attention`
  const Definition *definition = nullptr; // its parameters are visible

  /// Inside the body of `definition`, a let (number `position`) of this scope's
  /// attention or a def.
  Scope enter(const Definition &definition) const;
};

/// The meaning of a name in a scope.
struct Symbol {
  enum Kind { Unknown, Argument, Definition, Parameter, Index, Extent, Constant, Function };
  Kind kind = Unknown;
  size_t position = 0; // Argument, Parameter
  const spec::Definition *definition = nullptr;
  const BuiltinInfo *builtin = nullptr;
};
Symbol lookup(llvm::StringRef name, const Scope &scope);

/// Fills `program`'s tables and checks what needs no types: duplicate and
/// reserved names, unknown names, arities, index counts, recursion.
void resolveNames(Program &program, Diagnostics &diagnostics);

} // namespace attnc::spec
