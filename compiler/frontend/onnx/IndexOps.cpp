//===- IndexOps.cpp - Operators that choose elements by position ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Integers.h"
#include "compiler/support/Limits.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
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

/// x[start:end:step] along each of `axes`.
LogicalResult slice(NodeContext &ctx, const SymList &starts, const SymList &ends, ArrayRef<int64_t> axes,
                    ArrayRef<int64_t> given) {
  Tensor *x = ctx.input(0);
  Extents &s = ctx.symbols;
  if (ends.size() != starts.size() || axes.size() != starts.size() || given.size() != starts.size())
    return ctx.fail("its starts, ends, axes and steps have different lengths");
  if (failed(ctx.axes(axes, x->rank())))
    return failure();
  SymList offsets(x->shape.size(), Sym(0)), shape(x->shape);
  SmallVector<int64_t> steps(x->shape.size(), 1);
  for (auto [axis, start, end, givenStep] : llvm::zip(axes, starts, ends, given)) {
    size_t dim = axis < 0 ? axis + x->rank() : axis;
    const Sym extent = x->shape[dim];
    if (givenStep == 0)
      return ctx.fail("its step is 0");
    int64_t step = std::clamp<int64_t>(givenStep, -INT32_MAX, INT32_MAX); // beyond any extent: the first element alone
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

LogicalResult importSlice(NodeContext &ctx) {
  FailureOr<SymList> starts = ctx.shapeInput(1, "starts"), ends = ctx.shapeInput(2, "ends");
  if (failed(starts) || failed(ends))
    return failure();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, starts->size()));
  SmallVector<int64_t> steps(starts->size(), 1);
  for (auto [index, name, list] : {std::tuple(3, "axes", &axes), std::tuple(4, "steps", &steps)}) {
    if (!ctx.input(index))
      continue;
    FailureOr<SmallVector<int64_t>> fixed = ctx.fixedInput(index, name);
    if (failed(fixed))
      return failure();
    *list = *fixed;
  }
  return slice(ctx, *starts, *ends, axes, steps);
}

/// Before opset 10: all are attributes, and there are no steps.
LogicalResult importOldSlice(NodeContext &ctx) {
  auto starts = *ctx.intsAttr("starts"), ends = *ctx.intsAttr("ends");
  auto axes = ctx.intsAttr("axes").value_or(llvm::to_vector(llvm::seq<int64_t>(0, starts.size())));
  auto symbols = [](ArrayRef<int64_t> numbers) { return SymList(numbers.begin(), numbers.end()); };
  return slice(ctx, symbols(starts), symbols(ends), axes, SmallVector<int64_t>(starts.size(), 1));
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
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), x->rank());
  if (failed(axis))
    return failure();
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
                                 ? emitPosition(b, l, in[0], size)
                                 : V(linalg::IndexOp::create(b, l, dim < *axis ? dim : dim + indices->rank() - 1)));
        return tensor::ExtractOp::create(b, l, source, position);
      }));
}

/// result[i...] = x[i... with indices[i...] along axis]
LogicalResult importGatherElements(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *indices = ctx.input(1);
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), x->rank());
  if (failed(axis))
    return failure();
  if (indices->rank() != x->rank())
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
        position[*axis] = emitPosition(b, l, in[0], size);
        return tensor::ExtractOp::create(b, l, source, position);
      }));
}

//===- Positions as values ------------------------------------------------===//

/// start + i * delta for i below ceil((limit - start) / delta), of numbers that are all given.
LogicalResult importFloatRange(NodeContext &ctx) {
  double bounds[3];
  for (auto [index, name] : {std::pair(0, "start"), std::pair(1, "limit"), std::pair(2, "delta")}) {
    FailureOr<SmallVector<double>> value = ctx.fixedFloats(index, name);
    if (failed(value))
      return failure();
    if (value->size() != 1)
      return ctx.fail(fmt::format("its {} must be a scalar", name));
    bounds[index] = value->front();
  }
  auto [start, limit, delta] = bounds;
  double count = std::max(std::ceil((limit - start) / delta), 0.0);
  if (!(count <= static_cast<double>(kMaxExtent)))
    return ctx.fail(fmt::format("its range from {} to {} in steps of {} has no end", start, limit, delta));
  Type type = ctx.input(0)->elementType;
  return ctx.result(
      Composer(ctx).generate({Sym(static_cast<int64_t>(count))}, type, [&](B &b, L l, ValueRange at) -> V {
        V i = arith::IndexCastOp::create(b, l, b.getI64Type(), at[0]);
        V step = arith::ConstantOp::create(b, l, ctx.emit.scalar(type, delta));
        V first = arith::ConstantOp::create(b, l, ctx.emit.scalar(type, start));
        V moved = arith::MulFOp::create(b, l, arith::SIToFPOp::create(b, l, type, i), step);
        return arith::AddFOp::create(b, l, first, moved);
      }));
}

LogicalResult importRange(NodeContext &ctx) {
  Type type = ctx.input(0)->elementType;
  if (isa<FloatType>(type))
    return importFloatRange(ctx);
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

/// The one element of `scalar`, which the data decides, as an index within [-most, most].
V heldIndex(NodeContext &ctx, Tensor *scalar, int64_t most) {
  B &b = ctx.emit.builder;
  L l = ctx.emit.loc;
  V element = tensor::ExtractOp::create(b, l, ctx.emit.value(scalar), ValueRange());
  V index = arith::IndexCastOp::create(b, l, b.getIndexType(), element);
  V least = arith::ConstantIndexOp::create(b, l, -most), largest = arith::ConstantIndexOp::create(b, l, most);
  return arith::MaxSIOp::create(b, l, arith::MinSIOp::create(b, l, index, largest), least);
}

/// first - second * cos(2 pi i / n) + third * cos(4 pi i / n), with n the size, or one less of a symmetric window.
LogicalResult importWindow(NodeContext &ctx, double first, double second, double third) {
  FailureOr<SymList> size = ctx.shapeInput(0, "size");
  int64_t code = ctx.intAttr("output_datatype");
  Type type =
      code >= 0 && code < 1000 ? elementTypeOf(static_cast<int32_t>(code), ctx.emit.builder.getContext()) : Type();
  if (failed(size))
    return failure();
  if (size->size() != 1 || !size->front().constant() || !isa_and_nonnull<FloatType>(type))
    return ctx.fail("its size must be one number that is known, and its type a float");
  int64_t count = *size->front().constant(), length = ctx.intAttr("periodic") ? count : count - 1;
  constexpr int64_t kMost = 1 << 20; // a table
  if (count < 1 || count > kMost)
    return ctx.fail(fmt::format("it has {} places", count));
  SmallVector<mlir::Attribute> numbers;
  for (int64_t i = 0; i < count; ++i) {
    double angle = 2 * M_PI * static_cast<double>(i) / static_cast<double>(length);
    double number = first - second * std::cos(angle) + third * std::cos(2 * angle);
    numbers.push_back(ctx.emit.builder.getFloatAttr(type, number));
  }
  return ctx.result(ctx.emit.constant(DenseElementsAttr::get(RankedTensorType::get(count, type), numbers)));
}

/// Upper: keeps column >= row + k. Lower: keeps column <= row + k. Zero elsewhere.
LogicalResult importTrilu(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  if (x->rank() < 2)
    return ctx.fail("it needs a matrix, not " + ctx.describe(x));
  bool upper = ctx.intAttr("upper");
  V offset = ctx.emit.index(0);
  if (Tensor *k = ctx.input(1)) {
    auto known = ctx.emit.elements(k);
    Tensor *scalar = ctx.emit.reshape(k, {});
    if (!scalar)
      return ctx.fail("its k must be a scalar");
    constexpr int64_t kMost = INT32_MAX; // beyond any extent, and row + k does not wrap around
    if (known && known->front().constant())
      offset = ctx.emit.index(Sym(std::clamp(*known->front().constant(), -kMost, kMost)));
    else if (known)
      offset = ctx.emit.index(known->front());
    else
      offset = heldIndex(ctx, scalar, kMost);
  }
  return ctx.result(ctx.emit.elementwise(x, x->elementType, x->shape, [&](B &b, L l, ValueRange in) -> V {
    V row = linalg::IndexOp::create(b, l, x->rank() - 2), column = linalg::IndexOp::create(b, l, x->rank() - 1);
    V border = arith::AddIOp::create(b, l, row, offset);
    V keep = arith::CmpIOp::create(b, l, upper ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sle, column, border);
    return arith::SelectOp::create(b, l, keep, in[0], arith::ConstantOp::create(b, l, ctx.emit.zero(x->elementType)));
  }));
}

//===- Pad ----------------------------------------------------------------===//

/// Where along an extent position `at`, before its start or past its end, is read.
///     edge: held at the ends    wrap: modulo    reflect: 3 2 1 0 1 2 3 2 ..., modulo twice the extent less one
V insideOf(B &b, L l, StringRef mode, V at, V extent) {
  V zero = arith::ConstantIndexOp::create(b, l, 0), one = arith::ConstantIndexOp::create(b, l, 1);
  V last = arith::SubIOp::create(b, l, extent, one);
  if (mode == "edge")
    return arith::MaxSIOp::create(b, l, arith::MinSIOp::create(b, l, at, last), zero);
  if (mode == "wrap")
    return emitFlooredRemainder(b, l, at, extent);
  V period = arith::AddIOp::create(b, l, last, last);
  V moved = emitFlooredRemainder(b, l, at, arith::MaxSIOp::create(b, l, period, one));
  return arith::MinSIOp::create(b, l, moved, arith::SubIOp::create(b, l, period, moved));
}

/// result[i...] = x[inside of i - before...]
Tensor *padByReading(NodeContext &ctx, StringRef mode, const SymList &before, const SymList &shape) {
  Tensor *x = ctx.input(0);
  V source = ctx.emit.value(x);
  auto extents = llvm::map_to_vector(x->shape, [&](const Sym &extent) { return ctx.emit.index(extent); });
  auto moves = llvm::map_to_vector(before, [&](const Sym &move) { return ctx.emit.index(move); });
  return Composer(ctx).generate(shape, x->elementType, [&](B &b, L l, ValueRange at) -> V {
    SmallVector<V> position;
    for (size_t dim = 0; dim < shape.size(); ++dim)
      position.push_back(shape[dim] == x->shape[dim] && before[dim].isConstant(0)
                             ? at[dim]
                             : insideOf(b, l, mode, arith::SubIOp::create(b, l, at[dim], moves[dim]), extents[dim]));
    return tensor::ExtractOp::create(b, l, source, position);
  });
}

/// The pads of `axes`, first those before all of them, then those after. What is negative is cut off.
LogicalResult pad(NodeContext &ctx, const SymList &pads, ArrayRef<int64_t> axes, Tensor *fill) {
  Tensor *x = ctx.input(0);
  Extents &s = ctx.symbols;
  const std::string &mode = ctx.stringAttr("mode");
  if (!llvm::is_contained({"constant", "edge", "reflect", "wrap"}, mode))
    return ctx.fail("mode '" + printable(mode) + "' is not supported");
  if (pads.size() != 2 * axes.size())
    return ctx.fail(fmt::format("it has {} pads for {} axes", pads.size(), axes.size()));
  SymList before(x->shape.size(), Sym(0)), after(before), shape(x->shape);
  bool cuts = false;
  for (auto [index, axis] : llvm::enumerate(axes)) {
    size_t dim = axis < 0 ? axis + x->rank() : axis;
    before[dim] = pads[index], after[dim] = pads[index + axes.size()];
    shape[dim] = s.add(shape[dim], s.add(before[dim], after[dim]));
    for (const Sym &side : {before[dim], after[dim]}) {
      cuts |= side.constant() && *side.constant() < 0;
      if (!s.isNonNegative(side) && !side.constant())
        return ctx.fail(fmt::format("its pads {} may be negative", s.str(side)));
    }
    if (shape[dim].constant() && *shape[dim].constant() < 0)
      return ctx.fail(fmt::format("it cuts more than there is off {}", ctx.describe(x)));
    bool reads = mode != "constant" && shape[dim] != x->shape[dim];
    if (reads && x->shape[dim].isConstant(0))
      return ctx.fail(fmt::format("{} has nothing to pad with", ctx.describe(x)));
  }
  if (mode != "constant")
    return ctx.result(padByReading(ctx, mode, before, shape));
  if (cuts) { // first what is cut off, then the rest
    SymList offsets(before.size(), Sym(0)), kept(x->shape);
    for (size_t dim = 0; dim < before.size(); ++dim) {
      offsets[dim] = s.max(s.mul(before[dim], -1), 0);
      kept[dim] = s.sub(kept[dim], s.add(offsets[dim], s.max(s.mul(after[dim], -1), 0)));
      if (kept[dim].constant() && *kept[dim].constant() < 0)
        return ctx.fail(fmt::format("it cuts more than there is off {}", ctx.describe(x)));
      before[dim] = s.max(before[dim], 0);
    }
    x = ctx.emit.slice(x, offsets, kept, SmallVector<int64_t>(kept.size(), 1));
  }
  V whole;
  if (fill && !fill->constant)
    whole = ctx.emit.value(ctx.emit.broadcast(fill, shape));
  else
    whole = ctx.emit.filled(
        fill ? cast<TypedAttr>(*fill->constant.value_begin<mlir::Attribute>()) : ctx.emit.zero(x->elementType), shape);
  return ctx.result(ctx.emit.embed(x, whole, shape, before, SmallVector<int64_t>(shape.size(), 1)));
}

LogicalResult importPad(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
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
  Tensor *fill = ctx.input(2) ? ctx.emit.reshape(ctx.input(2), {}) : nullptr;
  if (ctx.input(2) && (!fill || fill->elementType != x->elementType))
    return ctx.fail("its value must be one number of the data's type");
  return pad(ctx, *pads, axes, fill);
}

/// Before opset 11: all are attributes.
LogicalResult importOldPad(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  auto pads = *ctx.intsAttr("pads");
  return pad(ctx, SymList(pads.begin(), pads.end()), llvm::to_vector(llvm::seq<int64_t>(0, x->rank())),
             Composer(ctx).number(ctx.floatAttr("value"), x->elementType));
}
} // namespace

void attnc::onnx::addIndexOps(OpTable &table) {
  table.add(1, "Slice(data: any; starts: ints, ends: ints, axes?: ints)", importOldSlice);
  table.add(10, "Slice(data: any, starts: int, ends, axes?, steps?)", importSlice);
  table.add(1, "Gather(data: any, indices: int; axis = 0)", importGather);
  table.add(11, "GatherElements(data: any, indices: int; axis = 0)", importGatherElements);
  table.add(11, "Range(start: number, limit, delta)", importRange);
  for (auto [name, first, second, third] :
       {std::tuple("HannWindow", 0.5, 0.5, 0.0), std::tuple("HammingWindow", 25.0 / 46, 21.0 / 46, 0.0),
        std::tuple("BlackmanWindow", 0.42, 0.5, 0.08)})
    table.add(17, fmt::format("{}(size: int; output_datatype = 1, periodic = 1)", name),
              [first, second, third](NodeContext &ctx) { return importWindow(ctx, first, second, third); });
  table.add(14, "Trilu(input: any, k?: int; upper = 1)", importTrilu);
  table.add(2, "Pad(data: number; pads: ints, value = 0.0, mode = \"constant\")", importOldPad);
  table.add(11, "Pad(data: any, pads: int, value?: any; mode = \"constant\")", importPad);
  table.add(18, "Pad(data: any, pads: int, value?: any, axes?: int; mode = \"constant\")", importPad);
}
