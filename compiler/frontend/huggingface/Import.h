//===- Import.h - A Hugging Face directory to attn-level IR -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/support/DimBindings.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace attnc::hf {

/// Whether `path` is a folder with a config.json.
bool isModelDirectory(llvm::StringRef path);

/// The attention of the model in `folder`: one function for each kind of layer, `attention` when there is only one,
/// else named by the architecture (`local` and `global`; T5: `encoder`, `decoder`, `cross`). q, k and v are f64 if
/// config.json's torch_dtype says so, and f32 otherwise. `dims` may fix B, M and N.
///
/// Errors stand at the keys of config.json. Where there are weights, their shapes are compared with it; a note says
/// that there are none.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> importDirectory(llvm::StringRef folder, mlir::MLIRContext *context,
                                                                   const DimBindings &dims);

} // namespace attnc::hf
