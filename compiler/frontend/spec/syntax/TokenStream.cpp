//===- TokenStream.cpp - What the parsers read from -----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/syntax/TokenStream.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace attnc::spec;

void TokenStream::advance() {
  token = lexer.lex();
  doc = lexer.takeDoc();
}

bool TokenStream::consume(TokenKind kind) {
  if (!token.is(kind))
    return false;
  advance();
  return true;
}

bool TokenStream::expect(TokenKind kind, const Twine &what) {
  if (consume(kind))
    return true;
  fail(what);
  return false;
}

bool TokenStream::expectName(Identifier &name, const Twine &what) {
  name = {token.text, token.getLoc()};
  return expect(TokenKind::Identifier, what);
}

void TokenStream::fail(const Twine &expected) {
  auto error = diagnostics.error(token.getLoc());
  if (token.is(TokenKind::Error)) {
    error << "'" << (isPrint(token.text.front()) ? token.text : StringRef("this byte")) << "' means nothing here";
    if (!lexer.getHint().empty())
      error << ": " << lexer.getHint();
    return;
  }
  error << "expected " << expected << ", found ";
  if (token.is(TokenKind::End))
    error << "the end of the file";
  else
    error << "'" << token.text.take_front(40) << "'";
}
