//===- Windows.cpp - How convolutions and pools walk over a tensor --------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Windows.h"
#include "compiler/support/Limits.h"
#include "compiler/support/Printable.h"
#include "dialects/Attn/AttnOps.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::onnx;

int64_t Windows::taps() const {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  return count;
}

SmallVector<int64_t> Windows::tap(int64_t tap) const {
  SmallVector<int64_t> place(rank());
  for (size_t i = rank(); i-- > 0; tap /= sizes[i])
    place[i] = tap % sizes[i];
  return place;
}

//===- Attributes ---------------------------------------------------------===//

/// A list attribute of one number, at least `least`, for each spatial dim; 1 of each where it is not there.
static FailureOr<SmallVector<int64_t>> readList(NodeContext &ctx, StringRef name, size_t rank, int64_t least,
                                                int64_t otherwise) {
  std::optional<SmallVector<int64_t>> given = ctx.intsAttr(name);
  SmallVector<int64_t> list = given ? *given : SmallVector<int64_t>(rank, otherwise);
  if (list.size() != rank)
    return ctx.fail(fmt::format("its {} has {} numbers, not {}", name.str(), list.size(), rank));
  for (int64_t number : list)
    if (number < least || number > kMaxExtent)
      return ctx.fail(fmt::format("its {} has {}, expected {} to 2^29", name.str(), number, least));
  return list;
}

/// As many positions as ceil(extent / stride), what that needs shared before and behind; an odd one goes to `more`.
static void padToSame(Extents &symbols, Windows &windows, ArrayRef<Sym> spatial, SymList Windows::*more) {
  for (size_t i = 0; i < windows.rank(); ++i) {
    int64_t stride = windows.strides[i];
    Sym last = symbols.mul(symbols.div(symbols.add(spatial[i], stride - 1), stride), stride); // positions * stride
    Sym total = symbols.max(symbols.sub(symbols.add(last, windows.span(i) - stride), spatial[i]), 0);
    Sym half = symbols.div(total, 2), rest = symbols.sub(total, half);
    bool isBehind = more == &Windows::after;
    windows.before[i] = isBehind ? half : rest;
    windows.after[i] = isBehind ? rest : half;
  }
}

static LogicalResult readPads(NodeContext &ctx, Windows &windows, ArrayRef<Sym> spatial) {
  size_t rank = windows.rank();
  windows.before.assign(rank, 0);
  windows.after.assign(rank, 0);
  std::string mode = ctx.signature.attribute("auto_pad") ? ctx.stringAttr("auto_pad") : "NOTSET";
  FailureOr<SmallVector<int64_t>> pads = readList(ctx, "pads", 2 * rank, 0, 0);
  if (failed(pads))
    return failure();
  if (mode == "NOTSET") {
    for (size_t i = 0; i < rank; ++i) {
      windows.before[i] = (*pads)[i];
      windows.after[i] = (*pads)[rank + i];
    }
    return success();
  }
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER")
    padToSame(ctx.symbols, windows, spatial, mode == "SAME_UPPER" ? &Windows::after : &Windows::before);
  else if (mode != "VALID")
    return ctx.fail("its auto_pad '" + printable(mode) + "' is none of NOTSET, VALID, SAME_UPPER, SAME_LOWER");
  return success();
}

FailureOr<Windows> attnc::onnx::readWindows(NodeContext &ctx, Tensor *x, ArrayRef<int64_t> sizes) {
  Windows windows;
  size_t rank = sizes.size();
  if (x->rank() != static_cast<int64_t>(rank) + 2)
    return ctx.fail(fmt::format("its windows have {} dims, its operand is {}", rank, ctx.describe(x)));
  int64_t taps = 1;
  for (int64_t size : sizes) {
    if (size < 1 || size > kMaxExtent || taps > kMaxExtent / size)
      return ctx.fail(fmt::format("a window has {} elements along one dim: expected 1 to 2^29 in all", size));
    taps *= size;
  }
  windows.sizes.assign(sizes.begin(), sizes.end());
  auto strides = readList(ctx, "strides", rank, 1, 1), dilations = readList(ctx, "dilations", rank, 1, 1);
  if (failed(strides) || failed(dilations))
    return failure();
  windows.strides = *strides;
  windows.dilations = *dilations;
  if (failed(readPads(ctx, windows, ArrayRef(x->shape).drop_front(2))))
    return failure();
  return windows;
}

//===- Views --------------------------------------------------------------===//

Sym attnc::onnx::positions(Extents &symbols, const Windows &windows, size_t i, const Sym &extent) {
  int64_t stride = windows.strides[i];
  return symbols.div(symbols.max(symbols.sub(symbols.add(extent, stride), windows.span(i)), 0), stride);
}

Tensor *attnc::onnx::padSpatial(NodeContext &ctx, Tensor *x, const Windows &windows, TypedAttr fill) {
  SymList offsets(2, Sym(0)), shape(x->shape);
  bool isPadded = false;
  for (size_t i = 0; i < windows.rank(); ++i) {
    offsets.push_back(windows.before[i]);
    Sym &extent = shape[i + 2];
    extent = ctx.symbols.add(extent, ctx.symbols.add(windows.before[i], windows.after[i]));
    isPadded |= extent != x->shape[i + 2];
  }
  return isPadded
             ? ctx.emit.embed(x, ctx.emit.filled(fill, shape), shape, offsets, SmallVector<int64_t>(shape.size(), 1))
             : x;
}

/// [N, C, H, W] -> [N, C, H/k, k, W/l, l] -> [N, C, H/k, W/l, k, l], where windows of one stride cover the tensor.
static Tensor *splitIntoWindows(NodeContext &ctx, Tensor *padded, const Windows &windows) {
  SymList split(padded->shape.begin(), padded->shape.begin() + 2);
  SmallVector<int64_t> order{0, 1};
  for (size_t i = 0; i < windows.rank(); ++i) {
    std::optional<Sym> count = ctx.symbols.divideExactly(padded->shape[i + 2], windows.sizes[i]);
    if (windows.strides[i] != windows.sizes[i] || windows.dilations[i] != 1 || !count)
      return nullptr;
    split.append({*count, Sym(windows.sizes[i])});
    order.push_back(static_cast<int64_t>(2 + 2 * i));
  }
  for (size_t i = 0; i < windows.rank(); ++i)
    order.push_back(static_cast<int64_t>(3 + 2 * i));
  return ctx.emit.transpose(ctx.emit.reshape(padded, split), order);
}

Tensor *attnc::onnx::viewWindows(NodeContext &ctx, Tensor *padded, const Windows &windows) {
  if (Tensor *split = splitIntoWindows(ctx, padded, windows))
    return split;
  SymList shape(padded->shape);
  for (size_t i = 0; i < windows.rank(); ++i)
    shape[i + 2] = positions(ctx.symbols, windows, i, shape[i + 2]);
  shape.append(windows.sizes.begin(), windows.sizes.end());
  Value view = attn::WindowsOp::create(ctx.emit.builder, ctx.emit.loc, ctx.emit.typeOf(padded->elementType, shape),
                                       ctx.emit.value(padded), windows.sizes, windows.strides, windows.dilations);
  return ctx.emit.computed(view, shape);
}

Tensor *attnc::onnx::viewTap(NodeContext &ctx, Tensor *padded, const Windows &windows, ArrayRef<int64_t> tap) {
  SymList offsets(2, Sym(0)), shape(padded->shape);
  SmallVector<int64_t> steps(2, 1);
  for (size_t i = 0; i < windows.rank(); ++i) {
    offsets.push_back(tap[i] * windows.dilations[i]);
    shape[i + 2] = positions(ctx.symbols, windows, i, shape[i + 2]);
    steps.push_back(windows.strides[i]);
  }
  return ctx.emit.slice(padded, offsets, shape, steps);
}
