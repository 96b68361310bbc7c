//===- Composer.h - Operators that are made of others -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Many operators are defined by a few simpler ones. Here they are spelt as that:
//
//   Composer c(ctx);
//   Tensor *centred = c.sub(x, c.mean(x, dims));
//   return c.finish(c.div(centred, c.sqrt(c.mean(c.mul(centred, centred), dims))));
//
// so that fusion sees the graphs it knows. Where a step fails, which has been said, it gives null, and what takes null gives null.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/Ops.h"

namespace attnc::onnx {

class Composer {
public:
  explicit Composer(NodeContext &ctx) : ctx(ctx), emit(ctx.emit), symbols(ctx.symbols) {}

  /// body(operands...) with broadcasting; the result has the type of the first operand unless `type` is given.
  Tensor *map(llvm::ArrayRef<Tensor *> operands, Emitter::Body body, mlir::Type type = {});
  Tensor *add(Tensor *x, Tensor *y);
  Tensor *sub(Tensor *x, Tensor *y);
  Tensor *mul(Tensor *x, Tensor *y);
  Tensor *div(Tensor *x, Tensor *y);
  Tensor *exp(Tensor *x);
  Tensor *log(Tensor *x);
  Tensor *sqrt(Tensor *x);
  Tensor *abs(Tensor *x);
  Tensor *square(Tensor *x) { return mul(x, x); }
  Tensor *equal(Tensor *x, Tensor *y);
  Tensor *select(Tensor *condition, Tensor *yes, Tensor *no);
  /// A scalar.
  Tensor *number(double value, mlir::Type type);
  Tensor *cast(Tensor *x, mlir::Type type) { return x ? emit.cast(x, type) : nullptr; }
  /// f16 and bf16 as f32, in which sums are made.
  Tensor *wide(Tensor *x);

  /// Over `dims` (sorted), which stay as 1.
  Tensor *reduce(Tensor *x, llvm::ArrayRef<int64_t> dims, mlir::TypedAttr init, Emitter::Body combine);
  Tensor *sum(Tensor *x, llvm::ArrayRef<int64_t> dims);
  Tensor *max(Tensor *x, llvm::ArrayRef<int64_t> dims);
  Tensor *mean(Tensor *x, llvm::ArrayRef<int64_t> dims);
  /// A generic whose loops that `resultMap` does not name are reductions: acc = combine(acc, operands...), from `init`. `shape`
  /// is the result's.
  Tensor *fold(llvm::ArrayRef<Tensor *> operands, llvm::ArrayRef<mlir::AffineMap> maps, mlir::AffineMap resultMap,
               const SymList &shape, mlir::TypedAttr init, Emitter::Body combine);
  /// The same, from the elements of `init`.
  Tensor *foldInto(llvm::ArrayRef<Tensor *> operands, llvm::ArrayRef<mlir::AffineMap> maps, mlir::AffineMap resultMap,
                   Tensor *init, Emitter::Body combine);
  /// A tensor that is not read: loops of `shape` for a fold that computes where it reads.
  Tensor *loops(const SymList &shape);
  /// How many elements `dims` hold, as a scalar.
  Tensor *count(Tensor *x, llvm::ArrayRef<int64_t> dims, mlir::Type type);
  /// exp(x - max) / sum along one dim.
  Tensor *softmax(Tensor *x, int64_t axis);
  Tensor *matMul(Tensor *a, Tensor *b);

  /// Fails, as an error of the node, where it cannot be.
  Tensor *reshape(Tensor *x, const SymList &shape);
  Tensor *transpose(Tensor *x, llvm::ArrayRef<int64_t> permutation) {
    return x ? emit.transpose(x, permutation) : nullptr;
  }
  /// x[offset:offset + size] along `axis`.
  Tensor *part(Tensor *x, int64_t axis, const Sym &offset, const Sym &size);
  Tensor *join(llvm::ArrayRef<Tensor *> parts, int64_t axis);
  Tensor *expand(Tensor *x, const SymList &shape) { return x ? emit.broadcast(x, shape) : nullptr; }
  /// A vector as dim `dim` of `rank`, the others being 1.
  Tensor *alongDim(Tensor *vector, int64_t dim, int64_t rank);

  /// result[i...] = body(i...), of index type.
  Tensor *generate(const SymList &shape, mlir::Type type,
                   llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)> body);

  mlir::LogicalResult finish(Tensor *result, size_t index = 0) {
    return result ? ctx.result(result, index) : mlir::failure();
  }

private:
  NodeContext &ctx;
  Emitter &emit;
  Extents &symbols;
};

/// 0, 1 ... rank - 1
llvm::SmallVector<int64_t> allDims(int64_t rank);
/// The shape with `dims` as 1.
SymList keptShape(const SymList &shape, llvm::ArrayRef<int64_t> dims);

} // namespace attnc::onnx
