//===- Parser.cpp - Tokens of a .attn file to its syntax tree -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recursive descent, one function per rule of the grammar in docs/language.md,
// which stands above each. After an error the parser skips to the next thing
// that can only begin a statement or a definition and goes on from there.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Parser.h"
#include "compiler/frontend/spec/Lexer.h"
#include "fmt/format.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;
using namespace attnc::spec;

StringRef attnc::spec::spelling(Operator op) {
  static constexpr StringLiteral names[] = {
      "", "or", "and", "not", "<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/", "//", "%", "-"};
  return names[static_cast<unsigned>(op)];
}

namespace {
/// Binding strength of binary operators, weakest first.
enum Precedence { NoOperator, OrLevel, AndLevel, CompareLevel, SumLevel, ProductLevel };

struct BinaryOperator {
  Precedence precedence;
  Operator op;
};

class Parser {
public:
  Parser(StringRef buffer, Diagnostics &diagnostics) : lexer(buffer), diagnostics(diagnostics) { advance(); }
  File parseFile();

private:
  // Tokens.
  void advance() {
    token = lexer.lex();
    doc = lexer.takeDoc();
  }
  bool consume(TokenKind kind);
  bool expect(TokenKind kind, const Twine &what);
  bool expectName(Identifier &name, const Twine &what);
  void fail(const Twine &expected);
  void synchronize(bool insideAttention);

  // Declarations.
  void parseDefinition(std::vector<Definition> &into);
  bool parseNames(std::vector<Identifier> &names);
  void parseAttention(File &file);
  bool parseSignature(Attention &attention);
  bool parseParameter(Parameter &parameter);
  bool parseResults(Attention &attention);
  bool parseType(TypeExpr &type);
  bool parseDim(Dim &dim);
  void parseBody(Attention &attention);
  bool parseStatement(Attention &attention);

  // Expressions. Null after an error that has been reported.
  ExprPtr parseExpr();
  ExprPtr parseBinary(Precedence weakest);
  ExprPtr parseComparison(ExprPtr left);
  ExprPtr parseUnary();
  ExprPtr parsePrimary();
  ExprPtr parseNameCallOrIndex();
  bool parseList(std::vector<ExprPtr> &list, TokenKind close, StringRef closeName);
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

  Lexer lexer;
  Diagnostics &diagnostics;
  Token token;
  std::string doc;
  unsigned nesting = 0;
  bool recovering = false; // tokens were skipped up to here, a missing '}' may be among them
};
} // namespace

//===----------------------------------------------------------------------===//
// Tokens and recovery
//===----------------------------------------------------------------------===//

bool Parser::consume(TokenKind kind) {
  if (!token.is(kind))
    return false;
  advance();
  return true;
}

bool Parser::expect(TokenKind kind, const Twine &what) {
  if (consume(kind))
    return true;
  fail(what);
  return false;
}

bool Parser::expectName(Identifier &name, const Twine &what) {
  name = {token.text, token.getLoc()};
  return expect(TokenKind::Identifier, what);
}

void Parser::fail(const Twine &expected) {
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

/// Skips to a token that begins a definition, an attention or a statement, or
/// ends the attention.
void Parser::synchronize(bool insideAttention) {
  recovering = true;
  while (!token.is(TokenKind::End) && !token.is(TokenKind::Attention) && !token.is(TokenKind::Def)) {
    if (insideAttention) {
      if (token.is(TokenKind::RightBrace) || token.is(TokenKind::Let))
        return;
      if (token.text == "scale" || token.text == "score" || token.text == "mask")
        return;
    }
    advance();
  }
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

/// file = { attention | definition }
File Parser::parseFile() {
  File file;
  while (!token.is(TokenKind::End) && !diagnostics.hasTooManyErrors()) {
    if (token.is(TokenKind::Attention)) {
      parseAttention(file);
    } else if (token.is(TokenKind::Def)) {
      parseDefinition(file.definitions);
    } else if (!consume(TokenKind::Semicolon)) {
      fail("'attention' or 'def'");
      advance();
      synchronize(/*insideAttention=*/false);
    }
  }
  return file;
}

/// definition = "def" name [ "(" [ names ] ")" ] "=" expr ; let = the same
/// after "let"
void Parser::parseDefinition(std::vector<Definition> &into) {
  bool isLet = token.is(TokenKind::Let);
  advance();
  Definition definition;
  bool parsed = expectName(definition.name, isLet ? "a name after 'let'" : "a name after 'def'") &&
                (!consume(TokenKind::LeftParen) || parseNames(definition.params)) &&
                expect(TokenKind::Assign, "'=' and the expression that '" + definition.name.text + "' stands for");
  if (parsed)
    definition.body = parseExpr();
  if (!definition.body)
    synchronize(isLet);
  if (!definition.name.text.empty())
    into.push_back(std::move(definition)); // known by name even when its body is wrong
}

bool Parser::parseNames(std::vector<Identifier> &names) {
  if (consume(TokenKind::RightParen))
    return true;
  do {
    Identifier name;
    if (!expectName(name, "a parameter name"))
      return false;
    names.push_back(name);
  } while (consume(TokenKind::Comma));
  return expect(TokenKind::RightParen, "',' or ')'");
}

/// attention = "attention" name "(" parameters ")" "->" results "{" { statement
/// } "}"
void Parser::parseAttention(File &file) {
  Attention attention;
  attention.doc = doc;
  advance();
  if (!parseSignature(attention)) {
    // Its statements still deserve a look if the body can be found.
    while (!token.is(TokenKind::End) && !token.is(TokenKind::LeftBrace) && !token.is(TokenKind::Attention) &&
           !token.is(TokenKind::Def))
      advance();
    if (!token.is(TokenKind::LeftBrace))
      return;
    advance();
    parseBody(attention);
    return; // without a signature no name in it has a meaning
  }
  parseBody(attention);
  file.attentions.push_back(std::move(attention));
}

bool Parser::parseSignature(Attention &attention) {
  if (!expectName(attention.name, "the name of the attention") ||
      !expect(TokenKind::LeftParen, "'(' and the parameters, as in (q: f32[B, M, H, D], ...)"))
    return false;
  do {
    if (token.is(TokenKind::RightParen))
      break; // a trailing comma, or no parameter at all
    if (!parseParameter(attention.params.emplace_back()))
      return false;
  } while (consume(TokenKind::Comma));
  return expect(TokenKind::RightParen, "',' or ')'") && expect(TokenKind::Arrow, "'->' and the type of the result") &&
         parseResults(attention) && expect(TokenKind::LeftBrace, "'{'");
}

/// parameter = name ":" type
bool Parser::parseParameter(Parameter &parameter) {
  return expectName(parameter.name, "a parameter, as in q: f32[B, M, H, D]") &&
         expect(TokenKind::Colon, "':' and the type of '" + parameter.name.text + "'") && parseType(parameter.type);
}

/// results = type | "(" parameter { "," parameter } ")"
bool Parser::parseResults(Attention &attention) {
  if (!consume(TokenKind::LeftParen))
    return parseType(attention.results.emplace_back().type);
  do {
    if (!parseParameter(attention.results.emplace_back()))
      return false;
  } while (consume(TokenKind::Comma));
  return expect(TokenKind::RightParen, "',' or ')'");
}

/// type = element [ "[" [ dim { "," dim } ] "]" ]
bool Parser::parseType(TypeExpr &type) {
  if (!expectName(type.element, "a type, as in f32[B, M, H, D] or f32"))
    return false;
  if (!consume(TokenKind::LeftBracket))
    return true;
  type.isScalar = false;
  if (consume(TokenKind::RightBracket))
    return true;
  do {
    if (!parseDim(type.dims.emplace_back()))
      return false;
  } while (consume(TokenKind::Comma));
  return expect(TokenKind::RightBracket, "',' or ']'");
}

/// dim = name [ "=" integer ] | integer
bool Parser::parseDim(Dim &dim) {
  dim.symbol.loc = token.getLoc();
  bool named = token.is(TokenKind::Identifier);
  if (named) {
    dim.symbol.text = token.text;
    advance();
    if (!consume(TokenKind::Assign))
      return true;
  }
  if (!token.is(TokenKind::Integer)) {
    fail(named ? "a number after '='" : "a dimension: a letter such as B, a number, or both as in H=16");
    return false;
  }
  int64_t extent;
  if (token.text.getAsInteger(10, extent)) {
    diagnostics.error(token.getLoc()) << "extent '" << token.text.take_front(40) << "' does not fit 64 bits";
    extent = 1;
  }
  dim.extent = extent;
  advance();
  return true;
}

void Parser::parseBody(Attention &attention) {
  recovering = false;
  while (!token.is(TokenKind::RightBrace)) {
    if (token.is(TokenKind::End) || token.is(TokenKind::Attention) || token.is(TokenKind::Def)) {
      if (!recovering)
        fail("'score', 'mask', 'scale', 'let' or '}'");
      return;
    }
    if (!parseStatement(attention))
      synchronize(/*insideAttention=*/true);
  }
  advance();
}

/// statement = "scale" "=" expr | "score" "=" expr | "mask" "=" expr | let
bool Parser::parseStatement(Attention &attention) {
  if (consume(TokenKind::Semicolon))
    return true;
  if (token.is(TokenKind::Let)) {
    parseDefinition(attention.lets);
    return true;
  }
  recovering = false;
  Statement statement;
  if (!expectName(statement.name, "'score', 'mask', 'scale', 'let' or '}'") ||
      !expect(TokenKind::Assign, "'=' after '" + statement.name.text + "'"))
    return false;
  statement.value = parseExpr();
  bool parsed = statement.value != nullptr;
  attention.statements.push_back(std::move(statement));
  return parsed;
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

/// Counts one level of nesting; false, after one error, when there are too
/// many.
bool Parser::enter() {
  if (++nesting <= kMaxNesting)
    return true;
  diagnostics.error(token.getLoc()) << "nested more than " << kMaxNesting
                                    << " levels deep: name the inner parts with 'let' or 'def'";
  return false;
}

ExprPtr Parser::make(Expr expr) {
  for (const ExprPtr &operand : expr.operands) {
    if (!operand)
      return nullptr;
    expr.depth = std::max(expr.depth, operand->depth + 1);
  }
  if (expr.depth > kMaxExprDepth) {
    diagnostics.error(expr.loc) << "an expression of more than " << kMaxExprDepth
                                << " operations in a row: name parts of it with 'let' or 'def'";
    return nullptr;
  }
  return std::make_unique<const Expr>(std::move(expr));
}

/// expr = disjunction [ "if" disjunction "else" expr ]
ExprPtr Parser::parseExpr() {
  scope_exit leave([this] { --nesting; });
  if (!enter())
    return nullptr;
  ExprPtr value = parseBinary(OrLevel);
  SMLoc loc = token.getLoc();
  if (!value || !consume(TokenKind::If))
    return value;
  ExprPtr condition = parseBinary(OrLevel);
  if (!condition || !expect(TokenKind::Else, "'else': every 'if' needs both values"))
    return nullptr;
  ExprPtr otherwise = parseExpr();
  return make({.kind = ExprKind::Conditional, .loc = loc}, std::move(condition), std::move(value),
              std::move(otherwise));
}

BinaryOperator Parser::getBinaryOperator() const {
  switch (token.kind) {
  case TokenKind::Or:
    return {OrLevel, Operator::Or};
  case TokenKind::And:
    return {AndLevel, Operator::And};
  case TokenKind::Less:
    return {CompareLevel, Operator::Less};
  case TokenKind::LessEqual:
    return {CompareLevel, Operator::LessEqual};
  case TokenKind::Greater:
    return {CompareLevel, Operator::Greater};
  case TokenKind::GreaterEqual:
    return {CompareLevel, Operator::GreaterEqual};
  case TokenKind::EqualEqual:
    return {CompareLevel, Operator::Equal};
  case TokenKind::NotEqual:
    return {CompareLevel, Operator::NotEqual};
  case TokenKind::Plus:
    return {SumLevel, Operator::Add};
  case TokenKind::Minus:
    return {SumLevel, Operator::Subtract};
  case TokenKind::Star:
    return {ProductLevel, Operator::Multiply};
  case TokenKind::Slash:
    return {ProductLevel, Operator::Divide};
  case TokenKind::SlashSlash:
    return {ProductLevel, Operator::FloorDivide};
  case TokenKind::Percent:
    return {ProductLevel, Operator::Modulo};
  default:
    return {NoOperator, Operator::None};
  }
}

/// Precedence climbing; all operators of one level group to the left.
ExprPtr Parser::parseBinary(Precedence weakest) {
  ExprPtr left = parseUnary();
  while (left) {
    BinaryOperator next = getBinaryOperator();
    if (next.precedence < weakest || next.precedence == NoOperator)
      return left;
    if (next.precedence == CompareLevel) {
      left = parseComparison(std::move(left));
      continue;
    }
    SMLoc loc = token.getLoc();
    advance();
    ExprPtr right = parseBinary(static_cast<Precedence>(next.precedence + 1));
    left = make({.kind = ExprKind::Binary, .loc = loc, .op = next.op}, std::move(left), std::move(right));
  }
  return nullptr;
}

/// comparison = sum { ("<" | "<=" | ...) sum }, where a < b <= c means a < b
/// and b <= c.
ExprPtr Parser::parseComparison(ExprPtr left) {
  Expr all{.kind = ExprKind::Comparison, .loc = token.getLoc()};
  all.operands.push_back(std::move(left));
  while (getBinaryOperator().precedence == CompareLevel) {
    all.chain.push_back({getBinaryOperator().op, token.getLoc()});
    advance();
    all.operands.push_back(parseBinary(SumLevel));
    if (!all.operands.back())
      return nullptr;
  }
  return make(std::move(all));
}

/// unary = "-" unary | "not" comparison | primary
ExprPtr Parser::parseUnary() {
  SMLoc loc = token.getLoc();
  bool isNot = token.is(TokenKind::Not);
  if (!isNot && !token.is(TokenKind::Minus))
    return parsePrimary();
  scope_exit leave([this] { --nesting; });
  if (!enter())
    return nullptr;
  advance();
  ExprPtr operand = isNot ? parseBinary(CompareLevel) : parseUnary();
  Operator op = isNot ? Operator::Not : Operator::Negate;
  return make({.kind = ExprKind::Unary, .loc = loc, .op = op}, std::move(operand));
}

/// primary = number | "true" | "false" | "(" expr ")" | name [ "(" list ")" |
/// "[" list "]" ]
ExprPtr Parser::parsePrimary() {
  SMLoc loc = token.getLoc();
  switch (token.kind) {
  case TokenKind::Identifier:
    return parseNameCallOrIndex();
  case TokenKind::Integer:
    return parseInteger();
  case TokenKind::Float:
    return parseFloat();
  case TokenKind::True:
  case TokenKind::False: {
    bool value = token.is(TokenKind::True);
    advance();
    return make({.kind = ExprKind::Bool, .loc = loc, .integer = value});
  }
  case TokenKind::LeftParen: {
    advance();
    ExprPtr inner = parseExpr();
    return inner && expect(TokenKind::RightParen, "')'") ? std::move(inner) : nullptr;
  }
  default:
    fail("an expression");
    return nullptr;
  }
}

ExprPtr Parser::parseNameCallOrIndex() {
  Expr expr{.kind = ExprKind::Name, .loc = token.getLoc(), .name = token.text};
  advance();
  bool parsed = true;
  if (consume(TokenKind::LeftParen)) {
    expr.kind = ExprKind::Call;
    parsed = parseList(expr.operands, TokenKind::RightParen, "',' or ')'");
  } else if (consume(TokenKind::LeftBracket)) {
    expr.kind = ExprKind::Index;
    parsed = parseList(expr.operands, TokenKind::RightBracket, "',' or ']'");
  }
  return parsed ? make(std::move(expr)) : nullptr;
}

bool Parser::parseList(std::vector<ExprPtr> &list, TokenKind close, StringRef closeName) {
  if (consume(close))
    return true;
  do {
    list.push_back(parseExpr());
    if (!list.back())
      return false;
  } while (consume(TokenKind::Comma));
  return expect(close, closeName);
}

ExprPtr Parser::parseInteger() {
  Expr expr{.kind = ExprKind::Integer, .loc = token.getLoc()};
  if (token.text.getAsInteger(10, expr.integer))
    diagnostics.error(token.getLoc()) << "'" << token.text.take_front(40)
                                      << "' does not fit a 64-bit integer; "
                                         "write it with a '.' if it is a float";
  advance();
  return make(std::move(expr));
}

ExprPtr Parser::parseFloat() {
  Expr expr{.kind = ExprKind::Float, .loc = token.getLoc()};
  if (token.text.getAsDouble(expr.number) || expr.number > std::numeric_limits<double>::max())
    diagnostics.error(token.getLoc()) << "'" << token.text.take_front(40)
                                      << "' does not fit a 64-bit float; infinity is written 'inf'";
  advance();
  return make(std::move(expr));
}

File attnc::spec::parse(StringRef buffer, Diagnostics &diagnostics) {
  if (buffer.size() > kMaxFileBytes) {
    diagnostics.error(SMLoc::getFromPointer(buffer.data()))
        << "the file has " << buffer.size() << " bytes; a description of attention has at most " << kMaxFileBytes;
    return {};
  }
  return Parser(buffer, diagnostics).parseFile();
}
