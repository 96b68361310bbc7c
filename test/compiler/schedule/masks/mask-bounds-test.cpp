//===- mask-bounds-test.cpp - Does a verdict hold for each element? -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every mask below is judged on every block of a small problem and compared with its elements one by one. With constant
// bounds the emitted evaluation folds to constants, so nothing has to be run.
//
//===----------------------------------------------------------------------===//

#include "compiler/pipeline/Dialects.h"
#include "compiler/schedule/masks/MaskBounds.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using attnc::schedule::BlockTruth;
using attnc::schedule::IndexRange;

namespace {

struct MaskCase {
  const char *name;
  const char *body; ///< of the mask region, ends in %r
  bool (*allowed)(int64_t i, int64_t j, int64_t M, int64_t N);
  bool exact; ///< no block is called partial that is empty or full
};

const MaskCase kCases[] = {
    {"causal", "%d = arith.subi %N, %M : index\n %p = arith.addi %i, %d : index\n %r = arith.cmpi sle, %j, %p : index",
     [](int64_t i, int64_t j, int64_t M, int64_t N) { return j <= i + N - M; }, true},
    {"causal_start", "%r = arith.cmpi sge, %i, %j : index",
     [](int64_t i, int64_t j, int64_t, int64_t) { return j <= i; }, true},
    {"window of 3",
     "%w = arith.constant 3 : index\n %d = arith.subi %i, %j : index\n %r = arith.cmpi slt, %d, %w : index",
     [](int64_t i, int64_t j, int64_t, int64_t) { return i - j < 3; }, true},
    {"causal window",
     "%w = arith.constant 3 : index\n %d = arith.subi %i, %j : index\n %a = arith.cmpi slt, %d, %w : index\n"
     " %b0 = arith.cmpi sle, %j, %i : index\n %r = arith.andi %a, %b0 : i1",
     [](int64_t i, int64_t j, int64_t, int64_t) { return i - j < 3 && j <= i; }, false},
    {"prefix of 4 or causal",
     "%w = arith.constant 4 : index\n %a = arith.cmpi slt, %j, %w : index\n %b0 = arith.cmpi sle, %j, %i : index\n"
     " %r = arith.ori %a, %b0 : i1",
     [](int64_t i, int64_t j, int64_t, int64_t) { return j < 4 || j <= i; }, false},
    {"chunks of 4",
     "%w = arith.constant 4 : index\n %a = arith.floordivsi %i, %w : index\n %b0 = arith.floordivsi %j, %w : index\n"
     " %r = arith.cmpi eq, %a, %b0 : index",
     [](int64_t i, int64_t j, int64_t, int64_t) { return i / 4 == j / 4; }, true},
    {"dilated by 2",
     "%w = arith.constant 2 : index\n %z = arith.constant 0 : index\n %d = arith.subi %i, %j : index\n"
     " %m = arith.remsi %d, %w : index\n %r = arith.cmpi eq, %m, %z : index",
     [](int64_t i, int64_t j, int64_t, int64_t) { return (i - j) % 2 == 0; }, false},
    {"not causal", "%t = arith.constant true\n %a = arith.cmpi sle, %j, %i : index\n %r = arith.xori %a, %t : i1",
     [](int64_t i, int64_t j, int64_t, int64_t) { return j > i; }, true},
    {"the same quarter of 8",
     "%w = arith.constant 8 : index\n %t = arith.constant 2 : index\n"
     " %a = arith.floordivsi %i, %w : index\n %b0 = arith.muli %a, %w : index\n %c = arith.subi %i, %b0 : index\n"
     " %d = arith.floordivsi %j, %w : index\n %e = arith.muli %d, %w : index\n %f = arith.subi %j, %e : index\n"
     " %g = arith.floordivsi %c, %t : index\n %u = arith.floordivsi %f, %t : index\n"
     " %r = arith.cmpi eq, %g, %u : index",
     [](int64_t i, int64_t j, int64_t, int64_t) { return i % 8 / 2 == j % 8 / 2; }, false},
    {"sink or near, by select",
     "%z = arith.constant 0 : index\n %s = arith.cmpi eq, %j, %z : index\n %a = arith.cmpi sle, %j, %i : index\n"
     " %t = arith.constant true\n %r = arith.select %s, %t, %a : i1",
     [](int64_t i, int64_t j, int64_t, int64_t) { return j == 0 || j <= i; }, false},
    {"product", "%d = arith.muli %i, %j : index\n %w = arith.constant 9 : index\n %r = arith.cmpi sgt, %d, %w : index",
     [](int64_t i, int64_t j, int64_t, int64_t) { return i * j > 9; }, true},
};

class MaskBounds : public testing::TestWithParam<MaskCase> {
protected:
  MaskBounds() {
    DialectRegistry registry;
    attnc::registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    std::string text = std::string(R"(
      func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %o: tensor<?x8xf32>) {
        %x = attn.attention q(%q "MD" : tensor<?x8xf32>) k(%k "ND" : tensor<?x8xf32>) v(%v "NE" : tensor<?x8xf32>)
          outs("ME", %o : tensor<?x8xf32>) mask {
        ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    )") + GetParam().body +
                       "\n attn.yield %r : i1\n } -> tensor<?x8xf32>\n return\n }";
    module = parseSourceString<ModuleOp>(text, &context);
    module->walk([&](attnc::attn::AttentionOp op) { mask = &op.getMask(); });
  }

  BlockTruth judge(OpBuilder &b, int64_t i0, int64_t i1, int64_t j0, int64_t j1, int64_t M, int64_t N) {
    Location loc = b.getUnknownLoc();
    auto index = [&](int64_t value) { return arith::ConstantIndexOp::create(b, loc, value).getResult(); };
    DenseMap<Value, IndexRange> ranges;
    ranges[mask->getArgument(2)] = {index(i0), index(i1)};
    ranges[mask->getArgument(3)] = {index(j0), index(j1)};
    IRMapping uniform;
    for (auto [argument, value] :
         {std::pair(0, int64_t(0)), std::pair(1, int64_t(0)), std::pair(4, M), std::pair(5, N)})
      uniform.map(mask->getArgument(argument), index(value));
    return attnc::schedule::emitBlockTruth(b, loc, *mask, ranges, uniform);
  }

  static bool isTrue(Value value) {
    APInt constant;
    EXPECT_TRUE(matchPattern(value, m_ConstantInt(&constant))) << "did not fold";
    return constant.getBoolValue();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  Region *mask = nullptr;
};

TEST_P(MaskBounds, VerdictHoldsForEveryElement) {
  ASSERT_TRUE(module && mask);
  for (auto [M, N] : {std::pair(6, 6), std::pair(4, 9), std::pair(9, 4)})
    for (int64_t i0 = 0; i0 < M; ++i0)
      for (int64_t i1 = i0; i1 < M; ++i1)
        for (int64_t j0 = 0; j0 < N; ++j0)
          for (int64_t j1 = j0; j1 < N; ++j1) {
            OwningOpRef<ModuleOp> scratch = ModuleOp::create(UnknownLoc::get(&context));
            OpBuilder b = OpBuilder::atBlockBegin(scratch->getBody());
            BlockTruth truth = judge(b, i0, i1, j0, j1, M, N);
            bool someAllowed = false, someMasked = false;
            for (int64_t i = i0; i <= i1; ++i)
              for (int64_t j = j0; j <= j1; ++j)
                (GetParam().allowed(i, j, M, N) ? someAllowed : someMasked) = true;
            auto where = [&] {
              return testing::Message() << "i " << i0 << ".." << i1 << ", j " << j0 << ".." << j1 << ", M " << M
                                        << ", N " << N;
            };
            if (GetParam().exact) {
              ASSERT_EQ(isTrue(truth.someAllowed), someAllowed) << where();
              ASSERT_EQ(isTrue(truth.someMasked), someMasked) << where();
            } else {
              ASSERT_GE(isTrue(truth.someAllowed), someAllowed) << where();
              ASSERT_GE(isTrue(truth.someMasked), someMasked) << where();
            }
          }
}

INSTANTIATE_TEST_SUITE_P(Library, MaskBounds, testing::ValuesIn(kCases), [](const auto &info) {
  std::string name = info.param.name;
  for (char &c : name)
    c = std::isalnum(c) ? c : '_';
  return name;
});

} // namespace
