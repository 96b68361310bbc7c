//===- Parser.cpp - Tokens of a .attn file to its syntax tree -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recursive descent, one function per rule of the grammar in docs/language.md, which stands above each. After an error
// the parser skips to the next thing that can only begin a statement or a definition and goes on from there.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/syntax/Parser.h"
#include "compiler/frontend/spec/analysis/Names.h"
#include "compiler/frontend/spec/syntax/ParseExpressions.h"

using namespace llvm;
using namespace attnc::spec;

namespace {
class Parser {
public:
  Parser(StringRef buffer, Diagnostics &diagnostics) : tokens(buffer, diagnostics), diagnostics(diagnostics) {}
  File parseFile();

private:
  void synchronize(bool insideAttention);
  void parseDefinition(std::vector<Definition> &into);
  bool parseNames(std::vector<Identifier> &names);
  void parseAttention(File &file);
  bool parseName(Attention &attention);
  bool parseSignature(Attention &attention);
  bool parseParameter(Parameter &parameter);
  bool parseInput(Attention &attention);
  bool parseTable(Parameter &parameter, std::optional<Parameter> &declared);
  bool parseResults(Attention &attention);
  bool parseType(TypeExpr &type);
  bool parseDim(Dim &dim);
  void parseBody(Attention &attention);
  bool parseStatement(Attention &attention);
  bool parseView(Identifier name, Attention &attention);
  bool parseViewIndex(ViewIndex &index);
  bool parseInteger(int64_t &value);

  TokenStream tokens;
  Diagnostics &diagnostics;
  bool recovering = false; // tokens were skipped up to here, a missing '}' may be among them
};
} // namespace

/// Skips to a token that begins a definition, an attention or a statement, or
/// ends the attention.
void Parser::synchronize(bool insideAttention) {
  recovering = true;
  while (!tokens.is(TokenKind::End) && !tokens.is(TokenKind::Attention) && !tokens.is(TokenKind::Def)) {
    if (insideAttention) {
      if (tokens.is(TokenKind::RightBrace) || tokens.is(TokenKind::Let))
        return;
      if (tokens.startsLine() && is_contained(getStatementNames(), tokens.getText()))
        return; // elsewhere it is part of what is wrong
    }
    tokens.advance();
  }
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

/// file = { attention | definition }
File Parser::parseFile() {
  File file;
  while (!tokens.is(TokenKind::End) && !diagnostics.hasTooManyErrors()) {
    if (tokens.is(TokenKind::Attention)) {
      parseAttention(file);
    } else if (tokens.is(TokenKind::Def)) {
      parseDefinition(file.definitions);
    } else if (!tokens.consume(TokenKind::Semicolon)) {
      tokens.fail("'attention' or 'def'");
      tokens.advance();
      synchronize(/*insideAttention=*/false);
    }
  }
  return file;
}

/// definition = "def" name [ "(" [ names ] ")" ] "=" expr ; let = the same
/// after "let"
void Parser::parseDefinition(std::vector<Definition> &into) {
  bool isLet = tokens.is(TokenKind::Let);
  tokens.advance();
  Definition definition;
  bool parsed =
      tokens.expectName(definition.name, isLet ? "a name after 'let'" : "a name after 'def'") &&
      (!tokens.consume(TokenKind::LeftParen) || parseNames(definition.params)) &&
      tokens.expect(TokenKind::Assign, "'=' and the expression that '" + definition.name.text + "' stands for");
  if (parsed)
    definition.body = ExpressionParser(tokens, diagnostics).parse();
  if (!definition.body)
    synchronize(isLet);
  if (!definition.name.text.empty())
    into.push_back(std::move(definition)); // known by name even when its body is wrong
}

bool Parser::parseNames(std::vector<Identifier> &names) {
  if (tokens.consume(TokenKind::RightParen))
    return true;
  do {
    Identifier name;
    if (!tokens.expectName(name, "a parameter name"))
      return false;
    names.push_back(name);
  } while (tokens.consume(TokenKind::Comma));
  return tokens.expect(TokenKind::RightParen, "',' or ')'");
}

/// attention = "attention" ( name | "attention" ) "(" parameters ")" "->" results "{" { statement } "}"
void Parser::parseAttention(File &file) {
  Attention attention;
  attention.doc = tokens.getDoc();
  tokens.advance();
  if (!parseSignature(attention)) {
    // Its statements still deserve a look if the body can be found.
    while (!tokens.is(TokenKind::End) && !tokens.is(TokenKind::LeftBrace) && !tokens.is(TokenKind::Attention) &&
           !tokens.is(TokenKind::Def))
      tokens.advance();
    if (!tokens.is(TokenKind::LeftBrace))
      return;
    tokens.advance();
    parseBody(attention);
    return; // without a signature no name in it has a meaning
  }
  unsigned errors = diagnostics.count();
  parseBody(attention);
  if (diagnostics.count() == errors) // what names and types mean cannot be told from half of the statements
    file.attentions.push_back(std::move(attention));
}

/// The keyword itself is a good name where there is only one: `attention attention(...)`.
bool Parser::parseName(Attention &attention) {
  attention.name = {tokens.getText(), tokens.getLoc()};
  return tokens.consume(TokenKind::Attention) || tokens.expectName(attention.name, "the name of the attention");
}

bool Parser::parseSignature(Attention &attention) {
  if (!parseName(attention) ||
      !tokens.expect(TokenKind::LeftParen, "'(' and the parameters, as in (q: f32[B, M, H, D], ...)"))
    return false;
  do {
    if (tokens.is(TokenKind::RightParen))
      break; // a trailing comma, or no parameter at all
    if (!parseInput(attention))
      return false;
  } while (tokens.consume(TokenKind::Comma));
  return tokens.expect(TokenKind::RightParen, "',' or ')'") &&
         tokens.expect(TokenKind::Arrow, "'->' and the type of the result") && parseResults(attention) &&
         tokens.expect(TokenKind::LeftBrace, "'{'");
}

/// input = parameter | name ":" "paged" type "by" name [ ":" type ]
bool Parser::parseInput(Attention &attention) {
  Parameter parameter;
  std::optional<Parameter> table;
  bool parsed = parseParameter(parameter) && (!parameter.paged || parseTable(parameter, table));
  attention.params.push_back(std::move(parameter));
  if (table)
    attention.params.push_back(std::move(*table));
  return parsed;
}

/// "by" name [ ":" type ]; with a type, this is where the table is declared
bool Parser::parseTable(Parameter &parameter, std::optional<Parameter> &declared) {
  if (tokens.getText() != "by") {
    tokens.fail("'by' and the table of the pages, as in by table: i32[B, T]");
    return false;
  }
  tokens.advance();
  if (!tokens.expectName(parameter.table, "the table of the pages, as in by table: i32[B, T]"))
    return false;
  if (!tokens.consume(TokenKind::Colon))
    return true;
  declared.emplace().name = parameter.table;
  return parseType(declared->type);
}

/// parameter = name ":" [ "paged" ] type
bool Parser::parseParameter(Parameter &parameter) {
  if (!tokens.expectName(parameter.name, "a parameter, as in q: f32[B, M, H, D]") ||
      !tokens.expect(TokenKind::Colon, "':' and the type of '" + parameter.name.text + "'"))
    return false;
  if (tokens.is(TokenKind::Identifier) && tokens.getText() == "paged") {
    parameter.paged = tokens.getLoc();
    tokens.advance();
  }
  return parseType(parameter.type);
}

/// results = type | "(" parameter { "," parameter } ")"
bool Parser::parseResults(Attention &attention) {
  if (!tokens.consume(TokenKind::LeftParen))
    return parseType(attention.results.emplace_back().type);
  do {
    if (!parseParameter(attention.results.emplace_back()))
      return false;
  } while (tokens.consume(TokenKind::Comma));
  return tokens.expect(TokenKind::RightParen, "',' or ')'");
}

/// type = [ "sorted" ] element [ "[" [ dim { "," dim } ] "]" ]
bool Parser::parseType(TypeExpr &type) {
  if (!tokens.expectName(type.element, "a type, as in f32[B, M, H, D] or f32"))
    return false;
  if (type.element.text == "sorted") {
    type.sorted = type.element.loc;
    if (!tokens.expectName(type.element, "the type of what is sorted, as in sorted i32[B, N]"))
      return false;
  }
  if (!tokens.consume(TokenKind::LeftBracket))
    return true;
  type.isScalar = false;
  if (tokens.consume(TokenKind::RightBracket))
    return true;
  do {
    if (!parseDim(type.dims.emplace_back()))
      return false;
  } while (tokens.consume(TokenKind::Comma));
  return tokens.expect(TokenKind::RightBracket, "',' or ']'");
}

/// dim = name [ "=" integer ] | integer
bool Parser::parseDim(Dim &dim) {
  dim.symbol.loc = tokens.getLoc();
  bool named = tokens.is(TokenKind::Identifier);
  if (named) {
    dim.symbol.text = tokens.getText();
    tokens.advance();
    if (!tokens.consume(TokenKind::Assign))
      return true;
  }
  if (!tokens.is(TokenKind::Integer)) {
    tokens.fail(named ? "a number after '='" : "a dimension: a letter such as B, a number, or both as in H=16");
    return false;
  }
  int64_t extent;
  if (tokens.getText().getAsInteger(10, extent)) {
    diagnostics.error(tokens.getLoc()) << "extent '" << tokens.getText().take_front(40) << "' does not fit 64 bits";
    extent = 1;
  }
  dim.extent = extent;
  tokens.advance();
  return true;
}

void Parser::parseBody(Attention &attention) {
  recovering = false;
  while (!tokens.is(TokenKind::RightBrace)) {
    if (tokens.is(TokenKind::End) || tokens.is(TokenKind::Attention) || tokens.is(TokenKind::Def)) {
      if (!recovering)
        tokens.fail("a statement ('mask = ...'), 'let' or '}'");
      return;
    }
    if (!parseStatement(attention))
      synchronize(/*insideAttention=*/true);
  }
  tokens.advance();
}

/// view = ( "q" | "k" | "v" ) "=" name "[" viewindex { "," viewindex } "]"
bool Parser::parseView(Identifier name, Attention &attention) {
  View view;
  if (!tokens.expectName(view.source, "the parameter that '" + name.text + "' is a part of, as in qkv[:, :, 0]") ||
      !tokens.expect(TokenKind::LeftBracket, "'[' and a place for each dimension, as in qkv[:, :, 0]"))
    return false;
  do {
    if (!parseViewIndex(view.indices.emplace_back()))
      return false;
  } while (tokens.consume(TokenKind::Comma));
  Parameter &parameter = attention.params.emplace_back();
  parameter.name = name;
  parameter.view = std::move(view);
  return tokens.expect(TokenKind::RightBracket, "',' or ']'");
}

/// viewindex = ":" | integer | name "=" integer ":" integer
bool Parser::parseViewIndex(ViewIndex &index) {
  index.loc = tokens.getLoc();
  if (tokens.consume(TokenKind::Colon))
    return true;
  bool isRange = tokens.is(TokenKind::Identifier);
  if (isRange &&
      (!tokens.expectName(index.symbol, "") || !tokens.expect(TokenKind::Assign, "'=' and a range, as in H=0:32")))
    return false;
  if (!tokens.is(TokenKind::Integer)) {
    tokens.fail("':', a number, or a range as in H=0:32");
    return false;
  }
  if (!parseInteger(index.first.emplace()))
    return false;
  return !isRange || (tokens.expect(TokenKind::Colon, "':' and the end of the range, as in H=0:32") &&
                      parseInteger(index.end.emplace()));
}

bool Parser::parseInteger(int64_t &value) {
  value = 0;
  if (!tokens.is(TokenKind::Integer)) {
    tokens.fail("a number");
    return false;
  }
  if (tokens.getText().getAsInteger(10, value)) {
    diagnostics.error(tokens.getLoc()) << "'" << tokens.getText().take_front(40) << "' does not fit 64 bits";
    value = 0;
  }
  tokens.advance();
  return true;
}

/// statement = ( "query" | "key" | "score" | "mask" | "sink" | "scale" ) "=" expr | view | let
bool Parser::parseStatement(Attention &attention) {
  if (tokens.consume(TokenKind::Semicolon))
    return true;
  if (tokens.is(TokenKind::Let)) {
    parseDefinition(attention.lets);
    return true;
  }
  recovering = false;
  Statement statement;
  if (!tokens.getForeignWord().empty()) {
    tokens.fail("");
    return false;
  }
  if (!tokens.expectName(statement.name, "a statement ('mask = ...'), 'let' or '}'") ||
      !tokens.expect(TokenKind::Assign, "'=' after '" + statement.name.text + "'"))
    return false;
  if (llvm::is_contained({"q", "k", "v"}, statement.name.text))
    return parseView(statement.name, attention);
  statement.value = ExpressionParser(tokens, diagnostics).parse();
  bool parsed = statement.value != nullptr;
  attention.statements.push_back(std::move(statement));
  return parsed;
}

File attnc::spec::parse(StringRef buffer, Diagnostics &diagnostics) {
  if (buffer.size() > kMaxFileBytes) {
    diagnostics.error(SMLoc::getFromPointer(buffer.data()))
        << "the file has " << buffer.size() << " bytes; a description of attention has at most " << kMaxFileBytes;
    return {};
  }
  return Parser(buffer, diagnostics).parseFile();
}
