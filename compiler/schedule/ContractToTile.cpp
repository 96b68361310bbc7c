//===- ContractToTile.cpp - attn.contract to panels and register tiles ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Letters of the einsum get roles from the operands in which they occur: batch (both and out), rows (lhs and out),
// columns (rhs and out), summed (lhs and rhs). The innermost letter of out becomes the lanes; if it belongs to lhs the
// operands are exchanged. Adjacent letters of one role merge into one where the memory is contiguous.
//
// Before:
//   attn.contract lhs(%x "sk") rhs(%w "kn") outs("sn", %y) epilogue { bias }         // %w a constant, K x N
// After, W columns a panel, MC rows a block:
//   weights.view @w.panels of @w ... : tensor<P x K x W>                             // repacked at compile time
//   scf.forall (%item) in (ceil(M / MC) * P) {
//     tile.contract rows(%m0 to %m1) cols(%n0) k(%K) lhs(%x) rhs(%packed[p]) epilogue { bias; store %y[row, col] }
//   }
//
// A rhs that is known only at run time is packed panel by panel in chunks of KC, in a loop: partial sums go through %y, or
// scratch where %y is of another type; the first chunk does not read them, and only the last one runs the epilogue. The
// panel's tail (N not a multiple of W) repeats the last column or is zero, and stores are limited to the real columns.
//
// Operands narrower than the sums (bf16, f16, i8) stay what they are where the target multiplies groups of them, and panels
// hold such groups; elsewhere panels are of the sums' type (ContractEncodings.h).
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/ContractEncodings.h"
#include "compiler/schedule/OpSchedule.h"
#include "compiler/schedule/PackedWeights.h"
#include "compiler/schedule/Passes.h"
#include "compiler/schedule/attention/LayoutView.h"
#include "compiler/support/Unsupported.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/Builders.h"
#include "dialects/Tile/TileOps.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringExtras.h"
#include <fmt/format.h>

namespace attnc::schedule {
#define GEN_PASS_DEF_CONTRACTTOTILE
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;
using attnc::attn::ContractOp;

namespace {

/// Columns of a panel that is packed when compiling: the same for every target, so that one artefact holds each weight
/// once. What is done at once there divides it (4 vectors of 16 lanes, 2 of 8), or has panels of its own.
constexpr int64_t kPanelColumns = 64;

/// An operand with its letters.
struct Operand {
  Value memref;
  std::string layout;
};

/// Letters of an einsum by role, each in out's (for `summed`: lhs's) order.
struct Roles {
  std::string batch, rows, columns, summed;
};

Roles findRoles(const Operand &lhs, const Operand &rhs, const Operand &out) {
  Roles roles;
  auto has = [](const Operand &operand, char letter) { return operand.layout.find(letter) != std::string::npos; };
  for (char letter : out.layout)
    (has(lhs, letter) ? has(rhs, letter) ? roles.batch : roles.rows : roles.columns) += letter;
  for (char letter : lhs.layout)
    if (!has(out, letter))
      roles.summed += letter;
  return roles;
}

/// Emits the schedule of one contraction.
class ContractScheduler : IndexMath {
public:
  /// `sizes` are all known.
  ContractScheduler(OpBuilder &builder, ContractOp op, tile::TargetAttr target, const schedule::Schedule &sizes)
      : IndexMath{builder, op.getLoc()}, op(op), target(target), sizes(sizes), lanes(target.getLanes()),
        width(sizes.contractColumns), panelWidth(kPanelColumns % width == 0 ? kPanelColumns : width),
        lhs{op.getLhs(), op.getLhsLayout().str()}, rhs{op.getRhs(), op.getRhsLayout().str()},
        out{op.getInit(), op.getOutLayout().str()} {}

  /// Fails, with a diagnostic, on a layout without a schedule.
  LogicalResult emit();

private:
  Value extent(char letter);
  char last(const std::string &letters) { return letters.empty() ? '\0' : letters.back(); }

  void mergeLetters(std::string &role);
  bool canMerge(const Operand &operand, char outer, char inner);
  void merge(Operand &operand, char outer, char inner);
  Value packedConstant();
  Value packedValues(memref::GetGlobalOp get);
  /// Rows of a work item; `packed` is null when every item must pack its panel.
  int64_t rowBlockOf(Value packed) { return packed ? sizes.contractRowBlock : sizes.contractPackRowBlock; }
  void emitItem(Value item, Value packed, Value rowBlocks, Value panels);
  void emitPanel(Value panel, Value packed, Value rowBegin, Value rowEnd, int64_t columns, Value count);
  void emitPacking(Value panel, Value k0, Value chunk, Value n0, Value count);
  /// A share of the sums over k, from k0 on: the first starts from 0 and others from where the one before stopped; the
  /// last ends in the epilogue. Null conditions: it is both.
  struct Share {
    Value k0, count, isFirst, isLast;
  };
  void emitContract(Value rowBegin, Value rowEnd, Value n0, Value count, const Share &share, Value panel);
  Value emitEpilogue(Value value, Value row, Value col);
  void ifThenElse(Value condition, llvm::function_ref<void()> yes, llvm::function_ref<void()> no);
  SmallVector<Value> outIndices(Value row, Value col);
  std::pair<Value, StringRef> fixedView(const Operand &operand);

  bool canTranspose();
  void emitPackGroups(Value source, Value panel, Value begin, Value chunk, Value count);
  LogicalResult checkTypes();
  void findEncodings();

  ContractOp op;
  tile::TargetAttr target;
  const schedule::Schedule &sizes;
  int64_t lanes, width;
  int64_t panelWidth; ///< columns of a panel of constants
  Operand lhs, rhs, out;
  Roles roles;
  schedule::ContractEncodings encodings;
  Value partial; ///< sums between chunks by row and column of the item; null: they are in out
  char rowLetter = 0, colLetter = 0, sumLetter = 0; ///< 0: extent 1
  DenseMap<char, Value> at;                         ///< letters fixed by the current item
  std::map<char, std::string> merged;               ///< surviving letter -> the letters it stands for, outermost first
  DenseMap<char, Value> originalExtents;
};

} // namespace

Value ContractScheduler::extent(char letter) {
  if (letter)
    for (const Operand *operand : {&out, &lhs, &rhs})
      if (size_t dim = operand->layout.find(letter); dim != std::string::npos)
        return b.createOrFold<memref::DimOp>(loc, operand->memref, dim);
  return index(1);
}

//===----------------------------------------------------------------------===//
// Merging letters
//===----------------------------------------------------------------------===//

/// `inner` follows `outer` directly, without a gap in memory.
bool ContractScheduler::canMerge(const Operand &operand, char outer, char inner) {
  size_t position = operand.layout.find(outer);
  if (position == std::string::npos)
    return true;
  if (position + 1 >= operand.layout.size() || operand.layout[position + 1] != inner)
    return false;
  SmallVector<ReassociationIndices> groups;
  for (size_t dim = 0; dim < operand.layout.size(); ++dim)
    if (dim == position + 1)
      groups.back().push_back(dim);
    else
      groups.push_back({int64_t(dim)});
  return memref::CollapseShapeOp::isGuaranteedCollapsible(cast<MemRefType>(operand.memref.getType()), groups);
}

void ContractScheduler::merge(Operand &operand, char outer, char inner) {
  size_t position = operand.layout.find(outer);
  if (position == std::string::npos)
    return;
  SmallVector<ReassociationIndices> groups;
  for (size_t dim = 0; dim < operand.layout.size(); ++dim)
    if (dim == position + 1)
      groups.back().push_back(dim);
    else
      groups.push_back({int64_t(dim)});
  operand.memref = memref::CollapseShapeOp::create(b, loc, operand.memref, groups);
  operand.layout.erase(position, 1); // the inner letter names the merged dimension
}

/// Merges neighbours of one role as far as memory allows; `merged` remembers what a letter stands for.
void ContractScheduler::mergeLetters(std::string &role) {
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
      merge(*operand, outer, inner);
    merged[inner] = merged[outer] + merged[inner];
    role.erase(i - 1, 1);
  }
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

/// The rhs as constant panels [P, K, W], if it is a constant without batch letters.
Value ContractScheduler::packedConstant() {
  // Look through the views that merging made.
  Value source = rhs.memref;
  while (auto collapse = source.getDefiningOp<memref::CollapseShapeOp>())
    source = collapse.getSrc();
  auto type = cast<MemRefType>(rhs.memref.getType());
  if (!sumLetter || !colLetter || roles.columns.size() != 1 || !roles.batch.empty() || !type.hasStaticShape() ||
      !type.getLayout().isIdentity())
    return Value();
  bool sumFirst = rhs.layout[0] == sumLetter;
  if (auto weight = source.getDefiningOp<tile::WeightOp>())
    return schedule::packWeight(b, weight, type.getShape(), sumFirst, panelWidth, encodings);
  auto get = source.getDefiningOp<memref::GetGlobalOp>();
  return get ? packedValues(get) : Value();
}

/// Panels of the values of a small constant.
Value ContractScheduler::packedValues(memref::GetGlobalOp get) {
  auto module = op->getParentOfType<ModuleOp>();
  auto global = module.lookupSymbol<memref::GlobalOp>(get.getName());
  auto values = dyn_cast_or_null<DenseElementsAttr>(global.getConstantInitValue());
  if (!values)
    return Value();
  auto type = cast<MemRefType>(rhs.memref.getType());
  auto matrix = values.reshape(RankedTensorType::get(type.getShape(), type.getElementType()));
  DenseElementsAttr packed = schedule::packPanels(matrix, rhs.layout[0] == sumLetter, width, encodings);

  OpBuilder::InsertionGuard guard(b);
  auto packedType = MemRefType::get(packed.getType().getShape(), encodings.word());
  OpBuilder outside = OpBuilder::atBlockBegin(module.getBody());
  auto packedGlobal =
      memref::GlobalOp::create(outside, loc, (get.getName() + "_panels").str(), outside.getStringAttr("private"),
                               packedType, packed, /*constant=*/true, outside.getI64IntegerAttr(64));
  SymbolTable(module).insert(packedGlobal); // renames on collision
  return memref::GetGlobalOp::create(b, loc, packedType, packedGlobal.getSymName());
}

/// The rhs can be packed as it lies, k innermost: as floats, or as groups that are words in memory.
bool ContractScheduler::canTranspose() {
  if (!encodings.panel)
    return !encodings.rhs.isInteger();
  return rhs.layout.back() == sumLetter &&
         cast<MemRefType>(rhs.memref.getType()).getStridesAndOffset().first.back() == 1;
}

/// panel[k][c] = the group of rhs[group * k + e, c] for columns c < count, from word `begin` on; what is beyond `chunk` or
/// them is 0.
void ContractScheduler::emitPackGroups(Value source, Value panel, Value begin, Value chunk, Value count) {
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
  auto forColumns = [&](Value begin, Value end, llvm::function_ref<Value(Value)> wordOf) {
    auto map = tile::MapOp::create(b, loc, begin, end);
    OpBuilder::InsertionGuard guard(b);
    Value column = b.createBlock(&map.getBody(), {}, {b.getIndexType()}, {loc})->getArgument(0);
    Value value = wordOf(column);
    memref::StoreOp::create(b, loc, value, panel, ValueRange{word, column});
    tile::YieldOp::create(b, loc, Value());
  };
  forColumns(index(0), count, [&](Value column) {
    Value value;
    for (int64_t e = 0; e < group; ++e) {
      Value element =
          memref::LoadOp::create(b, loc, source, colLetter ? ValueRange{rows[e], column} : ValueRange{rows[e]});
      Value placed = schedule::placeElement(*this, element, exist[e], e);
      value = value ? arith::OrIOp::create(b, loc, value, placed).getResult() : placed;
    }
    return value;
  });
  forColumns(count, index(width), [&](Value) { return constantInt(b, loc, encodings.word(), 0); });
}

/// panel[k][c] = rhs[k0 + k, n0 + c]; beyond `count` columns finite where those are.
void ContractScheduler::emitPacking(Value panel, Value k0, Value chunk, Value n0, Value count) {
  SmallVector<schedule::LetterRange> ranges;
  std::string order;
  if (colLetter) {
    ranges.push_back({colLetter, n0, count});
    order += colLetter;
  }
  if (sumLetter) {
    ranges.push_back({sumLetter, k0, chunk});
    order += sumLetter;
  }
  auto fixed = [&](char letter) { return at[letter]; };
  bool sumsInnermost = !colLetter || !sumLetter || rhs.layout.find(sumLetter) > rhs.layout.find(colLetter);
  auto body = [&](Region &region, ArrayRef<Type> types) {
    return b.createBlock(&region, {}, types, SmallVector<Location>(types.size(), loc));
  };
  OpBuilder::InsertionGuard guard(b);
  Value words = index(0); // of a group each, those that are made by a transposition
  if (sumsInnermost && colLetter && sumLetter && canTranspose()) {
    Value source = schedule::viewByLetters(b, loc, rhs.memref, rhs.layout, ranges, fixed, order);
    words = div(chunk, index(encodings.group()));
    auto copy = tile::TransposeOp::create(b, loc, source, panel, count, words, /*pad=*/true, encodings.panel);
    Type seen = encodings.panel ? encodings.word() : encodings.rhs;
    Block *block = body(copy.getBody(), {seen, b.getIndexType(), b.getIndexType()});
    tile::YieldOp::create(b, loc, schedule::widenElement(*this, block->getArgument(0), encodings.word()));
    if (encodings.group() == 1)
      return;
    b.setInsertionPointAfter(copy);
  }
  std::string indexOrder(order.rbegin(), order.rend()); // sums, columns
  Value source = schedule::viewByLetters(b, loc, rhs.memref, rhs.layout, ranges, fixed, indexOrder);
  if (encodings.group() > 1)
    return emitPackGroups(source, panel, words, chunk, count);
  auto loop = scf::ForOp::create(b, loc, index(0), chunk, index(1));
  b.setInsertionPointToStart(loop.getBody());
  Value k = loop.getInductionVar();
  auto copy = tile::MapOp::create(b, loc, index(0), count);
  auto fill = tile::MapOp::create(b, loc, count, index(width));
  Block *block = body(copy.getBody(), {b.getIndexType()});
  SmallVector<Value> from;
  if (sumLetter)
    from.push_back(k);
  if (colLetter)
    from.push_back(block->getArgument(0));
  Value value = schedule::widenElement(*this, memref::LoadOp::create(b, loc, source, from), encodings.sums);
  memref::StoreOp::create(b, loc, value, panel, ValueRange{k, block->getArgument(0)});
  tile::YieldOp::create(b, loc, Value());
  block = body(fill.getBody(), {b.getIndexType()});
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(encodings.sums));
  memref::StoreOp::create(b, loc, zero, panel, ValueRange{k, block->getArgument(0)});
  tile::YieldOp::create(b, loc, Value());
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

/// Indices into `out` of the element at (row, col) of the current item.
SmallVector<Value> ContractScheduler::outIndices(Value row, Value col) {
  SmallVector<Value> indices;
  for (char letter : out.layout)
    indices.push_back(letter == rowLetter ? row : letter == colLetter ? col : at[letter]);
  return indices;
}

/// What the contraction's epilogue makes of `value`.
Value ContractScheduler::emitEpilogue(Value value, Value row, Value col) {
  if (op.getEpilogue().empty())
    return value;
  Block &region = op.getEpilogue().front();
  IRMapping mapping;
  SmallVector<Value> arguments{value};
  for (char letter : op.getOutLayout()) { // indices of the original letters, merged ones taken apart again
    Value position;
    for (auto &[survivor, letters] : merged)
      if (size_t where = letters.find(letter);
          where != std::string::npos && out.layout.find(survivor) != std::string::npos) {
        position = survivor == rowLetter ? row : survivor == colLetter ? col : at[survivor];
        for (size_t inner = letters.size() - 1; inner > where; --inner)
          position = arith::DivUIOp::create(b, loc, position, originalExtents[letters[inner]]);
        if (where > 0)
          position = arith::RemUIOp::create(b, loc, position, originalExtents[letter]);
      }
    if (!position)
      position = letter == rowLetter ? row : letter == colLetter ? col : at[letter];
    arguments.push_back(position);
  }
  llvm::append_range(arguments, op.getCaptures());
  mapping.map(region.getArguments(), arguments);
  for (Operation &nested : region.without_terminator())
    b.clone(nested, mapping);
  return mapping.lookupOrDefault(region.getTerminator()->getOperand(0));
}

void ContractScheduler::ifThenElse(Value condition, llvm::function_ref<void()> yes, llvm::function_ref<void()> no) {
  auto branch = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  yes();
  b.setInsertionPointToStart(branch.elseBlock());
  no();
}

void ContractScheduler::emitContract(Value rowBegin, Value rowEnd, Value n0, Value count, const Share &share,
                                     Value panel) {
  // lhs as [row, k], k from k0.
  SmallVector<schedule::LetterRange> ranges;
  std::string order;
  if (rowLetter) {
    ranges.push_back({rowLetter, index(0), extent(rowLetter)});
    order += rowLetter;
  }
  if (sumLetter) {
    ranges.push_back({sumLetter, share.k0, share.count});
    order += sumLetter;
  }
  Value source =
      schedule::viewByLetters(b, loc, lhs.memref, lhs.layout, ranges, [&](char letter) { return at[letter]; }, order);
  if (order.size() < 2) { // a missing role has extent 1
    auto type = cast<MemRefType>(source.getType());
    SmallVector<ReassociationIndices> groups;
    SmallVector<int64_t> shape(2, 1);
    if (order.size() == 1) {
      groups.push_back({0, 1});
      shape[rowLetter ? 0 : 1] = type.getDimSize(0);
    }
    source = memref::ExpandShapeOp::create(b, loc, shape, source, groups);
  }
  auto contract = tile::ContractOp::create(b, loc, rowBegin, rowEnd, n0, count, share.count, source, panel,
                                           encodings.left, encodings.panel, tile::Tail::Peel, sizes.contractRows);
  OpBuilder::InsertionGuard guard(b);
  Type indexType = b.getIndexType(), sumType = encodings.sums;
  auto placeOf = [&](Value row, Value col) { // of a partial sum
    return partial ? SmallVector<Value>{sub(row, rowBegin), sub(col, n0)} : outIndices(row, col);
  };
  if (share.isFirst) {
    Block *init = b.createBlock(&contract.getInit(), {}, {indexType, indexType}, {loc, loc});
    auto start = scf::IfOp::create(b, loc, TypeRange{sumType}, share.isFirst, /*withElseRegion=*/true);
    tile::YieldOp::create(b, loc, start.getResult(0));
    b.setInsertionPointToStart(start.thenBlock());
    scf::YieldOp::create(b, loc, arith::ConstantOp::create(b, loc, b.getZeroAttr(sumType)).getResult());
    b.setInsertionPointToStart(start.elseBlock());
    Value before = memref::LoadOp::create(b, loc, partial ? partial : out.memref,
                                          placeOf(init->getArgument(0), init->getArgument(1)));
    scf::YieldOp::create(b, loc, before);
  }
  Block *epilogue =
      b.createBlock(&contract.getEpilogue(), {}, {sumType, indexType, indexType, b.getI1Type()}, {loc, loc, loc, loc});
  Value sum = epilogue->getArgument(0), row = epilogue->getArgument(1), col = epilogue->getArgument(2);
  auto storePartial = [&] { memref::StoreOp::create(b, loc, sum, partial ? partial : out.memref, placeOf(row, col)); };
  auto storeResult = [&] {
    Value value = emitEpilogue(sum, row, col);
    if (Type stored = getElementTypeOrSelf(out.memref.getType()); value.getType() != stored)
      value = arith::TruncFOp::create(b, loc, stored, value);
    memref::StoreOp::create(b, loc, value, out.memref, outIndices(row, col));
  };
  if (share.isLast && (partial || !op.getEpilogue().empty()))
    ifThenElse(share.isLast, storeResult, storePartial);
  else
    storeResult();
  tile::YieldOp::create(b, loc, Value());
}

/// Rows [rowBegin, rowEnd) of one panel of `columns` columns (a multiple of the lanes), of which `count` are real
/// (null: all).
void ContractScheduler::emitPanel(Value panel, Value packed, Value rowBegin, Value rowEnd, int64_t columns,
                                  Value count) {
  Value n0 = mul(panel, index(width)), sums = extent(sumLetter);
  Value zero = index(0);
  if (packed) {
    auto type = cast<MemRefType>(packed.getType());
    // A panel holds one or more of what a register tile takes at once.
    Value outer = panel, column = index(0);
    if (int64_t held = type.getDimSize(2); held != width) {
      outer = div(n0, index(held));
      column = rem(n0, index(held));
    }
    SmallVector<OpFoldResult> offsets{outer, b.getIndexAttr(0), getAsOpFoldResult(column)};
    SmallVector<OpFoldResult> shape{b.getIndexAttr(1), b.getIndexAttr(type.getDimSize(1)), b.getIndexAttr(columns)};
    Value view = schedule::subviewOfDims(b, loc, packed, offsets, shape, {1, 2});
    return emitContract(rowBegin, rowEnd, n0, count, {zero, sums, {}, {}}, view);
  }
  auto type = MemRefType::get({sizes.contractSumChunk, width}, encodings.word());
  Value scratch = memref::AllocaOp::create(b, loc, type, b.getI64IntegerAttr(64));
  int64_t chunkElements = sizes.contractSumChunk * encodings.group();
  Value real = count ? count : index(width), chunk = index(chunkElements);
  if (std::optional<int64_t> known = getConstantIntValue(sums); known && *known <= chunkElements) {
    emitPacking(scratch, zero, sums, n0, real);
    return emitContract(rowBegin, rowEnd, n0, count, {zero, sums, {}, {}}, scratch);
  }
  if (getElementTypeOrSelf(out.memref.getType()) != encodings.sums)
    partial = memref::AllocaOp::create(b, loc, MemRefType::get({sizes.contractPackRowBlock, width}, encodings.sums),
                                       b.getI64IntegerAttr(64));
  // One body for all chunks: branches within a register tile cost less than their code. A sum of nothing is one chunk too.
  auto loop = scf::ForOp::create(b, loc, zero, b.createOrFold<arith::MaxSIOp>(loc, sums, index(1)), chunk);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value k0 = loop.getInductionVar(), left = sub(sums, k0);
  Share share{k0, min(chunk, left), arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, k0, zero),
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, left, chunk)};
  emitPacking(scratch, k0, share.count, n0, real);
  emitContract(rowBegin, rowEnd, n0, count, share, scratch);
}

void ContractScheduler::emitItem(Value item, Value packed, Value rowBlocks, Value panels) {
  int64_t rowBlock = rowBlockOf(packed);
  Value panel = rem(item, panels);
  Value rest = div(item, panels);
  Value block = rem(rest, rowBlocks);
  rest = div(rest, rowBlocks);
  std::string outer = roles.batch + roles.rows + roles.columns;
  for (size_t i = outer.size(); i-- > 0;) {
    char letter = outer[i];
    if (letter == rowLetter || letter == colLetter)
      continue;
    Value size = extent(letter);
    at[letter] = rem(rest, size);
    rest = div(rest, size);
  }
  Value rowBegin = mul(block, index(rowBlock));
  Value rowEnd = min(extent(rowLetter), add(rowBegin, index(rowBlock)));
  Value columns = extent(colLetter);
  std::optional<int64_t> known = getConstantIntValue(columns);
  if (known && *known % width == 0)
    return emitPanel(panel, packed, rowBegin, rowEnd, width, Value());

  // The last panel is narrower: as many vectors as needed when N is known, all of them with a count otherwise.
  int64_t vectors = known && packed ? llvm::divideCeil(*known % width, lanes) * lanes : width;
  if (known && *known < width) // the only panel: a whole one would not even verify
    return emitPanel(panel, packed, rowBegin, rowEnd, vectors, columns);
  Value left = sub(columns, mul(panel, index(width)));
  Value whole = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, left, index(width));
  auto branch = scf::IfOp::create(b, loc, whole, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  emitPanel(panel, packed, rowBegin, rowEnd, width, Value());
  b.setInsertionPointToStart(branch.elseBlock());
  emitPanel(panel, packed, rowBegin, rowEnd, vectors, known ? index(*known % width) : left);
}

/// Floats of at most 32 bits, and i8 into i32 or floats.
LogicalResult ContractScheduler::checkTypes() {
  for (Value operand : {op.getLhs(), op.getRhs(), op.getInit()}) {
    Type element = getElementTypeOrSelf(operand.getType());
    bool isSum = operand == op.getInit() && element == op.getAccumulatorType();
    bool isNarrow = element.isF32() || element.isF16() || element.isBF16();
    if (!isSum && !isNarrow && !(operand != op.getInit() && element.isInteger(8)))
      return emitUnsupported(op) << "matrix products on " << element << " are not compiled yet; use f32";
  }
  return success();
}

/// By the target, and by whether lhs holds neighbours along k side by side.
void ContractScheduler::findEncodings() {
  auto type = cast<MemRefType>(lhs.memref.getType());
  bool sideBySide = sumLetter && lhs.layout.back() == sumLetter && type.getStridesAndOffset().first.back() == 1;
  encodings = schedule::chooseEncodings(target, type.getElementType(), getElementTypeOrSelf(rhs.memref.getType()),
                                        op.getAccumulatorType(), sideBySide);
}

LogicalResult ContractScheduler::emit() {
  if (failed(checkTypes()))
    return failure();
  // Lanes along the innermost letter of out.
  char innermost = last(out.layout);
  bool inRhs = rhs.layout.find(innermost) != std::string::npos, inLhs = lhs.layout.find(innermost) != std::string::npos;
  if (inLhs && !inRhs)
    std::swap(lhs, rhs);
  roles = findRoles(lhs, rhs, out);
  for (std::string *role : {&roles.batch, &roles.rows, &roles.columns, &roles.summed})
    mergeLetters(*role);
  if (roles.summed.size() > 1)
    return emitUnsupported(op) << "the summed dimensions \"" << roles.summed
                               << "\" do not lie side by side in both operands; such a contraction is not compiled yet";
  rowLetter = last(roles.rows);
  colLetter = last(roles.columns);
  sumLetter = last(roles.summed);
  findEncodings();

  Value packed = packedConstant();
  Value rowBlocks = ceilDiv(extent(rowLetter), index(rowBlockOf(packed)));
  Value panels = ceilDiv(extent(colLetter), index(width));
  Value items = mul(rowBlocks, panels);
  for (char letter : roles.batch + roles.rows + roles.columns)
    if (letter != rowLetter && letter != colLetter)
      items = mul(items, extent(letter));
  auto forall = scf::ForallOp::create(b, loc, ArrayRef<OpFoldResult>{getAsOpFoldResult(items)}, ValueRange(),
                                      /*mapping=*/std::nullopt);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(forall.getBody());
  emitItem(forall.getInductionVar(0), packed, rowBlocks, panels);
  return success();
}

namespace {
struct ContractToTilePass : schedule::impl::ContractToTileBase<ContractToTilePass> {
  using ContractToTileBase::ContractToTileBase;
  void runOnOperation() override {
    auto machine = schedule::machineFor(getOperation());
    if (failed(machine))
      return signalPassFailure();
    auto target = getOperation()->getAttrOfType<tile::TargetAttr>("tile.target");
    SmallVector<ContractOp> ops;
    getOperation().walk([&](ContractOp op) { ops.push_back(op); });
    for (ContractOp op : ops) {
      if (failed(schedule::verifySchedule(op, *machine)))
        return signalPassFailure();
      schedule::Schedule sizes = schedule::scheduleOf(op);
      OpBuilder builder(op);
      if (failed(ContractScheduler(builder, op, target, sizes).emit()))
        return signalPassFailure();
      op.erase();
      ++numContractions;
    }
  }
};
} // namespace
