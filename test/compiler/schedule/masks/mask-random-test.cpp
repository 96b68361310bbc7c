//===- mask-random-test.cpp - Random masks, judged block by block ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Masks over integers of 64 bits, of the file and of the caller, with sums and products that wrap around. Whatever a
// mask says about a pair, a block that holds the pair must not be called empty or full wrongly, nor be left out of the
// walk. The interpreter evaluates both the mask and what the compiler makes of it.
//
// ATTNC_TEST_SECONDS says for how long new masks are tried (2 seconds if unset).
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Import.h"
#include "compiler/pipeline/Dialects.h"
#include "compiler/schedule/masks/MaskProbe.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/IR/Verifier.h"
#include "test/compiler/frontend/spec/RandomMask.h"
#include "test/compiler/schedule/masks/BlockTruths.h"
#include "llvm/Support/SourceMgr.h"
#include <chrono>
#include <gtest/gtest.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attn::RefTensor;

namespace {
class RandomMasks : public testing::Test {
protected:
  RandomMasks() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  void check(uint64_t seed);
  std::vector<RefTensor> makeInputs(func::FuncOp probe, test::RandomMask &random, int64_t M, int64_t N);

  MLIRContext context;
};

std::vector<RefTensor> RandomMasks::makeInputs(func::FuncOp probe, test::RandomMask &random, int64_t M, int64_t N) {
  std::vector<RefTensor> inputs;
  for (BlockArgument argument : probe.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    SmallVector<int64_t> shape;
    if (auto dims = probe.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "attnc.dims"); dims && type)
      for (auto [extent, name] : llvm::zip(type.getShape(), dims))
        shape.push_back(!ShapedType::isDynamic(extent) ? extent : cast<StringAttr>(name).getValue() == "M" ? M : N);
    Type element = getElementTypeOrSelf(argument.getType());
    RefTensor &input = inputs.emplace_back(element, shape);
    int64_t shift = 64 - (element.isInteger() ? element.getIntOrFloatBitWidth() : 64);
    for (int64_t &value : input.ints) // of a narrow type: its own ends
      value = element.isInteger(1) ? random.number() & 1 : random.number() >> shift;
    if (probe.getArgAttr(argument.getArgNumber(), "attnc.sorted"))
      llvm::sort(input.ints);
  }
  return inputs;
}

void RandomMasks::check(uint64_t seed) {
  test::RandomMask random(seed);
  std::string text = std::string("attention f(q: f32[M, 4], k: f32[N, 4], v: f32[N, 4], ") +
                     test::RandomMask::kParameters +
                     ") -> f32[M, 4] { mask = " + random.generate(static_cast<int>(seed % 7)) + " }";
  SCOPED_TRACE(testing::Message() << "seed " << seed << ": " << text);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, "mask.attn"), llvm::SMLoc());
  auto module = spec::importSpec(sources, &context, {});
  ASSERT_TRUE(succeeded(module));
  for (auto [M, N] : {std::pair<int64_t, int64_t>(9, 14), {20, 5}}) {
    MaskQuestion question{0, 0, 4, 3, true};
    OwningOpRef<ModuleOp> copy = (*module)->clone();
    attn::AttentionOp attention;
    copy->walk([&](attn::AttentionOp op) { attention = op; });
    if (attention.getMask().empty()) // folded to true
      return;
    func::FuncOp probe = emitMaskProbe(attention, "probe", question);
    ASSERT_TRUE(succeeded(verify(probe)));
    for (int round = 0; round < 3; ++round) {
      auto answers = attn::interpret(probe, makeInputs(probe, random, M, N));
      ASSERT_TRUE(succeeded(answers));
      test::forEachBlock(*answers, question, [](const test::BlockTruths &block) { ASSERT_TRUE(block.isSound()); });
    }
  }
}
} // namespace

TEST_F(RandomMasks, AreJudgedSoundly) {
  const char *given = std::getenv("ATTNC_TEST_SECONDS");
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(given ? std::atoi(given) : 2);
  for (uint64_t seed = 1; std::chrono::steady_clock::now() < end && !HasFailure(); ++seed)
    check(seed);
}
