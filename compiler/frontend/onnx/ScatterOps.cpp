//===- ScatterOps.cpp - Elements at places that the data names ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is written at a place is found by the place: each element of the result looks through all updates for those that
// name it, in order. That has no races and no foreign memory, and serves for updates that are few.
//
// A position outside of the extent is held at the nearest that is inside, as in Gather.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Scalars.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;
using namespace attnc::onnx::scalar;

namespace {
V indexOf(B &b, L l, unsigned dim) { return linalg::IndexOp::create(b, l, dim); }
V areEqual(B &b, L l, V x, V y) { return arith::CmpIOp::create(b, l, arith::CmpIPredicate::eq, x, y); }
V isBelow(B &b, L l, V x, V y) { return arith::CmpIOp::create(b, l, arith::CmpIPredicate::slt, x, y); }

/// What an update makes of the element that is there.
using Combine = V (*)(B &, L, V, V);

FailureOr<Combine> combineOf(NodeContext &ctx) {
  const NodeAttr *reduction = ctx.attr("reduction");
  std::string name = reduction ? reduction->s : "none";
  if (name == "none")
    return Combine([](B &, L, V, V update) { return update; });
  if (!isOneOf(ctx.input(0)->elementType, Types::Number))
    return ctx.fail(fmt::format("a reduction of {} is not supported", ctx.describe(ctx.input(0))));
  if (name == "add")
    return Combine(add);
  if (name == "mul")
    return Combine(mul);
  if (name == "max")
    return Combine(max);
  if (name == "min")
    return Combine(min);
  return ctx.fail("reduction = '" + printable(name) + "' is not supported");
}

//===- ScatterElements ----------------------------------------------------===//

/// result[..., indices[..., j, ...], ...] is updates[..., j, ...], of each j along the axis.
LogicalResult importScatterElements(NodeContext &ctx) {
  Tensor *data = ctx.input(0), *indices = ctx.input(1), *updates = ctx.input(2);
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), data->rank());
  FailureOr<Combine> combine = combineOf(ctx);
  if (failed(axis) || failed(combine))
    return failure();
  bool fits = indices->rank() == data->rank() && updates->rank() == data->rank();
  for (int64_t dim = 0; fits && dim < data->rank(); ++dim)
    fits = ctx.sameExtent(indices->shape[dim], updates->shape[dim]);
  if (!fits)
    return ctx.fail(fmt::format("{} do not say where {} go in {}", ctx.describe(indices), ctx.describe(updates),
                                ctx.describe(data)));
  ctx.noteIndices(indices, data->shape[*axis]);
  Composer c(ctx);
  int64_t rank = data->rank(); // loops: those of the result, then j
  MLIRContext *context = ctx.emit.builder.getContext();
  AffineMap all = AffineMap::getMultiDimIdentityMap(rank + 1, context);
  V places = ctx.emit.value(indices), values = ctx.emit.value(updates), extent = ctx.emit.index(data->shape[*axis]);
  auto ends = llvm::map_to_vector(indices->shape, [&](const Sym &end) { return ctx.emit.index(end); });
  return c.finish(c.foldInto({c.loops({indices->shape[*axis]})}, {all.getSubMap({static_cast<unsigned>(rank)})},
                             all.dropResult(rank), data, [&](B &b, L l, ValueRange in) -> V {
                               V zero = arith::ConstantIndexOp::create(b, l, 0),
                                 one = arith::ConstantIndexOp::create(b, l, 1), names;
                               SmallVector<V> at;
                               for (int64_t dim = 0; dim < rank; ++dim) {
                                 if (dim == *axis) {
                                   at.push_back(indexOf(b, l, rank));
                                   continue;
                                 }
                                 V own = indexOf(b, l, dim);
                                 at.push_back(own);
                                 if (indices->shape[dim] == data->shape[dim])
                                   continue;
                                 V isInside = isBelow(b, l, own, ends[dim]); // beyond, nothing is written
                                 names = names ? V(arith::AndIOp::create(b, l, names, isInside)) : isInside;
                                 at.back() =
                                     max(b, l, zero, min(b, l, own, arith::SubIOp::create(b, l, ends[dim], one)));
                               }
                               V place = emitPosition(b, l, tensor::ExtractOp::create(b, l, places, at), extent);
                               V isHere = areEqual(b, l, place, indexOf(b, l, *axis));
                               names = names ? V(arith::AndIOp::create(b, l, names, isHere)) : isHere;
                               V update = tensor::ExtractOp::create(b, l, values, at);
                               return select(b, l, names, (*combine)(b, l, in[0], update), in[0]);
                             }));
}

//===- ScatterND, GatherND ------------------------------------------------===//

/// indices [..., k] as [updates, k]; the last extent must be fixed.
FailureOr<std::pair<Tensor *, int64_t>> tuplesOf(NodeContext &ctx, Tensor *indices, int64_t most) {
  std::optional<int64_t> k = indices->rank() ? indices->shape.back().constant() : std::nullopt;
  if (!k || *k < 1 || *k > most)
    return ctx.fail(fmt::format("{} are no positions in {}", ctx.describe(indices), ctx.describe(ctx.input(0))));
  Sym count = ctx.symbols.product(ArrayRef(indices->shape).drop_back());
  Tensor *tuples = Composer(ctx).reshape(indices, {count, Sym(*k)});
  if (!tuples)
    return failure();
  return std::pair(tuples, *k);
}

/// result[indices[u], ...] is updates[u, ...], of each u in order.
LogicalResult importScatterND(NodeContext &ctx) {
  Tensor *data = ctx.input(0), *updates = ctx.input(2);
  FailureOr<Combine> combine = combineOf(ctx);
  auto positions = tuplesOf(ctx, ctx.input(1), data->rank());
  if (failed(combine) || failed(positions))
    return failure();
  auto [tuples, k] = *positions;
  Composer c(ctx);
  SymList expected{tuples->shape[0]};
  expected.append(data->shape.begin() + k, data->shape.end());
  updates = c.reshape(updates, expected);
  if (!updates)
    return failure();
  int64_t rank = data->rank(); // loops: those of the result, then u
  AffineMap all = AffineMap::getMultiDimIdentityMap(rank + 1, ctx.emit.builder.getContext());
  V places = ctx.emit.value(tuples), values = ctx.emit.value(updates);
  auto extents = llvm::map_to_vector(data->shape, [&](const Sym &extent) { return ctx.emit.index(extent); });
  return c.finish(c.foldInto({c.loops({tuples->shape[0]})}, {all.getSubMap({static_cast<unsigned>(rank)})},
                             all.dropResult(rank), data, [&](B &b, L l, ValueRange in) -> V {
                               V u = indexOf(b, l, rank), isHere;
                               for (int64_t dim = 0; dim < k; ++dim) {
                                 V component = arith::ConstantIndexOp::create(b, l, dim);
                                 V place = tensor::ExtractOp::create(b, l, places, ValueRange{u, component});
                                 V isSame = areEqual(b, l, emitPosition(b, l, place, extents[dim]), indexOf(b, l, dim));
                                 isHere = isHere ? V(arith::AndIOp::create(b, l, isHere, isSame)) : isSame;
                               }
                               SmallVector<V> at{u};
                               for (int64_t dim = k; dim < rank; ++dim)
                                 at.push_back(indexOf(b, l, dim));
                               V update = tensor::ExtractOp::create(b, l, values, at);
                               return select(b, l, isHere, (*combine)(b, l, in[0], update), in[0]);
                             }));
}

/// result[batch..., i..., rest...] = data[batch..., indices[batch..., i...], rest...]
LogicalResult importGatherND(NodeContext &ctx) {
  Tensor *data = ctx.input(0), *indices = ctx.input(1);
  const NodeAttr *given = ctx.attr("batch_dims");
  int64_t batch = given ? given->i : 0;
  std::optional<int64_t> k = indices->rank() ? indices->shape.back().constant() : std::nullopt;
  bool fits = k && *k >= 1 && batch >= 0 && batch < indices->rank() && batch + *k <= data->rank();
  for (int64_t dim = 0; fits && dim < batch; ++dim)
    fits = ctx.sameExtent(data->shape[dim], indices->shape[dim]);
  if (!fits)
    return ctx.fail(fmt::format("{} are no positions in {}", ctx.describe(indices), ctx.describe(data)));
  int64_t outer = indices->rank() - 1; // of the result, those that choose a position
  SymList shape(ArrayRef(indices->shape).drop_back());
  shape.append(data->shape.begin() + batch + *k, data->shape.end());
  if (shape.size() > static_cast<size_t>(kMaxRank))
    return ctx.fail(fmt::format("its result has rank {}; the limit is {}", shape.size(), kMaxRank));
  V source = ctx.emit.value(data), places = ctx.emit.value(indices);
  auto extents = llvm::map_to_vector(data->shape, [&](const Sym &extent) { return ctx.emit.index(extent); });
  return ctx.result(Composer(ctx).generate(shape, data->elementType, [&](B &b, L l, ValueRange at) -> V {
    SmallVector<V> tuple(at.take_front(outer)), position(at.take_front(batch));
    tuple.push_back(nullptr);
    for (int64_t dim = 0; dim < *k; ++dim) {
      tuple.back() = arith::ConstantIndexOp::create(b, l, dim);
      position.push_back(emitPosition(b, l, tensor::ExtractOp::create(b, l, places, tuple), extents[batch + dim]));
    }
    llvm::append_range(position, at.drop_front(outer));
    return tensor::ExtractOp::create(b, l, source, position);
  }));
}

//===- Made of positions --------------------------------------------------===//

/// values[1] where an index names the position along the new axis, values[0] elsewhere.
LogicalResult importOneHot(NodeContext &ctx) {
  Tensor *indices = ctx.input(0), *values = ctx.input(2);
  Sym depth;
  if (ctx.input(1)->isFloat()) {
    FailureOr<SmallVector<double>> given = ctx.fixedFloats(1, "depth");
    if (failed(given) || given->size() != 1)
      return failed(given) ? failure() : ctx.fail("its depth must be one number");
    depth = Sym(static_cast<int64_t>(given->front()));
  } else {
    FailureOr<SymList> given = ctx.shapeInput(1, "depth");
    if (failed(given) || given->size() != 1)
      return failed(given) ? failure() : ctx.fail("its depth must be one number");
    depth = given->front();
  }
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), indices->rank() + 1);
  if (failed(axis))
    return failure();
  if (values->rank() != 1 || !values->shape[0].isConstant(2) || (depth.constant() && *depth.constant() < 0))
    return ctx.fail(
        fmt::format("{} are not the two values of a depth of {}", ctx.describe(values), ctx.symbols.str(depth)));
  SymList shape(indices->shape);
  shape.insert(shape.begin() + *axis, depth);
  V both = ctx.emit.value(values), extent = ctx.emit.index(depth);
  Tensor *positions = ctx.emit.cast(indices, ctx.emit.builder.getI64Type());
  AffineMap all = AffineMap::getMultiDimIdentityMap(shape.size(), ctx.emit.builder.getContext());
  return ctx.result(ctx.emit.generic(positions, all.dropResult(*axis), all, values->elementType, shape,
                                     [&](B &b, L l, ValueRange in) -> V {
                                       V at = arith::IndexCastOp::create(b, l, b.getIndexType(), in[0]);
                                       V zero = arith::ConstantIndexOp::create(b, l, 0);
                                       V one = arith::ConstantIndexOp::create(b, l, 1);
                                       V fromEnd = arith::AddIOp::create(b, l, at, extent);
                                       at = select(b, l, isBelow(b, l, at, zero), fromEnd, at);
                                       V isHere = areEqual(b, l, at, indexOf(b, l, *axis));
                                       return tensor::ExtractOp::create(b, l, both, select(b, l, isHere, one, zero));
                                     }));
}

/// Ones on the diagonal that is k to the right.
LogicalResult importEyeLike(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  constexpr int64_t kMost = INT32_MAX; // beyond any extent
  int64_t k = std::clamp(ctx.intAttr("k"), -kMost, kMost);
  Type type = x->elementType;
  if (const NodeAttr *given = ctx.attr("dtype"))
    type = given->i >= 0 && given->i < 1000 ? elementTypeOf(static_cast<int32_t>(given->i), x->elementType.getContext())
                                            : Type();
  if (!type || x->rank() != 2)
    return ctx.fail(type ? "it needs a matrix, not " + ctx.describe(x) : "its dtype is not supported");
  return ctx.result(Composer(ctx).generate(x->shape, type, [&](B &b, L l, ValueRange at) -> V {
    V onDiagonal = areEqual(b, l, at[1], arith::AddIOp::create(b, l, at[0], arith::ConstantIndexOp::create(b, l, k)));
    if (type.isInteger(1))
      return onDiagonal;
    V zero = arith::ConstantOp::create(b, l, ctx.emit.zero(type));
    return select(b, l, onDiagonal, constantLike(b, l, zero, 1), zero);
  }));
}

/// The first lengths[b] elements of each row backwards, the rest as they are.
LogicalResult importReverseSequence(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *lengths = ctx.input(1);
  int64_t batch = ctx.intAttr("batch_axis"), time = ctx.intAttr("time_axis");
  if (x->rank() < 2 || batch < 0 || batch > 1 || time != 1 - batch || lengths->rank() != 1 ||
      !ctx.sameExtent(lengths->shape[0], x->shape[batch]))
    return ctx.fail(fmt::format("{} are not lengths of {}", ctx.describe(lengths), ctx.describe(x)));
  V source = ctx.emit.value(x), ends = ctx.emit.value(lengths), extent = ctx.emit.index(x->shape[time]);
  return ctx.result(Composer(ctx).generate(x->shape, x->elementType, [&](B &b, L l, ValueRange at) -> V {
    V one = arith::ConstantIndexOp::create(b, l, 1);
    V length = arith::IndexCastOp::create(b, l, b.getIndexType(), tensor::ExtractOp::create(b, l, ends, at[batch]));
    length = min(b, l, length, extent);
    V reversed = arith::SubIOp::create(b, l, arith::SubIOp::create(b, l, length, one), at[time]);
    SmallVector<V> position(at);
    position[time] = select(b, l, isBelow(b, l, at[time], length), reversed, at[time]);
    return tensor::ExtractOp::create(b, l, source, position);
  }));
}
} // namespace

void attnc::onnx::addScatterOps(OpTable &table) {
  for (auto [name, since] : {std::pair("Scatter", 9), std::pair("ScatterElements", 11)})
    table.add(since, fmt::format("{}(data: any, indices: int, updates: any; axis = 0)", name), importScatterElements);
  table.refuse("Scatter", "it is called ScatterElements since opset 11", 11);
  table.add(16, "ScatterElements(data: any, indices: int, updates: any; axis = 0, reduction = \"none\")",
            importScatterElements);
  table.add(11, "ScatterND(data: any, indices: int, updates: any)", importScatterND);
  table.add(16, "ScatterND(data: any, indices: int, updates: any; reduction = \"none\")", importScatterND);
  table.add(11, "GatherND(data: any, indices: int)", importGatherND);
  table.add(12, "GatherND(data: any, indices: int; batch_dims = 0)", importGatherND);
  table.add(9, "OneHot(indices: number, depth: number, values: any; axis = -1)", importOneHot);
  table.add(9, "EyeLike(input: any; dtype?: int, k = 0)", importEyeLike);
  table.add(10, "ReverseSequence(input: any, sequence_lens: int; batch_axis = 1, time_axis = 0)",
            importReverseSequence);
}
