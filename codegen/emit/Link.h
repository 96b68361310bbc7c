//===- Link.h - Objects to archives, libraries and programs ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// lld runs inside this process and reads its input from anonymous memory files,
// so that linking leaves no temporary file behind, whatever happens.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace attnc::emit {

/// Where the runtime's archives lie: lib/ beside the bin/ of this very program.
std::string runtimeLibraryDirectory();

/// Whether programs and shared libraries can be linked here; else says which
/// package is missing.
llvm::Error checkCLibrary();

struct LinkJob {
  llvm::ArrayRef<char> object;                 // the only object: kernels and descriptor
  std::string output;                          // path to write; replaced as a whole, or not touched
  std::string soname;                          // "libcausal.so"; shared libraries only
  std::vector<std::string> exports;            // names or patterns that a shared library shows
  std::vector<std::string> *command = nullptr; // receives the linker's command line, if set
};

/// A stripped position-independent program on the dynamic C library, with the
/// runtime and its main() inside.
llvm::Error linkProgram(const LinkJob &job);

/// A shared library with the runtime inside.
llvm::Error linkShared(const LinkJob &job);

/// A static library: the object and the runtime's, so that `cc x.c libNAME.a`
/// needs nothing else.
llvm::Error writeStatic(const LinkJob &job);

} // namespace attnc::emit
