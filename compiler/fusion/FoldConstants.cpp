//===- FoldConstants.cpp - Masks that are computed from constants ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporters with static shapes leave code behind that computes a mask from constants alone:
//
//   %0 = arith.constant dense<[1, 1, 1, ...]>
//   %1 = linalg.generic { sum along rows } (%0)
//   %2 = linalg.generic { sum along columns } (%0)
//   %3 = linalg.generic { cmpf ole } (%1, %2)
// ->
//   %3 = arith.constant dense<[[true, true, ...], [false, true, ...], ...]>
//
// What the reference makes of it replaces it, if that is cheap and the result is small or has two values: others are
// no masks, and would only make the artefact larger.
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Passes.h"
#include "compiler/fusion/Views.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Threading.h"

using namespace mlir;

namespace attnc::fusion {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "compiler/fusion/Passes.h.inc"

namespace {
constexpr int64_t kMaxIterations = 1 << 22; ///< of the reference, for a function: a second at most
constexpr int64_t kMaxBytes = 1024;         ///< of a result of more than two values
constexpr size_t kMaxOps = 1 << 14;         ///< that one result is computed by

/// The ops of a block that read nothing but constants.
class ConstantCode {
public:
  explicit ConstantCode(Block &block) {
    for (Operation &op : block) // operands come first
      if (isConstant(&op))
        ops.insert(&op);
  }

  bool contains(Operation *op) const { return ops.contains(op); }
  /// Everything that `root` is computed from, in order, and `root`; empty if that is too much.
  SmallVector<Operation *> sliceOf(Operation *root) const;

private:
  bool isConstant(Operation *op) const;

  DenseSet<Operation *> ops;
};
} // namespace

/// What `op` and its regions read.
static llvm::SetVector<Value> readValues(Operation *op) {
  llvm::SetVector<Value> values(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), values);
  return values;
}

bool ConstantCode::isConstant(Operation *op) const {
  if (matchPattern(op, m_Constant()))
    return true;
  auto isKnown = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor ? tensor.hasStaticShape() && !tensor.getEncoding() : type.isIntOrIndexOrFloat();
  };
  if (op->getNumResults() != 1 || !isKnown(op->getResult(0).getType()) || !isMemoryEffectFree(op) ||
      !isa_and_nonnull<arith::ArithDialect, linalg::LinalgDialect, tensor::TensorDialect>(op->getDialect()))
    return false;
  for (Region &region : op->getRegions()) // loops inside would not be counted
    for (Operation &inner : region.getOps())
      if (inner.getNumRegions() != 0)
        return false;
  return llvm::all_of(readValues(op), [&](Value value) {
    Operation *producer = value.getDefiningOp();
    return producer && contains(producer);
  });
}

SmallVector<Operation *> ConstantCode::sliceOf(Operation *root) const {
  llvm::SetVector<Operation *> slice;
  slice.insert(root);
  for (size_t i = 0; i < slice.size() && i < kMaxOps; ++i)
    for (Value value : readValues(slice[i]))
      slice.insert(value.getDefiningOp());
  if (slice.size() > kMaxOps)
    return {};
  SmallVector<Operation *> sorted = slice.takeVector();
  llvm::sort(sorted, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return sorted;
}

/// How often the reference goes around.
static int64_t iterations(Operation *op) {
  SmallVector<int64_t> extents;
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    extents = structured.getStaticLoopRanges();
  else if (auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType()))
    extents.assign(type.getShape().begin(), type.getShape().end());
  int64_t count = 1;
  for (int64_t extent : extents)
    if (ShapedType::isDynamic(extent) || llvm::MulOverflow(count, extent, count))
      return INT64_MAX;
  return count;
}

static int64_t iterations(ArrayRef<Operation *> slice) {
  int64_t total = 0;
  for (Operation *op : slice)
    if (llvm::AddOverflow(total, iterations(op), total))
      return INT64_MAX;
  return total;
}

/// Numbers go in that are not the same everywhere, or elements are moved: a mask made of positions alone is scalar code
/// already, and a splat folds by itself.
static bool hasNumbers(Operation *op) {
  DenseElementsAttr dense;
  if (matchPattern(op, m_Constant(&dense)))
    return !dense.isSplat();
  return isa<tensor::InsertSliceOp>(op) || (isa<linalg::LinalgOp>(op) && !isPointwise(op));
}

/// What the reference makes of `slice`; nothing where it does not know an op.
static FailureOr<attn::RefTensor> evaluate(ArrayRef<Operation *> slice) {
  Location loc = slice.back()->getLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  auto type = builder.getFunctionType({}, slice.back()->getResultTypes());
  auto function = func::FuncOp::create(builder, loc, "constant", type);
  builder.setInsertionPointToStart(function.addEntryBlock());
  IRMapping mapping;
  for (Operation *op : slice)
    builder.clone(*op, mapping);
  func::ReturnOp::create(builder, loc, mapping.lookup(slice.back()->getResult(0)));
  uint64_t self = llvm::get_threadid(); // others have something to say
  ScopedDiagnosticHandler silence(loc.getContext(),
                                  [&](Diagnostic &) { return success(llvm::get_threadid() == self); });
  FailureOr<std::vector<attn::RefTensor>> results = attn::interpret(function, {});
  if (failed(results))
    return failure();
  return std::move(results->front());
}

/// `tensor` as a constant, if it may be one.
static DenseElementsAttr toConstant(const attn::RefTensor &tensor, RankedTensorType type) {
  std::vector<char> bytes = attn::toBytes(tensor);
  if (bytes.empty())
    return {};
  size_t width = bytes.size() / tensor.size();
  const char *first = bytes.data(), *second = nullptr;
  bool isMask = true;
  for (const char *at = first; isMask && at != first + bytes.size(); at += width)
    if (std::memcmp(at, first, width) != 0) {
      isMask = !second || std::memcmp(at, second, width) == 0;
      second = at;
    }
  if (!isMask && static_cast<int64_t>(bytes.size()) > kMaxBytes)
    return {};
  if (!type.getElementType().isInteger(1))
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  SmallVector<bool> bits(llvm::map_range(bytes, [](char byte) { return byte != 0; }));
  return DenseElementsAttr::get(type, bits);
}

namespace {
struct FoldConstants : impl::FoldConstantsBase<FoldConstants> {
  using FoldConstantsBase::FoldConstantsBase;

  void runOnOperation() override {
    int64_t left = kMaxIterations;
    for (Block &block : getOperation().getBody()) {
      ConstantCode code(block);
      SmallVector<Operation *> roots;
      for (Operation &op : block)
        if (code.contains(&op) && isRoot(&op, code))
          roots.push_back(&op);
      for (Operation *root : roots)
        fold(code.sliceOf(root), left);
    }
  }

  /// Something else than a constant is made of it.
  static bool isRoot(Operation *op, const ConstantCode &code) {
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    return type && attn::elementBytes(type.getElementType()) && !matchPattern(op, m_Constant()) &&
           llvm::any_of(op->getUsers(),
                        [&](Operation *user) { return !code.contains(op->getBlock()->findAncestorOpInBlock(*user)); });
  }

  /// While `left` iterations last.
  void fold(ArrayRef<Operation *> slice, int64_t &left) {
    int64_t cost = iterations(slice);
    if (llvm::none_of(slice, hasNumbers) || cost > left)
      return;
    left -= cost;
    Operation *root = slice.back();
    FailureOr<attn::RefTensor> result = evaluate(slice);
    auto type = cast<RankedTensorType>(root->getResult(0).getType());
    DenseElementsAttr value = succeeded(result) ? toConstant(*result, type) : DenseElementsAttr();
    if (!value)
      return;
    OpBuilder builder(root);
    root->getResult(0).replaceAllUsesWith(arith::ConstantOp::create(builder, root->getLoc(), value));
    ++numFolded;
    for (Operation *op : llvm::reverse(slice))
      if (isOpTriviallyDead(op))
        op->erase();
  }
};
} // namespace
} // namespace attnc::fusion
