//===- ImageOps.cpp - Operators that put images together ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Scalars.h"
#include "compiler/frontend/onnx/Windows.h"
#include "compiler/support/Limits.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::onnx;

namespace {

//===- Col2Im -------------------------------------------------------------===//

/// Columns [N, C * taps, positions] added up to images [N, C, image..]: the other way round of taking windows apart. Each tap is
/// put where it was read.
LogicalResult importCol2Im(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  FailureOr<SymList> image = ctx.shapeInput(1, "image_shape");
  FailureOr<SmallVector<int64_t>> block = ctx.fixedInput(2, "block_shape");
  if (failed(image) || failed(block))
    return failure();
  if (x->rank() != 3 || image->size() != block->size() || block->empty())
    return ctx.fail(fmt::format("{} are no columns of {}", ctx.describe(x), ctx.describe(*image)));
  SymList wanted(x->shape.begin(), x->shape.begin() + 2);
  wanted.append(image->begin(), image->end());
  Tensor whole{x->elementType, wanted, {}, {}, {}}; // only its shape is looked at
  FailureOr<Windows> windows = readWindows(ctx, &whole, *block);
  if (failed(windows))
    return failure();
  constexpr int64_t kMostTaps = 256;
  int64_t taps = windows->taps();
  std::optional<Sym> channels = ctx.symbols.divideExactly(x->shape[1], taps);
  if (!channels || taps > kMostTaps)
    return ctx.fail(fmt::format("{} are no columns of blocks of {} elements", ctx.describe(x), taps));
  Composer c(ctx);
  SymList columns{x->shape[0], *channels, Sym(taps)}, padded{x->shape[0], *channels}, offsets(2, Sym(0));
  SmallVector<int64_t> steps(2, 1);
  for (size_t i = 0; i < windows->rank(); ++i) {
    padded.push_back(ctx.symbols.add((*image)[i], ctx.symbols.add(windows->before[i], windows->after[i])));
    columns.push_back(positions(ctx.symbols, *windows, i, padded.back()));
    steps.push_back(windows->strides[i]);
  }
  Tensor *split = c.reshape(x, columns), *sum = nullptr;
  SymList part(columns);
  part.erase(part.begin() + 2);
  for (int64_t tap = 0; split && tap < taps; ++tap) {
    SymList at(offsets);
    for (auto [place, dilation] : llvm::zip(windows->tap(tap), windows->dilations))
      at.push_back(Sym(place * dilation));
    Tensor *element = c.reshape(c.part(split, 2, tap, 1), part);
    Tensor *placed =
        element ? ctx.emit.embed(element, ctx.emit.filled(ctx.emit.zero(x->elementType), padded), padded, at, steps)
                : nullptr;
    sum = sum ? c.add(sum, placed) : placed;
  }
  if (!sum)
    return failure();
  offsets.append(windows->before.begin(), windows->before.end());
  SymList shape(padded);
  std::copy(image->begin(), image->end(), shape.begin() + 2);
  return ctx.result(ctx.emit.slice(sum, offsets, shape, SmallVector<int64_t>(shape.size(), 1)));
}

//===- CenterCropPad ------------------------------------------------------===//

/// The middle of each dim where it is longer than asked for, the whole in the middle of zeros where it is shorter.
LogicalResult importCenterCropPad(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  FailureOr<SymList> asked = ctx.shapeInput(1, "shape");
  SmallVector<int64_t> dims = ctx.intsAttr("axes").value_or(allDims(x->rank()));
  if (failed(asked))
    return failure();
  if (asked->size() != dims.size())
    return ctx.fail(
        fmt::format("its shape {} is not one extent for each of {} axes", ctx.describe(*asked), dims.size()));
  SymList wanted(x->shape), cut(x->rank(), Sym(0)), kept(x->shape), before(x->rank(), Sym(0));
  Extents &symbols = ctx.symbols;
  for (auto [given, extent] : llvm::zip(dims, *asked)) {
    FailureOr<int64_t> dim = ctx.axis(given, x->rank());
    if (failed(dim))
      return failure();
    if (extent.constant() && (*extent.constant() < 0 || *extent.constant() > kMaxExtent))
      return ctx.fail(fmt::format("its shape asks for {}", *extent.constant()));
    const Sym &from = x->shape[*dim];
    wanted[*dim] = extent;
    cut[*dim] = symbols.div(symbols.max(symbols.sub(from, extent), 0), 2);
    before[*dim] = symbols.div(symbols.max(symbols.sub(extent, from), 0), 2);
    kept[*dim] = symbols.min(from, extent);
  }
  SmallVector<int64_t> steps(x->rank(), 1);
  Tensor *middle = ctx.emit.slice(x, cut, kept, steps);
  if (kept == wanted)
    return ctx.result(middle);
  return ctx.result(
      ctx.emit.embed(middle, ctx.emit.filled(ctx.emit.zero(x->elementType), wanted), wanted, before, steps));
}

//===- MaxUnpool ----------------------------------------------------------===//

/// Zeros but for x, each element at the place in the whole tensor that `places` names. A larger result has that one in its corner.
LogicalResult importMaxUnpool(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *places = ctx.input(1);
  SmallVector<int64_t> sizes = *ctx.intsAttr("kernel_shape");
  size_t rank = sizes.size();
  auto listOf = [&](StringRef name, size_t count, int64_t otherwise) {
    return ctx.intsAttr(name).value_or(SmallVector<int64_t>(count, otherwise));
  };
  SmallVector<int64_t> strides = listOf("strides", rank, 1), pads = listOf("pads", 2 * rank, 0);
  if (rank < 1 || x->rank() != static_cast<int64_t>(rank) + 2 || strides.size() != rank || pads.size() != 2 * rank ||
      places->rank() != x->rank() ||
      !llvm::all_of(
          llvm::zip(places->shape, x->shape),
          [&](auto pair) { return ctx.sameExtent(std::get<0>(pair), std::get<1>(pair)); }))
    return ctx.fail(fmt::format("{} are no places of {}", ctx.describe(places), ctx.describe(x)));
  for (int64_t value : llvm::concat<int64_t>(sizes, strides, pads))
    if (value < 0 || value > kMaxExtent)
      return ctx.fail(fmt::format("{} is no extent, stride or pad", value));
  Composer c(ctx);
  SymList shape(x->shape.begin(), x->shape.begin() + 2);
  for (size_t i = 0; i < rank; ++i)
    shape.push_back(ctx.symbols.add(ctx.symbols.mul(ctx.symbols.sub(x->shape[i + 2], 1), strides[i]),
                                    sizes[i] - pads[i] - pads[rank + i]));
  // Loops: those of the flat result, then those of x, also flat.
  Sym all = ctx.symbols.product(shape), few = ctx.symbols.product(x->shape);
  AffineMap loops = AffineMap::getMultiDimIdentityMap(2, ctx.emit.builder.getContext());
  Tensor *flat =
      c.fold({c.reshape(x, {few}), c.reshape(places, {few})}, {loops.getSubMap({1}), loops.getSubMap({1})},
             loops.getSubMap({0}), {all}, ctx.emit.zero(x->elementType), [&](OpBuilder &b, Location l, ValueRange in) {
               Value here = arith::IndexCastOp::create(b, l, in[2].getType(), linalg::IndexOp::create(b, l, 0));
               return scalar::select(b, l, scalar::equal(b, l, here, in[2]), in[1], in[0]);
             });
  Tensor *result = c.reshape(flat, shape);
  if (!result || !ctx.input(2))
    return c.finish(result);
  FailureOr<SymList> wanted = ctx.shapeInput(2, "output_shape");
  if (failed(wanted))
    return failure();
  bool fits = wanted->size() == shape.size();
  for (size_t dim = 0; fits && dim < shape.size(); ++dim)
    fits = ctx.symbols.isNonNegative(ctx.symbols.sub((*wanted)[dim], shape[dim]));
  if (!fits)
    return ctx.fail(
        fmt::format("its output_shape {} is not known to hold {}", ctx.describe(*wanted), ctx.describe(shape)));
  return ctx.result(ctx.emit.embed(result, ctx.emit.filled(ctx.emit.zero(x->elementType), *wanted), *wanted,
                                   SymList(shape.size(), Sym(0)), SmallVector<int64_t>(shape.size(), 1)));
}

//===- Det ----------------------------------------------------------------===//

/// The determinant of the rows from `row` on without the columns in `used`, expanded along the first of these rows.
Value determinant(OpBuilder &b, Location l, llvm::function_ref<Value(int64_t, int64_t)> at, int64_t size, int64_t row,
                  unsigned used) {
  Value sum;
  bool isNegative = false;
  for (int64_t column = 0; column < size; ++column) {
    if (used >> column & 1)
      continue;
    Value term = at(row, column);
    if (row + 1 < size)
      term = scalar::mul(b, l, term, determinant(b, l, at, size, row + 1, used | 1u << column));
    sum = !sum ? term : isNegative ? scalar::sub(b, l, sum, term) : scalar::add(b, l, sum, term);
    isNegative = !isNegative;
  }
  return sum;
}

LogicalResult importDet(NodeContext &ctx) {
  Tensor *x = ctx.input(0);
  constexpr int64_t kMostRows = 4;
  std::optional<int64_t> size = x->rank() >= 2 ? x->shape.back().constant() : std::nullopt;
  if (!size || *size < 1 || *size > kMostRows || !ctx.sameExtent(x->shape[x->rank() - 2], Sym(*size)))
    return ctx.fail(
        fmt::format("determinants are of square matrices of up to {} rows, not of {}", kMostRows, ctx.describe(x)));
  Value source = ctx.emit.value(x);
  SymList shape(ArrayRef(x->shape).drop_back(2));
  return ctx.result(Composer(ctx).generate(shape, x->elementType, [&](OpBuilder &b, Location l, ValueRange batch) {
    auto at = [&](int64_t row, int64_t column) -> Value {
      SmallVector<Value> position(batch);
      position.append({arith::ConstantIndexOp::create(b, l, row), arith::ConstantIndexOp::create(b, l, column)});
      return tensor::ExtractOp::create(b, l, source, position);
    };
    return determinant(b, l, at, *size, 0, 0);
  }));
}
} // namespace

void attnc::onnx::addImageOps(OpTable &table) {
  table.add(18, "Col2Im(x: real, image_shape: int, block_shape: int; dilations?: ints, pads?: ints, strides?: ints)",
            importCol2Im);
  table.add(18, "CenterCropPad(x: any, shape: int; axes?: ints)", importCenterCropPad);
  table.add(9, "MaxUnpool(x: float, places: int, output_shape?: int; kernel_shape: ints, pads?: ints, strides?: ints)",
            importMaxUnpool);
  table.add(11, "Det(x: float)", importDet);
}
