//===- Contraction.cpp - Sums of products over axes -----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Contraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace attnc::fusion {

std::optional<APFloat> getSplatFloat(Value tensor) {
  Attribute attribute;
  if (matchPattern(tensor, m_Constant(&attribute))) {
    if (auto scalar = dyn_cast<FloatAttr>(attribute))
      return scalar.getValue();
    auto dense = dyn_cast<DenseElementsAttr>(attribute);
    if (dense && dense.isSplat() && isa<FloatType>(dense.getElementType()))
      return dense.getSplatValue<APFloat>();
    return std::nullopt;
  }
  Operation *op = tensor.getDefiningOp();
  if (auto fill = dyn_cast_or_null<linalg::FillOp>(op))
    return getSplatFloat(fill.getInputs()[0]);
  if (isa_and_nonnull<tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::SplatOp>(op))
    return getSplatFloat(op->getOperand(0));
  if (auto structured = dyn_cast_or_null<linalg::LinalgOp>(op))
    if (OpOperand *source = getCopiedOperand(structured))
      return getSplatFloat(source->get());
  return std::nullopt;
}

/// The destination of a sum of integers, as it is filled.
static bool isFilledWithZero(Value tensor) {
  auto fill = tensor.getDefiningOp<linalg::FillOp>();
  return fill && matchPattern(fill.getInputs()[0], m_Zero());
}

bool isZeroTensor(Value tensor) {
  if (isa<IntegerType>(getElementTypeOrSelf(tensor.getType())))
    return isFilledWithZero(tensor);
  std::optional<APFloat> value = getSplatFloat(tensor);
  return value && value->isZero();
}

bool isContraction(Operation *op) {
  auto structured = dyn_cast_or_null<linalg::LinalgOp>(op);
  if (!structured || !structured.hasPureTensorSemantics() || !linalg::isaContractionOpInterface(structured))
    return false;
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  return isa<FloatType>(type.getElementType()) &&
         llvm::all_of(structured.getIndexingMapsArray(), [](AffineMap map) { return map.isProjectedPermutation(); });
}

bool isByteContraction(Operation *op) {
  auto contract = dyn_cast_or_null<linalg::ContractOp>(op);
  auto holds = [](Value tensor, unsigned bits) { return getElementTypeOrSelf(tensor.getType()).isInteger(bits); };
  return contract && contract.hasPureTensorSemantics() && linalg::isaContractionOpInterface(contract) &&
         holds(contract.getInputs()[0], 8) && holds(contract.getInputs()[1], 8) && holds(op->getResult(0), 32) &&
         contract.getCast() == linalg::TypeFn::cast_signed && isZeroTensor(contract.getOutputs()[0]);
}

std::optional<Contraction> matchContraction(Operation *op, AxisSpace &axes) {
  if (!isContraction(op) && !isByteContraction(op))
    return std::nullopt;
  auto structured = cast<linalg::LinalgOp>(op);
  Contraction contraction;
  contraction.op = structured;
  contraction.isZero = isZeroTensor(structured.getDpsInitOperand(0)->get());
  for (auto [loop, extent] : llvm::enumerate(structured.getStaticLoopRanges())) {
    auto [operand, dim] = [&]() -> std::pair<Value, int64_t> {
      for (OpOperand *input : structured.getDpsInputOperands())
        for (auto [position, expr] : llvm::enumerate(structured.getMatchingIndexingMap(input).getResults()))
          if (cast<AffineDimExpr>(expr).getPosition() == loop)
            return {input->get(), position};
      return {};
    }();
    contraction.loops.push_back(axes.createAxis(extent, operand, dim));
  }
  auto access = [&](OpOperand *operand) {
    return Access{operand->get(), *indexThrough(structured.getMatchingIndexingMap(operand), contraction.loops)};
  };
  contraction.operands[0] = access(structured.getDpsInputOperand(0));
  contraction.operands[1] = access(structured.getDpsInputOperand(1));
  contraction.result = access(structured.getDpsInitOperand(0));
  contraction.result.tensor = op->getResult(0);
  return contraction;
}

void separateDestination(OpBuilder &builder, linalg::LinalgOp op) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(op);
  Location loc = op.getLoc();
  OpOperand *init = op.getDpsInitOperand(0);
  Value added = init->get();
  auto type = cast<RankedTensorType>(added.getType());
  Value empty =
      tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, added), type.getElementType());
  Value zero = arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type.getElementType(), 0.0));
  init->set(linalg::FillOp::create(builder, loc, zero, empty)->getResult(0));
  builder.setInsertionPointAfter(op);
  SmallVector<AffineMap> maps(3, builder.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
  auto sum = linalg::GenericOp::create(builder, loc, type, ValueRange{op->getResult(0), added}, empty, maps, loops,
                                       [](OpBuilder &body, Location at, ValueRange arguments) {
                                         Value value = arith::AddFOp::create(body, at, arguments[0], arguments[1]);
                                         linalg::YieldOp::create(body, at, value);
                                       });
  op->getResult(0).replaceAllUsesExcept(sum->getResult(0), sum);
}

} // namespace attnc::fusion
