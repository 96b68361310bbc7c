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
// A rhs that is known only at run time is packed panel by panel in chunks of KC: partial sums then go through %y, and
// only the last chunk runs the epilogue. The panel's tail (N not a multiple of W) repeats the last column or is zero,
// and stores are limited to the real columns.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Passes.h"
#include "compiler/schedule/ScheduleTarget.h"
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
  ContractScheduler(OpBuilder &builder, ContractOp op, int64_t lanes, const schedule::Schedule &sizes)
      : IndexMath{builder, op.getLoc()}, op(op), sizes(sizes), lanes(lanes), width(sizes.contractColumns),
        panelWidth(kPanelColumns % width == 0 ? kPanelColumns : width), lhs{op.getLhs(), op.getLhsLayout().str()},
        rhs{op.getRhs(), op.getRhsLayout().str()}, out{op.getInit(), op.getOutLayout().str()} {}

  /// Fails, with a diagnostic, on a layout without a schedule.
  LogicalResult emit();

private:
  Value extent(char letter);
  char last(const std::string &letters) { return letters.empty() ? '\0' : letters.back(); }

  void mergeLetters(std::string &role);
  bool canMerge(const Operand &operand, char outer, char inner);
  void merge(Operand &operand, char outer, char inner);
  Value packedConstant();
  Value packedWeight(tile::WeightOp weight);
  Value packedValues(memref::GetGlobalOp get);
  /// Rows of a work item; `packed` is null when every item must pack its panel.
  int64_t rowBlockOf(Value packed) { return packed ? sizes.contractRowBlock : sizes.contractPackRowBlock; }
  void emitItem(Value item, Value packed, Value rowBlocks, Value panels);
  void emitPanel(Value panel, Value packed, Value rowBegin, Value rowEnd, int64_t columns, Value count);
  void emitPacking(Value panel, Value k0, Value chunk, Value n0, Value count);
  void emitContract(Value rowBegin, Value rowEnd, Value n0, Value count, Value k0, Value kCount, Value panel,
                    bool first, bool final);
  SmallVector<Value> outIndices(Value row, Value col);
  std::pair<Value, StringRef> fixedView(const Operand &operand);

  ContractOp op;
  const schedule::Schedule &sizes;
  int64_t lanes, width;
  int64_t panelWidth; ///< columns of a panel of constants
  Operand lhs, rhs, out;
  Roles roles;
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
      !type.getElementType().isF32() || !type.getLayout().isIdentity())
    return Value();
  if (auto weight = source.getDefiningOp<tile::WeightOp>())
    return packedWeight(weight);
  auto get = source.getDefiningOp<memref::GetGlobalOp>();
  return get ? packedValues(get) : Value();
}

/// Panels as a recipe: result[p, k, w] = rhs[k, p * W + w], 0 beyond its last column.
Value ContractScheduler::packedWeight(tile::WeightOp weight) {
  auto type = cast<MemRefType>(rhs.memref.getType());
  bool sumFirst = rhs.layout[0] == sumLetter;
  int64_t sums = type.getDimSize(sumFirst ? 0 : 1), columns = type.getDimSize(sumFirst ? 1 : 0);
  int64_t column = sumFirst ? 1 : sums, sum = sumFirst ? columns : 1; // strides of rhs
  int64_t panels = llvm::divideCeil(columns, panelWidth);
  auto packedType = RankedTensorType::get({panels, sums, panelWidth}, b.getF32Type());
  auto module = op->getParentOfType<ModuleOp>();
  std::string name = fmt::format("{}.panels{}_{}x{}", weight.getName().str(), panelWidth, sums, columns);
  if (!module.lookupSymbol(name)) {
    OpBuilder outside(module.getContext());
    outside.setInsertionPointAfter(module.lookupSymbol(weight.getNameAttr().getAttr()));
    bool isPadded = columns % panelWidth != 0;
    weights::ViewOp::create(outside, weight.getLoc(), name, weight.getName(), 0,
                            outside.getDenseI64ArrayAttr({panelWidth * column, sum, column}),
                            isPadded ? outside.getDenseI64ArrayAttr({panelWidth, 0, 1}) : nullptr,
                            isPadded ? outside.getI64IntegerAttr(columns) : nullptr, packedType);
  }
  return tile::WeightOp::create(b, loc, MemRefType::get(packedType.getShape(), b.getF32Type()), name);
}

/// The same for the values of a small constant, at once.
Value ContractScheduler::packedValues(memref::GetGlobalOp get) {
  auto module = op->getParentOfType<ModuleOp>();
  auto global = module.lookupSymbol<memref::GlobalOp>(get.getName());
  auto values = dyn_cast_or_null<DenseElementsAttr>(global.getConstantInitValue());
  if (!values)
    return Value();
  auto type = cast<MemRefType>(rhs.memref.getType());
  bool sumFirst = rhs.layout[0] == sumLetter;
  int64_t sums = type.getDimSize(sumFirst ? 0 : 1), columns = type.getDimSize(sumFirst ? 1 : 0);
  int64_t panels = llvm::divideCeil(columns, width);
  auto elements = values.getValues<float>();
  std::vector<float> packed(panels * sums * width, 0.0f);
  for (int64_t n = 0; n < columns; ++n)
    for (int64_t k = 0; k < sums; ++k)
      packed[(n / width * sums + k) * width + n % width] = elements[sumFirst ? k * columns + n : n * sums + k];

  OpBuilder::InsertionGuard guard(b);
  auto packedType = MemRefType::get({panels, sums, width}, b.getF32Type());
  auto tensorType = RankedTensorType::get(packedType.getShape(), b.getF32Type());
  OpBuilder outside = OpBuilder::atBlockBegin(module.getBody());
  auto packedGlobal = memref::GlobalOp::create(
      outside, loc, (get.getName() + "_panels").str(), outside.getStringAttr("private"), packedType,
      DenseElementsAttr::get(tensorType, ArrayRef(packed)), /*constant=*/true, outside.getI64IntegerAttr(64));
  SymbolTable(module).insert(packedGlobal); // renames on collision
  return memref::GetGlobalOp::create(b, loc, packedType, packedGlobal.getSymName());
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
  if (sumsInnermost && colLetter && sumLetter) {
    Value source = schedule::viewByLetters(b, loc, rhs.memref, rhs.layout, ranges, fixed, order);
    auto copy = tile::TransposeOp::create(b, loc, source, panel, count, chunk, /*pad=*/true);
    Block *block = body(copy.getBody(), {b.getF32Type(), b.getIndexType(), b.getIndexType()});
    tile::YieldOp::create(b, loc, block->getArgument(0));
    return;
  }
  std::string indexOrder(order.rbegin(), order.rend()); // sums, columns
  Value source = schedule::viewByLetters(b, loc, rhs.memref, rhs.layout, ranges, fixed, indexOrder);
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
  Value value = memref::LoadOp::create(b, loc, source, from);
  memref::StoreOp::create(b, loc, value, panel, ValueRange{k, block->getArgument(0)});
  tile::YieldOp::create(b, loc, Value());
  block = body(fill.getBody(), {b.getIndexType()});
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0.0f));
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

void ContractScheduler::emitContract(Value rowBegin, Value rowEnd, Value n0, Value count, Value k0, Value kCount,
                                     Value panel, bool first, bool final) {
  // lhs as [row, k], k from k0.
  SmallVector<schedule::LetterRange> ranges;
  std::string order;
  if (rowLetter) {
    ranges.push_back({rowLetter, index(0), extent(rowLetter)});
    order += rowLetter;
  }
  if (sumLetter) {
    ranges.push_back({sumLetter, k0, kCount});
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
  auto contract = tile::ContractOp::create(b, loc, rowBegin, rowEnd, n0, count, kCount, source, panel, tile::Tail::Peel,
                                           sizes.contractRows);
  OpBuilder::InsertionGuard guard(b);
  Type indexType = b.getIndexType(), f32 = b.getF32Type();
  if (!first) {
    Block *init = b.createBlock(&contract.getInit(), {}, {indexType, indexType}, {loc, loc});
    Value partial = memref::LoadOp::create(b, loc, out.memref, outIndices(init->getArgument(0), init->getArgument(1)));
    tile::YieldOp::create(b, loc, partial);
  }
  Block *epilogue =
      b.createBlock(&contract.getEpilogue(), {}, {f32, indexType, indexType, b.getI1Type()}, {loc, loc, loc, loc});
  Value value = epilogue->getArgument(0), row = epilogue->getArgument(1), col = epilogue->getArgument(2);
  if (final && !op.getEpilogue().empty()) {
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
    value = mapping.lookupOrDefault(region.getTerminator()->getOperand(0));
  }
  memref::StoreOp::create(b, loc, value, out.memref, outIndices(row, col));
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
    return emitContract(rowBegin, rowEnd, n0, count, zero, sums, view, /*first=*/true, /*final=*/true);
  }
  auto type = MemRefType::get({sizes.contractSumChunk, width}, b.getF32Type());
  Value scratch = memref::AllocaOp::create(b, loc, type, b.getI64IntegerAttr(64));
  Value chunkSize = index(sizes.contractSumChunk);
  Value real = count ? count : index(width);
  auto chunk = [&](Value k0, bool first, bool final) {
    Value size = min(chunkSize, sub(sums, k0));
    emitPacking(scratch, k0, size, n0, real);
    emitContract(rowBegin, rowEnd, n0, count, k0, size, scratch, first, final);
  };
  auto ifThenElse = [&](Value condition, llvm::function_ref<void()> yes, llvm::function_ref<void()> no) {
    auto branch = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    yes();
    b.setInsertionPointToStart(branch.elseBlock());
    no();
  };
  if (std::optional<int64_t> known = getConstantIntValue(sums); known && *known <= sizes.contractSumChunk)
    return chunk(zero, true, true);
  Value single = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, sums, chunkSize);
  ifThenElse(
      single, [&] { chunk(zero, true, true); },
      [&] {
        chunk(zero, true, false);
        Value lastChunk = mul(div(sub(sums, index(1)), chunkSize), chunkSize);
        auto middle = scf::ForOp::create(b, loc, chunkSize, lastChunk, chunkSize);
        {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(middle.getBody());
          chunk(middle.getInductionVar(), false, false);
        }
        chunk(lastChunk, false, true);
      });
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

LogicalResult ContractScheduler::emit() {
  for (Value operand : {op.getLhs(), op.getRhs(), op.getInit()})
    if (Type element = cast<MemRefType>(operand.getType()).getElementType(); !element.isF32())
      return emitUnsupported(op) << "matrix products on " << element << " are not compiled yet; use f32";
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
    schedule::Schedule sizes;
    sizes.contractColumns = columns;
    sizes.contractRows = rows;
    sizes.contractRowBlock = rowBlock;
    sizes.contractPackRowBlock = packRowBlock;
    sizes.contractSumChunk = sumChunk;
    auto machine = schedule::machineFor(getOperation(), sizes);
    if (failed(machine))
      return signalPassFailure();
    sizes = fillSchedule(sizes, *machine);
    SmallVector<ContractOp> ops;
    getOperation().walk([&](ContractOp op) { ops.push_back(op); });
    for (ContractOp op : ops) {
      OpBuilder builder(op);
      if (failed(ContractScheduler(builder, op, machine->lanes, sizes).emit()))
        return signalPassFailure();
      op.erase();
      ++numContractions;
    }
  }
};
} // namespace
