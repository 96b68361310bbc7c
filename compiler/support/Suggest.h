//===- Suggest.h - "did you mean ...?" --------------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace attnc {

/// The one of `names` that `typo` most likely stands for, or "" if none is near
/// (about a third of it may be wrong).
llvm::StringRef nearest(llvm::StringRef typo, llvm::ArrayRef<llvm::StringRef> names);

/// "; did you mean 'causal'?", or "" if nothing is near: to be appended to an
/// error.
std::string didYouMean(llvm::StringRef typo, llvm::ArrayRef<llvm::StringRef> names);

} // namespace attnc
