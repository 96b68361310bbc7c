//===- Translate.h - attnc-translate --import-onnx --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

namespace attnc::onnx {

/// Registers --import-onnx, and the option --onnx-dims=batch=2,seq=16, with MLIR's translate tool.
void registerOnnxTranslation();

} // namespace attnc::onnx
