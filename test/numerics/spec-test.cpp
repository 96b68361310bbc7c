//===- spec-test.cpp - Random .attn programs, compiled and interpreted ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scores are tame (RandomSpec.h): smooth float arithmetic, decisions on integers alone. What then differs between
// f32 and the f64 of the interpreter is rounding. Masks may be anything: floats that decide are the same for both.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Import.h"
#include "test/compiler/frontend/spec/RandomSpec.h"
#include "test/numerics/Interpreted.h"
#include "llvm/Support/SourceMgr.h"
#include <cstdlib>
#include <gtest/gtest.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;
using attnc::test::RandomOptions;

/// An environment variable.
static const char *setting(const char *name, const char *otherwise) {
  const char *value = std::getenv(name);
  return value ? value : otherwise;
}

namespace {
class RandomPrograms : public testing::TestWithParam<uint64_t> {
protected:
  attn::RefTensor floats(ArrayRef<int64_t> shape) {
    attn::RefTensor tensor(Builder(context.get()).getF32Type(), shape);
    for (double &value : tensor.floats)
      value = static_cast<double>(random() % 4096) / 1024 - 2; // exact in f32
    return tensor;
  }

  /// In the order of the parameters of every random program.
  std::vector<attn::RefTensor> makeInputs(int64_t B, int64_t M, int64_t N) {
    Builder types(context.get());
    attn::RefTensor ids(types.getI32Type(), {B, N}), off(types.getI64Type(), {}), flag(types.getI1Type(), {});
    for (int64_t &id : ids.ints)
      id = static_cast<int64_t>(random() % 7) - 2;
    off.ints[0] = static_cast<int64_t>(random() % 9) - 4;
    flag.ints[0] = random() % 2;
    return {floats({B, M, 4, 1}),
            floats({B, N, 2, 1}),
            floats({B, N, 2, 1}),
            floats({4}),
            floats({4, M, N}),
            ids,
            floats({}),
            off,
            flag};
  }

  void check(const RandomOptions &options, double limit);

  std::unique_ptr<MLIRContext> context = makeContext();
  std::mt19937_64 random{GetParam()};
};
} // namespace

void RandomPrograms::check(const RandomOptions &options, double limit) {
  std::string text = test::randomSpec(GetParam(), options).text;
  SCOPED_TRACE(text);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBuffer(text, "random.attn"), llvm::SMLoc());
  FailureOr<OwningOpRef<ModuleOp>> module = spec::importSpec(sources, context.get());
  ASSERT_TRUE(succeeded(module));
  std::unique_ptr<Compiled> compiled = Compiled::create(**module, setting("ATTNC_TEST_TARGET", "host"));
  ASSERT_TRUE(compiled);
  if (!compiled->isRunnable())
    GTEST_SKIP() << "this machine has no " << setting("ATTNC_TEST_TARGET", "host");
  auto function = *(*module)->getOps<func::FuncOp>().begin();
  for (auto [B, M, N] : {std::tuple(2, 3, 4), {1, 17, 33}, {1, 33, 17}, {2, 1, 70}, {1, 5, 0}}) {
    SCOPED_TRACE(testing::Message() << "M = " << M << ", N = " << N);
    ASSERT_NO_FATAL_FAILURE(expectInterpreted(function, *compiled, makeInputs(B, M, N), limit));
  }
}

TEST_P(RandomPrograms, CompiledIsInterpreted) {
  check({.depth = 2 + static_cast<unsigned>(GetParam() % 3), .element = "f32", .tame = true}, 1e-4);
}

TEST_P(RandomPrograms, MasksOfFloatsAreTheSame) {
  check({.depth = 2 + static_cast<unsigned>(GetParam() % 3), .element = "f32", .plainScore = true}, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomPrograms,
                         testing::Range<uint64_t>(1, 1 + std::atoll(setting("ATTNC_SPEC_SEEDS", "24"))));
