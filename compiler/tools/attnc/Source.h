//===- Source.h - Reading what the user has described -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/support/DimBindings.h"
#include "compiler/tools/attnc/Options.h"
#include "compiler/tools/attnc/Session.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace attnc::tool {

/// Reads `request.file` with the front end of its extension (.attn, .onnx, .mlir), a folder as the attention of a Hugging Face
/// model; "-" is standard input, a .attn text unless `request.from` says at which stage it is. Null after an error, which is reported.
mlir::OwningOpRef<mlir::ModuleOp> readSource(const CompileRequest &request, Session &session);

/// "causal" for "dir/causal.attn", "llama" for the folder "dir/llama/"; "attnc" for standard input.
std::string sourceStem(llvm::StringRef file);

} // namespace attnc::tool
