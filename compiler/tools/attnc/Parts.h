//===- Parts.h - From parts of a module to objects, by threads --*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each part is lowered, translated, optimised and turned into machine code on its own, in an LLVM context of its own.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/common/Target.h"
#include "codegen/emit/Entry.h"
#include "codegen/emit/Link.h"
#include "codegen/emit/Split.h"
#include "codegen/emit/WeightTable.h"
#include "compiler/tools/attnc/Times.h"
#include "llvm/IR/DiagnosticInfo.h"

namespace attnc::tool {

/// What the parts for one target have in common.
struct Variant {
  const codegen::TargetInfo *target;
  llvm::StringSet<> shared = {};    ///< what one part defines and another one uses
  emit::WeightOffsets weights = {}; ///< that its code reads
};

/// What becomes one object file.
struct Part {
  enum class Outcome { Done, Unsupported, Failed, Crashed };

  Part(const Variant *variant, mlir::OwningOpRef<mlir::ModuleOp> module)
      : variant(variant), module(std::move(module)) {}
  explicit Part(std::unique_ptr<llvm::Module> descriptor) : descriptor(std::move(descriptor)) {}

  const Variant *variant = nullptr;
  mlir::OwningOpRef<mlir::ModuleOp> module; // after outlineBodies, or in the LLVM dialect
  std::unique_ptr<llvm::Module> descriptor; // instead: it is code already
  bool hasEntries = false;                  // the kernels are in this one

  // What comes out.
  emit::Bytes object;
  Outcome outcome = Outcome::Done;
  std::string messages; // of LLVM
  Times times{Clock::Thread};
};

/// What all parts have in common.
struct PartContext {
  llvm::StringRef name; ///< of the artefact
  llvm::ArrayRef<emit::EntryInfo> entries;
  bool isLowered;        ///< modules are in the LLVM dialect
  mlir::ModuleOp errors; ///< where errors without another place are reported
};

/// Compiles all `parts`, the longest first, by `threads` threads (0: by as many as there are cores), each of which calls
/// `advance` with the share of the work that is done.
void compileParts(llvm::MutableArrayRef<Part> parts, const PartContext &context, unsigned threads,
                  llvm::function_ref<void(double)> advance);

/// LLVM reports what it cannot do in many ways; one of them would end the process with a bare message. This handler adds
/// it to a std::string.
void keepError(const llvm::DiagnosticInfo *diagnostic, void *messages);

} // namespace attnc::tool
