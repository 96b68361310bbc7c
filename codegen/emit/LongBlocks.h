//===- LongBlocks.h - Code generation in the time of a block ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Schedulers, register allocation and the selection of instructions take the square of a basic block's length. A user's
// expression of thousands of operations is therefore compiled as it stands, a piece at a time:
//
//   %1 = add ...                     %1 = add ...
//   ... thousands ...          ->    ... hundreds ...
//   %2 = sdiv <16 x i64> %1, %c      br label %part
//   ...                            part:
//                                    %2 = call <16 x i64> @f.sdiv.16(<16 x i64> %1, <16 x i64> %c)
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/IR/Module.h"

namespace attnc::emit {

/// Leaves functions with long blocks without optimisation, cuts those blocks into pieces, and has the functions' divisions
/// of vectors of 64 bits, each hundreds of instructions, called.
void leaveLongBlocks(llvm::Module &module);

} // namespace attnc::emit
