//===- Import.h - ONNX model -> attn-level IR -------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/support/DimBindings.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace attnc::onnx {

/// Values of inputs, by name.
using FixedInputs = llvm::StringMap<mlir::DenseElementsAttr>;

/// The model at `path` as a module with one public function, named after the file. Arguments and results carry
/// `attnc.name` and `attnc.dims`; dynamic extents are the model's dim_params, those in `dims` are fixed. A symbol that
/// the graph can only serve up to some extent reads "seq<=512" wherever it stands.
///
/// Errors go to the context's diagnostic handler. A damaged file is one error; a model with operators, types or shapes
/// that are not supported is one error that lists all of them by node name. Every op's location is a NameLoc
/// "node 'attn_3' (Softmax)" around the model file.
///
/// Inputs in `fixed` have these values: they are no arguments of the function. `undecided`, if given, gets the names of
/// small inputs whose values the import failed for want of: fixing them may help.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> importModel(llvm::StringRef path, mlir::MLIRContext *context,
                                                               const DimBindings &dims, const FixedInputs &fixed = {},
                                                               std::vector<std::string> *undecided = nullptr);

} // namespace attnc::onnx
