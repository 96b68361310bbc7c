//===- dim-names-test.cpp - What a function calls its dimensions -----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Common/DimNames.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace attnc;

TEST(DimName, IsASymbolANumberOrComputed) {
  EXPECT_EQ(DimName::parse("B").symbol, "B");
  EXPECT_EQ(DimName::parse("16").fixed, 16);
  EXPECT_TRUE(DimName::parse("16").symbol.empty());
  DimName computed = DimName::parse("?");
  EXPECT_TRUE(computed.symbol.empty() && !computed.fixed && !computed.limit);
}

TEST(DimName, MayHaveALimit) {
  DimName name = DimName::parse("S<=512");
  EXPECT_EQ(name.symbol, "S");
  EXPECT_EQ(name.limit, 512);
  EXPECT_EQ(DimName::parse("S<=x").symbol, "S<=x");
  EXPECT_FALSE(DimName::parse("S<=x").limit);
}

TEST(DimName, OfDigitsAndLettersIsASymbol) {
  EXPECT_EQ(DimName::parse("2x").symbol, "2x");
  EXPECT_EQ(DimName::parse("99999999999999999999").symbol, "99999999999999999999");
}

// A user's attribute may be anything.
TEST(DimNames, AreNothingWhereTheAttributeSaysNothing) {
  MLIRContext context;
  context.loadDialect<func::FuncDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(
      R"(func.func private @f(tensor<?x4xf32> {attnc.dims = ["B", "?"]}, tensor<?xf32>, tensor<?xf32> {attnc.dims = [7]},
                              tensor<?xf32> {attnc.dims = "B"}) -> (tensor<?xf32> {attnc.dims = ["N"]}))",
      &context);
  ASSERT_TRUE(module);
  func::FuncOp function = *module->getOps<func::FuncOp>().begin();
  DimNames first = DimNames::ofArgument(function, 0);
  EXPECT_EQ(first.symbol(0).getValue(), "B");
  EXPECT_EQ(first.text(1).getValue(), "?");
  EXPECT_FALSE(first.symbol(1));
  EXPECT_FALSE(first.text(2));
  EXPECT_FALSE(first.text(-1));
  for (unsigned number : {1, 2, 3})
    EXPECT_FALSE(DimNames::ofArgument(function, number).text(0));
  EXPECT_EQ(DimNames::ofResult(function, 0).symbol(0).getValue(), "N");
}

TEST(DimSumLimit, IsReadAsItIsWritten) {
  MLIRContext context;
  DimSumLimit limit{{"past", "seq"}, 1024};
  std::optional<DimSumLimit> read = DimSumLimit::parse(limit.attribute(&context));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->symbols, limit.symbols);
  EXPECT_EQ(read->most, 1024);
}

TEST(DimSumLimit, IsNothingWhereTheAttributeSaysNothing) {
  MLIRContext context;
  EXPECT_FALSE(DimSumLimit::parse({}));
  for (const char *text : {"7", "{}", "{most = 7 : i64}", "{symbols = [\"a\"]}", "{most = 7 : i64, symbols = [7]}",
                           "{most = \"7\", symbols = [\"a\"]}", "{most = 7 : i8, symbols = [\"a\"]}"})
    EXPECT_FALSE(DimSumLimit::parse(parseAttribute(text, &context))) << text;
}
