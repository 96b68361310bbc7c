//===- Lexer.h - Characters of a .attn file to tokens -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/SMLoc.h"
#include <string>

namespace attnc::spec {

enum class TokenKind {
  End,
  Error, // text that is no token; `Lexer::getHint` says what to write instead
  Identifier,
  Integer,
  Float,
  // keywords
  Attention,
  Def,
  Let,
  If,
  Else,
  And,
  Or,
  Not,
  True,
  False,
  // punctuation
  LeftParen,
  RightParen,
  LeftBracket,
  RightBracket,
  LeftBrace,
  RightBrace,
  Comma,
  Colon,
  Semicolon,
  Arrow,
  Assign,
  Plus,
  Minus,
  Star,
  Slash,
  SlashSlash,
  Percent,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  EqualEqual,
  NotEqual
};

struct Token {
  TokenKind kind = TokenKind::End;
  llvm::StringRef text;

  llvm::SMLoc getLoc() const { return llvm::SMLoc::getFromPointer(text.data()); }
  bool is(TokenKind other) const { return kind == other; }
};

/// Splits a buffer into tokens, one per call. Comments run from `#` to the end
/// of the line; line ends mean nothing.
class Lexer {
public:
  explicit Lexer(llvm::StringRef buffer) : buffer(buffer) {}

  /// The next token; End for ever after the last one.
  Token lex();

  /// For the last Error token: what the writer probably wants, or "".
  llvm::StringRef getHint() const { return hint; }

  /// Nothing but blanks stand before `token` in its line.
  bool startsLine(const Token &token) const;

  /// The comment lines that end on the line above the last token, without `#`,
  /// and forgets them.
  std::string takeDoc();

private:
  void skipBlanks();
  void readComment();
  Token make(TokenKind kind, size_t length);
  Token lexIdentifier();
  Token lexNumber();
  Token lexError();

  llvm::StringRef buffer;
  size_t position = 0;
  llvm::StringRef hint;
  std::string doc;
};

} // namespace attnc::spec
