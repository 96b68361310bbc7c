//===- Composer.cpp - Operators that are made of others -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/LinearOps.h"
#include "compiler/frontend/onnx/Scalars.h"
#include <fmt/format.h>
#include <limits>

using namespace mlir;
using namespace attnc::onnx;

SmallVector<int64_t> attnc::onnx::allDims(int64_t rank) { return llvm::to_vector(llvm::seq<int64_t>(0, rank)); }

SymList attnc::onnx::keptShape(const SymList &shape, ArrayRef<int64_t> dims) {
  SymList kept(shape);
  for (int64_t dim : dims)
    kept[dim] = 1;
  return kept;
}

//===- Elements -----------------------------------------------------------===//

Tensor *Composer::map(ArrayRef<Tensor *> operands, Emitter::Body body, Type type) {
  if (llvm::is_contained(operands, nullptr))
    return nullptr;
  SymList shape = operands[0]->shape;
  for (Tensor *operand : operands.drop_front()) {
    FailureOr<SymList> common = ctx.broadcastShapes(shape, operand->shape);
    if (failed(common))
      return nullptr;
    shape = *common;
  }
  return emit.elementwise(operands, type ? type : operands[0]->elementType, shape, body);
}

Tensor *Composer::add(Tensor *x, Tensor *y) {
  return map({x, y}, [](OpBuilder &b, Location l, ValueRange in) { return scalar::add(b, l, in[0], in[1]); });
}
Tensor *Composer::sub(Tensor *x, Tensor *y) {
  return map({x, y}, [](OpBuilder &b, Location l, ValueRange in) { return scalar::sub(b, l, in[0], in[1]); });
}
Tensor *Composer::mul(Tensor *x, Tensor *y) {
  return map({x, y}, [](OpBuilder &b, Location l, ValueRange in) { return scalar::mul(b, l, in[0], in[1]); });
}
Tensor *Composer::div(Tensor *x, Tensor *y) {
  return map({x, y}, [](OpBuilder &b, Location l, ValueRange in) { return scalar::div(b, l, in[0], in[1]); });
}
Tensor *Composer::exp(Tensor *x) {
  return map({x}, [](OpBuilder &b, Location l, ValueRange in) -> Value { return math::ExpOp::create(b, l, in[0]); });
}
Tensor *Composer::log(Tensor *x) {
  return map({x}, [](OpBuilder &b, Location l, ValueRange in) -> Value { return math::LogOp::create(b, l, in[0]); });
}
Tensor *Composer::sqrt(Tensor *x) {
  return map({x}, [](OpBuilder &b, Location l, ValueRange in) -> Value { return math::SqrtOp::create(b, l, in[0]); });
}
Tensor *Composer::abs(Tensor *x) {
  return map({x}, [](OpBuilder &b, Location l, ValueRange in) -> Value {
    return scalar::isFloat(in[0]) ? Value(math::AbsFOp::create(b, l, in[0])) : Value(math::AbsIOp::create(b, l, in[0]));
  });
}
Tensor *Composer::equal(Tensor *x, Tensor *y) {
  return map(
      {x, y}, [](OpBuilder &b, Location l, ValueRange in) { return scalar::equal(b, l, in[0], in[1]); },
      emit.builder.getI1Type());
}
Tensor *Composer::select(Tensor *condition, Tensor *yes, Tensor *no) {
  return map(
      {condition, yes, no},
      [](OpBuilder &b, Location l, ValueRange in) { return scalar::select(b, l, in[0], in[1], in[2]); },
      yes ? yes->elementType : Type());
}

Tensor *Composer::number(double value, Type type) { return emit.splat(emit.scalar(type, value), {}); }

Tensor *Composer::wide(Tensor *x) {
  bool isNarrow = x && x->isFloat() && x->elementType.getIntOrFloatBitWidth() < 32;
  return isNarrow ? emit.cast(x, emit.builder.getF32Type()) : x;
}

//===- Rows ---------------------------------------------------------------===//

Tensor *Composer::reduce(Tensor *x, ArrayRef<int64_t> dims, TypedAttr init, Emitter::Body combine) {
  return x ? emit.reshape(emit.reduce(x, dims, init, combine), keptShape(x->shape, dims)) : nullptr;
}

Tensor *Composer::fold(ArrayRef<Tensor *> operands, ArrayRef<AffineMap> maps, AffineMap resultMap, const SymList &shape,
                       TypedAttr init, Emitter::Body combine) {
  return foldInto(operands, maps, resultMap, emit.computed(emit.filled(init, shape), shape), combine);
}

Tensor *Composer::loops(const SymList &shape) {
  return emit.computed(emit.empty(emit.builder.getI8Type(), shape), shape);
}

Tensor *Composer::foldInto(ArrayRef<Tensor *> operands, ArrayRef<AffineMap> maps, AffineMap resultMap, Tensor *init,
                           Emitter::Body combine) {
  if (llvm::is_contained(operands, nullptr) || !init)
    return nullptr;
  SmallVector<utils::IteratorType> iterators;
  for (unsigned loop = 0; loop < resultMap.getNumDims(); ++loop)
    iterators.push_back(resultMap.isFunctionOfDim(loop) ? utils::IteratorType::parallel
                                                        : utils::IteratorType::reduction);
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(resultMap);
  auto inputs = llvm::map_to_vector(operands, [&](Tensor *operand) { return emit.value(operand); });
  Value start = emit.value(init);
  auto op = linalg::GenericOp::create(emit.builder, emit.loc, start.getType(), inputs, start, allMaps, iterators,
                                      [&](OpBuilder &b, Location l, ValueRange in) {
                                        SmallVector<Value> arguments{in.back()};
                                        llvm::append_range(arguments, in.drop_back());
                                        linalg::YieldOp::create(b, l, combine(b, l, arguments));
                                      });
  return emit.computed(op.getResult(0), init->shape, init->elementType);
}

Tensor *Composer::sum(Tensor *x, ArrayRef<int64_t> dims) {
  if (!x)
    return nullptr;
  return reduce(x, dims, emit.zero(x->elementType),
                [](OpBuilder &b, Location l, ValueRange in) { return scalar::add(b, l, in[0], in[1]); });
}

Tensor *Composer::max(Tensor *x, ArrayRef<int64_t> dims) {
  if (!x)
    return nullptr;
  Type type = x->elementType;
  TypedAttr least =
      x->isFloat()
          ? emit.scalar(type, -std::numeric_limits<double>::infinity())
          : TypedAttr(emit.builder.getIntegerAttr(type, APInt::getSignedMinValue(type.getIntOrFloatBitWidth())));
  return reduce(x, dims, least,
                [](OpBuilder &b, Location l, ValueRange in) { return scalar::max(b, l, in[0], in[1]); });
}

Tensor *Composer::count(Tensor *x, ArrayRef<int64_t> dims, Type type) {
  if (!x)
    return nullptr;
  Sym count(1);
  for (int64_t dim : dims)
    count = symbols.mul(count, x->shape[dim]);
  return emit.cast(emit.symbolic(emit.builder.getI64Type(), {}, {count}), type);
}

Tensor *Composer::mean(Tensor *x, ArrayRef<int64_t> dims) {
  return x ? div(sum(x, dims), count(x, dims, x->elementType)) : nullptr;
}

Tensor *Composer::softmax(Tensor *x, int64_t axis) {
  if (!x)
    return nullptr;
  Value init = emit.empty(x->elementType, x->shape);
  auto op = linalg::SoftmaxOp::create(emit.builder, emit.loc, init.getType(), emit.value(x), init,
                                      static_cast<uint64_t>(axis));
  return emit.computed(op.getResult()[0], x->shape);
}

Tensor *Composer::matMul(Tensor *a, Tensor *b) {
  if (!a || !b)
    return nullptr;
  FailureOr<Tensor *> product = attnc::onnx::matMul(ctx, a, b);
  return failed(product) ? nullptr : *product;
}

//===- Shapes -------------------------------------------------------------===//

Tensor *Composer::reshape(Tensor *x, const SymList &shape) {
  Tensor *result = x ? emit.reshape(x, shape) : nullptr;
  if (x && !result)
    (void)ctx.fail(fmt::format("{} cannot be viewed as {}", ctx.describe(x), ctx.describe(shape)));
  return result;
}

Tensor *Composer::part(Tensor *x, int64_t axis, const Sym &offset, const Sym &size) {
  if (!x)
    return nullptr;
  if (axis >= static_cast<int64_t>(x->shape.size())) {
    (void)ctx.fail(fmt::format("{} has no dimension {}", ctx.describe(x), axis));
    return nullptr;
  }
  SymList offsets(x->shape.size(), Sym(0)), sizes(x->shape);
  offsets[axis] = offset, sizes[axis] = size;
  return emit.slice(x, offsets, sizes, SmallVector<int64_t>(x->shape.size(), 1));
}

Tensor *Composer::join(ArrayRef<Tensor *> parts, int64_t axis) {
  if (llvm::is_contained(parts, nullptr))
    return nullptr;
  SymList shape(parts[0]->shape);
  for (Tensor *part : parts.drop_front())
    shape[axis] = symbols.add(shape[axis], part->shape[axis]);
  return emit.concat(parts, axis, shape);
}

Tensor *Composer::alongDim(Tensor *vector, int64_t dim, int64_t rank) {
  if (!vector)
    return nullptr;
  if (vector->shape.size() != 1) {
    (void)ctx.fail(fmt::format("{} is no vector", ctx.describe(vector)));
    return nullptr;
  }
  SymList shape(rank, Sym(1));
  shape[dim] = vector->shape[0];
  return reshape(vector, shape);
}

Tensor *Composer::generate(const SymList &shape, Type type,
                           llvm::function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  AffineMap identity = AffineMap::getMultiDimIdentityMap(shape.size(), emit.builder.getContext());
  return emit.generic({}, {}, identity, type, shape, [&](OpBuilder &b, Location l, ValueRange) {
    SmallVector<Value> position;
    for (size_t dim = 0; dim < shape.size(); ++dim)
      position.push_back(linalg::IndexOp::create(b, l, dim));
    return body(b, l, position);
  });
}
