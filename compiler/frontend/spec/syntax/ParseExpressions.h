//===- ParseExpressions.h - Tokens to an expression -------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/spec/syntax/TokenStream.h"

namespace attnc::spec {

/// Nesting and operator trees beyond these are refused: the file may come from anyone.
inline constexpr unsigned kMaxNesting = 200;
inline constexpr unsigned kMaxExprDepth = 500;

/// Binding strength of binary operators, weakest first.
enum Precedence { NoOperator, OrLevel, AndLevel, CompareLevel, SumLevel, ProductLevel };

struct BinaryOperator {
  Precedence precedence;
  Operator op;
};

/// Recursive descent over the expression rules of the grammar in docs/language.md. Every function gives null after an
/// error, which it has reported.
class ExpressionParser {
public:
  ExpressionParser(TokenStream &tokens, Diagnostics &diagnostics) : tokens(tokens), diagnostics(diagnostics) {}
  ExprPtr parse();

private:
  ExprPtr parseBinary(Precedence weakest);
  ExprPtr parseComparison(ExprPtr left);
  ExprPtr parseUnary();
  ExprPtr parsePrimary();
  ExprPtr parseNameCallOrIndex();
  bool parseList(std::vector<ExprPtr> &list, TokenKind close, llvm::StringRef closeName);
  ExprPtr parseInteger();
  ExprPtr parseFloat();
  BinaryOperator getBinaryOperator() const;
  ExprPtr make(Expr expr);
  template <typename... Operands>
  ExprPtr make(Expr expr, Operands... operands) {
    (expr.operands.push_back(std::move(operands)), ...);
    return make(std::move(expr));
  }
  bool enter();

  TokenStream &tokens;
  Diagnostics &diagnostics;
  unsigned nesting = 0;
};

} // namespace attnc::spec
