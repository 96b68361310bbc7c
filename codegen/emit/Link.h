//===- Link.h - Objects to archives, libraries and programs -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// lld runs inside this process; it reads its input from anonymous memory files and writes into a pipe, so that linking
// leaves no file behind, whatever happens, and a full disk is the business of whoever writes the result.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace attnc::emit {

/// The folder that holds bin/ with this very program: of an installed tree, or of a build.
std::string installedTree();
/// Where the runtime's archives lie: lib/ of that tree.
std::string runtimeLibraryDirectory();

/// What to do where a part of the tree is missing.
inline constexpr char kKeepTogether[] =
    "bin, include, lib and share belong together: copy or move the whole folder, or install attnc again";

/// Whether programs and shared libraries can be linked here; else says which
/// package is missing.
llvm::Error checkCLibrary();

using Bytes = llvm::SmallVector<char, 0>;

struct LinkJob {
  llvm::ArrayRef<Bytes> objects;    // kernels and descriptor
  std::string name;                 // of the artefact, for messages and for the member of an archive
  std::string soname;               // "libcausal.so"; shared libraries only
  std::vector<std::string> exports; // names or patterns that a shared library shows
};

/// One object of all of them, in which what only they know is local.
llvm::Expected<Bytes> linkObject(const LinkJob &job);

/// A stripped position-independent program on the dynamic C library, with the
/// runtime and its main() inside.
llvm::Expected<Bytes> linkProgram(const LinkJob &job);

/// A shared library with the runtime inside.
llvm::Expected<Bytes> linkShared(const LinkJob &job);

/// A static library of one object, so that `cc x.c libNAME.a` needs nothing else: kernels, descriptor and runtime.
/// What is not in the header is local to it. The runtime's interface is weak: of two such libraries in one program,
/// both use the first one's.
llvm::Expected<Bytes> linkStatic(const LinkJob &job);

} // namespace attnc::emit
