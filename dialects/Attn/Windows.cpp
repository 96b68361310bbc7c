//===- Windows.cpp - attn.windows -----------------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/AttnOps.h"
#include "dialects/Common/Builders.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::attn;

SmallVector<int64_t> WindowsOp::resultShape(ArrayRef<int64_t> source) {
  SmallVector<int64_t> shape(source);
  for (size_t i = 0; i < getSizes().size(); ++i)
    if (int64_t &extent = shape[static_cast<size_t>(getFirstDim()) + i]; !ShapedType::isDynamic(extent))
      extent = extent < getSpan(i) ? 0 : (extent - getSpan(i)) / getStrides()[i] + 1;
  llvm::append_range(shape, getSizes());
  return shape;
}

LogicalResult WindowsOp::verify() {
  RankedTensorType source = getSource().getType(), result = getType();
  size_t count = getSizes().size();
  if (count == 0 || getStrides().size() != count || getDilations().size() != count)
    return emitOpError()
           << "needs as many sizes as strides and dilations, one for each dimension that windows move along";
  if (getFirstDim() < 0)
    return emitOpError() << "has windows of " << count << " dimensions, but its source " << source << " has fewer";
  constexpr int64_t most = int64_t(1) << 29; // no extent is larger
  for (ArrayRef<int64_t> numbers : {getSizes(), getStrides(), getDilations()})
    for (int64_t number : numbers)
      if (number < 1 || number > most)
        return emitOpError() << "sizes, strides and dilations are from 1 to 2^29, not " << number;
  auto expected = RankedTensorType::get(resultShape(source.getShape()), source.getElementType());
  if (result.getElementType() != source.getElementType() || failed(verifyCompatibleShape(expected, result)))
    return emitOpError() << "gives " << expected << ", not " << result;
  return success();
}

/// max(extent - span + stride, 0) / stride, which is 0 where no window fits.
LogicalResult WindowsOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  IndexMath math{builder, getLoc()};
  SmallVector<OpFoldResult> &shape = shapes.emplace_back();
  for (int64_t d = 0; d < getType().getRank(); ++d) {
    if (!getType().isDynamicDim(d)) {
      shape.push_back(builder.getIndexAttr(getType().getDimSize(d)));
      continue;
    }
    Value extent = builder.createOrFold<tensor::DimOp>(getLoc(), getSource(), d);
    if (d >= getFirstDim()) {
      auto i = static_cast<size_t>(d - getFirstDim());
      Value room = math.add(extent, math.index(getStrides()[i] - getSpan(i)));
      extent = math.div(math.max(room, math.index(0)), math.index(getStrides()[i]));
    }
    shape.push_back(extent);
  }
  return success();
}
