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

/// panel[k][c] = the group of rhs[group * k + e, c] for columns c < count, from word `begin` on; what is beyond `chunk` or
/// them is 0.
void PanelPacker::packGroups(Value source, Value begin) {
  int64_t group = encodings.group();
  auto loop = scf::ForOp::create(b, loc, begin, ceilDiv(chunk, index(group)), index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value word = loop.getInductionVar(), first = mul(word, index(group)), last = sub(chunk, index(1));
  SmallVector<Value> exist, rows;
  for (int64_t e = 0; e < group; ++e) {
    Value k = add(first, index(e));
    exist.push_back(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, k, last));
    rows.push_back(min(k, last));
  }
  mapColumns(index(0), count, word, [&](Value column) {
    Value value;
    for (int64_t e = 0; e < group; ++e) {
      Value element =
          memref::LoadOp::create(b, loc, source, from.column ? ValueRange{rows[e], column} : ValueRange{rows[e]});
      Value placed = place(element, exist[e], e);
      value = value ? arith::OrIOp::create(b, loc, value, placed).getResult() : placed;
    }
    return value;
  });
  mapColumns(count, index(from.width), word, [&](Value) { return constantInt(b, loc, encodings.word(), 0); });
}

void PanelPacker::emit() {
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
