//===- Import.h - A .attn file to IR at level attn --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/support/DimBindings.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/SourceMgr.h"

namespace attnc::spec {

/// Reads the main buffer of `sources`, a .attn file (docs/language.md), and
/// gives a module with one function per attention. `bindings` fix the extents
/// that the file leaves symbolic.
///
/// Every mistake of the file is reported through the context's diagnostic
/// engine at its place in the file; a SourceMgrDiagnosticHandler over `sources`
/// prints the carets. The standard library is added to `sources`.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> importSpec(llvm::SourceMgr &sources, mlir::MLIRContext *context,
                                                              const DimBindings &bindings = {});

/// The text of the standard library.
llvm::StringRef getLibraryText();

} // namespace attnc::spec
