//===- Ptx.h - The device's half of a module --------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Code for a GPU target comes as one LLVM module: kernels (calling convention
// ptx_kernel) and the host's code that launches them, which names the PTX text
// as an external constant (see codegen/nvptx/BuildKernels.cpp).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/common/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"
#include <memory>
#include <string>

namespace attnc::emit {

/// Takes the kernels out of `whole`, with all they call, as an optimised module
/// for the GPU. Errors, such as a call of what no GPU has, are reported at
/// `module`.
mlir::FailureOr<std::unique_ptr<llvm::Module>> takeDevice(mlir::ModuleOp module, llvm::Module &whole,
                                                          const codegen::TargetInfo &target);

/// The text that an NVIDIA driver compiles for its GPU. Its first line, "// " and
/// 16 digits, names the rest: runtime/cuda keeps compiled code by it. Changes `device`.
mlir::FailureOr<std::string> generatePtx(mlir::ModuleOp module, llvm::Module &device,
                                         const codegen::TargetInfo &target);

/// Gives the external constant of `host` its value.
void embedPtx(llvm::Module &host, llvm::StringRef ptx);

} // namespace attnc::emit
