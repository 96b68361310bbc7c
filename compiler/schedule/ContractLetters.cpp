//===- ContractLetters.cpp - Roles of a contraction's letters -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/ContractLetters.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;

using Operand = ContractLetters::Operand;

ContractLetters::ContractLetters(OpBuilder &builder, attn::ContractOp op)
    : IndexMath{builder, op.getLoc()}, lhs{op.getLhs(), op.getLhsLayout().str()},
      rhs{op.getRhs(), op.getRhsLayout().str()}, out{op.getInit(), op.getOutLayout().str()} {
  char lanes = last(out.layout);
  if (lhs.has(lanes) && !rhs.has(lanes))
    std::swap(lhs, rhs);
  findRoles();
  for (std::string *role : {&batch, &rows, &columns, &summed})
    mergeLetters(*role);
}

void ContractLetters::findRoles() {
  for (char letter : out.layout)
    (lhs.has(letter) ? rhs.has(letter) ? batch : rows : columns) += letter;
  for (char letter : lhs.layout)
    if (!out.has(letter))
      summed += letter;
}

Value ContractLetters::extent(char letter) {
  if (letter)
    for (const Operand *operand : {&out, &lhs, &rhs})
      if (size_t dim = operand->layout.find(letter); dim != std::string::npos)
        return b.createOrFold<memref::DimOp>(loc, operand->memref, dim);
  return index(1);
}

//===----------------------------------------------------------------------===//
// Merging
//===----------------------------------------------------------------------===//

/// The dimensions of `operand`, that at `position` and the next as one.
static SmallVector<ReassociationIndices> joinNext(const Operand &operand, size_t position) {
  SmallVector<ReassociationIndices> groups;
  for (size_t dim = 0; dim < operand.layout.size(); ++dim)
    if (dim == position + 1)
      groups.back().push_back(static_cast<int64_t>(dim));
    else
      groups.push_back({static_cast<int64_t>(dim)});
  return groups;
}

/// `inner` follows `outer` directly, without a gap in memory.
static bool canMerge(const Operand &operand, char outer, char inner) {
  size_t position = operand.layout.find(outer);
  if (position == std::string::npos)
    return true;
  if (position + 1 >= operand.layout.size() || operand.layout[position + 1] != inner)
    return false;
  return memref::CollapseShapeOp::isGuaranteedCollapsible(cast<MemRefType>(operand.memref.getType()),
                                                          joinNext(operand, position));
}

static void merge(OpBuilder &b, Location loc, Operand &operand, char outer) {
  size_t position = operand.layout.find(outer);
  if (position == std::string::npos)
    return;
  operand.memref = memref::CollapseShapeOp::create(b, loc, operand.memref, joinNext(operand, position));
  operand.layout.erase(position, 1); // the inner letter names the merged dimension
}

/// Merges neighbours of one role as far as memory allows; `merged` remembers what a letter stands for.
void ContractLetters::mergeLetters(std::string &role) {
  for (size_t i = role.size(); i-- > 1;) {
    char outer = role[i - 1], inner = role[i];
    Operand *operands[] = {&lhs, &rhs, &out};
    if (!llvm::all_of(operands, [&](Operand *operand) { return canMerge(*operand, outer, inner); }))
      continue;
    for (char letter : {outer, inner})
      if (!merged.count(letter)) {
        merged[letter] = std::string(1, letter);
        originalExtents[letter] = extent(letter);
      }
    for (Operand *operand : operands)
      merge(b, loc, *operand, outer);
    merged[inner] = merged[outer] + merged[inner];
    role.erase(i - 1, 1);
  }
}

Value ContractLetters::positionOf(char letter, llvm::function_ref<Value(char)> at) {
  for (auto &[survivor, letters] : merged) {
    size_t where = letters.find(letter);
    if (where == std::string::npos || !out.has(survivor))
      continue;
    Value position = at(survivor);
    for (size_t inner = letters.size() - 1; inner > where; --inner)
      position = arith::DivUIOp::create(b, loc, position, originalExtents[letters[inner]]);
    return where > 0 ? arith::RemUIOp::create(b, loc, position, originalExtents[letter]).getResult() : position;
  }
  return at(letter);
}
