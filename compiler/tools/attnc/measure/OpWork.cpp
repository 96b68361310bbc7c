//===- OpWork.cpp - What one op of a call computes and moves --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/measure/OpWork.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace attnc::tool {

namespace {
/// Adds up the work of ops that are one.
class OpCounter {
public:
  OpCounter(ArrayRef<Operation *> ops, WorkCounter &counter)
      : ops(ops), counter(counter), extents(counter.extentsOfCall()) {}

  OpWork count(const codegen::TargetInfo &target);

private:
  std::optional<double> known(std::optional<double> value) {
    work.isKnown &= value.has_value();
    return value;
  }
  double bytesOf(Value tensor);
  double points(linalg::LinalgOp loops);
  void countBody(linalg::LinalgOp loops);
  void countMemory();
  bool isInside(Value value) const { return llvm::is_contained(ops, value.getDefiningOp()); }

  ArrayRef<Operation *> ops;
  WorkCounter &counter;
  Extents &extents;
  OpWork work;
};
} // namespace

static double bytesOfElement(Type type) {
  return static_cast<double>(attn::elementBytes(getElementTypeOrSelf(type)).value_or(0));
}

double OpCounter::bytesOf(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type)
    return 0;
  if (auto windows = tensor.getDefiningOp<attn::WindowsOp>())
    return bytesOf(windows->getOperand(0));
  double bytes = bytesOfElement(type);
  for (int64_t d = 0; d < type.getRank(); ++d) {
    std::optional<int64_t> extent = extents.dim(tensor, d);
    work.isKnown &= extent.has_value();
    bytes *= static_cast<double>(extent.value_or(0));
  }
  return bytes;
}

/// How often the body of `loops` runs.
double OpCounter::points(linalg::LinalgOp loops) {
  SmallVector<double> counts(loops.getNumLoops(), 0);
  for (OpOperand &operand : loops->getOpOperands())
    for (auto [index, expression] : llvm::enumerate(loops.getMatchingIndexingMap(&operand).getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expression)) {
        std::optional<int64_t> extent = extents.dim(operand.get(), static_cast<int64_t>(index));
        work.isKnown &= extent.has_value();
        counts[dim.getPosition()] = static_cast<double>(extent.value_or(0));
      }
  return std::accumulate(counts.begin(), counts.end(), 1.0, std::multiplies<>());
}

void OpCounter::countBody(linalg::LinalgOp loops) {
  double times = points(loops), floats = 0;
  loops->walk([&](Operation *inner) {
    bool computes = isa<arith::ArithDialect, math::MathDialect>(inner->getDialect()) && inner->getNumResults() == 1 &&
                    isa<FloatType>(inner->getResult(0).getType());
    floats += computes && !inner->hasTrait<OpTrait::ConstantLike>() && !isa<CastOpInterface>(inner);
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) // what is read of a table
      work.bytes += std::min(times * bytesOfElement(extract.getType()), bytesOf(extract.getTensor()));
  });
  work.flops += floats * times;
}

/// Every tensor once, however many of the ops read it.
void OpCounter::countMemory() {
  llvm::SmallSetVector<Value, 8> tensors;
  for (Operation *op : ops) {
    auto destination = dyn_cast<DestinationStyleOpInterface>(op);
    auto loops = dyn_cast<linalg::LinalgOp>(op);
    for (OpOperand &operand : op->getOpOperands()) {
      bool isOut = destination && destination.isDpsInit(&operand);
      bool isRead = loops && loops.payloadUsesValueFromOperand(&operand) && !loops.getNumReductionLoops();
      if ((!isOut || isRead) && !isInside(operand.get()))
        tensors.insert(operand.get());
    }
    for (Value result : op->getResults())
      if (!llvm::all_of(result.getUsers(), [&](Operation *user) { return llvm::is_contained(ops, user); }))
        tensors.insert(result);
  }
  for (Value tensor : tensors)
    work.bytes += bytesOf(tensor);
}

std::string kindOf(Operation *op) {
  if (isa<attn::AttentionOp>(op))
    return "attention";
  auto isWindows = [](Value operand) { return operand.getDefiningOp<attn::WindowsOp>() != nullptr; };
  if (WorkCounter::hasProducts(op))
    return llvm::any_of(op->getOperands(), isWindows) ? "convolution" : "matmul";
  if (auto loops = dyn_cast<linalg::LinalgOp>(op))
    return loops.getNumReductionLoops() ? "reduction" : isa<linalg::FillOp>(op) ? "fill" : "elementwise";
  return op->getName().stripDialect().str();
}

/// The arithmetic that `op` would do at its best: that of its first operands.
static Arithmetic arithmeticOf(Operation *op, const codegen::TargetInfo &target) {
  SmallVector<Type> types;
  for (Value operand : op->getOperands())
    if (auto tensor = dyn_cast<RankedTensorType>(operand.getType()); tensor && types.size() < 2)
      types.push_back(tensor.getElementType());
  auto all = [&](auto test) { return !types.empty() && llvm::all_of(types, test); };
  if (llvm::any_of(types, [](Type type) { return type.isF64(); }))
    return Arithmetic::f64;
  if (WorkCounter::hasProducts(op) && all([](Type type) { return type.isBF16(); }) &&
      target.hasDots(codegen::Element::bf16))
    return Arithmetic::bf16Dots;
  if (WorkCounter::hasProducts(op) && all([](Type type) { return type.isInteger(8); }) &&
      target.hasDots(codegen::Element::si8))
    return Arithmetic::byteDots;
  return Arithmetic::f32;
}

bool isView(Operation *op) {
  return isa<ViewLikeOpInterface, attn::WindowsOp, tensor::EmptyOp, tensor::CastOp, tensor::ExpandShapeOp,
             tensor::CollapseShapeOp, tensor::ExtractSliceOp>(op);
}

OpWork OpCounter::count(const codegen::TargetInfo &target) {
  work.kind = ops.size() > 1 ? "rows" : kindOf(ops.front());
  work.arithmetic = arithmeticOf(ops.back(), target);
  if (llvm::all_of(ops, isView))
    return work;
  for (Operation *op : ops)
    if (WorkCounter::hasProducts(op))
      work.flops += known(counter.countProducts(op)).value_or(0);
    else if (auto loops = dyn_cast<linalg::LinalgOp>(op); loops && !isa<linalg::FillOp>(op))
      countBody(loops);
  countMemory();
  return work;
}

OpWork workOf(ArrayRef<Operation *> ops, WorkCounter &counter, const codegen::TargetInfo &target) {
  return OpCounter(ops, counter).count(target);
}

} // namespace attnc::tool
