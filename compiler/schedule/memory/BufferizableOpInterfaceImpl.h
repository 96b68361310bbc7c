//===- BufferizableOpInterfaceImpl.h - attn ops on memrefs ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace attnc::schedule {

/// Teaches one-shot bufferization about attn.attention and attn.contract. An
/// external model: the dialect itself does not depend on bufferization.
void registerBufferizableOpInterfaceExternalModels(mlir::DialectRegistry &registry);

} // namespace attnc::schedule
