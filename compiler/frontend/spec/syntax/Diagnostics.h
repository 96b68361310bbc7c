//===- Diagnostics.h - Errors with carets in the user's file ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "llvm/Support/SourceMgr.h"

namespace attnc::spec {

/// Emits diagnostics at places of source buffers and counts the errors.
class Diagnostics {
public:
  /// After this many errors the rest of a file is not worth reading.
  static constexpr unsigned kMaxErrors = 100;

  Diagnostics(llvm::SourceMgr &sources, mlir::MLIRContext *context) : sources(sources), context(context) {}

  mlir::InFlightDiagnostic error(llvm::SMLoc loc);
  mlir::InFlightDiagnostic warning(llvm::SMLoc loc) { return mlir::emitWarning(translate(loc)); }
  void note(mlir::InFlightDiagnostic &diagnostic, llvm::SMLoc loc, const llvm::Twine &text) {
    if (errors <= kMaxErrors + 1) // beyond that, `diagnostic` is none
      diagnostic.attachNote(translate(loc)) << text;
  }

  /// File, line and column of `loc` as an MLIR location.
  mlir::Location translate(llvm::SMLoc loc) const;

  unsigned count() const { return errors; }
  bool hasErrors() const { return errors != 0; }
  bool hasTooManyErrors() const { return errors > kMaxErrors; }
  mlir::MLIRContext *getContext() const { return context; }

private:
  llvm::SourceMgr &sources;
  mlir::MLIRContext *context;
  unsigned errors = 0;
};

} // namespace attnc::spec
