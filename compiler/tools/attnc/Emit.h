//===- Emit.h - The kinds of result, and writing them -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/emit/Link.h"
#include "compiler/tools/attnc/Compilation.h"

namespace attnc::tool {

enum class EmitKind {
  spec,
  attn,
  fused,
  scheduled,
  tile,
  llvmDialect,
  llvm,
  bitcode,
  assembly,
  object,
  header,
  archive,
  shared,
  program
};

/// The names of all kinds, as --emit has them.
std::vector<llvm::StringRef> emitKindNames();

/// By name ("shared"), or by the extension of the output file (".so"). A
/// program is what is left.
std::optional<EmitKind> parseEmitKind(llvm::StringRef name);
EmitKind emitKindOf(llvm::StringRef output);

/// Where `kind` goes unless the user says so: standard output for text, a name made from the file's, `stem`, for the
/// rest.
std::string defaultOutput(EmitKind kind, const std::string &stem);

/// Produces `kind` into `output`. A library comes with its header and an example. Entries are called `name`; "": as the
/// output's file, where there is one of each. Weights lie in the artefact; if `separateWeights`, or above 2 GiB, in
/// NAME.weights beside it. Returns an exit code.
int emitResult(Compilation &compilation, EmitKind kind, const std::string &output, llvm::StringRef name = "",
               bool separateWeights = false);

/// Links a shared library with no header, for use by this process. Returns an exit code.
int buildShared(Compilation &compilation, emit::Bytes &library);

} // namespace attnc::tool
