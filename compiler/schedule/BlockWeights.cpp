//===- BlockWeights.cpp - Weights of four bits in blocks ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/BlockWeights.h"
#include "dialects/Common/Builders.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/SymbolTable.h"
#include <cmath>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using namespace attnc::weights;

/// Integers in a word.
static constexpr int64_t kGroup = 8;

//===----------------------------------------------------------------------===//
// What a recipe says
//===----------------------------------------------------------------------===//

static Operation *sourceOf(Operation *op, FlatSymbolRefAttr name) {
  return op->getParentOfType<ModuleOp>().lookupSymbol(name.getAttr());
}

static bool isRowMajor(ArrayRef<int64_t> strides, ArrayRef<int64_t> shape) {
  int64_t expected = 1;
  for (size_t dim = shape.size(); dim-- > 0; expected *= shape[dim])
    if (strides[dim] != expected)
      return false;
  return true;
}

namespace {
/// Where the element at (k, n) lies in a row-major tensor.
struct Place {
  int64_t ofSum, ofColumn;
};
} // namespace

/// The same place in what `view` is made of: a reshape, or a matrix of another pitch.
static LogicalResult lookThrough(ViewOp view, Place &place) {
  ArrayRef<int64_t> shape = view.getTensorType().getShape(), strides = view.getStrides();
  if (view.getInside() || view.getAt() != 0)
    return failure();
  if (isRowMajor(strides, shape))
    return success();
  if (shape.size() != 2)
    return failure();
  if (place.ofSum == 1 && place.ofColumn == shape[1])
    place = {strides[1], strides[0]};
  else if (place.ofColumn == 1 && place.ofSum == shape[1])
    place = {strides[0], strides[1]};
  else
    return failure();
  return success();
}

/// The largest number that the integers from 0 on may be, as their bits say; nothing if these do not.
static std::optional<int64_t> largestOf(Operation *op) {
  constexpr uint64_t kFew = 8;
  if (auto bits = dyn_cast<BitsOp>(op))
    return bits.getWidth() < kFew ? std::optional((int64_t(1) << bits.getWidth()) - 1) : std::nullopt;
  if (!isa<ViewOp, ConcatOp>(op))
    return std::nullopt;
  int64_t largest = 0;
  for (FlatSymbolRefAttr name : sourcesOf(op)) {
    std::optional<int64_t> each = largestOf(sourceOf(op, name));
    if (!each)
      return std::nullopt;
    largest = std::max(largest, *each);
  }
  return largest;
}

/// The whole number that all elements are.
static std::optional<int64_t> wholeNumber(Operation *op) {
  auto view = dyn_cast<ViewOp>(op);
  auto constant = view ? dyn_cast<ConstantOp>(sourceOf(op, view.getSourceAttr())) : ConstantOp();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (!elements || !elements.isSplat() || !elements.getElementType().isF32() || view.getInside())
    return std::nullopt;
  float number = elements.getSplatValue<float>();
  constexpr float kMost = 256;
  return std::abs(number) <= kMost && number == std::floor(number) ? std::optional(static_cast<int64_t>(number))
                                                                   : std::nullopt;
}

/// q - zero as the float that is scaled: its integers and zero point.
static LogicalResult readIntegers(Operation *op, BlockWeight &weight) {
  weight.zero = 0;
  if (auto less = dyn_cast<CombineOp>(op); less && less.getBy() == "sub") {
    std::optional<int64_t> zero = wholeNumber(sourceOf(op, less.getSecondAttr()));
    if (!zero)
      return failure();
    weight.zero = *zero;
    op = sourceOf(op, less.getFirstAttr());
  }
  auto cast = dyn_cast<CastOp>(op);
  weight.integers = cast ? sourceOf(op, cast.getSourceAttr()) : nullptr;
  if (!weight.integers || !typeOf(weight.integers).getElementType().isInteger(8))
    return failure();
  std::optional<int64_t> largest = largestOf(weight.integers);
  return success(largest && weight.zero <= 8 && *largest - weight.zero <= 7);
}

/// Floats that are the same along a block: spread by a view, and perhaps made wider.
static LogicalResult readScales(Operation *op, BlockWeight &weight) {
  auto isSpread = [](ViewOp view) { return view && !view.getInside() && view.getStrides()[2] == 0; };
  auto view = dyn_cast<ViewOp>(op);
  if (isSpread(view) && view.getAt() == 0) {
    weight.scales = sourceOf(view, view.getSourceAttr());
    weight.ofColumn = view.getStrides()[0], weight.ofBlock = view.getStrides()[1];
    return success();
  }
  auto cast = dyn_cast<CastOp>(op);
  if (!cast || !isSpread(dyn_cast<ViewOp>(sourceOf(cast, cast.getSourceAttr()))))
    return failure();
  weight.scales = op; // of which the first of each block is read
  weight.ofColumn = weight.count * weight.block, weight.ofBlock = weight.block;
  return success();
}

std::optional<BlockWeight> schedule::readBlockWeight(Operation *source, bool sumFirst) {
  RankedTensorType matrix = typeOf(source);
  if (!matrix || matrix.getRank() != 2)
    return std::nullopt;
  int64_t sums = matrix.getDimSize(sumFirst ? 0 : 1), pitch = matrix.getDimSize(1);
  Place place = sumFirst ? Place{pitch, 1} : Place{1, pitch};
  for (; isa<ViewOp>(source); source = sourceOf(source, cast<ViewOp>(source).getSourceAttr()))
    if (failed(lookThrough(cast<ViewOp>(source), place)))
      return std::nullopt;
  auto scaled = dyn_cast<CombineOp>(source);
  RankedTensorType type = typeOf(source);
  if (!scaled || scaled.getBy() != "mul" || !type.getElementType().isF32() || type.getRank() != 3)
    return std::nullopt;
  BlockWeight weight{};
  weight.columns = type.getDimSize(0), weight.count = type.getDimSize(1), weight.block = type.getDimSize(2);
  bool fits = place.ofSum == 1 && place.ofColumn == weight.count * weight.block && weight.block % kGroup == 0 &&
              weight.columns == matrix.getDimSize(sumFirst ? 1 : 0) &&
              weight.count == static_cast<int64_t>(llvm::divideCeil(sums, weight.block));
  if (!fits || failed(readScales(sourceOf(source, scaled.getSecondAttr()), weight)) ||
      failed(readIntegers(sourceOf(source, scaled.getFirstAttr()), weight)))
    return std::nullopt;
  return weight;
}

int64_t schedule::blockOf(tile::WeightOp weight, bool sumFirst) {
  Operation *source = weight->getParentOfType<ModuleOp>().lookupSymbol(weight.getName());
  auto stack = dyn_cast<StackOp>(source);
  if (!stack) {
    std::optional<BlockWeight> blocks = readBlockWeight(source, sumFirst);
    return blocks ? blocks->block : 0;
  }
  std::optional<int64_t> block;
  for (FlatSymbolRefAttr name : sourcesOf(stack)) {
    std::optional<BlockWeight> blocks = readBlockWeight(sourceOf(stack, name), sumFirst);
    int64_t own = blocks ? blocks->block : 0;
    if (block.value_or(own) != own)
      return 0;
    block = own;
  }
  return block.value_or(0);
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

Operation *schedule::packBlocks(Operation *source, const BlockWeight &weight, int64_t width, StringRef name) {
  OpBuilder b(source->getContext());
  b.setInsertionPointAfter(source);
  Location loc = source->getLoc();
  Type i8 = b.getI8Type(), i32 = b.getI32Type();
  auto tensor = [](Type element, ArrayRef<int64_t> shape) { return RankedTensorType::get(shape, element); };
  auto named = [&](StringRef part) { return (name + "." + part).str(); };
  int64_t words = weight.block / kGroup, panels = llvm::divideCeil(weight.columns, width);

  SmallVector<int64_t> each{weight.columns, weight.count, weight.block};
  auto centred = OffsetOp::create(b, loc, named("integers"), SymbolTable::getSymbolName(weight.integers), -weight.zero,
                                  tensor(i8, each));
  each.back() = words;
  auto packed = PackOp::create(b, loc, named("words"), centred.getSymName(), tensor(i32, each));
  auto bits = BitcastOp::create(b, loc, named("bits"), SymbolTable::getSymbolName(weight.scales),
                                tensor(i32, typeOf(weight.scales).getShape()));
  bool isPadded = weight.columns % width != 0;
  auto panelsOf = [&](StringRef part, StringRef of, int64_t rows, int64_t ofColumn, int64_t ofBlock, int64_t ofRow) {
    int64_t inside[] = {width, 0, 0, 1};
    return ViewOp::create(
        b, loc, named(part), of, 0, b.getDenseI64ArrayAttr({width * ofColumn, ofBlock, ofRow, ofColumn}),
        isPadded ? b.getDenseI64ArrayAttr(inside) : nullptr, isPadded ? b.getI64IntegerAttr(weight.columns) : nullptr,
        tensor(i32, {panels, weight.count, rows, width}));
  };
  auto integers = panelsOf("wide", packed.getSymName(), words, weight.count * words, words, 1);
  auto scales = panelsOf("scales", bits.getSymName(), 1, weight.ofColumn, weight.ofBlock, 0);
  Attribute both[] = {FlatSymbolRefAttr::get(integers), FlatSymbolRefAttr::get(scales)};
  auto joined = ConcatOp::create(b, loc, named("blocks"), b.getArrayAttr(both), 2,
                                 tensor(i32, {panels, weight.count, words + 1, width}));
  int64_t rows = weight.count * (words + 1);
  return ViewOp::create(b, loc, name, joined.getSymName(), 0, b.getDenseI64ArrayAttr({rows * width, width, 1}), nullptr,
                        nullptr, tensor(i32, {panels, rows, width}));
}

//===----------------------------------------------------------------------===//
// Widening
//===----------------------------------------------------------------------===//

/// Element `e` of a word: up to the sign's place and back.
static Value integerOf(OpBuilder &b, Location loc, Value word, int64_t e) {
  constexpr int64_t kBits = 4, kWord = 32;
  auto number = [&](int64_t value) -> Value { return arith::ConstantIntOp::create(b, loc, b.getI32Type(), value); };
  Value high = arith::ShLIOp::create(b, loc, word, number(kWord - kBits * (e + 1)));
  return arith::ShRSIOp::create(b, loc, high, number(kWord - kBits));
}

void schedule::widenBlocks(OpBuilder &b, Location loc, Value part, tile::EncodingAttr encoding, Value floats,
                           Value blocks) {
  IndexMath math{b, loc};
  Type f32 = b.getF32Type();
  int64_t words = encoding.getBlock() / kGroup, columns = cast<MemRefType>(part.getType()).getDimSize(1);
  Value zero = math.index(0), one = math.index(1), inBlock = math.index(words);
  OpBuilder::InsertionGuard guard(b);
  auto block = scf::ForOp::create(b, loc, zero, blocks, one);
  b.setInsertionPointToStart(block.getBody());
  auto inner = scf::ForOp::create(b, loc, zero, inBlock, one);
  b.setInsertionPointToStart(inner.getBody());
  Value begin = math.mul(block.getInductionVar(), math.index(words + 1));
  Value row = math.add(begin, inner.getInductionVar()), ofScales = math.add(begin, inBlock);
  Value word = math.add(math.mul(block.getInductionVar(), inBlock), inner.getInductionVar());
  SmallVector<Value> rows;
  for (int64_t e = 0; e < kGroup; ++e)
    rows.push_back(math.add(math.mul(word, math.index(kGroup)), math.index(e)));
  auto map = tile::MapOp::create(b, loc, zero, math.index(columns));
  Value column = b.createBlock(&map.getBody(), {}, {b.getIndexType()}, {loc})->getArgument(0);
  Value packed = memref::LoadOp::create(b, loc, part, ValueRange{row, column});
  Value bits = memref::LoadOp::create(b, loc, part, ValueRange{ofScales, column});
  Value scale = arith::BitcastOp::create(b, loc, f32, bits);
  for (int64_t e = 0; e < kGroup; ++e) {
    Value real = arith::SIToFPOp::create(b, loc, f32, integerOf(b, loc, packed, e));
    memref::StoreOp::create(b, loc, arith::MulFOp::create(b, loc, real, scale), floats,
                            ValueRange{rows[static_cast<size_t>(e)], column});
  }
  tile::YieldOp::create(b, loc, Value());
}
