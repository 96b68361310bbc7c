//===- OpenExtents.h - Extents that nobody has given --------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/support/DimBindings.h"
#include <string>
#include <vector>

namespace attnc::tool {

/// Heads and features rarely matter to a mask, or to what a description means: small ones where the .attn file at
/// `path` leaves them open. Returns which those are, "H=4". What cannot be parsed is left to the import, which reports
/// it.
std::vector<std::string> fixOpenExtents(const std::string &path, DimBindings &dims, int64_t features = 16);

} // namespace attnc::tool
