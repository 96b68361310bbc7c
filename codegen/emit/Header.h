//===- Header.h - The C header of an artefact, and an example ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/common/Target.h"
#include "codegen/emit/Entry.h"

namespace attnc::emit {

/// The header NAME.h of artefact NAME: shapes, types, units, errors and
/// workspace of every entry, then the runtime's interface (attnc.h, so that one
/// file is all a user needs), then the prototypes. C11 and C++.
std::string makeHeader(llvm::StringRef artefact, llvm::ArrayRef<EntryInfo> entries,
                       llvm::ArrayRef<codegen::TargetInfo> targets);

/// NAME_example.c: a program that calls the first entry on small made-up
/// tensors and prints what comes out. Its first comment is the command that
/// builds it; `library` is the file it links, "libcausal.so".
std::string makeExample(llvm::StringRef artefact, const EntryInfo &entry, llvm::StringRef library);

} // namespace attnc::emit
