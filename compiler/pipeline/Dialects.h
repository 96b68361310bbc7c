//===- Dialects.h - All that a module may hold, registered once -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace attnc {

/// Registers our dialects, the upstream dialects that our stages use, and the external interface models
/// (bufferization, LLVM translation) that the pipeline needs. Every tool calls exactly this.
void registerDialects(mlir::DialectRegistry &registry);

/// Registers every pass of the project and the upstream passes that the pipeline uses, by name.
void registerPasses();

} // namespace attnc
