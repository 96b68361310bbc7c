//===- ShapeOps.cpp - Shapes, and operators that only regroup elements ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include <fmt/format.h>
#include <numeric>

using namespace mlir;
using namespace attnc::onnx;

namespace {

//===- Values from nowhere ------------------------------------------------===//

LogicalResult importConstant(NodeContext &ctx) {
  Builder &builder = ctx.emit.builder;
  auto floats = [&](ArrayRef<float> numbers, ArrayRef<int64_t> shape) {
    return ctx.result(
        ctx.emit.constant(DenseElementsAttr::get(RankedTensorType::get(shape, builder.getF32Type()), numbers)));
  };
  auto ints = [&](ArrayRef<int64_t> numbers, ArrayRef<int64_t> shape) {
    return ctx.result(
        ctx.emit.constant(DenseElementsAttr::get(RankedTensorType::get(shape, builder.getI64Type()), numbers)));
  };
  if (const NodeAttr *value = ctx.attr("value")) {
    Tensor *tensor = ctx.emit.constant(value->tensor, ctx.node.name);
    return tensor ? ctx.result(tensor) : ctx.fail("type " + value->tensor.problem + " is not supported");
  }
  if (const NodeAttr *value = ctx.attr("value_float"))
    return floats(value->f, {});
  if (const NodeAttr *value = ctx.attr("value_floats"))
    return floats(value->floats, static_cast<int64_t>(value->floats.size()));
  if (const NodeAttr *value = ctx.attr("value_int"))
    return ints(value->i, {});
  if (const NodeAttr *value = ctx.attr("value_ints"))
    return ints(value->ints, static_cast<int64_t>(value->ints.size()));
  return ctx.fail("its value is of a kind that is not supported");
}

/// The extents from index `size` of a list; fails when one may be negative.
LogicalResult checkExtents(NodeContext &ctx, const SymList &shape) {
  if (shape.size() > static_cast<size_t>(kMaxRank))
    return ctx.fail(fmt::format("its result has rank {}; the limit is {}", shape.size(), kMaxRank));
  for (const Sym &extent : shape)
    if (extent.constant() && *extent.constant() < 0)
      return ctx.fail("its result would have the shape " + ctx.describe(shape));
  return success();
}

LogicalResult importConstantOfShape(NodeContext &ctx) {
  FailureOr<SymList> shape = ctx.shapeInput(0, "shape");
  if (failed(shape) || failed(checkExtents(ctx, *shape)))
    return failure();
  TypedAttr fill = ctx.emit.builder.getF32FloatAttr(0);
  Type type = fill.getType();
  if (const NodeAttr *value = ctx.attr("value")) {
    DenseElementsAttr tensor = value->tensor.value;
    if (!tensor || tensor.getNumElements() != 1)
      return ctx.fail(value->tensor.problem.empty() ? "its value must have one element"
                                                    : "type " + value->tensor.problem + " is not supported");
    fill = cast<TypedAttr>(*tensor.value_begin<mlir::Attribute>());
    type = value->tensor.elementType;
  }
  return ctx.result(ctx.emit.splat(fill, *shape, type));
}

LogicalResult importIdentity(NodeContext &ctx) { return ctx.result(ctx.input(0)); }

/// Inference: x as it is, and a mask of ones. A graph that asks for training mode is refused.
LogicalResult importDropout(NodeContext &ctx) {
  ctx.attr("seed"), ctx.attr("ratio");
  if (const NodeAttr *isTest = ctx.attr("is_test"); isTest && !isTest->i)
    return ctx.fail("training mode is not supported");
  if (ctx.input(2)) {
    FailureOr<SmallVector<int64_t>> training = ctx.fixedInput(2, "training_mode");
    if (failed(training))
      return failure();
    if (training->size() != 1 || training->front())
      return ctx.fail("training mode is not supported");
  }
  if (ctx.wants(1) && failed(ctx.result(ctx.emit.splat(ctx.emit.builder.getBoolAttr(true), ctx.input(0)->shape), 1)))
    return failure();
  return ctx.result(ctx.input(0));
}

//===- Asking for shapes --------------------------------------------------===//

LogicalResult importShape(NodeContext &ctx) {
  const SymList &shape = ctx.input(0)->shape;
  int64_t rank = ctx.input(0)->rank();
  auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const NodeAttr *first = ctx.attr("start"), *last = ctx.attr("end"); // neither before opset 15
  int64_t start = clamp(first ? first->i : 0), end = clamp(last ? last->i : rank);
  SymList extents;
  for (int64_t dim = start; dim < end; ++dim)
    extents.push_back(shape[dim]);
  Sym count(static_cast<int64_t>(extents.size()));
  return ctx.result(ctx.emit.symbolic(ctx.emit.builder.getI64Type(), {count}, std::move(extents)));
}

LogicalResult importSize(NodeContext &ctx) {
  return ctx.result(ctx.emit.symbolic(ctx.emit.builder.getI64Type(), {}, {ctx.symbols.product(ctx.input(0)->shape)}));
}

//===- Regrouping ---------------------------------------------------------===//

LogicalResult reshapeTo(NodeContext &ctx, const SymList &shape) {
  if (failed(checkExtents(ctx, shape)))
    return failure();
  if (Tensor *result = ctx.emit.reshape(ctx.input(0), shape))
    return ctx.result(result);
  if (ctx.requireLimits(ctx.input(0)->shape) || ctx.requireLimits(shape))
    return failure();
  bool isFixed = ctx.emit.fixedCount(shape, INT64_MAX) && ctx.emit.fixedCount(ctx.input(0)->shape, INT64_MAX);
  return ctx.fail(fmt::format("{} cannot be viewed as {}{}", ctx.describe(ctx.input(0)), ctx.describe(shape),
                              isFixed ? "" : " for all extents; fix some with --dims if that is meant"));
}

/// The extent that -1 stands for: what the source has and the rest of the target has not. Equal extents cancel before
/// anything is divided.
Sym inferExtent(Extents &symbols, SymList from, const SymList &target) {
  SymList rest;
  for (const Sym &extent : target) {
    if (extent.isConstant(-1))
      continue;
    if (auto *it = llvm::find(from, extent); it != from.end() && !extent.isConstant(0))
      from.erase(it);
    else
      rest.push_back(extent);
  }
  return symbols.div(symbols.product(from), symbols.product(rest));
}

LogicalResult importReshape(NodeContext &ctx) {
  FailureOr<SymList> target = ctx.shapeInput(1, "shape");
  if (failed(target))
    return failure();
  const SymList &from = ctx.input(0)->shape;
  bool allowZero = ctx.flag("allowzero");
  int64_t inferred = -1;
  for (auto [dim, extent] : llvm::enumerate(*target)) {
    if (extent.isConstant(0) && !allowZero) { // 0: as in the source
      if (dim >= from.size())
        return ctx.fail(fmt::format("its shape copies dim {} of {}", dim, ctx.describe(ctx.input(0))));
      extent = from[dim];
    } else if (extent.isConstant(-1)) {
      if (inferred >= 0)
        return ctx.fail("its shape has more than one -1");
      inferred = dim;
    }
  }
  if (inferred >= 0) {
    bool restIsEmpty = llvm::any_of(*target, [](const Sym &extent) { return extent.isConstant(0); });
    if (restIsEmpty)
      return ctx.fail("its shape has a -1 beside an extent of 0");
    (*target)[inferred] = inferExtent(ctx.symbols, from, *target);
  }
  return reshapeTo(ctx, *target);
}

LogicalResult importSqueeze(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  auto given = ctx.inputOrAttr(1, "axes");
  if (failed(given))
    return failure();
  SmallVector<int64_t> axes;
  if (*given) {
    FailureOr<SmallVector<int64_t>> checked = ctx.axes(**given, x->rank());
    if (failed(checked))
      return failure();
    axes = *checked;
  } else {
    for (auto [dim, extent] : llvm::enumerate(x->shape))
      if (extent.isConstant(1))
        axes.push_back(dim);
  }
  SymList shape;
  for (auto [dim, extent] : llvm::enumerate(x->shape)) {
    if (!llvm::is_contained(axes, static_cast<int64_t>(dim)))
      shape.push_back(extent);
    else if (!extent.isConstant(1))
      return ctx.fail(fmt::format("it drops dim {} of {}, which is not 1", dim, ctx.describe(x)));
  }
  return reshapeTo(ctx, shape);
}

LogicalResult importUnsqueeze(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  auto given = ctx.inputOrAttr(1, "axes");
  if (failed(given))
    return failure();
  if (!*given)
    return ctx.fail("it names no axes");
  FailureOr<SmallVector<int64_t>> axes = ctx.axes(**given, x->rank() + static_cast<int64_t>((*given)->size()));
  if (failed(axes))
    return failure();
  SymList shape(x->shape);
  for (int64_t axis : *axes) // ascending: each is a position in the result
    shape.insert(shape.begin() + axis, Sym(1));
  return reshapeTo(ctx, shape);
}

LogicalResult importFlatten(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  int64_t axis = ctx.intAttr("axis");
  if (axis < -x->rank() || axis > x->rank())
    return ctx.fail(fmt::format("its axis {} is outside of rank {}", axis, x->rank()));
  axis = axis < 0 ? axis + x->rank() : axis;
  ArrayRef<Sym> shape(x->shape);
  return reshapeTo(ctx, {ctx.symbols.product(shape.take_front(axis)), ctx.symbols.product(shape.drop_front(axis))});
}

LogicalResult importTranspose(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  std::optional<SmallVector<int64_t>> permutation = ctx.intsAttr("perm");
  if (!permutation) {
    permutation.emplace(llvm::reverse(llvm::to_vector(llvm::seq<int64_t>(0, x->rank()))));
  } else {
    FailureOr<SmallVector<int64_t>> sorted = ctx.axes(*permutation, x->rank());
    if (failed(sorted))
      return failure();
    if (static_cast<int64_t>(sorted->size()) != x->rank())
      return ctx.fail(fmt::format("its perm names {} axes of rank {}", sorted->size(), x->rank()));
    for (int64_t &axis : *permutation)
      axis = axis < 0 ? axis + x->rank() : axis;
  }
  return ctx.result(ctx.emit.transpose(x, *permutation));
}

//===- Repeating ----------------------------------------------------------===//

LogicalResult importExpand(NodeContext &ctx) {
  FailureOr<SymList> target = ctx.shapeInput(1, "shape");
  if (failed(target) || failed(checkExtents(ctx, *target)))
    return failure();
  FailureOr<SymList> shape = ctx.broadcastShapes(ctx.input(0)->shape, *target);
  if (failed(shape))
    return failure();
  return ctx.result(ctx.emit.broadcast(ctx.input(0), *shape));
}

/// [a, b] tiled by [x, y]: [a, b] -> [1, a, 1, b] -> [x, a, y, b] -> [x*a, y*b].
LogicalResult importTile(NodeContext &ctx) {
  Tensor *tensor = ctx.input(0);
  FailureOr<SymList> repeats = ctx.shapeInput(1, "repeats");
  if (failed(repeats) || failed(checkExtents(ctx, *repeats)))
    return failure();
  if (repeats->size() != tensor->shape.size())
    return ctx.fail(fmt::format("it has {} repeats for {}", repeats->size(), ctx.describe(tensor)));
  SymList split, repeated, result;
  for (auto [extent, times] : llvm::zip(tensor->shape, *repeats)) {
    result.push_back(ctx.symbols.mul(extent, times));
    if (!times.isConstant(1) && !extent.isConstant(1)) {
      split.push_back(1);
      repeated.push_back(times);
      repeated.push_back(extent);
    } else {
      repeated.push_back(result.back());
    }
    split.push_back(extent);
  }
  Tensor *grown = ctx.emit.reshape(tensor, split);
  return ctx.result(ctx.emit.reshape(ctx.emit.broadcast(grown, repeated), result));
}

//===- Blocks of pixels ---------------------------------------------------===//

/// [n, b b c, h, w] -> [n, c, h b, w b]: a block's pixels lie behind each other in the channels, before c (DCR) or after (CRD).
LogicalResult importDepthToSpace(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  int64_t block = ctx.intAttr("blocksize");
  const NodeAttr *mode = ctx.attr("mode");
  bool isDCR = !mode || mode->s == "DCR";
  std::optional<Sym> channels = x->rank() == 4 && block > 0 && block < (1 << 15)
                                    ? ctx.symbols.divideExactly(x->shape[1], block * block)
                                    : std::nullopt;
  if (!channels || (mode && mode->s != "DCR" && mode->s != "CRD"))
    return ctx.fail(fmt::format("the channels of {} are no blocks of {}", ctx.describe(x), block));
  Composer c(ctx);
  const Sym &n = x->shape[0], &h = x->shape[2], &w = x->shape[3];
  SymList split = isDCR ? SymList{n, block, block, *channels, h, w} : SymList{n, *channels, block, block, h, w};
  SmallVector<int64_t> order = isDCR ? SmallVector<int64_t>{0, 3, 4, 1, 5, 2} : SmallVector<int64_t>{0, 1, 4, 2, 5, 3};
  Tensor *blocks = c.transpose(c.reshape(x, split), order);
  return c.finish(c.reshape(blocks, {n, *channels, ctx.symbols.mul(h, block), ctx.symbols.mul(w, block)}));
}

/// The other way round: [n, c, h b, w b] -> [n, b b c, h, w].
LogicalResult importSpaceToDepth(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  int64_t block = ctx.intAttr("blocksize");
  bool fits = x->rank() == 4 && block > 0 && block < (1 << 15);
  std::optional<Sym> h = fits ? ctx.symbols.divideExactly(x->shape[2], block) : std::nullopt;
  std::optional<Sym> w = fits ? ctx.symbols.divideExactly(x->shape[3], block) : std::nullopt;
  if (!h || !w)
    return ctx.fail(fmt::format("{} is not made of blocks of {}", ctx.describe(x), block));
  Composer c(ctx);
  const Sym &n = x->shape[0], &channels = x->shape[1];
  Tensor *blocks = c.transpose(c.reshape(x, {n, channels, *h, block, *w, block}), {0, 3, 5, 1, 2, 4});
  return c.finish(c.reshape(blocks, {n, ctx.symbols.mul(channels, block * block), *h, *w}));
}

//===- Joining and cutting ------------------------------------------------===//

LogicalResult importConcat(NodeContext &ctx) {
  Tensor *first = ctx.input(0);
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), first->rank());
  if (failed(axis))
    return failure();
  SymList shape(first->shape);
  for (Tensor *part : ctx.allInputs().drop_front()) {
    bool fits = part->rank() == first->rank();
    for (int64_t dim = 0; fits && dim < part->rank(); ++dim)
      fits = dim == *axis || ctx.sameExtent(part->shape[dim], shape[dim]);
    if (!fits)
      return ctx.fail(
          fmt::format("{} and {} do not fit together along axis {}", ctx.describe(first), ctx.describe(part), *axis));
    shape[*axis] = ctx.symbols.add(shape[*axis], part->shape[*axis]);
  }
  return ctx.result(ctx.emit.concat(ctx.allInputs(), *axis, shape));
}

LogicalResult importSplit(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  FailureOr<int64_t> axis = ctx.axis(ctx.intAttr("axis"), x->rank());
  if (failed(axis))
    return failure();
  auto count = static_cast<int64_t>(ctx.node.outputs.size());
  if (const NodeAttr *given = ctx.attr("num_outputs"); given && given->i != count)
    return ctx.fail(fmt::format("num_outputs is {}, but it has {} outputs", given->i, count));
  SymList parts;
  if (ctx.input(1)) {
    FailureOr<SymList> given = ctx.shapeInput(1, "split");
    if (failed(given))
      return failure();
    parts = *given;
  } else if (auto given = ctx.intsAttr("split")) {
    parts.assign(given->begin(), given->end());
  } else { // equal parts, the last one smaller
    Sym chunk = ctx.symbols.div(ctx.symbols.add(x->shape[*axis], count - 1), count);
    if (auto exact = ctx.symbols.divideExactly(x->shape[*axis], count))
      chunk = *exact;
    parts.assign(count - 1, chunk);
    parts.push_back(ctx.symbols.sub(x->shape[*axis], ctx.symbols.mul(chunk, count - 1)));
  }
  Sym total(0);
  for (const Sym &part : parts)
    total = ctx.symbols.add(total, part);
  if (static_cast<int64_t>(parts.size()) != count || total != x->shape[*axis] || failed(checkExtents(ctx, parts)))
    return ctx.fail(fmt::format("parts {} do not make up axis {} of {}", ctx.describe(parts), *axis, ctx.describe(x)));
  SymList offsets(x->shape.size(), Sym(0)), sizes(x->shape);
  SmallVector<int64_t> strides(x->shape.size(), 1);
  for (auto [index, part] : llvm::enumerate(parts)) {
    sizes[*axis] = part;
    if (ctx.wants(index) && failed(ctx.result(ctx.emit.slice(x, offsets, sizes, strides), index)))
      return failure();
    offsets[*axis] = ctx.symbols.add(offsets[*axis], part);
  }
  return success();
}
} // namespace

void attnc::onnx::addShapeOps(OpTable &table) {
  table.add(1, "Constant(; value: tensor)", importConstant);
  table.add(
      12, "Constant(; value?: tensor, value_float?: float, value_floats?: floats, value_int?: int, value_ints?: ints)",
      importConstant);
  table.add(9, "ConstantOfShape(shape: int; value?: tensor)", importConstantOfShape);
  table.add(1, "Identity(x: any)", importIdentity);
  table.add(6, "Dropout(data: any; ratio = 0.5, is_test = 0) -> output, mask?", importDropout);
  table.add(7, "Dropout(data: any; ratio = 0.5) -> output, mask?", importDropout);
  table.add(12, "Dropout(data: any, ratio?: float, training_mode?: bool; seed?: int) -> output, mask?", importDropout);
  table.add(1, "Shape(data: any)", importShape);
  table.add(15, "Shape(data: any; start = 0, end?: int)", importShape);
  table.add(1, "Size(data: any)", importSize);
  table.add(5, "Reshape(data: any, shape: int)", importReshape);
  table.add(14, "Reshape(data: any, shape: int; allowzero = 0)", importReshape);
  table.add(1, "Squeeze(data: any; axes?: ints)", importSqueeze);
  table.add(13, "Squeeze(data: any, axes?: int)", importSqueeze);
  table.add(1, "Unsqueeze(data: any; axes: ints)", importUnsqueeze);
  table.add(13, "Unsqueeze(data: any, axes: int)", importUnsqueeze);
  table.add(1, "Flatten(x: any; axis = 1)", importFlatten);
  table.add(1, "Transpose(data: any; perm?: ints)", importTranspose);
  table.add(8, "Expand(x: any, shape: int)", importExpand);
  table.add(6, "Tile(x: any, repeats: int)", importTile);
  table.add(1, "DepthToSpace(x: any; blocksize: int)", importDepthToSpace);
  table.add(11, "DepthToSpace(x: any; blocksize: int, mode = \"DCR\")", importDepthToSpace);
  table.add(1, "SpaceToDepth(x: any; blocksize: int)", importSpaceToDepth);
  table.add(4, "Concat(inputs*: any; axis: int)", importConcat);
  table.add(2, "Split(x: any; axis = 0, split?: ints) -> outputs*", importSplit);
  table.add(13, "Split(x: any, split?: int; axis = 0) -> outputs*", importSplit);
  table.add(18, "Split(x: any, split?: int; axis = 0, num_outputs?: int) -> outputs*", importSplit);
}
