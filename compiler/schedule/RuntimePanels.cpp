//===- RuntimePanels.cpp - Panels that are packed as it runs --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/RuntimePanels.h"
#include "compiler/schedule/attention/LayoutView.h"
#include "dialects/Common/Builders.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace attnc::schedule {
namespace {

/// Emits the packing of one chunk.
class PanelPacker : IndexMath {
public:
  PanelPacker(OpBuilder &builder, Location loc, const PanelSource &from, Value panel, Value k0, Value chunk, Value n0,
              Value count)
      : IndexMath{builder, loc}, from(from), encodings(from.encodings), panel(panel), k0(k0), chunk(chunk), n0(n0),
        count(count) {}

  void emit();

private:
  bool canTranspose();
  Value view(bool sumsInner);
  Value transposeWords();
  void copyRows(Value source);
  void packGroups(Value source, Value begin);
  Value groupOf(Value word, llvm::function_ref<Value(Value k)> elementOfSum);

  SmallVector<Value> takeApart(Value position, ArrayRef<ContractLetters::Part> parts) {
    return ContractLetters::takeApart(b, loc, position, parts);
  }
  SmallVector<Value> countOn(ValueRange digits, ArrayRef<ContractLetters::Part> parts);
  Value load(ValueRange columns, ValueRange sums);
  void gatherRow(ValueRange outer, Value begin, Value end, Value shift);
  void gather();
  void mapColumns(Value begin, Value end, Value row, llvm::function_ref<Value(Value)> wordOf);
  Value widen(Value element);
  Value place(Value element, Value exists, int64_t position);

  const PanelSource &from;
  const ContractEncodings &encodings;
  Value panel, k0, chunk, n0, count;
};

} // namespace

/// The chunk of rhs; with both letters, k outermost or `sumsInner`.
Value PanelPacker::view(bool sumsInner) {
  SmallVector<LetterRange> ranges;
  std::string order;
  if (from.column) {
    ranges.push_back({from.column, n0, count});
    order += from.column;
  }
  if (from.sum) {
    ranges.push_back({from.sum, k0, chunk});
    order.insert(sumsInner ? order.end() : order.begin(), from.sum);
  }
  return viewByLetters(b, loc, from.rhs, from.layout, ranges, from.at, order);
}

/// The rhs can be packed as it lies, k innermost: as floats, or as groups that are words in memory.
bool PanelPacker::canTranspose() {
  if (!from.column || !from.sum || from.layout.find(from.sum) < from.layout.find(from.column))
    return false;
  if (!encodings.panel)
    return !encodings.rhs.isInteger();
  return from.layout.back() == from.sum && cast<MemRefType>(from.rhs.getType()).getStridesAndOffset().first.back() == 1;
}

/// The element as the panel holds it where that has no groups.
Value PanelPacker::widen(Value element) {
  Type word = encodings.word();
  if (element.getType() == word)
    return element;
  if (isa<FloatType>(element.getType()))
    return arith::ExtFOp::create(b, loc, word, element);
  return arith::ExtSIOp::create(b, loc, word, element);
}

/// `element`, or 0 where it does not `exists`, as part `position` of a word of the panel.
Value PanelPacker::place(Value element, Value exists, int64_t position) {
  int64_t bits = element.getType().getIntOrFloatBitWidth();
  Type bare = b.getIntegerType(bits), word = b.getI32Type();
  if (element.getType() != bare)
    element = arith::BitcastOp::create(b, loc, bare, element);
  Value wide = arith::ExtUIOp::create(b, loc, word, element);
  wide = arith::AndIOp::create(b, loc, wide, arith::ExtSIOp::create(b, loc, word, exists));
  return position == 0 ? wide
                       : arith::ShLIOp::create(b, loc, wide, constantInt(b, loc, word, position * bits)).getResult();
}

/// panel[row][c] = wordOf(c) for c in [begin, end).
void PanelPacker::mapColumns(Value begin, Value end, Value row, llvm::function_ref<Value(Value)> wordOf) {
  auto map = tile::MapOp::create(b, loc, begin, end);
  OpBuilder::InsertionGuard guard(b);
  Value column = b.createBlock(&map.getBody(), {}, {b.getIndexType()}, {loc})->getArgument(0);
  Value value = wordOf(column);
  memref::StoreOp::create(b, loc, value, panel, ValueRange{row, column});
  tile::YieldOp::create(b, loc, Value());
}

/// The whole words of a rhs that has k innermost, and how many those are.
Value PanelPacker::transposeWords() {
  Value source = view(/*sumsInner=*/true), words = div(chunk, index(encodings.group()));
  auto copy = tile::TransposeOp::create(b, loc, source, panel, count, words, /*pad=*/true, encodings.panel);
  Type seen = encodings.panel ? encodings.word() : encodings.rhs;
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.createBlock(&copy.getBody(), {}, {seen, b.getIndexType(), b.getIndexType()}, {loc, loc, loc});
  tile::YieldOp::create(b, loc, widen(block->getArgument(0)));
  return words;
}

void PanelPacker::copyRows(Value source) {
  auto loop = scf::ForOp::create(b, loc, index(0), chunk, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value k = loop.getInductionVar();
  mapColumns(index(0), count, k, [&](Value column) {
    SmallVector<Value> place;
    if (from.sum)
      place.push_back(k);
    if (from.column)
      place.push_back(column);
    return widen(memref::LoadOp::create(b, loc, source, place));
  });
  mapColumns(count, index(from.width), k,
             [&](Value) -> Value { return arith::ConstantOp::create(b, loc, b.getZeroAttr(encodings.word())); });
}

/// The elements of sums group * word + e as one word; those beyond `chunk` are 0.
Value PanelPacker::groupOf(Value word, llvm::function_ref<Value(Value k)> elementOfSum) {
  int64_t group = encodings.group();
  Value first = mul(word, index(group)), last = sub(chunk, index(1)), value;
  for (int64_t e = 0; e < group; ++e) {
    Value k = add(first, index(e));
    Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, k, last);
    Value placed = place(elementOfSum(min(k, last)), exists, e);
    value = value ? arith::OrIOp::create(b, loc, value, placed).getResult() : placed;
  }
  return value;
}

/// panel[k][c] = the group of rhs[group * k + e, c] for columns c < count, from word `begin` on; what is beyond `chunk` or
/// them is 0.
void PanelPacker::packGroups(Value source, Value begin) {
  auto loop = scf::ForOp::create(b, loc, begin, ceilDiv(chunk, index(encodings.group())), index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value word = loop.getInductionVar();
  mapColumns(index(0), count, word, [&](Value column) {
    return groupOf(word, [&](Value k) -> Value {
      return memref::LoadOp::create(b, loc, source, from.column ? ValueRange{k, column} : ValueRange{k});
    });
  });
  mapColumns(count, index(from.width), word, [&](Value) { return constantInt(b, loc, encodings.word(), 0); });
}

//===----------------------------------------------------------------------===//
// Gathering
//===----------------------------------------------------------------------===//

/// The digits of the next position: the last one counts, and carries.
SmallVector<Value> PanelPacker::countOn(ValueRange digits, ArrayRef<ContractLetters::Part> parts) {
  SmallVector<Value> next(digits);
  Value carry = index(1);
  for (size_t i = digits.size(); i-- > 0;) {
    Value counted = add(digits[i], carry);
    if (i == 0) {
      next[i] = counted;
      break;
    }
    Value wraps = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, counted, parts[i].extent);
    next[i] = arith::SelectOp::create(b, loc, wraps, index(0), counted);
    carry = arith::SelectOp::create(b, loc, wraps, index(1), index(0));
  }
  return next;
}

/// The element of rhs at these digits of columns and sums.
Value PanelPacker::load(ValueRange columns, ValueRange sums) {
  auto digitOf = [&](char letter) -> Value {
    for (auto [parts, whole, digits] :
         {std::tuple(from.columnParts, from.column, columns), std::tuple(from.sumParts, from.sum, sums)}) {
      if (letter == whole && parts.empty())
        return digits.front();
      for (auto [part, digit] : llvm::zip(parts, digits))
        if (part.letter == letter)
          return digit;
    }
    return from.at(letter);
  };
  SmallVector<Value> indices;
  for (char letter : from.layout)
    indices.push_back(digitOf(letter));
  return memref::LoadOp::create(b, loc, from.rhs, indices);
}

/// Columns [begin, end) of the panel, whose innermost digit is `shift` more than the column, and the others `outer`.
void PanelPacker::gatherRow(ValueRange outer, Value begin, Value end, Value shift) {
  auto digitsOf = [&](Value column) {
    SmallVector<Value> digits(outer);
    digits.push_back(add(column, shift));
    return digits;
  };
  bool isGrouped = encodings.group() > 1;
  SmallVector<Value> first;
  if (!isGrouped)
    first = takeApart(k0, from.sumParts);
  auto loop = scf::ForOp::create(b, loc, index(0), ceilDiv(chunk, index(encodings.group())), index(1), first);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value word = loop.getInductionVar();
  mapColumns(begin, end, word, [&](Value column) {
    if (!isGrouped)
      return widen(load(digitsOf(column), loop.getRegionIterArgs()));
    return groupOf(word, [&](Value k) { return load(digitsOf(column), takeApart(add(k0, k), from.sumParts)); });
  });
  if (!isGrouped)
    scf::YieldOp::create(b, loc, countOn(loop.getRegionIterArgs(), from.sumParts));
}

/// Rows of the innermost digit of the columns, one after the other; columns that do not exist are 0.
void PanelPacker::gather() {
  Value zero = index(0), words = ceilDiv(chunk, index(encodings.group()));
  if (from.columnParts.empty()) {
    gatherRow({}, zero, count, n0);
  } else {
    Value extent = from.columnParts.back().extent, end = add(n0, count);
    auto rows = scf::ForOp::create(b, loc, div(n0, extent), ceilDiv(end, extent), index(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(rows.getBody());
    Value row = rows.getInductionVar(), start = mul(row, extent);
    gatherRow(takeApart(row, from.columnParts.drop_back()), sub(max(start, n0), n0),
              sub(min(add(start, extent), end), n0), sub(n0, start));
  }
  auto loop = scf::ForOp::create(b, loc, zero, words, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  mapColumns(count, index(from.width), loop.getInductionVar(),
             [&](Value) -> Value { return arith::ConstantOp::create(b, loc, b.getZeroAttr(encodings.word())); });
}

void PanelPacker::emit() {
  if (!from.columnParts.empty() || !from.sumParts.empty())
    return gather();
  Value words = index(0); // that are done
  if (canTranspose()) {
    words = transposeWords();
    if (encodings.group() == 1)
      return;
  }
  Value source = view(/*sumsInner=*/false);
  if (encodings.group() > 1)
    packGroups(source, words);
  else
    copyRows(source);
}

void packPanel(OpBuilder &builder, Location loc, const PanelSource &source, Value panel, Value k0, Value chunk,
               Value n0, Value count) {
  PanelPacker(builder, loc, source, panel, k0, chunk, n0, count).emit();
}

} // namespace attnc::schedule
