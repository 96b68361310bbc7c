//===- IndexOps.cpp - Operators that choose elements by position ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Ops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

namespace {
using B = OpBuilder;
using L = Location;
using V = Value;

//===- Slice --------------------------------------------------------------===//

/// A bound as ONNX counts it: negative from the end, then held inside [low, high].
Sym clampBound(Extents &s, const Sym &bound, const Sym &extent, const Sym &low, const Sym &high) {
  if (bound.constant() && *bound.constant() > INT32_MAX)
    return high; // exporters write INT64_MAX for "to the end"
  if (bound.constant() && *bound.constant() < -INT32_MAX)
    return low;
  Sym fromFront = s.select(s.less(bound, 0), s.add(bound, extent), bound);
  return s.max(s.min(fromFront, high), low);
}

LogicalResult importSlice(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  Extents &s = ctx.symbols;
  FailureOr<SymList> starts = ctx.shapeInput(1, "starts"), ends = ctx.shapeInput(2, "ends");
  if (failed(starts) || failed(ends))
    return failure();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, starts->size()));
  SmallVector<int64_t> given(starts->size(), 1);
  for (auto [index, name, list] : {std::tuple(3, "axes", &axes), std::tuple(4, "steps", &given)}) {
    if (!ctx.input(index))
      continue;
    FailureOr<SmallVector<int64_t>> fixed = ctx.fixedInput(index, name);
    if (failed(fixed))
      return failure();
    *list = *fixed;
  }
  if (ends->size() != starts->size() || axes.size() != starts->size() || given.size() != starts->size())
    return ctx.fail("its starts, ends, axes and steps have different lengths");
  if (failed(ctx.axes(axes, x->rank())))
    return failure();

  SymList offsets(x->shape.size(), Sym(0)), shape(x->shape);
  SmallVector<int64_t> steps(x->shape.size(), 1);
  for (auto [axis, start, end, step] : llvm::zip(axes, *starts, *ends, given)) {
    size_t dim = axis < 0 ? axis + x->rank() : axis;
    const Sym extent = x->shape[dim];
    if (step == 0)
      return ctx.fail("its step is 0");
    step = std::clamp<int64_t>(step, -INT32_MAX, INT32_MAX); // beyond any extent: the first element alone
    steps[dim] = step;
    // Forwards, bounds lie inside [0, extent]. Backwards, the start lies inside [0, extent - 1] (and is -1 of no elements),
    // the end inside [-1, extent - 1], where -1 is one before the first; a start of -1 is the last element of any extent.
    const Sym high = step > 0 ? extent : s.sub(extent, 1);
    offsets[dim] = clampBound(s, start, extent, 0, extent);
    if (step < 0)
      offsets[dim] = start.isConstant(-1) ? high : s.min(offsets[dim], high);
    const Sym stop = clampBound(s, end, extent, step > 0 ? 0 : -1, high);
    // ceil((end - start) / step), at least 0
    Sym length = s.max(step > 0 ? s.sub(stop, offsets[dim]) : s.sub(offsets[dim], stop), 0);
    shape[dim] = s.div(s.add(length, std::abs(step) - 1), std::abs(step));
  }
  return ctx.result(ctx.emit.slice(x, offsets, shape, steps));
}

//===- Gather -------------------------------------------------------------===//

/// x without `axis`, at one position that is known: a slice, and the dim dropped.
Tensor *gatherOne(NodeContext &ctx, Tensor *x, int64_t axis, const Sym &position) {
  SymList offsets(x->shape.size(), Sym(0)), sizes(x->shape), shape(x->shape);
  offsets[axis] = position;
  sizes[axis] = 1;
  shape.erase(shape.begin() + axis);
  Tensor *slice = ctx.emit.slice(x, offsets, sizes, SmallVector<int64_t>(x->shape.size(), 1));
  return ctx.emit.reshape(slice, shape);
}

/// An index as ONNX counts it (negative from the end). Outside of the extent it would read foreign memory, and whether
/// it is outside depends on the data: it is held at the nearest valid position.
V safeIndex(B &b, L l, V index, V extent) {
  V zero = arith::ConstantIndexOp::create(b, l, 0), one = arith::ConstantIndexOp::create(b, l, 1);
  V position = arith::IndexCastOp::create(b, l, b.getIndexType(), index);
  V isNegative = arith::CmpIOp::create(b, l, arith::CmpIPredicate::slt, position, zero);
  V wrapped = arith::SelectOp::create(b, l, isNegative, arith::AddIOp::create(b, l, position, extent), position);
  V last = arith::SubIOp::create(b, l, extent, one);
  return arith::MaxSIOp::create(b, l, arith::MinSIOp::create(b, l, wrapped, last), zero);
}

/// Known elements at known positions. Null when either is not known.
FailureOr<Tensor *> foldGather(NodeContext &ctx, Tensor *x, Tensor *indices, const SymList &shape) {
  auto elements = ctx.emit.elements(x), positions = ctx.emit.elements(indices);
  if (!elements || !positions || x->rank() != 1)
    return static_cast<Tensor *>(nullptr);
  SymList picked;
  int64_t extent = static_cast<int64_t>(elements->size());
  for (const Sym &position : *positions) {
    if (!position.constant())
      return static_cast<Tensor *>(nullptr);
    FailureOr<int64_t> at = ctx.axis(*position.constant(), extent);
    if (failed(at))
      return failure();
    picked.push_back((*elements)[*at]);
  }
  return ctx.emit.symbolic(x->elementType, shape, std::move(picked));
}

LogicalResult importGather(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *indices = ctx.input(1);
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis", 0), x->rank());
  if (failed(axis))
    return failure();
  if (indices->isFloat() || indices->isBool() || indices->isUnsigned())
    return ctx.fail("its indices must be integers, not " + elementTypeName(indices->elementType));
  ArrayRef<Sym> extents(x->shape);
  SymList shape(extents.take_front(*axis));
  shape.append(indices->shape);
  shape.append(extents.drop_front(*axis + 1).begin(), extents.end());
  if (shape.size() > static_cast<size_t>(kMaxRank))
    return ctx.fail(fmt::format("its result has rank {}; the limit is {}", shape.size(), kMaxRank));
  FailureOr<Tensor *> folded = foldGather(ctx, x, indices, shape);
  if (failed(folded))
    return failure();
  if (*folded)
    return ctx.result(*folded);

  const Sym extent = x->shape[*axis];
  auto positions = ctx.emit.elements(indices);
  if (positions && positions->size() == 1 && positions->front().constant()) {
    int64_t at = *positions->front().constant();
    if (extent.constant() && (at < -*extent.constant() || at >= *extent.constant()))
      return ctx.fail(fmt::format("its index {} is outside of {} along axis {}", at, ctx.describe(x), *axis));
    Tensor *one = gatherOne(ctx, x, *axis, at < 0 ? ctx.symbols.add(extent, at) : Sym(at));
    return ctx.result(ctx.emit.reshape(one, shape));
  }
  // result[before..., i..., after...] = x[before..., indices[i...], after...]
  MLIRContext *context = ctx.emit.builder.getContext();
  AffineMap indexMap = AffineMap::getMultiDimIdentityMap(shape.size(), context)
                           .getSliceMap(*axis, static_cast<unsigned>(indices->rank()));
  V source = ctx.emit.value(x), size = ctx.emit.index(extent);
  ctx.noteIndices(indices, extent);
  return ctx.result(ctx.emit.generic(
      indices, indexMap, AffineMap::getMultiDimIdentityMap(shape.size(), context), x->elementType, shape,
      [&](B &b, L l, ValueRange in) -> V {
        SmallVector<V> position;
        for (int64_t dim = 0; dim < x->rank(); ++dim)
          position.push_back(dim == *axis
                                 ? safeIndex(b, l, in[0], size)
                                 : V(linalg::IndexOp::create(b, l, dim < *axis ? dim : dim + indices->rank() - 1)));
        return tensor::ExtractOp::create(b, l, source, position);
      }));
}

/// result[i...] = x[i... with indices[i...] along axis]
LogicalResult importGatherElements(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *indices = ctx.input(1);
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis", 0), x->rank());
  if (failed(axis))
    return failure();
  if (indices->isFloat() || indices->isBool() || indices->isUnsigned() || indices->rank() != x->rank())
    return ctx.fail(fmt::format("{} cannot index {}", ctx.describe(indices), ctx.describe(x)));
  for (int64_t dim = 0; dim < x->rank(); ++dim)
    if (dim != *axis && !ctx.sameExtent(x->shape[dim], indices->shape[dim]) && !indices->shape[dim].isConstant(1))
      return ctx.fail(fmt::format("{} cannot index {}", ctx.describe(indices), ctx.describe(x)));
  V source = ctx.emit.value(x), size = ctx.emit.index(x->shape[*axis]);
  ctx.noteIndices(indices, x->shape[*axis]);
  AffineMap identity = AffineMap::getMultiDimIdentityMap(x->rank(), ctx.emit.builder.getContext());
  return ctx.result(
      ctx.emit.generic(indices, identity, identity, x->elementType, indices->shape, [&](B &b, L l, ValueRange in) -> V {
        SmallVector<V> position;
        for (int64_t dim = 0; dim < x->rank(); ++dim)
          position.push_back(linalg::IndexOp::create(b, l, dim));
        position[*axis] = safeIndex(b, l, in[0], size);
        return tensor::ExtractOp::create(b, l, source, position);
      }));
}

//===- Positions as values ------------------------------------------------===//

LogicalResult importRange(NodeContext &ctx) {
  Type type = ctx.input(0)->elementType;
  if (isa<FloatType>(type) || type.isUnsignedInteger())
    return ctx.fail("type " + elementTypeName(type) + " is not supported");
  Sym bounds[3];
  for (auto [index, name] : {std::pair(0, "start"), std::pair(1, "limit"), std::pair(2, "delta")}) {
    FailureOr<SymList> value = ctx.shapeInput(index, name);
    if (failed(value))
      return failure();
    if (value->size() != 1)
      return ctx.fail(fmt::format("its {} must be a scalar", name));
    bounds[index] = value->front();
  }
  auto [start, limit, delta] = bounds;
  Extents &s = ctx.symbols;
  if (!delta.constant() || *delta.constant() == 0 || *delta.constant() < -INT32_MAX || *delta.constant() > INT32_MAX)
    return ctx.fail("its delta must be a constant that is not 0, and within 32 bits");
  // ceil((limit - start) / delta), at least 0
  int64_t step = *delta.constant();
  int64_t distance;
  if (start.constant() && limit.constant() && llvm::SubOverflow(*limit.constant(), *start.constant(), distance))
    return ctx.fail(
        fmt::format("its range from {} to {} is larger than any memory", *start.constant(), *limit.constant()));
  Sym length = step > 0 ? s.sub(limit, start) : s.sub(start, limit);
  Sym count = s.div(s.add(s.max(length, 0), std::abs(step) - 1), std::abs(step));
  if (std::optional<int64_t> fixed = count.constant(); fixed && *fixed <= 1024) {
    SymList elements;
    for (int64_t i = 0; i < *fixed; ++i)
      elements.push_back(s.add(start, i * step));
    return ctx.result(ctx.emit.symbolic(type, {count}, std::move(elements)));
  }
  V first = ctx.emit.index(start);
  AffineMap identity = AffineMap::getMultiDimIdentityMap(1, ctx.emit.builder.getContext());
  return ctx.result(ctx.emit.generic({}, {}, identity, type, {count}, [&](B &b, L l, ValueRange) -> V {
    V moved = arith::MulIOp::create(b, l, linalg::IndexOp::create(b, l, 0), arith::ConstantIndexOp::create(b, l, step));
    return arith::IndexCastOp::create(b, l, type, arith::AddIOp::create(b, l, first, moved));
  }));
}

/// Upper: keeps column >= row + k. Lower: keeps column <= row + k. Zero elsewhere.
LogicalResult importTrilu(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  if (x->rank() < 2)
    return ctx.fail("it needs a matrix, not " + ctx.describe(x));
  bool upper = ctx.intAttr("upper", 1);
  Sym k(0);
  if (ctx.input(1)) {
    FailureOr<SymList> given = ctx.shapeInput(1, "k");
    if (failed(given))
      return failure();
    if (given->size() != 1)
      return ctx.fail("its k must be a scalar");
    k = given->front();
    if (k.constant()) // beyond any extent, and row + k does not wrap around
      k = Sym(std::clamp<int64_t>(*k.constant(), -INT32_MAX, INT32_MAX));
  }
  V offset = ctx.emit.index(k);
  return ctx.result(ctx.emit.elementwise(x, x->elementType, x->shape, [&](B &b, L l, ValueRange in) -> V {
    V row = linalg::IndexOp::create(b, l, x->rank() - 2), column = linalg::IndexOp::create(b, l, x->rank() - 1);
    V border = arith::AddIOp::create(b, l, row, offset);
    V keep = arith::CmpIOp::create(b, l, upper ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sle, column, border);
    return arith::SelectOp::create(b, l, keep, in[0], arith::ConstantOp::create(b, l, ctx.emit.zero(x->elementType)));
  }));
}

//===- Pad ----------------------------------------------------------------===//

LogicalResult importPad(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  std::string mode = ctx.stringAttr("mode", "constant");
  if (mode != "constant")
    return ctx.fail("mode '" + printable(mode) + "' is not supported");
  FailureOr<SymList> pads = ctx.shapeInput(1, "pads");
  if (failed(pads))
    return failure();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, x->rank()));
  if (ctx.input(3)) {
    FailureOr<SmallVector<int64_t>> given = ctx.fixedInput(3, "axes");
    if (failed(given) || failed(ctx.axes(*given, x->rank())))
      return failure();
    axes = *given;
  }
  if (pads->size() != 2 * axes.size())
    return ctx.fail(fmt::format("it has {} pads for {} axes", pads->size(), axes.size()));
  TypedAttr fill = ctx.emit.zero(x->elementType);
  if (Tensor *value = ctx.input(2)) {
    if (!value->constant || value->constant.getNumElements() != 1 || value->elementType != x->elementType)
      return ctx.fail("its value must be one constant of the data's type");
    fill = cast<TypedAttr>(*value->constant.value_begin<mlir::Attribute>());
  }
  SymList offsets(x->shape.size(), Sym(0)), shape(x->shape);
  for (auto [index, axis] : llvm::enumerate(axes)) {
    size_t dim = axis < 0 ? axis + x->rank() : axis;
    const Sym &before = (*pads)[index], &after = (*pads)[index + axes.size()];
    if (!ctx.symbols.isNonNegative(before) || !ctx.symbols.isNonNegative(after))
      return ctx.fail("negative pads are not supported");
    offsets[dim] = before;
    shape[dim] = ctx.symbols.add(shape[dim], ctx.symbols.add(before, after));
  }
  SmallVector<OpFoldResult> steps(shape.size(), ctx.emit.builder.getIndexAttr(1));
  V padded =
      tensor::InsertSliceOp::create(ctx.emit.builder, ctx.emit.loc, ctx.emit.value(x), ctx.emit.filled(fill, shape),
                                    ctx.emit.sizes(offsets), ctx.emit.sizes(x->shape), steps);
  return ctx.result(ctx.emit.computed(padded, shape, x->elementType));
}
} // namespace

void attnc::onnx::addIndexOps(OpTable &table) {
  table["Slice"] = {10, 3, 5, 1, importSlice};
  table["Gather"] = {1, 2, 2, 1, importGather};
  table["GatherElements"] = {11, 2, 2, 1, importGatherElements};
  table["Range"] = {11, 3, 3, 1, importRange};
  table["Trilu"] = {14, 1, 2, 1, importTrilu};
  table["Pad"] = {11, 2, 4, 1, importPad};
}
