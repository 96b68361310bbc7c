//===- OnnxSource.h - A model, with inputs that decide shapes ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The target of a Reshape or the k of a TopK may be inputs of a model. Shapes are known before it runs, so such inputs get
// values when it is compiled:
//
//   attnc compile model.onnx --fix shape=shape.npy       it is no input of the program any more
//   attnc check model.onnx --inputs in                   who has the values takes those that are needed, and says so
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tools/attnc/Options.h"
#include "compiler/tools/attnc/Session.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace attnc::tool {

/// The model `request.file`; `session.fixedInputs` are those that have values. Null after an error, which is reported.
mlir::OwningOpRef<mlir::ModuleOp> readOnnx(const CompileRequest &request, Session &session);

} // namespace attnc::tool
