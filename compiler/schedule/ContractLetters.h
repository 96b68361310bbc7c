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
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/Builders.h"
#include "llvm/ADT/DenseMap.h"
#include <map>
#include <string>

namespace attnc::schedule {

class ContractLetters : IndexMath {
public:
  /// Emits the views that merging needs.
  ContractLetters(mlir::OpBuilder &builder, attn::ContractOp op);

  /// An operand with its letters.
  struct Operand {
    mlir::Value memref;
    std::string layout;
    bool has(char letter) const { return layout.find(letter) != std::string::npos; }
  };
  Operand lhs, rhs, out;

  /// Letters by role, each in out's (for `summed`: lhs's) order.
  std::string batch, rows, columns, summed;

  /// The innermost letter of a role; 0: none, extent 1.
  static char last(const std::string &letters) { return letters.empty() ? '\0' : letters.back(); }

  mlir::Value extent(char letter);

  /// Where `letter` of the op is, when those that are left are `at`: merged ones are taken apart again.
  mlir::Value positionOf(char letter, llvm::function_ref<mlir::Value(char)> at);

private:
  void findRoles();
  void mergeLetters(std::string &role);

  std::map<char, std::string> merged; ///< surviving letter -> the letters it stands for, outermost first
  llvm::DenseMap<char, mlir::Value> originalExtents;
};

} // namespace attnc::schedule
