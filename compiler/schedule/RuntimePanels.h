//===- RuntimePanels.h - Panels that are packed as it runs ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A chunk of `chunk` elements along k of one panel, of a rhs that is known only at run time:
//
//   scf.for %k = 0 to %chunk {                                          // rhs "kn": rows are copied
//     tile.map %c = 0 to %count { %panel[%k, %c] = %rhs[%k0 + %k, %n0 + %c] }
//     tile.map %c = %count to W { %panel[%k, %c] = 0 }
//   }
//   tile.transpose %rhs to %panel rows(%count) cols(%chunk) pad          // rhs "nk"
//   tile.transpose %rhs as <2 x bf16> to %panel ...                      // "nk", groups that are words in memory
//
// Groups that are no words in memory, and the last one where it is not whole, are put together element by element.
//
// Where columns or k are several letters of rhs that do not lie side by side, as h, w and c, k, l of a convolution's windows:
//
//   scf.for %h = n0 / W to .. {                                          // columns in one row of the innermost letter
//     scf.for %i = 0 to %chunk iter_args(%c, %k, %l) {                   // they count on
//       tile.map %c0 = .. { %panel[%i, %c0] = %rhs[%n, %c, %h, n0 + %c0 - %h * W, %k, %l] }
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/ContractEncodings.h"
#include "compiler/schedule/ContractLetters.h"
#include <functional>

namespace attnc::schedule {

/// What panels of `width` columns are made of.
struct PanelSource {
  mlir::Value rhs;
  std::string layout;                                          ///< its letters
  char column, sum;                                            ///< those of a panel; 0: extent 1
  llvm::ArrayRef<ContractLetters::Part> columnParts, sumParts; ///< what they are in rhs; empty: themselves
  std::function<mlir::Value(char)> at;                         ///< where the others are
  ContractEncodings encodings;
  int64_t width;
};

/// panel[k][c] = rhs[k0 + k, n0 + c] for k < `chunk`; beyond `count` columns finite where those are.
void packPanel(mlir::OpBuilder &builder, mlir::Location loc, const PanelSource &source, mlir::Value panel,
               mlir::Value k0, mlir::Value chunk, mlir::Value n0, mlir::Value count);

} // namespace attnc::schedule
