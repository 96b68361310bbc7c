//===- split-test.cpp - One module in parts that compile alone ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Split.h"
#include "compiler/pipeline/Dialects.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/STLExtras.h"
#include <gmock/gmock.h>

using namespace mlir;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

namespace {

/// `count` operations.
std::string work(int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += "  %v" + std::to_string(i) + " = arith.constant " + std::to_string(i) + ".0 : f32\n";
  return text + "  return\n}\n";
}

class Split : public testing::Test {
protected:
  Split() {
    DialectRegistry registry;
    attnc::registerDialects(registry);
    context.appendDialectRegistry(registry);
  }

  void split(const std::string &text) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    parts = attnc::emit::splitModule(std::move(module), stay, shared);
    for (OwningOpRef<ModuleOp> &part : parts)
      EXPECT_TRUE(succeeded(verify(*part)));
  }

  /// The symbols that part `index` has, with a body or without.
  std::vector<std::string> symbols(size_t index, bool withBody) {
    std::vector<std::string> names;
    for (auto function : parts[index]->getOps<FunctionOpInterface>())
      if (function.isExternal() != withBody)
        names.push_back(function.getName().str());
    return names;
  }
  std::vector<std::string> sharedNames() {
    std::vector<std::string> names;
    for (StringRef name : shared.keys())
      names.push_back(name.str());
    return names;
  }

  MLIRContext context;
  llvm::StringSet<> stay{"f"}, shared;
  std::vector<OwningOpRef<ModuleOp>> parts;
};

TEST_F(Split, LongFunctionsLeaveAndAreDeclaredWhereTheyAreUsed) {
  split("func.func @f() {\n  call @long() : () -> ()\n  call @short() : () -> ()\n" + work(100) +
        "func.func private @long() {\n" + work(64) + "func.func private @short() {\n" + work(4));
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_THAT(symbols(0, true), ElementsAre("long"));
  EXPECT_THAT(symbols(0, false), IsEmpty());
  EXPECT_THAT(symbols(1, true), UnorderedElementsAre("f", "short"));
  EXPECT_THAT(symbols(1, false), ElementsAre("long"));
  EXPECT_THAT(sharedNames(), ElementsAre("long"));
}

// A layer is a private function that launches bodies of its own, which others may launch too.
TEST_F(Split, LaunchersStayInOnePart) {
  std::string launch = "  call @body__launch(%context, %n) : (!llvm.ptr, index) -> ()\n";
  split("func.func @f(%context: !llvm.ptr, %n: index) {\n  call @layer(%context, %n) : (!llvm.ptr, index) -> ()\n" +
        launch + work(0) + "func.func private @layer(%context: !llvm.ptr, %n: index) {\n" + launch + work(64) +
        "func.func private @body__launch(!llvm.ptr, index) attributes {attnc.launches = @body}\n" +
        "func.func private @body(%begin: index, %end: index) {\n" + work(64));
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_THAT(symbols(0, true), ElementsAre("layer"));
  EXPECT_THAT(symbols(0, false), ElementsAre("body__launch"));
  EXPECT_THAT(symbols(1, true), ElementsAre("body"));
  EXPECT_THAT(symbols(2, false), UnorderedElementsAre("layer", "body", "body__launch"));
  EXPECT_THAT(sharedNames(), UnorderedElementsAre("layer", "body", "body__launch"));
  // Its body will be made in one of the parts.
  EXPECT_FALSE(parts[0]->lookupSymbol("body__launch")->hasAttr("attnc.launches"));
  EXPECT_TRUE(parts[2]->lookupSymbol("body__launch")->hasAttr("attnc.launches"));
}

TEST_F(Split, ConstantsAreSharedAndWeightsDeclaredByAll) {
  split(R"(
    memref.global constant @".weight.w" : memref<64xf32>
    memref.global "private" constant @table : memref<4xf32> = dense<[1.0, 2.0, 3.0, 4.0]>
    func.func private @body() {
      %w = memref.get_global @".weight.w" : memref<64xf32>
      %table = memref.get_global @table : memref<4xf32>)" +
        work(64));
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_TRUE(parts[0]->lookupSymbol(".weight.w"));
  EXPECT_TRUE(parts[0]->lookupSymbol("table"));
  EXPECT_THAT(sharedNames(), ElementsAre("table"));
}

TEST_F(Split, SmallFunctionsShareParts) {
  std::string text;
  for (int i = 0; i < 6; ++i)
    text += "func.func private @g" + std::to_string(i) + "() {\n" + work(20);
  split(text);
  ASSERT_EQ(parts.size(), 3u); // 3 * 22 operations are enough for one
  EXPECT_THAT(symbols(0, true), ElementsAre("g0", "g1", "g2"));
  EXPECT_THAT(symbols(1, true), ElementsAre("g3", "g4", "g5"));
  EXPECT_THAT(shared.size(), 0u);
}

TEST_F(Split, PartsAreNotMoreThanTheLinkerHasFilesFor) {
  std::string text;
  for (int i = 0; i < 500; ++i)
    text += "func.func private @g" + std::to_string(i) + "() {\n" + work(70);
  split(text);
  EXPECT_LE(parts.size(), 65u);
  EXPECT_GE(parts.size(), 60u);
}

} // namespace
