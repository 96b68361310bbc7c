//===- Print.h - IR at level attn to the .attn language ---------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"

namespace attnc::spec {

/// Writes every function of `module` as an attention. Importing the text gives
/// `module` back if it came from there. Fails, with an error at the operation,
/// on what the language cannot say: other operations than one attention,
/// run-time dimensions other than B, M and N.
mlir::LogicalResult printSpec(mlir::ModuleOp module, llvm::raw_ostream &os);

} // namespace attnc::spec
