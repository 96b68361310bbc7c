//===- Descriptor.h - What an artefact says about itself --------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The constant data that the runtime reads (attnc_module and below, see
// runtime/include/attnc/attnc.h, whose structs are repeated here field by
// field) and the C functions of the generated header:
//
//   const attnc_entry *causal_entry(void);
//   attnc_status causal(const DLTensor *q, ..., DLTensor *out,
//                       const attnc_options *options);
//   attnc_status causal_raw(int64_t B, ..., const float *q, ..., float *out,
//                           const attnc_options *options);
//
// The last two forward to the runtime, which checks, picks the variant and
// calls it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/common/Target.h"
#include "codegen/emit/Entry.h"
#include "llvm/IR/Module.h"
#include <memory>

namespace attnc::emit {

/// Builds the descriptor of `entries`, each compiled for `targets` (best
/// first), and the entry functions. The module's code must be generated for a
/// CPU that every target includes: it runs before the choice is made.
std::unique_ptr<llvm::Module> buildDescriptor(llvm::ArrayRef<EntryInfo> entries,
                                              llvm::ArrayRef<codegen::TargetInfo> targets, llvm::LLVMContext &context);

/// Makes local what the descriptor and the code of all variants share, once they are in one module: no symbol is left
/// that could meet another one.
void hideShared(llvm::Module &module);

/// The symbols that a shared library exports: the module, each entry, the
/// runtime's interface.
std::vector<std::string> exportedSymbols(llvm::ArrayRef<EntryInfo> entries);

} // namespace attnc::emit
