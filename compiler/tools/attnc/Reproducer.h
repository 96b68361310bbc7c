//===- Reproducer.h - What a failure of ours leaves behind ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <string>

namespace attnc::tool {

/// Replaces large constants of `module`, which may be a model's weights, by ones and zeros:
///
///   dense<"0x3F8A21..."> : tensor<4096x4096xf32>   ->   dense<1.0> : tensor<4096x4096xf32>
void dropWeights(mlir::ModuleOp module);

/// Writes `module`, whose weights are dropped, to NAME.mlir in a new temporary folder; only this user can read either.
/// Returns the file's path.
llvm::Expected<std::string> writeReproducer(mlir::ModuleOp module, llvm::StringRef name);

/// Runs `body`; false if it crashed, which is always our bug.
bool survives(llvm::function_ref<void()> body);

/// Ends the process after a crash: what is in memory can no longer be trusted, destructors included.
[[noreturn]] void giveUp(const llvm::Twine &message);

} // namespace attnc::tool
