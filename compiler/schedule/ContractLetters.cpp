//===- ContractLetters.cpp - Roles of a contraction's letters -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/ContractLetters.h"
#include "dialects/Common/Alignment.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

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
  mergeLetters(rows, &out);
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
      if (size_t dim = operand->layout.find(letter); dim != std::string::npos && operand->partsOf(letter).empty())
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
  auto type = cast<MemRefType>(operand.memref.getType());
  // Of ? x 0 elements upstream does not know whether that is 0 or ?.
  return !llvm::is_contained(type.getShape(), 0) &&
         memref::CollapseShapeOp::isGuaranteedCollapsible(type, joinNext(operand, position));
}

static void merge(OpBuilder &b, Location loc, Operand &operand, char outer) {
  size_t position = operand.layout.find(outer);
  if (position == std::string::npos)
    return;
  operand.memref = memref::CollapseShapeOp::create(b, loc, operand.memref, joinNext(operand, position));
  operand.layout.erase(position, 1); // the inner letter names the merged dimension
}

/// The letter at `inner` of `role` stands for the one before it too; `merged` remembers what a letter stands for. Operand
/// `apart` keeps both.
void ContractLetters::join(std::string &role, size_t inner, Operand *apart) {
  char first = role[inner - 1], second = role[inner];
  for (char letter : {first, second})
    if (!merged.count(letter)) {
      merged[letter] = std::string(1, letter);
      originalExtents[letter] = extent(letter);
    }
  if (apart) {
    SmallVector<Part> parts;
    for (char letter : {first, second})
      if (ArrayRef<Part> before = apart->partsOf(letter); !before.empty())
        llvm::append_range(parts, before);
      else
        parts.push_back({letter, extent(letter)});
    apart->parts.erase(first);
    apart->parts[second] = std::move(parts);
  }
  for (Operand *operand : {&lhs, &rhs, &out})
    if (operand != apart)
      merge(b, loc, *operand, first);
  merged[second] = merged[first] + merged[second];
  merged.erase(first);
  role.erase(inner - 1, 1);
}

/// Merges neighbours of one role as far as memory allows, that of `apart` not asked.
void ContractLetters::mergeLetters(std::string &role, Operand *apart) {
  for (size_t i = role.size(); i-- > 1;) {
    bool canAll = true;
    for (Operand *operand : {&lhs, &rhs, &out})
      canAll &= operand == apart || (canMerge(*operand, role[i - 1], role[i]) && !operand->parts.count(role[i]));
    if (canAll)
      join(role, i, apart);
  }
}

//===----------------------------------------------------------------------===//
// Operands that keep letters apart
//===----------------------------------------------------------------------===//

ArrayRef<ContractLetters::Part> Operand::partsOf(char letter) const {
  auto found = parts.find(letter);
  return found == parts.end() ? ArrayRef<Part>() : found->second;
}

SmallVector<Value> ContractLetters::takeApart(OpBuilder &b, Location loc, Value position, ArrayRef<Part> parts) {
  IndexMath math{b, loc};
  SmallVector<Value> digits(std::max<size_t>(parts.size(), 1), position);
  for (size_t i = parts.size(); i-- > 1;) {
    digits[i] = math.rem(position, parts[i].extent);
    digits[i - 1] = position = math.div(position, parts[i].extent);
  }
  return digits;
}

SmallVector<Value> Operand::indices(OpBuilder &b, Location loc, llvm::function_ref<Value(char)> at) const {
  llvm::SmallDenseMap<char, Value> digits;
  for (auto &[letter, itsParts] : parts)
    for (auto [part, digit] : llvm::zip_equal(itsParts, takeApart(b, loc, at(letter), itsParts)))
      digits[part.letter] = digit;
  return llvm::map_to_vector(layout, [&](char letter) {
    auto found = digits.find(letter);
    return found == digits.end() ? at(letter) : found->second;
  });
}

/// A panel of the innermost columns alone would have lanes without any.
bool ContractLetters::isNarrow(int64_t lanes) {
  std::optional<int64_t> innermost = getConstantIntValue(extent(last(columns)));
  return innermost && *innermost % lanes != 0;
}

void ContractLetters::gatherInRhs(int64_t lanes) {
  if (summed.size() > 1 || isNarrow(lanes))
    mergeLetters(columns, &rhs);
  mergeLetters(summed, &rhs);
}

void schedule::copyElements(OpBuilder &b, Location loc, Value from, Value to, AffineMap source) {
  int64_t rank = cast<MemRefType>(to.getType()).getRank();
  AffineMap place = b.getMultiDimIdentityMap(rank);
  AffineMap maps[] = {source ? source : place, place};
  SmallVector<utils::IteratorType> parallel(rank, utils::IteratorType::parallel);
  linalg::GenericOp::create(b, loc, from, to, maps, parallel, [](OpBuilder &nested, Location at, ValueRange elements) {
    linalg::YieldOp::create(nested, at, elements[0]);
  });
}

void ContractLetters::joinSumsOfLhs() {
  bool areJoined = true;
  for (size_t i = 1; i < summed.size(); ++i)
    areJoined &= canMerge(lhs, summed[i - 1], summed[i]);
  if (areJoined)
    return;
  std::string order, sums;
  for (char letter : rhs.layout)
    if (summed.find(letter) != std::string::npos)
      sums += letter;
  for (char letter : lhs.layout)
    if (summed.find(letter) == std::string::npos)
      order += letter;
  order += sums;
  SmallVector<AffineExpr> from(lhs.layout.size());
  SmallVector<int64_t> shape;
  SmallVector<Value> extents;
  for (auto [place, letter] : llvm::enumerate(order)) {
    size_t dim = lhs.layout.find(letter);
    from[dim] = b.getAffineDimExpr(place);
    shape.push_back(cast<MemRefType>(lhs.memref.getType()).getDimSize(dim));
    if (ShapedType::isDynamic(shape.back()))
      extents.push_back(b.createOrFold<memref::DimOp>(loc, lhs.memref, dim));
  }
  auto type = MemRefType::get(shape, getElementTypeOrSelf(lhs.memref.getType()));
  Value copy = memref::AllocOp::create(b, loc, type, extents, b.getI64IntegerAttr(kAlignment));
  copyElements(b, loc, lhs.memref, copy, AffineMap::get(order.size(), 0, from, b.getContext()));
  lhs = {copy, order};
  summed = sums;
  mergeLetters(summed);
  mergeLetters(rows);
  mergeLetters(rows, &out);
}

Value ContractLetters::joinColumnsOfOut(int64_t lanes) {
  constexpr int64_t kFewestSums = 32; // of less, the copy would take longer than the panels that it saves
  std::optional<int64_t> sums = summed.empty() ? 1 : getConstantIntValue(extent(last(summed)));
  if (columns.size() < 2 || !isNarrow(lanes) || (sums && *sums < kFewestSums))
    return {};
  char outer = columns[columns.size() - 2], inner = columns.back();
  size_t position = out.layout.find(outer);
  if (out.layout[position + 1] != inner || canMerge(out, outer, inner))
    return {};
  Value gapped = out.memref;
  auto type = cast<MemRefType>(gapped.getType());
  SmallVector<Value> extents;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      extents.push_back(b.createOrFold<memref::DimOp>(loc, gapped, dim));
  out.memref = memref::AllocOp::create(b, loc, MemRefType::get(type.getShape(), type.getElementType()), extents,
                                       b.getI64IntegerAttr(kAlignment));
  return gapped;
}

Value ContractLetters::positionOf(char letter, llvm::function_ref<Value(char)> at) {
  for (auto &[survivor, letters] : merged) {
    size_t where = letters.find(letter);
    if (where == std::string::npos || !out.has(survivor))
      continue; // no letter of out
    Value position = at(survivor);
    for (size_t inner = letters.size() - 1; inner > where; --inner)
      position = arith::DivUIOp::create(b, loc, position, originalExtents[letters[inner]]);
    return where > 0 ? arith::RemUIOp::create(b, loc, position, originalExtents[letter]).getResult() : position;
  }
  return at(letter);
}
