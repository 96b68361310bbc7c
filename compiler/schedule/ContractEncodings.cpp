//===- ContractEncodings.cpp - What a contraction multiplies --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/ContractEncodings.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

/// What elements are called in an encoding: integers of attn are signed.
static Type encoded(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  return integer ? Type(IntegerType::get(element.getContext(), integer.getWidth(), IntegerType::Signed)) : element;
}

ContractEncodings schedule::chooseEncodings(tile::TargetAttr target, Type lhs, Type rhs, Type sums, bool sideBySide) {
  ContractEncodings encodings{sums, rhs, {}, {}};
  if (tile::EncodingAttr dots = target.getDots(encoded(rhs)); dots && lhs == rhs && sideBySide)
    encodings.left = encodings.panel = dots;
  else if (isa<IntegerType>(lhs))
    encodings.left = tile::EncodingAttr::get(lhs.getContext(), 1, encoded(lhs));
  return encodings;
}
