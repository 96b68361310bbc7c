//===- LayoutView.cpp - Parts of memrefs, named by dimension letters ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/LayoutView.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

Value attnc::schedule::viewByLetters(OpBuilder &b, Location loc, Value memref, StringRef layout,
                                     ArrayRef<LetterRange> ranges, llvm::function_ref<Value(char)> fixed,
                                     StringRef order) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<OpFoldResult> offsets, sizes, strides(type.getRank(), b.getIndexAttr(1));
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
    kept.push_back(getConstantIntValue(sizes.back()).value_or(ShapedType::kDynamic));
    remaining += letter;
  }
  auto reduced = memref::SubViewOp::inferRankReducedResultType(kept, type, offsets, sizes, strides);
  Value result = memref::SubViewOp::create(b, loc, cast<MemRefType>(reduced), memref, offsets, sizes, strides);
  if (remaining == order)
    return result;
  SmallVector<unsigned> permutation;
  for (char letter : order)
    permutation.push_back(remaining.find(letter));
  auto map = AffineMap::getPermutationMap(permutation, b.getContext());
  return memref::TransposeOp::create(b, loc, result, AffineMapAttr::get(map));
}
