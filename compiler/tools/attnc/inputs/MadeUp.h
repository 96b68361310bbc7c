//===- MadeUp.h - Inputs that nobody has given ------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tools/attnc/Tensors.h"
#include "compiler/tools/attnc/inputs/InputRoles.h"

namespace attnc::tool {

/// The inputs that files give, and the others made up, the same for the same `seed`. A folder must have all of them.
/// Extents come from `dims`, else from the files, else from `defaults`; symbols without one are reported. `function`
/// says what the inputs mean (InputRoles.h); it may be null. `said` becomes what was made up, in words: "ids 0 to 49; mask
/// 0 or 1".
std::optional<Tensors> readOrMakeInputs(const emit::EntryInfo &entry, const TensorFiles &files, const DimBindings &dims,
                                        uint64_t seed, mlir::func::FuncOp function, const DimBindings &defaults = {},
                                        std::string *said = nullptr);

/// Fills `tensor` as its type and role say: floats in [-1, 1), flags mixed, integers in their range and at its ends,
/// positions one after the other, sorted where they must be.
void fillRandom(const emit::TensorInfo &info, const InputRole &role, NpyTensor &tensor, uint64_t &state);

} // namespace attnc::tool
