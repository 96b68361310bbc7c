//===- StaticMask.cpp - Constant masks as comparisons ---------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/StaticMask.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace attnc::fusion {

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Which elements are the first one; nothing if there are other than two values. They are compared as bytes: a mask of 0
/// and -0 has two values.
static std::optional<std::vector<uint8_t>> readBits(DenseElementsAttr constant) {
  int64_t count = constant.getNumElements();
  std::vector<uint8_t> bits(count, 1);
  if (constant.getElementType().isInteger(1)) {
    auto values = constant.getValues<bool>();
    bool first = *values.begin();
    for (auto [bit, value] : llvm::zip(bits, values))
      bit = value == first;
    return bits;
  }
  ArrayRef<char> data = constant.getRawData();
  size_t width = data.size() / count;
  const char *first = data.data(), *second = nullptr;
  for (int64_t i = 1; i < count; ++i) {
    const char *element = first + i * width;
    if (std::memcmp(element, first, width) == 0)
      continue;
    if (second && std::memcmp(element, second, width) != 0)
      return std::nullopt;
    second = element;
    bits[i] = 0;
  }
  return bits;
}

/// The elements do not depend on the index of a dimension of `extent`, in which neighbours lie `stride` apart.
static bool isConstantAlong(ArrayRef<uint8_t> bits, int64_t extent, int64_t stride) {
  for (size_t begin = 0; begin < bits.size(); begin += extent * stride) {
    ArrayRef<uint8_t> block = bits.slice(begin, extent * stride);
    if (block.drop_front(stride) != block.drop_back(stride))
      return false;
  }
  return true;
}

/// `bits` along `dims`, with 0 for the other indices.
static BitMatrix readMatrix(ArrayRef<uint8_t> bits, ArrayRef<int64_t> shape, ArrayRef<int64_t> strides,
                            ArrayRef<unsigned> dims) {
  unsigned column = dims.back();
  int64_t rows = dims.size() == 2 ? shape[dims.front()] : 1, rowStride = dims.size() == 2 ? strides[dims.front()] : 0;
  BitMatrix matrix{rows, shape[column], {}};
  matrix.bits.reserve(matrix.rows * matrix.columns);
  for (int64_t i = 0; i < matrix.rows; ++i)
    for (int64_t j = 0; j < matrix.columns; ++j)
      matrix.bits.push_back(bits[i * rowStride + j * strides[column]]);
  return matrix;
}

std::optional<StaticMask> readStaticMask(DenseElementsAttr constant) {
  if (constant.empty() || constant.isSplat() || !constant.getElementType().isIntOrFloat())
    return std::nullopt;
  std::optional<std::vector<uint8_t>> bits = readBits(constant);
  if (!bits)
    return std::nullopt;
  StaticMask mask{constant, {}, {}, {}, {}};
  ArrayRef<int64_t> shape = constant.getType().getShape();
  SmallVector<int64_t> strides = computeStrides(shape);
  for (auto [dim, extent] : llvm::enumerate(shape))
    if (extent != 1 && !isConstantAlong(*bits, extent, strides[dim]))
      mask.dims.push_back(dim);
  if (mask.dims.size() > 2)
    return std::nullopt;
  BitMatrix matrix = readMatrix(*bits, shape, strides, mask.dims);
  std::optional<TablePattern> ones = findPattern(matrix, true), zeros = findPattern(matrix, false);
  if (!ones && !zeros)
    return std::nullopt;
  bool useZeros = !ones || (zeros && zeros->countComparisons() < ones->countComparisons());
  mask.pattern = useZeros ? *zeros : *ones;
  auto values = constant.getValues<Attribute>();
  auto first = cast<TypedAttr>(values[0]);
  auto second = cast<TypedAttr>(values[llvm::find(*bits, 0) - bits->begin()]);
  mask.inside = useZeros ? second : first;
  mask.outside = useZeros ? first : second;
  return mask;
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

/// What `tensor` is a slice of, at the same rank.
static tensor::ExtractSliceOp getSlice(Value tensor) {
  auto slice = tensor.getDefiningOp<tensor::ExtractSliceOp>();
  return slice && slice.getSourceType().getRank() == slice.getType().getRank() ? slice : tensor::ExtractSliceOp();
}

DenseElementsAttr getSlicedConstant(Value tensor) {
  while (tensor::ExtractSliceOp slice = getSlice(tensor))
    tensor = slice.getSource();
  DenseElementsAttr constant;
  matchPattern(tensor, m_Constant(&constant));
  return constant;
}

SmallVector<Value> emitSlicedIndices(OpBuilder &builder, Location loc, Value tensor, ValueRange indices) {
  SmallVector<Value> result(indices);
  for (; tensor::ExtractSliceOp slice = getSlice(tensor); tensor = slice.getSource())
    for (auto [index, offset, stride] : llvm::zip(result, slice.getMixedOffsets(), slice.getMixedStrides())) {
      auto value = [&](OpFoldResult x) { return getValueOrCreateConstantIndexOp(builder, loc, x); };
      if (!isOneInteger(stride))
        index = arith::MulIOp::create(builder, loc, index, value(stride));
      if (!isZeroInteger(offset))
        index = arith::AddIOp::create(builder, loc, index, value(offset));
    }
  return result;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

namespace {
/// Writes a pattern as a condition on a row and a column, in blocks; those of a pattern without rows are null.
struct PatternEmitter {
  OpBuilder &builder;
  Location loc;
  const TablePattern &pattern;
  Value row, column;

  Value plus(Value x, int64_t offset) {
    return offset ? arith::AddIOp::create(builder, loc, x, constantIndex(builder, loc, offset)).getResult() : x;
  }
  Value both(Value a, Value b) { return !a ? b : !b ? a : arith::AndIOp::create(builder, loc, a, b).getResult(); }
  Value compare(arith::CmpIPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(builder, loc, predicate, x, y);
  }

  /// base + low <= x <= base + high, without the ends that say nothing; null if both do. The base is 0 if null.
  Value within(Value x, Value base, Interval bounds, bool below, bool above) {
    auto bound = [&](int64_t offset) { return base ? plus(base, offset) : constantIndex(builder, loc, offset); };
    if (below && above && bounds.low == bounds.high)
      return compare(arith::CmpIPredicate::eq, x, bound(bounds.low));
    Value inside;
    if (above)
      inside = compare(arith::CmpIPredicate::sle, x, bound(bounds.high));
    return below ? both(inside, compare(arith::CmpIPredicate::sge, x, bound(bounds.low))) : inside;
  }

  Value emit(const PatternPart &part) {
    const TablePattern &p = pattern;
    Value columns = within(column, Value(), part.columns, p.boundsColumnsBelow(part), p.boundsColumnsAbove(part));
    if (!row)
      return columns;
    Value rows = within(row, Value(), part.rows, p.boundsRowsBelow(part), p.boundsRowsAbove(part));
    Value diagonals = within(column, row, part.diagonals, p.boundsDiagonalsBelow(part), p.boundsDiagonalsAbove(part));
    return both(both(diagonals, columns), rows);
  }

  Value emit() {
    Value condition;
    for (const PatternPart &part : pattern.parts) {
      Value inside = emit(part);
      condition = condition ? arith::OrIOp::create(builder, loc, condition, inside).getResult() : inside;
    }
    return condition;
  }
};
} // namespace

Value emitStaticMask(OpBuilder &builder, Location loc, const StaticMask &mask, ValueRange indices) {
  IndexMath math{builder, loc};
  auto block = [&](Value index, Blocks blocks) -> Value {
    if (blocks.size == 1)
      return index;
    Value shifted = blocks.shift ? math.add(index, math.index(blocks.shift)) : index;
    return arith::FloorDivSIOp::create(builder, loc, shifted, math.index(blocks.size));
  };
  Value row = mask.dims.size() == 2 ? block(indices[mask.dims.front()], mask.pattern.rowBlocks) : Value();
  Value column = block(indices[mask.dims.back()], mask.pattern.columnBlocks);
  Value inside = PatternEmitter{builder, loc, mask.pattern, row, column}.emit();
  if (mask.inside.getType().isInteger(1)) {
    if (cast<IntegerAttr>(mask.inside).getValue().isOne())
      return inside;
    Value one = arith::ConstantIntOp::create(builder, loc, 1, 1);
    return arith::XOrIOp::create(builder, loc, inside, one);
  }
  Value in = arith::ConstantOp::create(builder, loc, mask.inside);
  Value out = arith::ConstantOp::create(builder, loc, mask.outside);
  return arith::SelectOp::create(builder, loc, inside, in, out);
}

} // namespace attnc::fusion
