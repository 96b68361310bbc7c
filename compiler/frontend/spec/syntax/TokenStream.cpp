//===- TokenStream.cpp - What the parsers read from -----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/syntax/TokenStream.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

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

StringRef TokenStream::getForeignWord() const {
  if (!token.is(TokenKind::Identifier))
    return "";
  return StringSwitch<StringRef>(token.text)
      .CasesLower({"and", "andalso"}, "write 'and'")
      .CasesLower({"or", "orelse"}, "write 'or'")
      .CaseLower("not", "write 'not'")
      .CaseLower("xor", "of two conditions it is '!='")
      .Case("is", "write '=='")
      .CaseLower("mod", "write '%'")
      .CaseLower("div", "write '//'")
      .CaseLower("if", "write 'if'")
      .CaseLower("else", "write 'else'")
      .Case("then", "write 'a if condition else b'")
      .Case("return", "the result follows from the statements: 'score = ...', 'mask = ...'")
      .Cases({"var", "const", "auto"}, "write 'let'")
      .Default("");
}

void TokenStream::fail(const Twine &expected) {
  auto error = diagnostics.error(token.getLoc());
  if (token.is(TokenKind::Error)) {
    bool isShown = isPrint(token.text.front()) || !lexer.getHint().empty(); // a sign that there is a hint for is text
    error << "'" << (isShown ? token.text : StringRef("this byte")) << "' means nothing here";
    if (!lexer.getHint().empty())
      error << ": " << lexer.getHint();
    return;
  }
  if (StringRef word = getForeignWord(); !word.empty()) {
    error << "'" << token.text << "' means nothing here: " << word;
    return;
  }
  error << "expected " << expected << ", found ";
  if (token.is(TokenKind::End))
    error << "the end of the file";
  else
    error << "'" << token.text.take_front(40) << "'";
  std::string wanted = expected.str();
  if (token.is(TokenKind::EqualEqual) && StringRef(wanted).starts_with("'='"))
    error << "; '==' compares, '=' gives a name its value";
  else if (token.is(TokenKind::Assign))
    error << "; '=' gives a name its value, '==' compares";
}
