//===- Reader.h - ONNX file -> Model ----------------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/Model.h"
#include "mlir/IR/Location.h"
#include "mlir/Support/LLVM.h"

namespace attnc::onnx {

/// Reads and checks the model at `path` (and its external data files). Emits one error that names file and reason when
/// the file is damaged, lies about its sizes, or is of a version this build does not read. Types and ops that are
/// merely unsupported are left to the importer, which lists them all.
mlir::FailureOr<Model> readModel(llvm::StringRef path, mlir::MLIRContext *context);

/// `location`, a file beside or below the model, mapped, and where in it the bytes [offset, offset + length) begin;
/// `length` -1 is the rest of it. Fails unless exactly `expected` bytes are meant. Nothing outside the model's directory
/// is ever opened.
llvm::Expected<weights::File> openExternalData(llvm::StringRef modelPath, llvm::StringRef location, int64_t offset,
                                               int64_t length, uint64_t expected);

} // namespace attnc::onnx
