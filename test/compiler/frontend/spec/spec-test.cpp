//===- spec-test.cpp - Random programs mean what they say -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For random well-typed programs (RandomSpec.h): the interpreter finds the score and the mask that the generator's own
// evaluation finds, at every point; and printing gives a text that imports to the same IR.
//
// One allowed key makes the score visible: the log of its exponential is the score. So each program is run once per key
// t with the mask `j == t`, and once more with its own mask joined to that.
//
//===----------------------------------------------------------------------===//

#include "RandomSpec.h"
#include "compiler/frontend/spec/Import.h"
#include "compiler/frontend/spec/printing/Print.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"
#include <rapidcheck/gtest.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::test;

namespace {
struct Compiler {
  Compiler()
      : context(MLIRContext::Threading::DISABLED), handler(&context, [&](Diagnostic &diagnostic) {
          messages += diagnostic.str() + "\n";
          return success();
        }) {}

  OwningOpRef<ModuleOp> import(const std::string &text) {
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBuffer(text, "random.attn"), llvm::SMLoc());
    FailureOr<OwningOpRef<ModuleOp>> module = spec::importSpec(sources, &context);
    return succeeded(module) ? std::move(*module) : OwningOpRef<ModuleOp>();
  }

  MLIRContext context;
  std::string messages;
  ScopedDiagnosticHandler handler;
};

std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream(text) << module;
  return text;
}

/// Inputs in the order of the parameters, deterministic but irregular.
struct Inputs {
  Inputs(MLIRContext &context, uint64_t seed, const std::string &element) : random(seed) {
    Builder types(&context);
    Type type = element == "f32" ? Type(types.getF32Type()) : types.getF64Type();
    q = floats(type, {extents.B, extents.M, Extents::H, 1});
    k = floats(type, {extents.B, extents.N, Extents::G, 1});
    attn::RefTensor v = floats(type, {extents.B, extents.N, Extents::G, 1});
    attn::RefTensor slope = floats(type, {Extents::H}), bias = floats(type, {Extents::H, extents.M, extents.N});
    attn::RefTensor cap = floats(type, {}), ids(types.getI32Type(), {extents.B, extents.N});
    attn::RefTensor off(types.getI64Type(), {}), flag(types.getI1Type(), {});
    for (int64_t &id : ids.ints)
      id = static_cast<int64_t>(random() % 7) - 2;
    off.ints[0] = static_cast<int64_t>(random() % 9) - 4;
    flag.ints[0] = random() % 2;
    captures = {slope.floats, bias.floats, ids.ints, cap.floats[0], off.ints[0], flag.ints[0] != 0};
    all = {q, k, v, slope, bias, ids, cap, off, flag};
  }
  attn::RefTensor floats(Type type, ArrayRef<int64_t> shape) {
    attn::RefTensor tensor(type, shape);
    for (double &value : tensor.floats)
      value = static_cast<double>(random() % 4096) / 512 - 4;
    return tensor;
  }
  double score(int64_t b, int64_t h, int64_t i, int64_t j) const {
    int64_t g = h / (Extents::H / Extents::G);
    return q.floats[(b * extents.M + i) * Extents::H + h] * k.floats[(b * extents.N + j) * Extents::G + g];
  }

  std::mt19937_64 random;
  Extents extents;
  attn::RefTensor q, k;
  Captures captures;
  std::vector<attn::RefTensor> all;
};

bool same(double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); }

/// What lse must be if key `p.j` is the only candidate: the score, or -inf if it is not allowed; NaN for +inf (A6).
double expectedLse(const RandomSpec &spec, const Point &p, bool useMask) {
  if (useMask && !spec.mask(p))
    return -INFINITY;
  double score = spec.score(p);
  return score == INFINITY ? NAN : score;
}
} // namespace

/// `element`: the type of floats. f32 with masks alone, whose floats all decide: there every rounding is stated.
static void checkMeaning(uint64_t seed, unsigned depth, bool useMask, const std::string &element = "f64") {
  bool single = element == "f32";
  Compiler compiler;
  Inputs inputs(compiler.context, seed, element);
  const Extents &e = inputs.extents;
  for (int64_t t = 0; t < e.N; ++t) {
    RandomOptions options{.depth = depth,
                          .element = element,
                          .tame = false,
                          .plainScore = single,
                          .extraMask = "j == " + std::to_string(t)};
    RandomSpec spec = randomSpec(seed, options);
    std::string text = spec.text;
    if (!useMask) // keep only the choice of the key
      text = text.substr(0, text.find(" and ", text.find("  mask = "))) + "\n}\n" + text.substr(text.find("def mix"));
    OwningOpRef<ModuleOp> module = compiler.import(text);
    if (!module)
      RC_FAIL(text + compiler.messages);
    auto function = *module->getOps<func::FuncOp>().begin();
    FailureOr<std::vector<attn::RefTensor>> results = attn::interpret(function, inputs.all);
    if (failed(results))
      RC_FAIL(text + compiler.messages);
    for (int64_t b = 0; b < e.B; ++b)
      for (int64_t i = 0; i < e.M; ++i)
        for (int64_t h = 0; h < Extents::H; ++h) {
          Point point{e, inputs.captures, inputs.score(b, h, i, t), b, h, i, t};
          point.single = single;
          double found = (*results)[1].floats[(b * e.M + i) * Extents::H + h];
          double expected = expectedLse(spec, point, useMask);
          if (!same(found, expected))
            RC_FAIL(text + "at b, h, i, j = " + std::to_string(b) + ", " + std::to_string(h) + ", " +
                    std::to_string(i) + ", " + std::to_string(t) + ": found " + std::to_string(found) + ", expected " +
                    std::to_string(expected));
        }
  }
}

RC_GTEST_PROP(Spec, ScoresMeanWhatTheySay, ()) {
  checkMeaning(*rc::gen::arbitrary<uint64_t>(), *rc::gen::inRange<unsigned>(1, 6), /*useMask=*/false);
}

RC_GTEST_PROP(Spec, MasksMeanWhatTheySay, ()) {
  checkMeaning(*rc::gen::arbitrary<uint64_t>(), *rc::gen::inRange<unsigned>(1, 6), /*useMask=*/true);
}

RC_GTEST_PROP(Spec, MasksOfF32MeanWhatTheySay, ()) {
  checkMeaning(*rc::gen::arbitrary<uint64_t>(), *rc::gen::inRange<unsigned>(1, 6), /*useMask=*/true, "f32");
}

RC_GTEST_PROP(Spec, PrintsBackToTheSameIR, ()) {
  uint64_t seed = *rc::gen::arbitrary<uint64_t>();
  RandomOptions options;
  options.depth = *rc::gen::inRange<unsigned>(1, 8);
  options.element = seed % 2 ? "f32" : "bf16";
  RandomSpec spec = randomSpec(seed, options);
  Compiler compiler;
  OwningOpRef<ModuleOp> module = compiler.import(spec.text);
  if (!module)
    RC_FAIL(spec.text + compiler.messages);
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (failed(spec::printSpec(*module, stream)))
    RC_FAIL(spec.text + compiler.messages);
  OwningOpRef<ModuleOp> again = compiler.import(text);
  if (!again)
    RC_FAIL(spec.text + text + compiler.messages);
  if (print(*module) != print(*again))
    RC_FAIL(spec.text + text + print(*module) + print(*again));
}
