//===- Lexer.cpp - Characters of a .attn file to tokens -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/syntax/Lexer.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace llvm;
using namespace attnc::spec;

static bool startsName(char c) { return isAlpha(c) || c == '_'; }
static bool continuesName(char c) { return isAlnum(c) || c == '_'; }

/// Longest first: "<=" is tried before "<".
static constexpr std::pair<StringLiteral, TokenKind> kPunctuation[] = {
    {"->", TokenKind::Arrow},        {"//", TokenKind::SlashSlash}, {"<=", TokenKind::LessEqual},
    {">=", TokenKind::GreaterEqual}, {"==", TokenKind::EqualEqual}, {"!=", TokenKind::NotEqual},
    {"(", TokenKind::LeftParen},     {")", TokenKind::RightParen},  {"[", TokenKind::LeftBracket},
    {"]", TokenKind::RightBracket},  {"{", TokenKind::LeftBrace},   {"}", TokenKind::RightBrace},
    {",", TokenKind::Comma},         {":", TokenKind::Colon},       {";", TokenKind::Semicolon},
    {"=", TokenKind::Assign},        {"+", TokenKind::Plus},        {"-", TokenKind::Minus},
    {"*", TokenKind::Star},          {"/", TokenKind::Slash},       {"%", TokenKind::Percent},
    {"<", TokenKind::Less},          {">", TokenKind::Greater},
};

/// Operators of other languages that begin with one of ours, and what is written instead. Longest first.
static constexpr std::pair<StringLiteral, StringLiteral> kForeign[] = {
    {"!==", "write '!='"},
    {"===", "write '=='"},
    {"<=>", "write '<', '==' or '>'"},
    {"=<", "write '<='"},
    {"=>", "write '>='"},
    {"<>", "write '!='"},
    {"<<", "write x * 2, or x * exp2(n)"},
    {">>", "write x // 2, or x // int(exp2(n))"},
    {"**", "a power of two is exp2(x); a square is x * x"},
    {":=", "write '='"},
    {"+=", "a name has one value: let y = x + ..."},
    {"-=", "a name has one value: let y = x - ..."},
    {"*=", "a name has one value: let y = x * ..."},
    {"/=", "write '!=', or let y = x / ..."},
};

/// What people write who come from C, Python or a paper.
static constexpr std::pair<StringLiteral, StringLiteral> kHints[] = {
    {"&&", "write 'and'"},
    {"||", "write 'or'"},
    {"!", "write 'not'"},
    {"&", "write 'and'"},
    {"|", "write 'or', or abs(x) for a magnitude"},
    {"~", "write 'not'"},
    {"^", "a power of two is exp2(x); a square is x * x"},
    {"?", "write 'a if condition else b'"},
    {".", "numbers start with a digit, as 0.5, and names have no parts: log(x) and not math.log(x)"},
    {"\"", "there are no texts"},
    {"'", "there are no texts"},
    {"\\", "a statement may simply go on in the next line"},
    {"\xe2\x89\xa4", "write '<='"}, // less than or equal to, as one sign; likewise below
    {"\xe2\x89\xa5", "write '>='"},
    {"\xe2\x89\xa0", "write '!='"},
    {"\xe2\x88\xa7", "write 'and'"},
    {"\xe2\x88\xa8", "write 'or'"},
    {"\xc2\xac", "write 'not'"},
    {"\xe2\x88\x92", "write '-'"},
    {"\xe2\x80\x93", "write '-'"},
    {"\xc2\xb7", "write '*'"},
    {"\xc3\x97", "write '*'"},
    {"\xe2\x88\x9e", "write 'inf'"},
};

Token Lexer::lex() {
  skipBlanks();
  StringRef rest = buffer.substr(position);
  if (rest.empty())
    return make(TokenKind::End, 0);
  if (startsName(rest.front()))
    return lexIdentifier();
  if (isDigit(rest.front()))
    return lexNumber();
  for (const auto &[text, advice] : kForeign)
    if (rest.starts_with(text)) {
      hint = advice;
      return make(TokenKind::Error, text.size());
    }
  for (const auto &[text, kind] : kPunctuation)
    if (rest.starts_with(text))
      return make(kind, text.size());
  return lexError();
}

bool Lexer::startsLine(const Token &token) const {
  StringRef before(buffer.data(), token.text.data() - buffer.data());
  return before.substr(before.rfind('\n') + 1).trim().empty();
}

std::string Lexer::takeDoc() { return std::exchange(doc, {}); }

void Lexer::skipBlanks() {
  doc.clear();
  unsigned newlines = 1; // since the last comment
  while (position < buffer.size()) {
    char c = buffer[position];
    if (c == '#') {
      readComment();
      newlines = 0;
      continue;
    }
    if (!isSpace(c))
      break;
    if (c == '\n' && ++newlines == 2)
      doc.clear(); // an empty line parts a comment from what follows
    ++position;
  }
}

void Lexer::readComment() {
  StringRef line = buffer.substr(position).split('\n').first;
  StringRef before = buffer.take_front(position);
  before = before.substr(before.rfind('\n') + 1);
  position += line.size();
  if (!before.trim().empty())
    return; // behind something: it speaks about that
  if (!doc.empty())
    doc += '\n';
  doc += line.drop_front().trim().str();
}

Token Lexer::make(TokenKind kind, size_t length) {
  Token token{kind, buffer.substr(position, length)};
  position += length;
  return token;
}

Token Lexer::lexIdentifier() {
  StringRef text = buffer.substr(position).take_while(continuesName);
  TokenKind kind = StringSwitch<TokenKind>(text)
                       .Case("attention", TokenKind::Attention)
                       .Case("def", TokenKind::Def)
                       .Case("let", TokenKind::Let)
                       .Case("if", TokenKind::If)
                       .Case("else", TokenKind::Else)
                       .Case("and", TokenKind::And)
                       .Case("or", TokenKind::Or)
                       .Case("not", TokenKind::Not)
                       .Case("true", TokenKind::True)
                       .Case("false", TokenKind::False)
                       .Default(TokenKind::Identifier);
  return make(kind, text.size());
}

/// digits [. digits] [e [+-] digits]; a name right behind it makes the whole an
/// error ("2x").
Token Lexer::lexNumber() {
  StringRef rest = buffer.substr(position);
  auto digitsFrom = [&](size_t at) { return rest.substr(at).take_while(isDigit).size(); };
  size_t length = digitsFrom(0);
  bool isFloat = false;
  if (rest.substr(length).starts_with(".")) {
    isFloat = true;
    length += 1 + digitsFrom(length + 1);
  }
  if (rest.substr(length).starts_with_insensitive("e")) {
    size_t sign = length + 1 < rest.size() && (rest[length + 1] == '+' || rest[length + 1] == '-');
    if (size_t digits = digitsFrom(length + 1 + sign)) {
      isFloat = true;
      length += 1 + sign + digits;
    }
  }
  if (size_t tail = rest.substr(length).take_while(continuesName).size()) {
    hint = "a name cannot start with a digit; a product needs '*'";
    return make(TokenKind::Error, length + tail);
  }
  return make(isFloat ? TokenKind::Float : TokenKind::Integer, length);
}

/// Takes a run of characters that start no token, so that a binary file is one
/// error and not thousands.
Token Lexer::lexError() {
  StringRef rest = buffer.substr(position);
  hint = "";
  for (const auto &[text, advice] : kHints)
    if (rest.starts_with(text)) {
      hint = advice;
      return make(TokenKind::Error, text.size());
    }
  size_t length = 1;
  auto foreign = [](char c) { return !isPrint(c) && !isSpace(c); };
  if (foreign(rest.front()))
    length = rest.take_while(foreign).size();
  return make(TokenKind::Error, length);
}
