//===- InputFiles.h - Which files have been read ----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model is often more than the file that is named: weights lie beside it. Whoever opens one says so here, so that no
// output replaces it. Files are told apart by device and inode: links do not hide them.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"

namespace attnc {

void rememberInput(llvm::StringRef path);
void rememberInput(int descriptor);

/// Whether `path` leads to a file that this process has read as an input.
bool isInput(llvm::StringRef path);

} // namespace attnc
