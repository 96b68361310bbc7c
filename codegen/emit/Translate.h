//===- Translate.h - LLVM dialect to LLVM IR to machine code ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/common/Target.h"
#include "codegen/emit/Entry.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>
#include <string>

namespace attnc::emit {

/// The name under which target `target`'s version of kernel `symbol` lives
/// beside the others:
/// ("causal__run", x86-64-v4) -> "causal__run_x86_64_v4".
std::string variantSymbol(llvm::StringRef symbol, const codegen::TargetInfo &target);

/// Fills LLVM's table of targets, which belongs to the process: any thread may be the first that needs it.
void initializeTargets();

/// Position-independent code for Linux on baseline x86-64; functions of a variant carry their own instruction sets as
/// attributes. Null, with an error at `module`, if LLVM was built without the target.
std::unique_ptr<llvm::TargetMachine> createTargetMachine(mlir::ModuleOp module);

/// Translates `module` (llvm dialect), or a part of one, to LLVM IR: the kernels `F__run` and `F__plan` of every one of
/// `entries` get their variant's name and hidden visibility, and so do the symbols that it shares with other parts; all
/// else becomes internal. Fails, with an error, if a kernel is missing or the module calls a function that a kernel may
/// not call. For a GPU target, this is the host's code, with the device's as PTX text in a constant.
mlir::FailureOr<std::unique_ptr<llvm::Module>> translate(mlir::ModuleOp module, llvm::ArrayRef<EntryInfo> entries,
                                                         const llvm::StringSet<> &shared,
                                                         const codegen::TargetInfo &target,
                                                         llvm::TargetMachine &machine, llvm::LLVMContext &context);

/// The device's half of what translate makes for a GPU target, as LLVM IR.
mlir::FailureOr<std::unique_ptr<llvm::Module>> translateDevice(mlir::ModuleOp module, const codegen::TargetInfo &target,
                                                               llvm::LLVMContext &context);

/// The few LLVM passes that matter after our own (docs: measured the same speed
/// as -O3 at a third of its time).
/// `first`: passes to run before them, each followed by a comma.
void optimize(llvm::Module &module, llvm::TargetMachine &machine, llvm::StringRef first = "");

/// Machine code of `module` (which codegen changes) as an object file or as assembly text.
///
/// Where all `targets` have 32 vector registers, loop strength reduction and the second scheduler are left out: a third
/// of the time of code generation, and code is no slower. AVX2 would lose 1 to 2%.
mlir::FailureOr<llvm::SmallVector<char, 0>> generate(llvm::Module &module, llvm::TargetMachine &machine,
                                                     llvm::ArrayRef<codegen::TargetInfo> targets,
                                                     llvm::CodeGenFileType kind);

} // namespace attnc::emit
