//===- LayoutView.cpp - Parts of memrefs, named by dimension letters ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/LayoutView.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

/// `memref` with a first dimension of extent 1 before the others.
static Value withUnitDimension(OpBuilder &b, Location loc, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<int64_t> shape{1};
  llvm::append_range(shape, type.getShape());
  SmallVector<OpFoldResult> sizes{b.getIndexAttr(1)};
  llvm::append_range(sizes, memref::getMixedSizes(b, loc, memref));
  SmallVector<ReassociationIndices> groups(type.getRank());
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    groups[dim] = dim == 0 ? ReassociationIndices{0, 1} : ReassociationIndices{dim + 1};
  return memref::ExpandShapeOp::create(b, loc, shape, memref, groups, sizes);
}

static SmallVector<OpFoldResult> pick(ArrayRef<OpFoldResult> all, ArrayRef<int64_t> dims) {
  return llvm::map_to_vector(dims, [&](int64_t dim) { return all[dim]; });
}

/// A part of a memref without elements: where it begins says nothing, and upstream refuses every offset in a dimension of
/// extent 0.
static Value partOfNothing(OpBuilder &b, Location loc, Value memref, ArrayRef<OpFoldResult> sizes,
                           ArrayRef<int64_t> dims) {
  auto source = cast<MemRefType>(memref.getType());
  auto [distances, offset] = source.getStridesAndOffset();
  SmallVector<int64_t> shape, kept;
  for (int64_t dim : dims) {
    shape.push_back(getConstantIntValue(sizes[dim]).value_or(ShapedType::kDynamic));
    kept.push_back(distances[dim]);
  }
  auto layout = StridedLayoutAttr::get(source.getContext(), offset, kept);
  auto type = MemRefType::get(shape, source.getElementType(), layout, source.getMemorySpace());
  auto parts = memref::ExtractStridedMetadataOp::create(b, loc, memref);
  SmallVector<OpFoldResult> extents;
  for (auto [dim, extent] : llvm::zip_equal(dims, shape))
    extents.push_back(ShapedType::isDynamic(extent) ? sizes[dim] : OpFoldResult(b.getIndexAttr(extent)));
  return memref::ReinterpretCastOp::create(b, loc, type, parts.getBaseBuffer(), parts.getConstifiedMixedOffset(),
                                           extents, pick(parts.getConstifiedMixedStrides(), dims));
}

Value attnc::schedule::subviewOfDims(OpBuilder &b, Location loc, Value memref, ArrayRef<OpFoldResult> offsets,
                                     ArrayRef<OpFoldResult> sizes, ArrayRef<int64_t> dims) {
  auto source = cast<MemRefType>(memref.getType());
  if (llvm::is_contained(source.getShape(), 0))
    return partOfNothing(b, loc, memref, sizes, dims);
  SmallVector<OpFoldResult> strides(source.getRank(), b.getIndexAttr(1));
  auto whole = cast<MemRefType>(memref::SubViewOp::inferResultType(source, offsets, sizes, strides));
  auto [distances, offset] = whole.getStridesAndOffset();
  SmallVector<int64_t> shape, kept;
  for (int64_t dim : dims) {
    shape.push_back(whole.getDimSize(dim));
    kept.push_back(distances[dim]);
  }
  auto layout = StridedLayoutAttr::get(source.getContext(), offset, kept);
  auto type = MemRefType::get(shape, source.getElementType(), layout, source.getMemorySpace());
  bool isAmbiguous = dims.size() < distances.size() && llvm::is_contained(shape, 1);
  if (!isAmbiguous)
    return memref::SubViewOp::create(b, loc, type, memref, offsets, sizes, strides);
  auto part = memref::SubViewOp::create(b, loc, whole, memref, offsets, sizes, strides);
  auto parts = memref::ExtractStridedMetadataOp::create(b, loc, part);
  return memref::ReinterpretCastOp::create(b, loc, type, parts.getBaseBuffer(), parts.getConstifiedMixedOffset(),
                                           pick(parts.getConstifiedMixedSizes(), dims),
                                           pick(parts.getConstifiedMixedStrides(), dims));
}

Value attnc::schedule::viewByLetters(OpBuilder &b, Location loc, Value memref, StringRef layout,
                                     ArrayRef<LetterRange> ranges, llvm::function_ref<Value(char)> fixed,
                                     StringRef order) {
  SmallVector<OpFoldResult> offsets, sizes;
  SmallVector<int64_t> kept;
  std::string remaining;
  for (char letter : layout) {
    const LetterRange *range = llvm::find_if(ranges, [&](const LetterRange &r) { return r.letter == letter; });
    if (range == ranges.end()) {
      offsets.push_back(getAsOpFoldResult(fixed(letter)));
      sizes.push_back(b.getIndexAttr(1));
      continue;
    }
    offsets.push_back(getAsOpFoldResult(range->offset));
    sizes.push_back(getAsOpFoldResult(range->size));
    kept.push_back(static_cast<int64_t>(sizes.size()) - 1);
    remaining += letter;
  }
  Value result = subviewOfDims(b, loc, memref, offsets, sizes, kept);
  for (char letter : order)
    if (!layout.contains(letter)) { // a role that the tensor does not have: one query, say
      result = withUnitDimension(b, loc, result);
      remaining.insert(remaining.begin(), letter);
    }
  if (remaining == order)
    return result;
  SmallVector<unsigned> permutation;
  for (char letter : order)
    permutation.push_back(remaining.find(letter));
  auto map = AffineMap::getPermutationMap(permutation, b.getContext());
  return memref::TransposeOp::create(b, loc, result, AffineMapAttr::get(map));
}
