//===- StaticMask.cpp - Constant masks as comparisons ---------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/StaticMask.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace attnc::fusion {

namespace {
/// A matrix of two values: which elements have the first one.
struct TwoValued {
  int64_t rows, columns;
  std::vector<bool> isFirst;
  Attribute first, second;
};

struct Band {
  int64_t low, high;
};
} // namespace

/// The elements of the two dimensions that are not 1; nothing if there are other than two of those, or three values.
static std::optional<TwoValued> readMatrix(DenseElementsAttr constant) {
  SmallVector<int64_t> extents(
      llvm::make_filter_range(constant.getType().getShape(), [](int64_t e) { return e != 1; }));
  if (extents.size() != 2 || constant.isSplat())
    return std::nullopt;
  TwoValued matrix{extents[0], extents[1], {}, {}, {}};
  matrix.isFirst.reserve(constant.getNumElements());
  for (Attribute value : constant.getValues<Attribute>()) {
    if (!matrix.first)
      matrix.first = value;
    if (value != matrix.first && !matrix.second)
      matrix.second = value;
    if (value != matrix.first && value != matrix.second)
      return std::nullopt;
    matrix.isFirst.push_back(value == matrix.first);
  }
  return matrix;
}

/// The band that is exactly the elements that are `wanted`.
static std::optional<Band> findBand(const TwoValued &matrix, bool wanted) {
  Band band{matrix.columns, -matrix.rows};
  auto forEach = [&](auto visit) {
    for (int64_t row = 0; row < matrix.rows; ++row)
      for (int64_t column = 0; column < matrix.columns; ++column)
        if (!visit(column - row, matrix.isFirst[row * matrix.columns + column] == wanted))
          return false;
    return true;
  };
  forEach([&](int64_t diagonal, bool inside) {
    if (inside)
      band = {std::min(band.low, diagonal), std::max(band.high, diagonal)};
    return true;
  });
  bool exact =
      forEach([&](int64_t diagonal, bool inside) { return inside == (band.low <= diagonal && diagonal <= band.high); });
  return exact ? std::optional(band) : std::nullopt;
}

/// column <= row + high and column >= row + low, where the matrix does not say so anyway.
static Value emitInside(OpBuilder &builder, Location loc, const TwoValued &matrix, Band band, Value row, Value column) {
  auto compare = [&](arith::CmpIPredicate predicate, int64_t offset) {
    Value bound = row;
    if (offset != 0)
      bound = arith::AddIOp::create(builder, loc, row, constantIndex(builder, loc, offset));
    return arith::CmpIOp::create(builder, loc, predicate, column, bound).getResult();
  };
  Value inside;
  if (band.high < matrix.columns - 1)
    inside = compare(arith::CmpIPredicate::sle, band.high);
  if (band.low > 1 - matrix.rows) {
    Value above = compare(arith::CmpIPredicate::sge, band.low);
    inside = inside ? arith::AndIOp::create(builder, loc, inside, above).getResult() : above;
  }
  return inside;
}

Value emitBand(OpBuilder &builder, Location loc, DenseElementsAttr constant, ValueRange indices) {
  std::optional<TwoValued> matrix = readMatrix(constant);
  if (!matrix)
    return {};
  SmallVector<Value> matrixIndices;
  for (auto [index, extent] : llvm::zip(indices, constant.getType().getShape()))
    if (extent != 1)
      matrixIndices.push_back(index);
  for (bool wanted : {true, false}) {
    std::optional<Band> band = findBand(*matrix, wanted);
    if (!band)
      continue;
    Value inside = emitInside(builder, loc, *matrix, *band, matrixIndices[0], matrixIndices[1]);
    if (!inside)
      continue;
    auto constantOf = [&](Attribute value) {
      return arith::ConstantOp::create(builder, loc, cast<TypedAttr>(value)).getResult();
    };
    Attribute in = wanted ? matrix->first : matrix->second, out = wanted ? matrix->second : matrix->first;
    Value select = arith::SelectOp::create(builder, loc, inside, constantOf(in), constantOf(out));
    return select;
  }
  return {};
}

} // namespace attnc::fusion
