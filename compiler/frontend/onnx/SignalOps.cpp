//===- SignalOps.cpp - Fourier transforms ---------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A transform of n numbers is a product with the matrix of its roots of unity,
//
//   re[m] = sum over n of x[n] cos(2 pi m n / N)      im[m] = - sum over n of x[n] sin(2 pi m n / N)
//
// which is fast where transforms are short and many, as those of frames of sound are: the frames are views of the signal
// (attn.windows), so that an STFT is a convolution.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Windows.h"
#include <cmath>
#include <fmt/format.h>
#include <numbers>

using namespace mlir;
using namespace attnc::onnx;

namespace {
/// Matrices of more elements are refused.
constexpr int64_t kMostRoots = int64_t(1) << 24;

/// A transform of `given` numbers, zeros behind them up to `length` or cut to it, of which `wanted` results are asked for.
struct Transform {
  int64_t given, length, wanted;
  bool inverse;
};

FailureOr<Transform> readTransform(NodeContext &ctx, const Sym &given, std::optional<int64_t> length, bool inverse,
                                   bool oneSided) {
  std::optional<int64_t> fixed = given.constant();
  if (!fixed)
    return ctx.fail(
        fmt::format("the length of its transform, {}, must be fixed; fix it with --dims", ctx.symbols.str(given)));
  Transform result{*fixed, length.value_or(*fixed), 0, inverse};
  if (result.length < 1 || result.length > kMostRoots)
    return ctx.fail(fmt::format("its transform is of {} numbers", result.length));
  result.given = std::min(result.given, result.length);
  result.wanted = oneSided ? result.length / 2 + 1 : result.length;
  if (result.given > kMostRoots / result.wanted)
    return ctx.fail(
        fmt::format("a transform of {} numbers is too long: it is a product with a matrix here", result.length));
  return result;
}

/// One of the two matrices [given, wanted], as constant of `type`.
Tensor *roots(NodeContext &ctx, const Transform &of, bool isSine, Type type) {
  std::vector<double> numbers;
  numbers.reserve(static_cast<size_t>(of.given * of.wanted));
  double share = of.inverse ? 1.0 / static_cast<double>(of.length) : 1.0;
  for (int64_t n = 0; n < of.given; ++n)
    for (int64_t m = 0; m < of.wanted; ++m) {
      double angle = 2 * std::numbers::pi * static_cast<double>(m * n % of.length) / static_cast<double>(of.length);
      numbers.push_back(share * (isSine ? (of.inverse ? std::sin(angle) : -std::sin(angle)) : std::cos(angle)));
    }
  auto matrix = RankedTensorType::get({of.given, of.wanted}, type);
  if (type.isF64())
    return ctx.emit.constant(DenseElementsAttr::get(matrix, ArrayRef(numbers)));
  std::vector<float> narrow(numbers.begin(), numbers.end());
  return ctx.emit.constant(DenseElementsAttr::get(matrix, ArrayRef(narrow)));
}

/// [.., n] or [.., n, 2] transformed: [.., wanted, 2]. A real one has no second part.
Tensor *transformed(NodeContext &ctx, Tensor *real, Tensor *imaginary, const Transform &of) {
  Composer c(ctx);
  Type type = real->elementType;
  Tensor *cosines = roots(ctx, of, false, type), *sines = roots(ctx, of, true, type);
  Tensor *re = c.matMul(real, cosines), *im = c.matMul(real, sines);
  if (imaginary) {
    re = c.sub(re, c.matMul(imaginary, sines));
    im = c.add(im, c.matMul(imaginary, cosines));
  }
  if (!re || !im)
    return nullptr;
  SymList each(re->shape);
  each.push_back(Sym(1));
  return c.join({c.reshape(re, each), c.reshape(im, each)}, static_cast<int64_t>(each.size()) - 1);
}

/// A dim moved to the end.
SmallVector<int64_t> movedToEnd(int64_t rank, int64_t dim) {
  SmallVector<int64_t> order = allDims(rank);
  std::rotate(order.begin() + dim, order.begin() + dim + 1, order.end());
  return order;
}

//===- DFT ----------------------------------------------------------------===//

/// x [.., n, .., 1 or 2] along `axis`.
LogicalResult transformAlong(NodeContext &ctx, int64_t givenAxis) {
  Tensor *x = ctx.input(0);
  std::optional<int64_t> length;
  if (ctx.input(1)) {
    FailureOr<SmallVector<int64_t>> fixed = ctx.fixedInput(1, "dft_length");
    if (failed(fixed) || fixed->size() != 1)
      return failed(fixed) ? failure() : ctx.fail("its dft_length must be one number");
    length = fixed->front();
  }
  int64_t parts = x->rank() >= 2 ? x->shape.back().constant().value_or(0) : 0;
  FailureOr<int64_t> axis = ctx.axis(givenAxis, x->rank());
  if (failed(axis))
    return failure();
  if ((parts != 1 && parts != 2) || *axis == x->rank() - 1)
    return ctx.fail(fmt::format("{} holds no real or complex numbers along its axis", ctx.describe(x)));
  bool oneSided = ctx.flag("onesided"), inverse = ctx.flag("inverse");
  if (oneSided && (inverse || parts == 2))
    return ctx.fail("a one-sided transform is of real numbers, and not inverse");
  FailureOr<Transform> of = readTransform(ctx, x->shape[*axis], length, inverse, oneSided);
  if (failed(of))
    return failure();
  Composer c(ctx);
  Tensor *wide = c.wide(x);
  int64_t rank = x->rank() - 1; // without the parts
  auto partOf = [&](int64_t which) -> Tensor * {
    Tensor *part = c.part(c.part(wide, rank, which, 1), *axis, 0, Sym(of->given));
    part = c.reshape(part, SymList(ArrayRef(part->shape).drop_back()));
    return c.transpose(part, movedToEnd(rank, *axis));
  };
  Tensor *result = transformed(ctx, partOf(0), parts == 2 ? partOf(1) : nullptr, *of);
  SmallVector<int64_t> back = allDims(rank + 1); // [.., m, 2] with m where n was
  std::rotate(back.begin() + *axis, back.begin() + rank - 1, back.begin() + rank);
  return c.finish(c.cast(c.transpose(result, back), x->elementType));
}

LogicalResult importDft(NodeContext &ctx) {
  int64_t axis = -2;
  if (ctx.input(2)) {
    FailureOr<SmallVector<int64_t>> fixed = ctx.fixedInput(2, "axis");
    if (failed(fixed) || fixed->size() != 1)
      return failed(fixed) ? failure() : ctx.fail("its axis must be one number");
    axis = fixed->front();
  }
  return transformAlong(ctx, axis);
}

//===- STFT ---------------------------------------------------------------===//

/// Frames of a signal [B, L, 1 or 2], one every frame_step, times a window, transformed: [B, frames, wanted, 2].
LogicalResult importStft(NodeContext &ctx) {
  Tensor *x = ctx.input(0), *window = ctx.input(2);
  FailureOr<SmallVector<int64_t>> step = ctx.fixedInput(1, "frame_step");
  std::optional<int64_t> length;
  if (ctx.input(3)) {
    FailureOr<SmallVector<int64_t>> fixed = ctx.fixedInput(3, "frame_length");
    if (failed(fixed) || fixed->size() != 1)
      return failed(fixed) ? failure() : ctx.fail("its frame_length must be one number");
    length = fixed->front();
  } else if (window && window->rank() == 1) {
    length = window->shape[0].constant();
  }
  if (failed(step))
    return failure();
  int64_t parts = x->rank() == 3 ? x->shape[2].constant().value_or(0) : x->rank() == 2 ? 1 : 0;
  if (!length || *length < 1 || step->size() != 1 || step->front() < 1 || step->front() > INT32_MAX ||
      *length > kMostRoots || (parts != 1 && parts != 2))
    return ctx.fail(fmt::format("{} has no frames of a fixed length", ctx.describe(x)));
  if (window && (window->rank() != 1 || !ctx.sameExtent(window->shape[0], Sym(*length))))
    return ctx.fail(fmt::format("its window {} is not as long as a frame, {}", ctx.describe(window), *length));
  bool oneSided = ctx.flag("onesided") && parts == 1;
  FailureOr<Transform> of = readTransform(ctx, Sym(*length), length, /*inverse=*/false, oneSided);
  if (failed(of))
    return failure();
  Composer c(ctx);
  Windows frames;
  frames.sizes = {*length}, frames.strides = {step->front()}, frames.dilations = {1};
  frames.before = frames.after = SymList{Sym(0)};
  Tensor *wide = c.wide(x);
  auto partOf = [&](int64_t which) -> Tensor * {
    Tensor *part = x->rank() == 3 ? c.part(wide, 2, which, 1) : wide;
    part = c.reshape(part, {x->shape[0], Sym(1), x->shape[1]});
    part = part ? viewWindows(ctx, part, frames) : nullptr; // [B, 1, frames, length]
    part = part ? c.reshape(part, {part->shape[0], part->shape[2], part->shape[3]}) : nullptr;
    return window ? c.mul(part, c.cast(window, wide->elementType)) : part;
  };
  Tensor *result = transformed(ctx, partOf(0), parts == 2 ? partOf(1) : nullptr, *of);
  return c.finish(c.cast(result, x->elementType));
}

//===- MelWeightMatrix ----------------------------------------------------===//

double melOf(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double hertzOf(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

/// Triangles along the bins of a spectrum, evenly spaced on the mel scale: [bins, mels].
std::vector<float> melWeights(int64_t mels, int64_t dftLength, int64_t rate, double low, double high) {
  int64_t bins = dftLength / 2 + 1;
  std::vector<int64_t> edges; // in bins
  double from = melOf(low), step = (melOf(high) - from) / static_cast<double>(mels + 2);
  for (int64_t i = 0; i < mels + 2; ++i)
    edges.push_back(
        static_cast<int64_t>(std::floor(static_cast<double>(dftLength + 1) *
                                        hertzOf(step * static_cast<double>(i) + from) / static_cast<double>(rate))));
  std::vector<float> weights(static_cast<size_t>(bins * mels));
  auto at = [&](int64_t bin, int64_t mel) -> float & { return weights[static_cast<size_t>(bin * mels + mel)]; };
  for (int64_t mel = 0; mel < mels; ++mel) {
    auto edge = [&](int64_t i) { return edges[static_cast<size_t>(mel + i)]; };
    auto share = [](int64_t part, int64_t whole) { return static_cast<float>(part) / static_cast<float>(whole); };
    if (edge(1) == edge(0) && edge(1) >= 0 && edge(1) < bins)
      at(edge(1), mel) = 1;
    for (int64_t bin = std::max<int64_t>(0, edge(0)); bin <= std::min(edge(1), bins - 1) && edge(1) != edge(0); ++bin)
      at(bin, mel) = share(bin - edge(0), edge(1) - edge(0));
    for (int64_t bin = std::max<int64_t>(0, edge(1)); bin < std::min(edge(2), bins) && edge(2) != edge(1); ++bin)
      at(bin, mel) = share(edge(2) - bin, edge(2) - edge(1));
  }
  return weights;
}

LogicalResult importMelWeightMatrix(NodeContext &ctx) {
  SmallVector<int64_t> counts;
  SmallVector<double> edges;
  for (auto [index, what] : llvm::enumerate(ArrayRef<StringRef>{"num_mel_bins", "dft_length", "sample_rate"})) {
    FailureOr<SmallVector<int64_t>> fixed = ctx.fixedInput(index, what);
    if (failed(fixed) || fixed->size() != 1)
      return failed(fixed) ? failure() : ctx.fail("its " + what.str() + " must be one number");
    counts.push_back(fixed->front());
  }
  for (size_t index : {3, 4}) {
    FailureOr<SmallVector<double>> fixed = ctx.fixedFloats(index, index == 3 ? "lower edge" : "upper edge");
    if (failed(fixed) || fixed->size() != 1)
      return failed(fixed) ? failure() : ctx.fail("its edges must be one number each");
    edges.push_back(fixed->front());
  }
  constexpr int64_t kMost = 1 << 16;
  bool fits = counts[0] >= 1 && counts[0] <= kMost && counts[1] >= 1 && counts[1] <= kMost && counts[2] >= 1 &&
              (counts[1] / 2 + 1) * counts[0] <= kMostRoots && edges[0] >= 0 && edges[1] > edges[0] && edges[1] < 1e9;
  if (!fits)
    return ctx.fail(fmt::format("{} triangles from {} to {} Hz are not supported", counts[0], edges[0], edges[1]));
  int64_t type = ctx.intAttr("output_datatype");
  constexpr int64_t kFloat = 1;
  if (type != kFloat)
    return ctx.fail("its output_datatype is not float32");
  std::vector<float> weights = melWeights(counts[0], counts[1], counts[2], edges[0], edges[1]);
  auto matrix = RankedTensorType::get({counts[1] / 2 + 1, counts[0]}, ctx.emit.builder.getF32Type());
  return ctx.result(ctx.emit.constant(DenseElementsAttr::get(matrix, ArrayRef(weights))));
}
} // namespace

void attnc::onnx::addSignalOps(OpTable &table) {
  table.add(17, "DFT(x: float, dft_length?: int; axis = 1, inverse = 0, onesided = 0)",
            [](NodeContext &ctx) { return transformAlong(ctx, ctx.intAttr("axis")); });
  table.add(20, "DFT(x: float, dft_length?: int, axis?: int; inverse = 0, onesided = 0)", importDft);
  table.add(17, "STFT(signal: float, frame_step: int, window?: float, frame_length?: int; onesided = 1)", importStft);
  table.add(17,
            "MelWeightMatrix(num_mel_bins: int, dft_length: int, sample_rate: int, lower_edge_hertz: float, "
            "upper_edge_hertz: float; output_datatype = 1)",
            importMelWeightMatrix);
}
