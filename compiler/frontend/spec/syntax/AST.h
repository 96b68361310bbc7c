//===- AST.h - What a .attn file says, before names and types ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plain data. Every StringRef points into the source buffer, every SMLoc is the
// place of a caret. The grammar is in docs/language.md.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/SMLoc.h"
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace attnc::spec {

/// A name where it is written.
struct Identifier {
  llvm::StringRef text;
  llvm::SMLoc loc;
};

enum class ExprKind { Integer, Float, Bool, Name, Call, Index, Unary, Binary, Comparison, Conditional };

enum class Operator {
  None,
  Or,
  And,
  Not,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Equal,
  NotEqual,
  Add,
  Subtract,
  Multiply,
  Divide,
  FloorDivide,
  Modulo,
  Negate
};

/// How `op` is written: "<=", "and".
llvm::StringRef spelling(Operator op);

/// One operator of a chain of comparisons.
struct Comparator {
  Operator op;
  llvm::SMLoc loc;
};

struct Expr;
using ExprPtr = std::unique_ptr<const Expr>;

struct Expr {
  ExprKind kind;
  llvm::SMLoc loc;                    // of the operator, or of the first character
  Operator op = Operator::None;       // Unary, Binary
  llvm::StringRef name = {};          // Name, Call, Index
  int64_t integer = 0;                // Integer; Bool as 0 or 1
  double number = 0;                  // Float
  std::vector<Comparator> chain = {}; // Comparison: between the operands, `a <= b < c` has two
  std::vector<ExprPtr> operands = {}; // Conditional: condition, then, else
  unsigned depth = 1;                 // height of this tree, bounded by the parser
};

/// One dimension in a type: `B`, `H=16` or `64`.
struct Dim {
  Identifier symbol; // empty text when the dimension is only a number
  std::optional<int64_t> extent;
};

/// `f32[B, M, H, D]`, or `sorted i32[B, N]`; a scalar has no brackets.
struct TypeExpr {
  std::optional<llvm::SMLoc> sorted; // where that word stands
  Identifier element;
  bool isScalar = true;
  std::vector<Dim> dims;
};

/// One place of a view: `:` is the whole dimension, `2` one element, `H=0:32` a range, which is dimension H.
struct ViewIndex {
  llvm::SMLoc loc;
  std::optional<int64_t> first = {}, end = {}; // end only of ranges
  Identifier symbol = {};
};

/// `qkv[:, :, 0]`: a part of another parameter, read in place.
struct View {
  Identifier source;
  std::vector<ViewIndex> indices; // one for each dimension, once resolved
  size_t position = 0;            // of the source among the parameters
  bool isResolved = false;        // or there was an error
};

/// A parameter or a result of an attention, or after the parameters a view of one.
struct Parameter {
  Identifier name; // a single result may be unnamed
  TypeExpr type;
  std::optional<View> view = {};
  std::optional<llvm::SMLoc> paged = {}; // where that word stands: rows lie in pages
  Identifier table = {};                 // the parameter that names those pages
};

/// `def NAME(params) = body` or, inside an attention, `let NAME(params) =
/// body`.
struct Definition {
  Identifier name;
  std::vector<Identifier> params;
  ExprPtr body;           // null after a syntax error
  bool isLibrary = false; // of the standard library
};

/// `score = expr` and its kind: the statements an attention may have once each
/// (getStatementNames).
struct Statement {
  Identifier name;
  ExprPtr value;
};

struct Attention {
  Identifier name;
  std::string doc; // the comment lines directly above
  std::vector<Parameter> params;
  std::vector<Parameter> results;
  std::vector<Definition> lets; // in order; each sees those above it
  std::vector<Statement> statements;
};

struct File {
  std::vector<Definition> definitions;
  std::vector<Attention> attentions;
};

} // namespace attnc::spec
