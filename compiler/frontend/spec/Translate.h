//===- Translate.h - attnc-translate --import-attn --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

namespace attnc::spec {

/// Registers --import-attn and --export-attn, and the option
/// --attnc-dims=H=16,D=64, with MLIR's translate tool.
void registerSpecTranslation();

} // namespace attnc::spec
