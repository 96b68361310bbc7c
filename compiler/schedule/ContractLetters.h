//===- ContractLetters.h - Roles of a contraction's letters -----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Letters of an einsum get roles from the operands in which they occur: batch (both and out), rows (lhs and out), columns
// (rhs and out), summed (lhs and rhs). The innermost letter of out becomes the lanes; if it belongs to lhs the operands are
// exchanged. Adjacent letters of one role merge into one where the memory is contiguous:
//
//   lhs(%x "bsk" : memref<2x128x768xf32>) rhs(%w "kn") outs("bsn", ...)
//   lhs(%0 "sk" : memref<256x768xf32>) rhs(%w "kn") outs("sn", ...)         // rows "s", for b and s
//
// A rhs that is packed as it runs is read element by element anyhow. There letters merge that do not lie side by side in it:
// panels gather them (RuntimePanels.h). So the windows of a convolution are one row of columns, and one sum:
//
//   lhs(%w "ockl" : memref<96x64x3x3xf32>) rhs(%x "nchwkl" : memref<1x64x56x56x3x3xf32, strided<..>>) outs("nohw", ...)
//   lhs(%0 "ol" : memref<96x576xf32>) rhs(%x "nchwkl") outs("now", ...)     // gathered: l is c, k and l; w is h and w
//
// Rows merge where lhs alone allows it: out is written row by row, and an output of the function may have gaps.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/Builders.h"
#include "llvm/ADT/DenseMap.h"
#include <map>
#include <string>

namespace attnc::schedule {

/// `to` = `from`, which is read at `source` of the place in `to`; at the same place if that is null.
void copyElements(mlir::OpBuilder &b, mlir::Location loc, mlir::Value from, mlir::Value to,
                  mlir::AffineMap source = {});

class ContractLetters : IndexMath {
public:
  /// Emits the views that merging needs.
  ContractLetters(mlir::OpBuilder &builder, attn::ContractOp op);

  /// A letter of an operand, and its extent.
  struct Part {
    char letter;
    mlir::Value extent;
  };
  /// An operand with its letters.
  struct Operand {
    mlir::Value memref;
    std::string layout;
    std::map<char, llvm::SmallVector<Part>> parts = {}; ///< what it has for a letter that is merged elsewhere only
    bool has(char letter) const { return layout.find(letter) != std::string::npos; }
    /// The letters that stand for `letter`, outermost first; empty: itself.
    llvm::ArrayRef<Part> partsOf(char letter) const;
    /// Where its dimensions are, when `at` says where letters are.
    llvm::SmallVector<mlir::Value> indices(mlir::OpBuilder &b, mlir::Location loc,
                                           llvm::function_ref<mlir::Value(char)> at) const;
  };
  Operand lhs, rhs, out;

  /// Letters by role, each in out's (for `summed`: lhs's) order.
  std::string batch, rows, columns, summed;

  /// Merges letters that do not lie side by side in rhs, where a panel of columns would be narrow or sums need it.
  void gatherInRhs(int64_t lanes);

  /// Makes sums that do not lie side by side in lhs do so, by a copy of it: rhs's order, so that they merge there too.
  void joinSumsOfLhs();

  /// Where columns lie side by side in no output because rows of it have gaps, as in an image with a border: out becomes a
  /// tensor without, and that one is returned, for the results to be copied to. Null if nothing changed.
  mlir::Value joinColumnsOfOut(int64_t lanes);

  /// The innermost letter of a role; 0: none, extent 1.
  static char last(const std::string &letters) { return letters.empty() ? '\0' : letters.back(); }

  mlir::Value extent(char letter);

  /// Where each of `parts` is at `position` of the letter that they make up; `position` itself where there are none.
  static llvm::SmallVector<mlir::Value> takeApart(mlir::OpBuilder &b, mlir::Location loc, mlir::Value position,
                                                  llvm::ArrayRef<Part> parts);

  /// Where `letter` of the op is, when those that are left are `at`: merged ones are taken apart again.
  mlir::Value positionOf(char letter, llvm::function_ref<mlir::Value(char)> at);

private:
  void findRoles();
  bool isNarrow(int64_t lanes);
  void mergeLetters(std::string &role, Operand *apart = nullptr);
  void join(std::string &role, size_t inner, Operand *apart);

  std::map<char, std::string> merged; ///< surviving letter -> the letters it stands for, outermost first
  llvm::DenseMap<char, mlir::Value> originalExtents;
};

} // namespace attnc::schedule
