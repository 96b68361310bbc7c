//===- ParseExpressions.cpp - Tokens to an expression ---------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function per rule of the grammar in docs/language.md, which stands above each.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/syntax/ParseExpressions.h"
#include "llvm/ADT/ScopeExit.h"
#include <limits>

using namespace llvm;
using namespace attnc::spec;

StringRef attnc::spec::spelling(Operator op) {
  static constexpr StringLiteral names[] = {
      "", "or", "and", "not", "<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/", "//", "%", "-"};
  return names[static_cast<unsigned>(op)];
}

/// Counts one level of nesting; false, after one error, when there are too
/// many.
bool ExpressionParser::enter() {
  if (++nesting <= kMaxNesting)
    return true;
  diagnostics.error(tokens.getLoc()) << "nested more than " << kMaxNesting
                                     << " levels deep: name the inner parts with 'let' or 'def'";
  return false;
}

ExprPtr ExpressionParser::make(Expr expr) {
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
ExprPtr ExpressionParser::parse() {
  scope_exit leave([this] { --nesting; });
  if (!enter())
    return nullptr;
  ExprPtr value = parseBinary(OrLevel);
  SMLoc loc = tokens.getLoc();
  if (!value || !tokens.consume(TokenKind::If))
    return value;
  ExprPtr condition = parseBinary(OrLevel);
  if (!condition || !tokens.expect(TokenKind::Else, "'else': every 'if' needs both values"))
    return nullptr;
  ExprPtr otherwise = parse();
  return make({.kind = ExprKind::Conditional, .loc = loc}, std::move(condition), std::move(value),
              std::move(otherwise));
}

BinaryOperator ExpressionParser::getBinaryOperator() const {
  switch (tokens.current().kind) {
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
ExprPtr ExpressionParser::parseBinary(Precedence weakest) {
  ExprPtr left = parseUnary();
  while (left) {
    BinaryOperator next = getBinaryOperator();
    if (next.precedence < weakest || next.precedence == NoOperator)
      return left;
    if (next.precedence == CompareLevel) {
      left = parseComparison(std::move(left));
      continue;
    }
    SMLoc loc = tokens.getLoc();
    tokens.advance();
    ExprPtr right = parseBinary(static_cast<Precedence>(next.precedence + 1));
    left = make({.kind = ExprKind::Binary, .loc = loc, .op = next.op}, std::move(left), std::move(right));
  }
  return nullptr;
}

/// comparison = sum { ("<" | "<=" | ...) sum }, where a < b <= c means a < b
/// and b <= c.
ExprPtr ExpressionParser::parseComparison(ExprPtr left) {
  Expr all{.kind = ExprKind::Comparison, .loc = tokens.getLoc()};
  all.operands.push_back(std::move(left));
  while (getBinaryOperator().precedence == CompareLevel) {
    all.chain.push_back({getBinaryOperator().op, tokens.getLoc()});
    tokens.advance();
    all.operands.push_back(parseBinary(SumLevel));
    if (!all.operands.back())
      return nullptr;
  }
  return make(std::move(all));
}

/// unary = "-" unary | "not" comparison | primary
ExprPtr ExpressionParser::parseUnary() {
  SMLoc loc = tokens.getLoc();
  bool isNot = tokens.is(TokenKind::Not);
  if (!isNot && !tokens.is(TokenKind::Minus))
    return parsePrimary();
  scope_exit leave([this] { --nesting; });
  if (!enter())
    return nullptr;
  tokens.advance();
  ExprPtr operand = isNot ? parseBinary(CompareLevel) : parseUnary();
  Operator op = isNot ? Operator::Not : Operator::Negate;
  return make({.kind = ExprKind::Unary, .loc = loc, .op = op}, std::move(operand));
}

/// primary = number | "true" | "false" | "(" expr ")" | name [ "(" list ")" |
/// "[" list "]" ]
ExprPtr ExpressionParser::parsePrimary() {
  SMLoc loc = tokens.getLoc();
  switch (tokens.current().kind) {
  case TokenKind::Identifier:
    return parseNameCallOrIndex();
  case TokenKind::Integer:
    return parseInteger();
  case TokenKind::Float:
    return parseFloat();
  case TokenKind::True:
  case TokenKind::False: {
    bool value = tokens.is(TokenKind::True);
    tokens.advance();
    return make({.kind = ExprKind::Bool, .loc = loc, .integer = value});
  }
  case TokenKind::LeftParen: {
    tokens.advance();
    ExprPtr inner = parse();
    return inner && tokens.expect(TokenKind::RightParen, "')'") ? std::move(inner) : nullptr;
  }
  default:
    tokens.fail("an expression");
    return nullptr;
  }
}

ExprPtr ExpressionParser::parseNameCallOrIndex() {
  if (tokens.getText().equals_insensitive("not")) { // NOT x
    tokens.fail("an expression");
    return nullptr;
  }
  Expr expr{.kind = ExprKind::Name, .loc = tokens.getLoc(), .name = tokens.getText()};
  tokens.advance();
  bool parsed = true;
  if (tokens.consume(TokenKind::LeftParen)) {
    expr.kind = ExprKind::Call;
    parsed = parseList(expr.operands, TokenKind::RightParen, "',' or ')'");
  } else if (tokens.consume(TokenKind::LeftBracket)) {
    expr.kind = ExprKind::Index;
    parsed = parseList(expr.operands, TokenKind::RightBracket, "',' or ']'");
  }
  return parsed ? make(std::move(expr)) : nullptr;
}

bool ExpressionParser::parseList(std::vector<ExprPtr> &list, TokenKind close, StringRef closeName) {
  if (tokens.consume(close))
    return true;
  do {
    list.push_back(parse());
    if (!list.back())
      return false;
  } while (tokens.consume(TokenKind::Comma));
  return tokens.expect(close, closeName);
}

ExprPtr ExpressionParser::parseInteger() {
  Expr expr{.kind = ExprKind::Integer, .loc = tokens.getLoc()};
  if (tokens.getText().getAsInteger(10, expr.integer))
    diagnostics.error(tokens.getLoc()) << "'" << tokens.getText().take_front(40)
                                       << "' does not fit a 64-bit integer; "
                                          "write it with a '.' if it is a float";
  tokens.advance();
  return make(std::move(expr));
}

ExprPtr ExpressionParser::parseFloat() {
  Expr expr{.kind = ExprKind::Float, .loc = tokens.getLoc()};
  if (tokens.getText().getAsDouble(expr.number) || expr.number > std::numeric_limits<double>::max())
    diagnostics.error(tokens.getLoc()) << "'" << tokens.getText().take_front(40)
                                       << "' does not fit a 64-bit float; infinity is written 'inf'";
  tokens.advance();
  return make(std::move(expr));
}
