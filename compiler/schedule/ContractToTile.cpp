//===- ContractToTile.cpp - attn.contract to panels and register tiles ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Letters of the einsum have roles (ContractLetters.h): batch, rows, columns, which lie in the lanes, and summed.
//
// Before:
//   attn.contract lhs(%x "sk") rhs(%w "kn") outs("sn", %y) epilogue { bias }         // %w a constant, K x N
// After, W columns a panel, MC rows a block:
//   weights.view @w.panels of @w ... : tensor<P x K x W>                             // repacked at compile time
//   scf.forall (%item) in (ceil(M / MC) * P) {
//     tile.contract rows(%m0 to %m1) cols(%n0) k(%K) lhs(%x) rhs(%packed[p]) epilogue { bias; store %y[row, col] }
//   }
//
// A rhs that is known only at run time is packed panel by panel in chunks of KC (RuntimePanels.h), in a loop, and so are
// constant panels read that L2 does not hold: partial sums go through %y, or scratch where %y is of another type; the first
// chunk does not read them, and only the last one runs the epilogue. The panel's tail (N not a multiple of W) repeats the
// last column or is zero, and stores are limited to the real columns.
//
// Operands narrower than the sums (bf16, f16, i8) stay what they are where the target multiplies groups of them, and panels
// hold such groups; elsewhere panels are of the sums' type (ContractEncodings.h).
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/BlockWeights.h"
#include "compiler/schedule/ConstantPanels.h"
#include "compiler/schedule/ContractEncodings.h"
#include "compiler/schedule/ContractLetters.h"
#include "compiler/schedule/OpSchedule.h"
#include "compiler/schedule/PackedWeights.h"
#include "compiler/schedule/Passes.h"
#include "compiler/schedule/RuntimePanels.h"
#include "compiler/schedule/attention/LayoutView.h"
#include "compiler/support/Unsupported.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/Alignment.h"
#include "dialects/Common/Builders.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace attnc::schedule {
#define GEN_PASS_DEF_CONTRACTTOTILE
#include "compiler/schedule/Passes.h.inc"
} // namespace attnc::schedule

using namespace mlir;
using namespace attnc;
using attnc::attn::ContractOp;

namespace {

/// Bytes of a row of a panel that is packed when compiling: the same for every target, so that one artefact holds each
/// weight once. What is done at once there divides it (4 vectors of 64 bytes, 4 of 32), or has panels of its own.
constexpr int64_t kPanelBytes = 256;

/// Emits the schedule of one contraction.
class ContractScheduler : IndexMath {
public:
  /// `sizes` are all known.
  ContractScheduler(OpBuilder &builder, ContractOp op, tile::TargetAttr target, const schedule::Schedule &sizes)
      : IndexMath{builder, op.getLoc()}, op(op), target(target), sizes(sizes), lanes(target.getLanes()),
        width(sizes.contractColumns), letters(builder, op), lhs(letters.lhs), rhs(letters.rhs), out(letters.out) {}

  void emit();

private:
  Value extent(char letter) { return letters.extent(letter); }
  Value packedConstant();
  /// Rows of a work item; `packed` is null when every item must pack its panel.
  int64_t rowBlockOf(Value packed) { return packed ? sizes.contractRowBlock : sizes.contractPackRowBlock; }
  void emitItem(Value item, Value packed, Value rowBlocks, Value panels);
  void emitPanel(Value panel, Value packed, Value rowBegin, Value rowEnd, int64_t columns, Value count);
  int64_t shareDepth(Value packed);
  void emitWidened(Value panel, Value packed, Value rowBegin, Value rowEnd, int64_t columns, Value count);
  Value partOfPanel(Value packed, Value panel, int64_t columns, Value k0, Value count);
  void emitShares(int64_t depth, int64_t rowBlock, Value rowBegin, Value rowEnd, Value n0, Value count,
                  llvm::function_ref<Value(Value, Value)> panelOf);
  /// A share of the sums over k, from k0 on: the first starts from 0 and others from where the one before stopped; the
  /// last ends in the epilogue. Null conditions: it is both.
  struct Share {
    Value k0, count, isFirst, isLast;
  };
  void emitContract(Value rowBegin, Value rowEnd, Value n0, Value count, const Share &share, Value panel);
  Value emitEpilogue(Value value, Value row, Value col);
  void ifThenElse(Value condition, llvm::function_ref<void()> yes, llvm::function_ref<void()> no);
  SmallVector<Value> outIndices(Value row, Value col);
  void chooseLetters();
  void findEncodings();

  ContractOp op;
  tile::TargetAttr target;
  const schedule::Schedule &sizes;
  int64_t lanes, width;
  schedule::ContractLetters letters;
  const schedule::ContractLetters::Operand &lhs, &rhs, &out;
  char rowLetter = 0, colLetter = 0, sumLetter = 0; ///< 0: extent 1
  schedule::ContractEncodings encodings;
  Value partial;            ///< sums between chunks by row and column of the item; null: they are in out
  DenseMap<char, Value> at; ///< letters fixed by the current item
};

} // namespace

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
  if (letters.summed.size() != 1 || letters.columns.size() != 1 || !letters.batch.empty() || !type.hasStaticShape() ||
      !type.getLayout().isIdentity())
    return Value();
  bool sumFirst = rhs.layout[0] == sumLetter;
  if (auto weight = source.getDefiningOp<tile::WeightOp>()) {
    int64_t block = encodings.sums.isF32() && !encodings.left ? schedule::blockOf(weight, sumFirst) : 0;
    if (block)
      encodings.panel = tile::EncodingAttr::get(op.getContext(), 8, b.getIntegerType(4, /*isSigned=*/true), block);
    int64_t shared = kPanelBytes * 8 / encodings.word().getIntOrFloatBitWidth();
    return schedule::packWeight(b, weight, type.getShape(), sumFirst, shared % width == 0 ? shared : width, encodings);
  }
  auto get = source.getDefiningOp<memref::GetGlobalOp>();
  return get ? schedule::packConstant(b, get, type.getShape(), sumFirst, width, encodings) : Value();
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

/// Indices into `out` of the element at (row, col) of the current item.
SmallVector<Value> ContractScheduler::outIndices(Value row, Value col) {
  return out.indices(b, loc, [&](char letter) {
    return letter == rowLetter ? row : letter == colLetter ? col : at[letter];
  });
}

/// What the contraction's epilogue makes of `value`.
Value ContractScheduler::emitEpilogue(Value value, Value row, Value col) {
  if (op.getEpilogue().empty())
    return value;
  Block &region = op.getEpilogue().front();
  IRMapping mapping;
  SmallVector<Value> arguments{value};
  for (char letter : op.getOutLayout())
    arguments.push_back(letters.positionOf(letter, [&](char survivor) {
      return survivor == rowLetter ? row : survivor == colLetter ? col : at[survivor];
    }));
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
    Type stored = getElementTypeOrSelf(out.memref.getType());
    if (stored.getIntOrFloatBitWidth() < value.getType().getIntOrFloatBitWidth())
      value = arith::TruncFOp::create(b, loc, stored, value);
    else if (stored != value.getType())
      value = arith::ExtFOp::create(b, loc, stored, value);
    memref::StoreOp::create(b, loc, value, out.memref, outIndices(row, col));
  };
  if (share.isLast && (partial || !op.getEpilogue().empty()))
    ifThenElse(share.isLast, storeResult, storePartial);
  else
    storeResult();
  tile::YieldOp::create(b, loc, Value());
}

/// How many elements along k are summed at once. Of a panel that is packed as it runs, what its scratch holds. Of one that
/// is packed when compiling, all of them, or what fills half of L2 where they would fill more than all: every register tile
/// reads them again, beside its own rows (128x3072x768: 84 to 91% of the peak in f64, 92 to 94% in f32).
int64_t ContractScheduler::shareDepth(Value packed) {
  if (!packed)
    return sizes.contractSumChunk * encodings.group();
  int64_t row = width * encodings.word().getIntOrFloatBitWidth() / 8, fits = target.getL2() / 2 / row;
  int64_t words = cast<MemRefType>(packed.getType()).getDimSize(1);
  if (int64_t block = encodings.block()) {
    int64_t rows = encodings.rowsOf(block);
    return (words <= 2 * fits ? words / rows : std::max<int64_t>(1, fits / rows)) * block;
  }
  return (words <= 2 * fits ? words : fits) * encodings.group();
}

/// Elements [k0, k0 + count) along k of `columns` columns. A panel of `packed` holds one or more of what a register tile
/// takes at once, which `panel` counts.
Value ContractScheduler::partOfPanel(Value packed, Value panel, int64_t columns, Value k0, Value count) {
  auto type = cast<MemRefType>(packed.getType());
  Value outer = panel, column = index(0);
  // Words are counted by groups, or by blocks, each with a row of scales.
  int64_t unit = encodings.block() ? encodings.block() : encodings.group();
  Value rows = index(encodings.rowsOf(unit));
  if (int64_t held = type.getDimSize(2); held != width) {
    Value n0 = mul(panel, index(width));
    outer = div(n0, index(held));
    column = rem(n0, index(held));
  }
  SmallVector<OpFoldResult> offsets{outer, getAsOpFoldResult(mul(div(k0, index(unit)), rows)),
                                    getAsOpFoldResult(column)};
  SmallVector<OpFoldResult> shape{b.getIndexAttr(1), getAsOpFoldResult(mul(ceilDiv(count, index(unit)), rows)),
                                  b.getIndexAttr(columns)};
  return schedule::subviewOfDims(b, loc, packed, offsets, shape, {1, 2});
}

/// Rows [rowBegin, rowEnd) of one panel of `columns` columns (a multiple of the lanes), of which `count` are real
/// (null: all).
void ContractScheduler::emitPanel(Value panel, Value packed, Value rowBegin, Value rowEnd, int64_t columns,
                                  Value count) {
  Value n0 = mul(panel, index(width));
  auto ofPacked = [&] {
    emitShares(shareDepth(packed), rowBlockOf(packed), rowBegin, rowEnd, n0, count,
               [&](Value k0, Value depth) { return partOfPanel(packed, panel, columns, k0, depth); });
  };
  if (packed && encodings.block()) {
    // A register tile widens what it reads. Where there are many of them, that is done once before; it costs as much as about four
    // of them do (4096 x 4096 with AVX-512).
    constexpr int64_t kManyTiles = 4;
    Value rows = sub(rowEnd, rowBegin);
    Value areMany =
        b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::sgt, rows, index(kManyTiles * sizes.contractRows));
    return ifThenElse(areMany, [&] { emitWidened(panel, packed, rowBegin, rowEnd, columns, count); }, ofPacked);
  }
  if (packed)
    return ofPacked();
  auto type = MemRefType::get({sizes.contractSumChunk, columns}, encodings.word());
  Value scratch = memref::AllocaOp::create(b, loc, type, b.getI64IntegerAttr(kAlignment));
  schedule::PanelSource source{rhs.memref,
                               rhs.layout,
                               colLetter,
                               sumLetter,
                               rhs.partsOf(colLetter),
                               rhs.partsOf(sumLetter),
                               [&](char letter) { return at[letter]; },
                               encodings,
                               columns};
  Value real = count ? count : index(columns);
  emitShares(shareDepth(packed), rowBlockOf(packed), rowBegin, rowEnd, n0, count, [&](Value k0, Value depth) {
    schedule::packPanel(b, loc, source, scratch, k0, depth, n0, real);
    return scratch;
  });
}

/// Rows [rowBegin, rowEnd) of a panel of blocks, each share of which becomes floats first.
void ContractScheduler::emitWidened(Value panel, Value packed, Value rowBegin, Value rowEnd, int64_t columns,
                                    Value count) {
  schedule::ContractEncodings packedEncodings = encodings, floats = encodings;
  floats.panel = {};
  int64_t block = encodings.block(), rowBlock = rowBlockOf(packed);
  int64_t depth = std::max<int64_t>(1, sizes.contractSumChunk / block) * block;
  Value scratch = memref::AllocaOp::create(b, loc, MemRefType::get({depth, columns}, encodings.sums),
                                           b.getI64IntegerAttr(kAlignment));
  encodings = floats;
  emitShares(depth, rowBlock, rowBegin, rowEnd, mul(panel, index(width)), count, [&](Value k0, Value share) {
    encodings = packedEncodings;
    Value part = partOfPanel(packed, panel, columns, k0, share);
    schedule::widenBlocks(b, loc, part, encodings.panel, scratch, ceilDiv(share, index(block)));
    encodings = floats;
    return scratch;
  });
  encodings = packedEncodings;
}

/// The sums over k, share by share, each with its part of the panel.
void ContractScheduler::emitShares(int64_t depth, int64_t rowBlock, Value rowBegin, Value rowEnd, Value n0, Value count,
                                   llvm::function_ref<Value(Value, Value)> panelOf) {
  Value zero = index(0), sums = extent(sumLetter), chunk = index(depth);
  partial = Value();
  if (std::optional<int64_t> known = getConstantIntValue(sums); known && *known <= depth)
    return emitContract(rowBegin, rowEnd, n0, count, {zero, sums, {}, {}}, panelOf(zero, sums));
  if (getElementTypeOrSelf(out.memref.getType()) != encodings.sums)
    partial = memref::AllocaOp::create(b, loc, MemRefType::get({rowBlock, width}, encodings.sums),
                                       b.getI64IntegerAttr(kAlignment));
  // One body for all chunks: branches within a register tile cost less than their code. A sum of nothing is one chunk too.
  auto loop = scf::ForOp::create(b, loc, zero, b.createOrFold<arith::MaxSIOp>(loc, sums, index(1)), chunk);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value k0 = loop.getInductionVar(), left = sub(sums, k0);
  Share share{k0, min(chunk, left), arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, k0, zero),
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, left, chunk)};
  Value part = panelOf(k0, share.count);
  emitContract(rowBegin, rowEnd, n0, count, share, part);
}

void ContractScheduler::emitItem(Value item, Value packed, Value rowBlocks, Value panels) {
  int64_t rowBlock = rowBlockOf(packed);
  Value panel = rem(item, panels);
  Value rest = div(item, panels);
  Value block = rem(rest, rowBlocks);
  rest = div(rest, rowBlocks);
  std::string outer = letters.batch + letters.rows + letters.columns;
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
  int64_t vectors = known ? llvm::divideCeil(*known % width, lanes) * lanes : width;
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

/// Floats, and i8 into i32 or floats.
static LogicalResult checkTypes(ContractOp op) {
  for (Value operand : {op.getLhs(), op.getRhs(), op.getInit()}) {
    Type element = getElementTypeOrSelf(operand.getType());
    bool isSum = operand == op.getInit() && element == op.getAccumulatorType();
    bool isFloat = element.isF64() || element.isF32() || element.isF16() || element.isBF16();
    if (!isSum && !isFloat && !(operand != op.getInit() && element.isInteger(8)))
      return emitUnsupported(op) << "matrix products on " << element << " are not compiled yet; use f32";
  }
  return success();
}

void ContractScheduler::chooseLetters() {
  rowLetter = letters.last(letters.rows);
  colLetter = letters.last(letters.columns);
  sumLetter = letters.last(letters.summed);
}

/// By the target, and by whether lhs holds neighbours along k side by side.
void ContractScheduler::findEncodings() {
  auto type = cast<MemRefType>(lhs.memref.getType());
  bool sideBySide = sumLetter && lhs.layout.back() == sumLetter && type.getStridesAndOffset().first.back() == 1;
  encodings = schedule::chooseEncodings(target, type.getElementType(), getElementTypeOrSelf(rhs.memref.getType()),
                                        op.getAccumulatorType(), sideBySide);
}

void ContractScheduler::emit() {
  letters.joinSumsOfLhs();
  chooseLetters();
  findEncodings();
  Value packed = packedConstant(), gapped, whole;
  if (!packed) {
    gapped = letters.joinColumnsOfOut(lanes);
    whole = out.memref;
    letters.gatherInRhs(lanes);
    chooseLetters();
    findEncodings();
  }
  Value rowBlocks = ceilDiv(extent(rowLetter), index(rowBlockOf(packed)));
  Value panels = ceilDiv(extent(colLetter), index(width));
  Value items = mul(rowBlocks, panels);
  for (char letter : letters.batch + letters.rows + letters.columns)
    if (letter != rowLetter && letter != colLetter)
      items = mul(items, extent(letter));
  auto forall = scf::ForallOp::create(b, loc, ArrayRef<OpFoldResult>{getAsOpFoldResult(items)}, ValueRange(),
                                      /*mapping=*/std::nullopt);
  if (gapped)
    schedule::copyElements(b, loc, whole, gapped);
  b.setInsertionPointToStart(forall.getBody());
  emitItem(forall.getInductionVar(0), packed, rowBlocks, panels);
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
      if (failed(checkTypes(op)) || failed(schedule::verifySchedule(op, *machine)))
        return signalPassFailure();
      schedule::Schedule sizes = schedule::scheduleOf(op);
      OpBuilder builder(op);
      ContractScheduler(builder, op, target, sizes).emit();
      op.erase();
      ++numContractions;
    }
  }
};
} // namespace
