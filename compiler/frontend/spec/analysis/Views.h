//===- Views.h - q, k and v as parts of packed tensors ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/spec/syntax/AST.h"
#include "compiler/frontend/spec/syntax/Diagnostics.h"
#include "compiler/support/DimBindings.h"

namespace attnc::spec {

/// Gives each view of `file` (`q = qkv[:, :, 0]`) its type: the dimensions of the parameter that it reads, less those
/// with an index. Reports views of what is no parameter, of another rank, and indices that no element has.
void resolveViews(File &file, const DimBindings &bindings, Diagnostics &diagnostics);

} // namespace attnc::spec
