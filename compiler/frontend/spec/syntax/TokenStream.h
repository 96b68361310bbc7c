//===- TokenStream.h - What the parsers read from ---------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/spec/syntax/AST.h"
#include "compiler/frontend/spec/syntax/Diagnostics.h"
#include "compiler/frontend/spec/syntax/Lexer.h"
#include "llvm/ADT/Twine.h"

namespace attnc::spec {

/// The current token, and what to say when it is not the one that must be here.
class TokenStream {
public:
  TokenStream(llvm::StringRef buffer, Diagnostics &diagnostics) : lexer(buffer), diagnostics(diagnostics) { advance(); }

  const Token &current() const { return token; }
  bool is(TokenKind kind) const { return token.is(kind); }
  llvm::SMLoc getLoc() const { return token.getLoc(); }
  llvm::StringRef getText() const { return token.text; }
  /// The comment directly above the current token.
  const std::string &getDoc() const { return doc; }

  /// Nothing but blanks stand before it in its line.
  bool startsLine() const { return lexer.startsLine(token); }

  void advance();
  bool consume(TokenKind kind);
  /// Consumes a token that must be here, or reports that `what` was expected.
  bool expect(TokenKind kind, const llvm::Twine &what);
  bool expectName(Identifier &name, const llvm::Twine &what);
  void fail(const llvm::Twine &expected);
  /// For a name that is a word of another language: what is written instead, or "".
  llvm::StringRef getForeignWord() const;

private:
  Lexer lexer;
  Diagnostics &diagnostics;
  Token token;
  std::string doc;
};

} // namespace attnc::spec
