//===- ExpressionLowering.h - The class behind Expressions.h ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/spec/Expressions.h"

namespace attnc::spec {

/// One definition being expanded, or the statement itself.
struct Frame {
  Scope scope;
  llvm::ArrayRef<Operand> arguments;
  llvm::SMLoc use; // where the definition is used
};

class ExpressionLowering {
public:
  ExpressionLowering(const StatementContext &context, const Environment &environment, mlir::OpBuilder builder,
                     mlir::FloatType floatType, Diagnostics &diagnostics)
      : context(context), environment(environment), arithmetic(builder, floatType), diagnostics(diagnostics) {}

  Operand run(const Expr &expr);

private:
  // One function per kind of expression.
  Operand lower(const Expr &expr);
  Operand lowerKind(const Expr &expr);
  Operand lowerName(const Expr &expr);
  Operand lowerIndexName(const Expr &expr);
  Operand lowerExtent(const Expr &expr);
  Operand lowerParameter(const Expr &expr, size_t position);
  Operand lowerCall(const Expr &expr);
  Operand lowerBuiltin(const Expr &expr, const BuiltinInfo &info, llvm::ArrayRef<Operand> arguments);
  Operand lowerElement(const Expr &expr);
  Operand lowerUnary(const Expr &expr);
  Operand lowerBinary(const Expr &expr);
  Operand lowerComparison(const Expr &expr);
  Operand lowerConditional(const Expr &expr);
  Operand expand(const Expr &expr, const Definition &definition, llvm::ArrayRef<Operand> arguments);
  void lowerLets(const Expr &expr);

  // Types.
  bool require(const Expr &at, Operand operand, Operand::Type type, const llvm::Twine &who);
  bool requireNumber(const Expr &at, Operand operand, const llvm::Twine &who);
  bool unify(Operand &x, Operand &y);
  Operand select(const Expr &expr, Operand condition, Operand x, Operand y);
  bool isInRange(Operand index, const TensorInfo &tensor, unsigned dim);
  Operand extentOf(const TensorInfo &tensor, unsigned dim);

  // Errors.
  mlir::InFlightDiagnostic error(llvm::SMLoc loc);
  Operand fail(const Expr &expr, const llvm::Twine &message) {
    error(expr.loc) << message;
    return {};
  }
  mlir::Location userLoc(llvm::SMLoc loc) const { return diagnostics.translate(userPlace(loc)); }
  llvm::SMLoc userPlace(llvm::SMLoc loc) const;

  const StatementContext &context;
  const Environment &environment;
  Arithmetic arithmetic;
  Diagnostics &diagnostics;
  std::vector<Frame> frames;
  llvm::DenseMap<const Definition *, Operand> expanded; // definitions without parameters
  llvm::DenseSet<const char *> reported;                // uses of the library that led to an error
  unsigned operations = 0, depth = 0;
};

/// "an integer"
llvm::StringRef describe(Operand::Type type);

} // namespace attnc::spec
