//===- Safetensors.h - The bytes of a .safetensors file ---------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/weights/Weights.h"

namespace attnc::weights {

/// A header of more bytes is refused, as in the format's own reader.
inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;

/// The tensors of `bytes`, a whole file; their data point into it. Every mistake of the header becomes one error of the
/// list, with the tensor's name.
llvm::Expected<std::vector<Tensor>> parseSafetensors(llvm::StringRef bytes);

} // namespace attnc::weights
