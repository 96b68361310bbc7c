//===- LinearOps.cpp - MatMul, Gemm, Einsum: sums of products -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All name the dims of their operands and result with labels, as Einsum does, and become linalg.contract:
//     MatMul  x[b,h,m,k] w[k,n]   is   "bhmk,kn->bhmn"
// A dim of extent 1 that meets a larger one is dropped from its operand first, because a contraction's maps cannot
// repeat.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/LinearOps.h"
#include "compiler/frontend/onnx/Composer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringExtras.h"
#include <fmt/format.h>
#include <map>

using namespace mlir;
using namespace attnc::onnx;

namespace {
/// Dims by name. Einsum's letters stand for themselves; ellipsis and batch dims are numbers above 255.
using Labels = SmallVector<int>;
constexpr int kBatchLabel = 256;

struct Operand {
  Tensor *tensor;
  Labels labels;
};

bool contains(const Labels &labels, int label) { return llvm::is_contained(labels, label); }

/// The extent of every label, with extents of 1 giving way.
LogicalResult collectExtents(NodeContext &ctx, ArrayRef<Operand> operands, std::map<int, Sym> &extents) {
  for (const Operand &operand : operands)
    for (auto [label, extent] : llvm::zip(operand.labels, operand.tensor->shape)) {
      auto [it, isNew] = extents.try_emplace(label, extent);
      if (isNew)
        continue;
      FailureOr<Sym> merged = ctx.broadcastExtent(it->second, extent);
      if (failed(merged))
        return failure();
      it->second = *merged;
    }
  return success();
}

/// Drops the dims of extent 1 that the label's real extent would repeat.
Operand dropRepeated(NodeContext &ctx, const Operand &operand, const std::map<int, Sym> &extents) {
  SymList shape;
  Labels labels;
  for (auto [label, extent] : llvm::zip(operand.labels, operand.tensor->shape))
    if (!extent.isConstant(1) || extents.at(label).isConstant(1)) {
      shape.push_back(extent);
      labels.push_back(label);
    }
  return {ctx.emit.reshape(operand.tensor, shape), labels};
}

/// Sums over the labels nobody else has.
Operand sumOut(NodeContext &ctx, const Operand &operand, llvm::function_ref<bool(int)> isNeeded) {
  SmallVector<int64_t> dims;
  Labels labels;
  for (auto [dim, label] : llvm::enumerate(operand.labels))
    if (isNeeded(label))
      labels.push_back(label);
    else
      dims.push_back(dim);
  if (dims.empty())
    return operand;
  Type type = operand.tensor->elementType;
  Tensor *sum =
      ctx.emit.reduce(operand.tensor, dims, ctx.emit.zero(type), [](OpBuilder &b, Location l, ValueRange in) -> Value {
        if (isa<FloatType>(in[0].getType()))
          return arith::AddFOp::create(b, l, in[0], in[1]);
        return arith::AddIOp::create(b, l, in[0], in[1]);
      });
  return {sum, labels};
}

/// Where each of `labels` stands among `loops`.
AffineMap mapOf(const Labels &labels, const Labels &loops, MLIRContext *context) {
  SmallVector<AffineExpr> results;
  for (int label : labels)
    results.push_back(getAffineDimExpr(llvm::find(loops, label) - loops.begin(), context));
  return AffineMap::get(loops.size(), 0, results, context);
}

SymList shapeOf(const Labels &labels, const std::map<int, Sym> &extents) {
  SymList shape;
  for (int label : labels)
    shape.push_back(extents.at(label));
  return shape;
}

/// lhs * rhs with exactly the labels `result`, summed over the others, in the type `sums` (null: that of the operands).
FailureOr<Operand> multiply(NodeContext &ctx, Operand lhs, Operand rhs, const Labels &result, Type sums = {}) {
  std::map<int, Sym> extents;
  if (failed(collectExtents(ctx, {lhs, rhs}, extents)))
    return failure();
  lhs = dropRepeated(ctx, lhs, extents);
  rhs = dropRepeated(ctx, rhs, extents);
  lhs = sumOut(ctx, lhs, [&](int label) { return contains(result, label) || contains(rhs.labels, label); });
  rhs = sumOut(ctx, rhs, [&](int label) { return contains(result, label) || contains(lhs.labels, label); });
  Labels loops(result);
  for (int label : lhs.labels)
    if (!contains(result, label))
      loops.push_back(label);
  MLIRContext *context = ctx.emit.builder.getContext();
  AffineMap lhsMap = mapOf(lhs.labels, loops, context), rhsMap = mapOf(rhs.labels, loops, context);
  AffineMap resultMap = mapOf(result, loops, context);
  SymList shape = shapeOf(result, extents);
  if (loops.size() > result.size())
    return Operand{ctx.emit.contract(lhs.tensor, rhs.tensor, lhsMap, rhsMap, resultMap, shape, sums), result};
  Tensor *product = ctx.emit.generic({lhs.tensor, rhs.tensor}, {lhsMap, rhsMap}, resultMap, lhs.tensor->elementType,
                                     shape, [](OpBuilder &b, Location l, ValueRange in) -> Value {
                                       if (isa<FloatType>(in[0].getType()))
                                         return arith::MulFOp::create(b, l, in[0], in[1]);
                                       return arith::MulIOp::create(b, l, in[0], in[1]);
                                     });
  return Operand{product, result};
}

} // namespace

//===- MatMul -------------------------------------------------------------===//

FailureOr<Tensor *> attnc::onnx::matMul(NodeContext &ctx, Tensor *a, Tensor *b, Type sums) {
  if (a->rank() == 0 || b->rank() == 0)
    return ctx.fail(fmt::format("{} and {} cannot be multiplied", ctx.describe(a), ctx.describe(b)));
  if (!ctx.sameExtent(a->shape.back(), b->rank() == 1 ? b->shape[0] : b->shape[b->rank() - 2]))
    return ctx.fail(
        fmt::format("{} and {} cannot be multiplied: the inner extents differ", ctx.describe(a), ctx.describe(b)));
  Labels aLabels, bLabels, result;
  int64_t batch = std::max(a->rank(), b->rank()) - 2;
  for (int64_t dim = 0; dim < batch; ++dim) { // aligned at the right
    result.push_back(kBatchLabel + dim);
    if (dim >= batch - (a->rank() - 2))
      aLabels.push_back(kBatchLabel + dim);
    if (dim >= batch - (b->rank() - 2))
      bLabels.push_back(kBatchLabel + dim);
  }
  if (a->rank() > 1) {
    aLabels.push_back('m');
    result.push_back('m');
  }
  aLabels.push_back('k');
  bLabels.push_back('k');
  if (b->rank() > 1) {
    bLabels.push_back('n');
    result.push_back('n');
  }
  FailureOr<Operand> product = multiply(ctx, {a, aLabels}, {b, bLabels}, result, sums);
  if (failed(product))
    return failure();
  return product->tensor;
}

namespace {
LogicalResult importMatMul(NodeContext &ctx) {
  FailureOr<Tensor *> product = matMulQuantized(ctx, ctx.input(0), ctx.input(1));
  if (succeeded(product) && !*product)
    product = matMul(ctx, ctx.input(0), ctx.input(1));
  return failed(product) ? failure() : ctx.result(*product);
}

//===- Gemm ---------------------------------------------------------------===//

/// factor * tensor, or the tensor itself for 1.
Tensor *scaled(NodeContext &ctx, Tensor *tensor, double factor) {
  if (factor == 1)
    return tensor;
  Type type = tensor->elementType;
  return ctx.emit.elementwise(tensor, type, tensor->shape, [&](OpBuilder &b, Location l, ValueRange in) -> Value {
    Value scale = arith::ConstantOp::create(b, l, ctx.emit.scalar(type, factor));
    if (isa<FloatType>(type))
      return arith::MulFOp::create(b, l, in[0], scale);
    return arith::MulIOp::create(b, l, in[0], scale);
  });
}

/// A' B'
FailureOr<Tensor *> gemmProduct(NodeContext &ctx, Tensor *a, bool transA, Tensor *b, bool transB) {
  if (b->origin) {
    auto turned = [&](Tensor *tensor, bool isTurned) { return isTurned ? ctx.emit.transpose(tensor, {1, 0}) : tensor; };
    FailureOr<Tensor *> product = matMulQuantized(ctx, turned(a, transA), turned(b, transB));
    if (failed(product) || *product)
      return product;
  }
  Operand lhs{a, transA ? Labels{'k', 'm'} : Labels{'m', 'k'}}, rhs{b, transB ? Labels{'n', 'k'} : Labels{'k', 'n'}};
  FailureOr<Operand> product = multiply(ctx, lhs, rhs, {'m', 'n'});
  if (failed(product))
    return failure();
  return product->tensor;
}

/// alpha * A' B' + beta * C
LogicalResult importGemm(NodeContext &ctx) {
  Tensor *a = ctx.input(0), *b = ctx.input(1), *c = ctx.input(2);
  ctx.attr("broadcast"); // before opset 7, of C; what is not meant to be repeated has its whole shape
  if (a->rank() != 2 || b->rank() != 2)
    return ctx.fail(fmt::format("{} and {} are no matrices", ctx.describe(a), ctx.describe(b)));
  bool transA = ctx.intAttr("transA"), transB = ctx.intAttr("transB");
  double alpha = ctx.floatAttr("alpha"), beta = ctx.floatAttr("beta");
  if (!a->isFloat() && (alpha != std::floor(alpha) || beta != std::floor(beta)))
    return ctx.fail("alpha and beta must be whole numbers on integers");
  if (!ctx.sameExtent(a->shape[transA ? 0 : 1], b->shape[transB ? 1 : 0]))
    return ctx.fail(
        fmt::format("{} and {} cannot be multiplied: the inner extents differ", ctx.describe(a), ctx.describe(b)));
  FailureOr<Tensor *> product = gemmProduct(ctx, a, transA, b, transB);
  if (failed(product))
    return failure();
  Tensor *result = scaled(ctx, *product, alpha);
  if (!c || beta == 0)
    return ctx.result(result);
  FailureOr<SymList> shape = ctx.broadcastShapes(result->shape, c->shape);
  if (failed(shape))
    return failure();
  if (*shape != result->shape)
    return ctx.fail(fmt::format("C {} does not fit {}", ctx.describe(c), ctx.describe(result)));
  return ctx.result(ctx.emit.elementwise({result, scaled(ctx, c, beta)}, result->elementType, *shape,
                                         [](OpBuilder &b, Location l, ValueRange in) -> Value {
                                           if (isa<FloatType>(in[0].getType()))
                                             return arith::AddFOp::create(b, l, in[0], in[1]);
                                           return arith::AddIOp::create(b, l, in[0], in[1]);
                                         }));
}

//===- Einsum -------------------------------------------------------------===//

/// "b...ij" for a tensor of rank 4 -> {b, 256, i, j}; the dims of an ellipsis align at the right.
FailureOr<Labels> parseTerm(NodeContext &ctx, StringRef term, std::optional<int64_t> rank, int64_t batch) {
  size_t letters = llvm::count_if(term, [](char c) { return llvm::isAlpha(c); });
  size_t ellipsis = term.find("...");
  bool hasEllipsis = ellipsis != StringRef::npos;
  int64_t hidden = hasEllipsis ? (rank ? *rank - static_cast<int64_t>(letters) : batch) : 0;
  bool isClean = term.size() == letters + (hasEllipsis ? 3 : 0);
  if (!isClean || hidden < 0 || (rank && *rank != static_cast<int64_t>(letters) + hidden))
    return ctx.fail(fmt::format("its equation has the term '{}', which does not fit its operand", printable(term)));
  Labels labels;
  for (size_t i = 0; i < term.size(); ++i) {
    if (i == ellipsis) {
      for (int64_t dim = batch - hidden; dim < batch; ++dim)
        labels.push_back(kBatchLabel + dim);
      i += 2;
    } else {
      labels.push_back(term[i]);
    }
  }
  return labels;
}

/// Of a label that stands twice, the elements with equal indices.
Operand diagonal(NodeContext &ctx, const Operand &operand) {
  Labels labels;
  SymList shape;
  for (auto [label, extent] : llvm::zip(operand.labels, operand.tensor->shape))
    if (!contains(labels, label)) {
      labels.push_back(label);
      shape.push_back(extent);
    }
  if (labels.size() == operand.labels.size())
    return operand;
  Value source = ctx.emit.value(operand.tensor);
  Tensor *result =
      Composer(ctx).generate(shape, operand.tensor->elementType, [&](OpBuilder &b, Location l, ValueRange at) {
        SmallVector<Value> position;
        for (int label : operand.labels)
          position.push_back(at[static_cast<size_t>(llvm::find(labels, label) - labels.begin())]);
        return tensor::ExtractOp::create(b, l, source, position).getResult();
      });
  return {result, labels};
}

/// Without "->": first the ellipsis, then every letter that occurs once, by alphabet.
Labels implicitResult(ArrayRef<Operand> operands, int64_t batch) {
  std::map<int, int> count;
  for (const Operand &operand : operands)
    for (int label : operand.labels)
      ++count[label];
  Labels result;
  for (int64_t dim = 0; dim < batch; ++dim)
    result.push_back(kBatchLabel + dim);
  for (auto [label, times] : count)
    if (label < kBatchLabel && times == 1)
      result.push_back(label);
  return result;
}

/// One operand: sum, then order.
LogicalResult einsumOne(NodeContext &ctx, const Operand &operand, const Labels &result) {
  Operand summed = sumOut(ctx, operand, [&](int label) { return contains(result, label); });
  SmallVector<int64_t> permutation;
  for (int label : result)
    permutation.push_back(llvm::find(summed.labels, label) - summed.labels.begin());
  return ctx.result(ctx.emit.transpose(summed.tensor, permutation));
}

/// Two and more operands, from the left: each step keeps what the rest still needs.
LogicalResult einsumMany(NodeContext &ctx, ArrayRef<Operand> operands, const Labels &result) {
  Operand product = operands[0];
  for (size_t next = 1; next < operands.size(); ++next) {
    Labels kept(result);
    if (next + 1 < operands.size()) {
      kept.clear();
      for (const Operand &side : {product, operands[next]})
        for (int label : side.labels) {
          bool isNeeded = contains(result, label) || llvm::any_of(operands.drop_front(next + 1), [&](const Operand &o) {
                            return contains(o.labels, label);
                          });
          if (isNeeded && !contains(kept, label))
            kept.push_back(label);
        }
    }
    FailureOr<Operand> step = multiply(ctx, product, operands[next], kept);
    if (failed(step))
      return failure();
    product = *step;
  }
  return ctx.result(product.tensor);
}

LogicalResult importEinsum(NodeContext &ctx) {
  std::string equation = ctx.stringAttr("equation");
  llvm::erase(equation, ' ');
  auto [left, right] = StringRef(equation).split("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != ctx.numInputs())
    return ctx.fail(fmt::format("its equation '{}' does not fit {} operands", printable(equation), ctx.numInputs()));
  int64_t batch = 0;
  for (auto [term, tensor] : llvm::zip(terms, ctx.allInputs()))
    if (term.contains("..."))
      batch = std::max(batch, tensor->rank() - static_cast<int64_t>(term.size()) + 3);
  SmallVector<Operand> operands;
  std::map<int, Sym> extents;
  for (auto [term, tensor] : llvm::zip(terms, ctx.allInputs())) {
    FailureOr<Labels> labels = parseTerm(ctx, term, tensor->rank(), batch);
    if (failed(labels))
      return failure();
    operands.push_back({tensor, *labels});
  }
  if (failed(collectExtents(ctx, operands, extents)))
    return failure();
  Labels result = implicitResult(operands, batch);
  if (equation.find("->") != std::string::npos) {
    FailureOr<Labels> given = parseTerm(ctx, right, std::nullopt, batch);
    if (failed(given))
      return failure();
    result = *given;
    if (llvm::SmallSet<int, 8>(result.begin(), result.end()).size() != result.size())
      return ctx.fail(fmt::format("its equation '{}' has a result dim twice", printable(equation)));
  }
  for (Operand &operand : operands) {
    for (auto [label, extent] : llvm::zip(operand.labels, operand.tensor->shape))
      if (llvm::count(operand.labels, label) > 1 && !ctx.sameExtent(extent, extents.at(label)))
        return ctx.fail(fmt::format("{} has no diagonal", ctx.describe(operand.tensor)));
    operand = diagonal(ctx, operand);
  }
  for (int label : result)
    if (!extents.count(label))
      return ctx.fail(fmt::format("its equation '{}' has a result dim that no operand has", printable(equation)));
  return operands.size() == 1 ? einsumOne(ctx, operands[0], result) : einsumMany(ctx, operands, result);
}
} // namespace

void attnc::onnx::addLinearOps(OpTable &table) {
  table.add(1, "MatMul(a: real, b)", importMatMul);
  table.add(1, "Gemm(a: real, b, c; alpha = 1.0, beta = 1.0, broadcast = 0, transA = 0, transB = 0)", importGemm);
  table.add(7, "Gemm(a: real, b, c; alpha = 1.0, beta = 1.0, transA = 0, transB = 0)", importGemm);
  table.add(11, "Gemm(a: real, b, c?; alpha = 1.0, beta = 1.0, transA = 0, transB = 0)", importGemm);
  table.add(12, "Einsum(inputs*: real; equation: string)", importEinsum);
}
