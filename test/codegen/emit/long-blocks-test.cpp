//===- long-blocks-test.cpp - Blocks that code generation gets in pieces --===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/LongBlocks.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

namespace {

class LongBlocks : public testing::Test {
protected:
  /// A loop whose block has `count` instructions `op <16 x i64>`, each of the one before, behind two allocas.
  llvm::Function &chain(llvm::StringRef op, int count) {
    std::string text;
    llvm::raw_string_ostream out(text);
    out << "define void @f(ptr %p, i1 %again) \"target-cpu\"=\"x86-64-v4\" {\n  %a = alloca i64\n  br label "
           "%loop\nloop:\n"
        << "  %v0 = phi <16 x i64> [ zeroinitializer, %0 ], [ %v" << count << ", %loop ]\n";
    for (int n = 1; n <= count; ++n)
      out << "  %v" << n << " = " << op << " <16 x i64> %v" << n - 1 << ", splat (i64 7)\n";
    out << "  store <16 x i64> %v" << count
        << ", ptr %p\n  br i1 %again, label %loop, label %end\nend:\n  ret void\n}\n";
    llvm::SMDiagnostic problem;
    module = llvm::parseAssemblyString(text, problem, context);
    EXPECT_TRUE(module) << problem.getMessage().str();
    attnc::emit::leaveLongBlocks(*module);
    EXPECT_FALSE(llvm::verifyModule(*module, &llvm::errs()));
    return *module->getFunction("f");
  }

  static size_t longest(const llvm::Function &function) {
    size_t most = 0;
    for (const llvm::BasicBlock &block : function)
      most = std::max(most, block.size());
    return most;
  }

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
};

TEST_F(LongBlocks, ShortOnesStayAsTheyAre) {
  llvm::Function &f = chain("add", 1900);
  EXPECT_FALSE(f.hasOptNone());
  EXPECT_EQ(f.size(), 3u);
}

TEST_F(LongBlocks, LongOnesArePiecesAndNotOptimised) {
  llvm::Function &f = chain("add", 5000);
  EXPECT_TRUE(f.hasOptNone());
  EXPECT_LE(longest(f), 300u);
  EXPECT_GT(longest(f), 200u);
}

TEST_F(LongBlocks, DivisionsOfShortOnesAreInline) {
  llvm::Function &f = chain("sdiv", 500);
  EXPECT_FALSE(f.hasOptNone());
  EXPECT_EQ(module->size(), 1u);
}

TEST_F(LongBlocks, DivisionsOfLongOnesAreCalls) {
  llvm::Function &f = chain("sdiv", 2100);
  ASSERT_TRUE(f.hasOptNone());
  EXPECT_EQ(module->size(), 2u); // one function for all of them
  for (llvm::BasicBlock &block : f)
    for (llvm::Instruction &instruction : block)
      EXPECT_FALSE(instruction.isIntDivRem());
  llvm::Function *divide = module->getFunction("f.sdiv.16");
  ASSERT_TRUE(divide);
  EXPECT_TRUE(divide->hasInternalLinkage());
  EXPECT_EQ(divide->getFnAttribute("target-cpu").getValueAsString(), "x86-64-v4");
}

// The place of memory on the stack is fixed in the first block alone.
TEST_F(LongBlocks, MemoryStaysInTheFirstBlock) {
  std::string text = "define void @f(ptr %p) {\n";
  for (int n = 0; n < 3000; ++n)
    text += "  store volatile i8 0, ptr %p\n";
  text += "  %a = alloca i64\n  store ptr %a, ptr %p\n";
  for (int n = 0; n < 3000; ++n)
    text += "  store volatile i8 1, ptr %p\n";
  llvm::SMDiagnostic problem;
  module = llvm::parseAssemblyString(text + "  ret void\n}\n", problem, context);
  ASSERT_TRUE(module);
  attnc::emit::leaveLongBlocks(*module);
  llvm::Function &f = *module->getFunction("f");
  EXPECT_GT(f.size(), 5u);
  for (llvm::BasicBlock &block : f)
    for (llvm::Instruction &instruction : block)
      if (auto *memory = llvm::dyn_cast<llvm::AllocaInst>(&instruction)) {
        EXPECT_TRUE(memory->isStaticAlloca());
      }
}

} // namespace
