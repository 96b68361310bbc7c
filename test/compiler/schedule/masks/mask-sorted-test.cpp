//===- mask-sorted-test.cpp - Blocks under sorted ids against brute force -===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Masks over captured tensors that are declared sorted. What the lowering emits for a block, binary searches included,
// is run by the interpreter on random ids and compared with the mask's elements one by one. The interpreter refuses an
// index outside of its tensor: so the same on ids that break their promise shows that nothing else is read.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Import.h"
#include "compiler/pipeline/Dialects.h"
#include "compiler/schedule/masks/MaskProbe.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "test/compiler/schedule/masks/BlockTruths.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"
#include <random>

using namespace mlir;
using namespace attnc;
using namespace attnc::schedule;
using attn::RefTensor;

namespace {

enum Claim {
  sound, ///< no block with an allowed pair is empty or passed over, no block with a masked pair is full
  exact, ///< and no other block is called partial
  tight, ///< and no empty block is walked
};

struct SortedCase {
  const char *parameters, *mask; ///< q, k and v stand before
  Claim claim;
  const char *type = "i32";
  bool self = false; ///< M = N
};

const SortedCase kCases[] = {
    {"ids: sorted i32[N]", "causal and document_flat(ids)", tight, "i32", true},
    {"ids: sorted i32[N]", "document_flat(ids)", tight, "i32", true},
    {"ids: sorted i32[N]", "not document_flat(ids)", exact, "i32", true},
    {"ids: sorted i32[N]", "causal and document_flat(ids) and window(9)", exact, "i32", true},
    {"ids: sorted i32[N]", "document_flat(ids) or j < 4", sound, "i32", true},
    {"ids: sorted i64[N]", "causal and document_flat(ids)", tight, "i64", true},
    {"ids: sorted i8[N]", "ids[i // 2] == ids[j // 2]", exact, "i8", true},
    {"ids: sorted i32[N]", "ids[max(i - 3, 0)] <= ids[j] and causal_start", sound, "i32", true},
    {"x: sorted i32[M], y: sorted i32[N]", "y[j] < x[i]", tight},
    {"x: sorted i32[M], y: sorted i32[N]", "x[i] <= y[j]", tight},
    {"x: sorted i32[M], y: sorted i32[N]", "not (x[i] <= y[j])", tight},
    {"x: sorted i32[M], y: sorted i32[N]", "x[i] != y[j]", sound},
    {"x: sorted i32[M], y: sorted i32[N]", "x[i] == y[j]", sound},
    {"x: sorted i32[M], y: sorted i32[N]", "x[i] + 1 == y[j]", sound},
    {"x: sorted i64[M], y: sorted i64[N]", "y[j] <= x[i]", tight, "i64"},
    {"x: sorted i64[M], y: sorted i64[N]", "y[j] > x[i]", tight, "i64"},
    {"x: sorted i32[M], y: sorted i32[N]", "2 <= y[j] and y[j] < 5", tight},
    {"x: sorted i32[M], y: sorted i32[N]", "x[i] == 3 and y[j] != 2", sound},
    {"x: sorted i32[M], y: sorted i32[N]", "x[i] <= j", tight},
    {"x: i32[M], y: sorted i32[N]", "x[i] == y[j]", sound},
    {"x: sorted i32[M], y: i32[N]", "x[i] == y[j] and causal", sound},
    {"x: sorted i32[M], y: sorted i32[N]", "x[i] * 2 - 3 <= y[j] + j and i % 2 == 0", sound},
};

class MaskSortedTest : public testing::TestWithParam<SortedCase> {
protected:
  MaskSortedTest() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    const char *queries = GetParam().self ? "N" : "M";
    std::string text = "attention f(q: f32[" + std::string(queries) + ", 4], k: f32[N, 4], v: f32[N, 4], " +
                       GetParam().parameters + ") -> f32[" + queries + ", 4] { mask = " + GetParam().mask + " }";
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, "mask.attn"), llvm::SMLoc());
    auto imported = spec::importSpec(sources, &context, {});
    EXPECT_TRUE(succeeded(imported));
    if (succeeded(imported))
      module = std::move(*imported);
  }

  int64_t pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); }

  /// Rows of a few values each; sometimes the largest and smallest of their type.
  std::vector<int64_t> makeIds(int64_t length, bool isSorted) {
    std::vector<int64_t> ids;
    int64_t limit = GetParam().type == llvm::StringRef("i64")   ? INT64_MAX
                    : GetParam().type == llvm::StringRef("i32") ? INT32_MAX
                                                                : INT8_MAX;
    int64_t values = pick(1, 12);
    for (int64_t at = 0; at < length; ++at) {
      int64_t id = pick(0, values);
      bool isExtreme = limit == INT64_MAX && values < 4;
      ids.push_back(!isExtreme ? id : id == 0 ? -limit - 1 : id == 1 ? limit : id == 2 ? limit - 1 : 0);
    }
    if (isSorted)
      llvm::sort(ids);
    return ids;
  }

  std::vector<RefTensor> makeInputs(func::FuncOp probe, int64_t M, int64_t N, bool keepPromises);
  void ask(const MaskQuestion &question, int64_t M, int64_t N, bool keepPromises);
  void compare(llvm::ArrayRef<RefTensor> answers, const MaskQuestion &question);

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::mt19937_64 random{5};
};

std::vector<RefTensor> MaskSortedTest::makeInputs(func::FuncOp probe, int64_t M, int64_t N, bool keepPromises) {
  std::vector<RefTensor> inputs;
  for (BlockArgument argument : probe.getArguments()) {
    unsigned number = argument.getArgNumber();
    auto type = cast<RankedTensorType>(argument.getType());
    auto dims = probe.getArgAttrOfType<ArrayAttr>(number, "attnc.dims");
    llvm::SmallVector<int64_t> shape(type.getShape());
    shape[0] = cast<StringAttr>(dims[0]).getValue() == "M" ? M : N;
    RefTensor &input = inputs.emplace_back(type.getElementType(), shape);
    if (type.getElementType().isInteger())
      input.ints = makeIds(shape[0], keepPromises && probe.getArgAttr(number, "attnc.sorted"));
  }
  return inputs;
}

void MaskSortedTest::compare(llvm::ArrayRef<RefTensor> answers, const MaskQuestion &question) {
  test::forEachBlock(answers, question, [](const test::BlockTruths &block) {
    ASSERT_TRUE(block.isSound());
    if (GetParam().claim >= exact) {
      ASSERT_EQ(block.saidAllowed && block.isWalked, block.someAllowed);
      ASSERT_EQ(block.saidMasked, block.someMasked);
    }
    if (GetParam().claim == tight)
      ASSERT_EQ(block.isWalked, block.someAllowed);
  });
}

void MaskSortedTest::ask(const MaskQuestion &question, int64_t M, int64_t N, bool keepPromises) {
  OwningOpRef<ModuleOp> copy = module->clone();
  attn::AttentionOp attention;
  copy->walk([&](attn::AttentionOp op) { attention = op; });
  func::FuncOp probe = emitMaskProbe(attention, "probe", question);
  ASSERT_TRUE(succeeded(verify(probe)));
  std::vector<RefTensor> inputs = makeInputs(probe, M, N, keepPromises);
  auto answers = attn::interpret(probe, inputs);
  ASSERT_TRUE(succeeded(answers));
  if (keepPromises)
    compare(*answers, question);
}
} // namespace

TEST_P(MaskSortedTest, smallLengths) {
  for (int round = 0; round < 120 && !HasFatalFailure(); ++round) {
    int64_t N = pick(1, 64), M = GetParam().self ? N : pick(1, 64);
    ask({0, 0, pick(1, 20), pick(1, 20), true}, M, N, /*keepPromises=*/true);
  }
}

TEST_P(MaskSortedTest, longerSequences) {
  for (int round = 0; round < 4 && !HasFatalFailure(); ++round) {
    int64_t N = pick(200, 500), M = GetParam().self ? N : pick(200, 500);
    ask({0, 0, 64, 64, true}, M, N, /*keepPromises=*/true);
  }
}

/// Wrong blocks, but no failure: not one element outside of a tensor is read.
TEST_P(MaskSortedTest, brokenPromises) {
  for (int round = 0; round < 60 && !HasFatalFailure(); ++round) {
    int64_t N = pick(1, 64), M = GetParam().self ? N : pick(1, 64);
    ask({0, 0, pick(1, 20), pick(1, 20), true}, M, N, /*keepPromises=*/false);
  }
}

static std::string nameOf(const testing::TestParamInfo<SortedCase> &info) {
  std::string name = info.param.mask;
  for (char &c : name)
    c = std::isalnum(c) ? c : '_';
  return name + "_" + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(Masks, MaskSortedTest, testing::ValuesIn(kCases), nameOf);
