//===- Depfile.h - What a result was made from, for build systems -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace attnc::tool {

/// A rule of make, which Ninja and CMake read too:
///
///   libenc.so: enc.onnx \
///     my\ weights.bin
///
/// An error if a name cannot be written in one: it holds a line break.
llvm::Expected<std::string> makeDepfile(llvm::StringRef output, llvm::ArrayRef<std::string> inputs);

} // namespace attnc::tool
