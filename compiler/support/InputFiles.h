//===- InputFiles.h - Which files have been read ----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model is often more than the file that is named: weights lie beside it. Whoever opens one says so here, so that no
// output replaces it, and a build system can be told what the result depends on. Files are told apart by device and
// inode: links do not hide them.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace attnc {

void rememberInput(llvm::StringRef path);
/// The same where the file is open already; `path` is how it was named.
void rememberInput(int descriptor, llvm::StringRef path);

/// The paths of all of them, as they were named, in the order in which they were read. Folders, devices and pipes are
/// left out.
std::vector<std::string> inputPaths();

/// Whether `path` leads to a file that this process has read as an input.
bool isInput(llvm::StringRef path);

} // namespace attnc
