//===- windows-test.cpp - Compiled convolutions against the interpreter ---===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions of attn.windows at random extents, sizes, strides, dilations, types and layouts: lanes along positions, whose
// panels are gathered, and along channels, where the windows are copied.
//
//===----------------------------------------------------------------------===//

#include "mlir/Parser/Parser.h"
#include "test/numerics/Modules.h"
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;

namespace {
/// One windowed dimension.
struct Walk {
  int64_t extent, size, stride, dilation;
  int64_t positions() const {
    int64_t span = (size - 1) * dilation + 1;
    return extent < span ? 0 : (extent - span) / stride + 1;
  }
};

struct Convolution {
  int64_t batch, channels, outputs;
  std::vector<Walk> walks; ///< one to three
  const char *type;
  bool channelsLast, isDynamic, isGrouped;
};
} // namespace

static std::string join(const std::vector<std::string> &parts, const char *between) {
  return fmt::format("{}", fmt::join(parts, between));
}

template <typename Of>
static std::string numbers(const Convolution &made, Of of) {
  std::vector<std::string> all;
  for (const Walk &walk : made.walks)
    all.push_back(std::to_string(of(walk)));
  return join(all, ", ");
}

/// y[n, o, p..] = sum over c, w.. of x[n, c, p.. * stride + w.. * dilation] weight[o, c, w..]; with groups, c is one of
/// n's and y's too.
static std::string moduleText(const Convolution &made) {
  const char *positions[] = {"d", "h", "w"}, *inWindow[] = {"j", "k", "l"};
  size_t rank = made.walks.size();
  std::string p, w;
  std::vector<std::string> source{"N", std::to_string(made.channels)}, view, kernel, result, sourceDims;
  std::vector<std::string> viewTail, kernelTail, resultTail;
  for (size_t i = 0; i < rank; ++i) {
    const Walk &walk = made.walks[i];
    p += positions[i];
    w += inWindow[i];
    source.push_back(std::to_string(walk.extent));
    viewTail.push_back(std::to_string(walk.positions()));
    kernelTail.push_back(std::to_string(walk.size));
  }
  std::string channels = std::to_string(made.channels), outputs = std::to_string(made.outputs);
  std::string batch = made.isDynamic ? "?" : std::to_string(made.batch);
  std::string dims = fmt::format("\"{}\"", join(source, "\", \""));
  source.front() = batch;
  std::vector<std::string> all{batch, channels};
  all.insert(all.end(), viewTail.begin(), viewTail.end());
  all.insert(all.end(), kernelTail.begin(), kernelTail.end());
  std::vector<std::string> weight{outputs, channels};
  weight.insert(weight.end(), kernelTail.begin(), kernelTail.end());
  std::vector<std::string> out{batch};
  if (made.isGrouped)
    out.push_back(channels);
  if (!made.channelsLast)
    out.push_back(outputs);
  out.insert(out.end(), viewTail.begin(), viewTail.end());
  if (made.channelsLast)
    out.push_back(outputs);
  std::string letters = std::string("n") + (made.isGrouped ? "c" : "") + (made.channelsLast ? p + "o" : "o" + p);
  std::vector<std::string> outDims = out;
  outDims.front() = "N";
  return fmt::format(
      R"(
func.func @f(%x: tensor<{source}x{type}> {{attnc.name = "x", attnc.dims = [{dims}]}},
             %w: tensor<{weight}x{type}> {{attnc.name = "w", attnc.dims = ["{weightDims}"]}})
    -> (tensor<{out}x{sums}> {{attnc.name = "y", attnc.dims = ["{outDims}"]}}) {{
  %c0 = arith.constant 0 : index
  {extent}
  %init = tensor.empty({dynamic}) : tensor<{out}x{sums}>
  %v = attn.windows %x sizes [{sizes}] strides [{strides}] dilations [{dilations}]
    : tensor<{source}x{type}> -> tensor<{view}x{type}>
  %y = attn.contract lhs(%v "nc{p}{w}" : tensor<{view}x{type}>) rhs(%w "oc{w}" : tensor<{weight}x{type}>)
    outs("{letters}", %init : tensor<{out}x{sums}>) -> tensor<{out}x{sums}>
  return %y : tensor<{out}x{sums}>
}})",
      fmt::arg("source", join(source, "x")), fmt::arg("type", made.type), fmt::arg("dims", dims),
      fmt::arg("weight", join(weight, "x")), fmt::arg("weightDims", join(weight, "\", \"")),
      fmt::arg("out", join(out, "x")), fmt::arg("outDims", join(outDims, "\", \"")),
      fmt::arg("sums", StringRef(made.type) == "i8" ? "i32" : made.type),
      fmt::arg("extent", made.isDynamic
                             ? fmt::format("%n = tensor.dim %x, %c0 : tensor<{}x{}>", join(source, "x"), made.type)
                             : ""),
      fmt::arg("dynamic", made.isDynamic ? "%n" : ""),
      fmt::arg("sizes", numbers(made, [](const Walk &at) { return at.size; })),
      fmt::arg("strides", numbers(made, [](const Walk &at) { return at.stride; })),
      fmt::arg("dilations", numbers(made, [](const Walk &at) { return at.dilation; })),
      fmt::arg("view", join(all, "x")), fmt::arg("p", p), fmt::arg("w", w), fmt::arg("letters", letters));
}

static Convolution drawn() {
  Convolution made;
  made.batch = *rc::gen::inRange<int64_t>(1, 4);
  made.channels = *rc::gen::inRange<int64_t>(1, 9);
  made.outputs = *rc::gen::element<int64_t>(1, 2, 7, 16, 19, 40);
  size_t rank = *rc::gen::inRange<size_t>(1, 4);
  for (size_t i = 0; i < rank; ++i) {
    Walk walk{0, *rc::gen::inRange<int64_t>(1, 5), *rc::gen::inRange<int64_t>(1, 4), *rc::gen::inRange<int64_t>(1, 3)};
    int64_t positions = *rc::gen::element<int64_t>(1, 2, 3, 5, 8, 17);
    walk.extent = (walk.size - 1) * walk.dilation + 1 + (positions - 1) * walk.stride +
                  *rc::gen::inRange<int64_t>(0, walk.stride);
    made.walks.push_back(walk);
  }
  made.type = *rc::gen::element("f32", "f32", "f64", "bf16", "f16", "i8");
  made.channelsLast = *rc::gen::arbitrary<bool>();
  made.isDynamic = *rc::gen::arbitrary<bool>();
  made.isGrouped = *rc::gen::arbitrary<bool>();
  return made;
}

RC_GTEST_PROP(Windows, AreThoseOfTheReference, ()) {
  Convolution made = drawn();
  std::string text = moduleText(made);
  std::unique_ptr<MLIRContext> context = makeContext();
  Checked checked(parseSourceString<ModuleOp>(text, context.get()));
  if (!checked.isCompiled())
    RC_FAIL("does not compile: " + text);
  if (!checked.isRunnable())
    return;
  std::string difference = checked.compare(checked.makeInputs({{"N", made.batch}}, 3));
  if (!difference.empty())
    RC_FAIL(difference + text);
}
