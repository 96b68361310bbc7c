//===- ExpressionLowering.h - The class behind Expressions.h ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/spec/lowering/Expressions.h"

namespace attnc::spec {

/// One definition being expanded, or the statement itself.
struct Frame {
  Scope scope;
  llvm::ArrayRef<Operand> arguments;
  llvm::SMLoc use;            // where the definition is used
  const Expr *call = nullptr; // the use itself: arguments are lowered anew for another feature
  size_t caller = 0;          // the frame that the arguments belong to
  unsigned binding = 0;       // of the arguments
};

class ExpressionLowering {
public:
  ExpressionLowering(const StatementContext &context, const Environment &environment, mlir::OpBuilder builder,
                     mlir::FloatType floatType, Diagnostics &diagnostics)
      : context(context), environment(environment), arithmetic(builder, floatType), diagnostics(diagnostics) {
    int64_t features = context.shapes.extents.lookup("D");
    if (environment.d)
      feature = {Operand::Int, environment.d, {0, std::max<int64_t>(features - 1, 0)}};
  }

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
  Operand lowerColumns(const Expr &expr, Operand table);
  Operand lowerRequire(const Expr &expr, Operand condition, Operand x);
  Operand lowerElement(const Expr &expr);
  Operand lowerFeature(const Expr &expr);
  Operand lowerArgument(size_t position);
  Operand lowerSum(const Expr &expr);
  bool isRow(const Expr &expr);
  Operand withFeature(Operand position, llvm::function_ref<Operand()> body);
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
  Operand feature;                       // what d is now; poison where there is no row
  unsigned binding = 0, lastBinding = 0; // counts the values that d has had
};

/// "an integer"
llvm::StringRef describe(Operand::Type type);

} // namespace attnc::spec
