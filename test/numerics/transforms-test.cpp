//===- transforms-test.cpp - query, key and sink against the interpreter --===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of q and k that are rotated and normed where they are loaded (A11), and
// sinks (A10): every text below at ragged lengths, with NaN and infinity in
// the keys that the mask hides. Buffers end at pages that may not be touched.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Import.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "test/numerics/Modules.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;
using attn::RefTensor;

namespace {
/// An attention: its statements, the captured tensors they read, and what else is not as usual.
struct Transform {
  const char *name, *captures, *statements;
  int64_t features = 20; // not a multiple of any vector, and half of it even less
  const char *type = "f32";
  const char *k = "B, N, G, D";
};
std::ostream &operator<<(std::ostream &os, const Transform &transform) { return os << transform.name; }
} // namespace

#define TABLES ", c: f32[N, R], s0: f32[N, R]"
#define ROPE_HALF "query = rope_half(q, pos, c, s0)  key = rope_half(k, j, c, s0)"
#define ROPE_PAIRS "query = rope_interleaved(q, pos, c, s0)  key = rope_interleaved(k, j, c, s0)"

static const Transform transforms[] = {
    {"rope_half", TABLES, ROPE_HALF},
    {"rope_half_64", TABLES, ROPE_HALF, 64},
    {"rope_half_bf16", TABLES, ROPE_HALF, 64, "bf16"},
    {"rope_half_f64", TABLES, ROPE_HALF, 20, "f64"},
    {"rope_half_strided", TABLES, ROPE_HALF, 20, "f32", "B, G, D, N"},
    {"rope_interleaved", TABLES, ROPE_PAIRS},
    {"rope_interleaved_64", TABLES, ROPE_PAIRS, 64},
    {"rope_interleaved_f16", TABLES, ROPE_PAIRS, 72, "f16"},
    {"rope_interleaved_strided", TABLES, ROPE_PAIRS, 20, "f32", "B, G, D, N"},
    {"interleaved_keys_alone", TABLES, "key = rope_interleaved(k, j, c, s0)"},
    {"half_queries_alone", TABLES, "query = rope_half(q, pos, c, s0)"},
    {"angles", "", "query = let_angle(q, pos)  key = let_angle(k, j)"},
    {"far_angles", "", "query = let_angle(q, 8388607 + 2 * i)  key = let_angle(k, 16777215 - 3 * j)"},
    {"scaled_angles", "", "query = let_angle(q, pos / 4)  key = let_angle(k, j * 1024 + 0.5)"},
    {"angles_of_pairs", "",
     "query = q * cos(rope_phase(i * 4096, 5000, d // 2, 7))  key = k * sin(rope_phase(j * 4096, 5000, d // 2, 7))"},
    {"angles_without_table", "", "query = q * cos(rope_phase(i * 4096, 5000.5, i + d, D))"},
    {"angles_f64", "", "query = let_angle(q, 107 + 2 * i)  key = let_angle(k, 200 - 3 * j)", 20, "f64"},
    {"rms_norm", ", w: f32[H, D], u: f32[G, D]",
     "query = rms_norm(q, 1e-6) * w[h, d]  key = rms_norm(k, 1e-6) * u[g, d]"},
    {"l2_norm_f64", "", "query = l2_norm(q, 1e-12)  key = l2_norm(k, 1e-12)", 31, "f64"},
    {"layer_norm", ", w: f32[D]", "query = layer_norm(q, 1e-5) * w[d]  key = layer_norm(k, 1e-5) * w[d]", 31},
    {"layer_norm_bf16", ", w: f32[D]", "query = layer_norm(q, 1e-5) * w[d]  key = layer_norm(k, 1e-5) * w[d]", 64,
     "bf16"},
    {"norm_then_rope", TABLES ", w: f32[D]",
     "query = rope_half(rms_norm(q, 1e-6) * w[d], pos, c, s0)  key = rope_half(rms_norm(k, 1e-6) * w[d], j, c, s0)",
     64},
    {"rope_then_norm", TABLES, "query = rms_norm(rope_interleaved(q, pos, c, s0), 1e-6)  key = l2_norm(k, 1e-6)"},
    {"odd_features", "", "query = -q[d + 1] if d % 2 == 0 else q[d - 1]  key = k[D - 1 - d]", 31},
    {"one_feature", "", "query = q + 1  key = sum(k)", 1},
    {"sink", ", sinks: f32[H]", "sink = sinks[h]"},
    {"sink_of_query", ", sinks: f32[H, M]", "sink = sinks[h, i] * 4", 64},
    {"sink_bf16", ", sinks: f32[H]", "sink = sinks[h]", 64, "bf16"},
    {"all", TABLES ", sinks: f32[H]", ROPE_HALF " sink = sinks[h]", 64},
};

static std::string textOf(const Transform &transform, bool lse) {
  std::string text = R"(def let_angle(x, p) = x * cos(rope_angle(p, 100)) + rotate_half(x, D) * sin(rope_angle(p, 100))
attention f(q: T[B, M, H=4, D=@], k: T[KEYS], v: T[B, N, G=2, Dv=12], length: i32[B])";
  text += std::string(transform.captures) + ") -> " +
          (lse ? "(o: T[B, M, H, Dv], lse: f32[B, M, H])" : "T[B, M, H, Dv]") +
          " {\n  mask = j < length[b] and j <= i + N // 2\n  " + transform.statements + "\n}\n";
  auto replace = [&](const std::string &what, const std::string &by) {
    for (size_t at; (at = text.find(what)) != std::string::npos;)
      text.replace(at, what.size(), by);
  };
  replace("T[KEYS]", std::string("T[") + transform.k + "]");
  replace("T[", std::string(transform.type) + "[");
  replace("@", std::to_string(transform.features));
  return text;
}

namespace {
class Transforms : public testing::TestWithParam<Transform> {
protected:
  void compile(bool lse) {
    std::string text = textOf(GetParam(), lse);
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, "transform.attn"), llvm::SMLoc());
    DimBindings bindings;
    if (StringRef(GetParam().captures).contains("R]"))
      bindings["R"] = GetParam().features / 2;
    auto imported = spec::importSpec(sources, context.get(), bindings);
    ASSERT_TRUE(succeeded(imported)) << text;
    module = std::move(*imported);
    compiled = Compiled::create(*module, testTarget());
    ASSERT_TRUE(compiled) << text;
    if (!compiled->isRunnable())
      GTEST_SKIP() << "this machine has no " << testTarget();
  }

  func::FuncOp function() { return *module->getOps<func::FuncOp>().begin(); }

  /// Random inputs. Lengths leave some keys out, whose k and v are NaN and infinite; `sinks` come in turns.
  std::vector<RefTensor> makeInputs(const Extents &extents, ArrayRef<double> sinks) {
    std::mt19937 generator(5);
    std::normal_distribution<double> normal;
    std::vector<RefTensor> inputs;
    int64_t N = extents.lookup("N"), visible = N - N / 3;
    for (auto [n, type] : llvm::enumerate(function().getArgumentTypes())) {
      auto tensorType = cast<RankedTensorType>(type);
      auto dims = function().getArgAttrOfType<ArrayAttr>(n, "attnc.dims");
      StringRef name = function().getArgAttrOfType<StringAttr>(n, "attnc.name").getValue();
      SmallVector<int64_t> shape(tensorType.getShape());
      for (auto [extent, symbol] : llvm::zip(shape, dims.getAsValueRange<StringAttr>()))
        if (ShapedType::isDynamic(extent))
          extent = extents.lookup(symbol);
      RefTensor tensor(tensorType.getElementType(), shape);
      for (double &value : tensor.floats)
        value = attn::roundTo(cast<FloatType>(tensor.elementType), normal(generator));
      for (int64_t &value : tensor.ints)
        value = visible;
      for (auto [place, value] : llvm::enumerate(tensor.floats))
        if (name == "sinks" && !sinks.empty())
          value = sinks[place % sinks.size()];
      if (name == "k" || name == "v")
        poison(tensor, name == "k" && StringRef(GetParam().k).ends_with("N"), N, visible);
      inputs.push_back(std::move(tensor));
    }
    return inputs;
  }

  /// Keys are the last dimension, or the second of B, N, G, D.
  static void poison(RefTensor &tensor, bool isLast, int64_t N, int64_t visible) {
    int64_t inner = isLast ? 1 : tensor.shape[2] * tensor.shape[3];
    for (auto [place, value] : llvm::enumerate(tensor.floats))
      if (static_cast<int64_t>(place) / inner % N >= visible)
        value = place % 2 ? NAN : INFINITY;
  }

  void check(int64_t B, int64_t M, int64_t N, ArrayRef<double> sinks = {}) {
    SCOPED_TRACE("B=" + std::to_string(B) + " M=" + std::to_string(M) + " N=" + std::to_string(N));
    Extents extents;
    extents["B"] = B, extents["M"] = M, extents["N"] = N;
    std::vector<RefTensor> inputs = makeInputs(extents, sinks);
    auto expected = attn::interpret(function(), inputs);
    ASSERT_TRUE(succeeded(expected));
    std::string error;
    auto got = compiled->run(inputs, error);
    ASSERT_TRUE(got) << error;
    for (auto [mine, other] : llvm::zip_equal(*got, *expected)) {
      attn::Comparison comparison = attn::compare(mine, other);
      EXPECT_TRUE(comparison.within(limitFor(mine.elementType))) << describe(comparison, mine, other);
    }
  }

  std::unique_ptr<MLIRContext> context = makeContext();
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<Compiled> compiled;
};
} // namespace

TEST_P(Transforms, raggedLengths) {
  ASSERT_NO_FATAL_FAILURE(compile(/*lse=*/false));
  for (auto [B, M, N] :
       {std::tuple(1, 1, 1), {2, 3, 0}, {0, 3, 5}, {1, 0, 7}, {2, 17, 33}, {1, 64, 64}, {1, 70, 130}, {1, 5, 200}})
    check(B, M, N);
}

/// The logarithm of the sum includes the sink; no value of a sink harms another row.
TEST_P(Transforms, logarithmOfTheSum) {
  if (StringRef(GetParam().type) != "f32")
    GTEST_SKIP() << "once is enough";
  ASSERT_NO_FATAL_FAILURE(compile(/*lse=*/true));
  const std::vector<double> values[] = {{0.5, -INFINITY, INFINITY, NAN}, {1e4, -1e4, 1e30, -1e30}, {30, -30, 60, 0}};
  for (ArrayRef<double> sinks : values)
    for (auto [M, N] : {std::pair(3, 0), {20, 1}, {33, 100}, {100, 40}})
      check(2, M, N, sinks);
}

INSTANTIATE_TEST_SUITE_P(All, Transforms, testing::ValuesIn(transforms),
                         [](const auto &info) { return std::string(info.param.name); });
