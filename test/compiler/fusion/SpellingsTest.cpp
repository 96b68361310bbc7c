//===- SpellingsTest.cpp - Every spelling keeps its value -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every function of the .mlir files beside this one runs on the f64 interpreter before
// and after fusion, with pseudo-random inputs. Results agree to 1e-12, but for one thing
// that fusion is meant to change: a row without an allowed key is NaN in the graph and 0
// in attention (A5).
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Pipeline.h"
#include "compiler/pipeline/Dialects.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <random>

using namespace mlir;
using namespace attnc;
namespace fs = std::filesystem;

namespace {
constexpr double kLimit = 1e-12;

std::vector<std::string> spellingFiles() {
  std::vector<std::string> files;
  if (const char *folder = std::getenv("ATTNC_SPELLINGS")) {
    fs::current_path(folder); // files of weights are named from there
    for (const fs::directory_entry &entry : fs::directory_iterator(folder))
      if (entry.path().extension() == ".mlir")
        files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// Normally distributed floats, fair coins for i1. Dynamic dimensions get an extent that depends on their name alone.
attn::RefTensor randomTensor(func::FuncOp function, unsigned argument, std::mt19937 &random) {
  auto type = cast<RankedTensorType>(function.getArgumentTypes()[argument]);
  auto names = function.getArgAttrOfType<ArrayAttr>(argument, "attnc.dims");
  SmallVector<int64_t> shape(type.getShape());
  for (auto [dim, extent] : llvm::enumerate(shape))
    if (ShapedType::isDynamic(extent))
      extent = names ? 3 + cast<StringAttr>(names[dim]).getValue().front() % 7 : 5;
  attn::RefTensor tensor(type.getElementType(), shape);
  std::normal_distribution<double> normal;
  for (double &value : tensor.floats)
    value = normal(random);
  for (int64_t &value : tensor.ints)
    value = random() % 2;
  return tensor;
}

/// The reference with 0 where a row without keys made NaN and fusion says 0.
attn::RefTensor withEmptyRows(attn::RefTensor reference, const attn::RefTensor &fused) {
  for (auto [expected, got] : llvm::zip(reference.floats, fused.floats))
    if (std::isnan(expected) && got == 0.0)
      expected = 0.0;
  return reference;
}

class Spellings : public testing::TestWithParam<std::string> {};
} // namespace

TEST_P(Spellings, FusionKeepsEveryValue) {
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  std::string messages;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { messages += diagnostic.str() + "\n"; });
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(GetParam(), &context);
  ASSERT_TRUE(module) << messages;
  OwningOpRef<ModuleOp> fused(module->clone());
  PassManager manager(&context);
  fusion::buildFusionPipeline(manager, {});
  ASSERT_TRUE(succeeded(manager.run(*fused))) << messages;
  std::mt19937 random(1);
  for (auto function : module->getOps<func::FuncOp>()) {
    std::vector<attn::RefTensor> inputs;
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      inputs.push_back(randomTensor(function, i, random));
    auto reference = attn::interpret(function, inputs);
    auto got = attn::interpret(fused->lookupSymbol<func::FuncOp>(function.getSymName()), inputs);
    ASSERT_TRUE(succeeded(reference) && succeeded(got)) << function.getSymName().str() << ": " << messages;
    for (auto [before, after] : llvm::zip(*reference, *got)) {
      before = withEmptyRows(before, after);
      attn::Comparison comparison = attn::compare(after, before);
      EXPECT_TRUE(comparison.within(kLimit))
          << function.getSymName().str() << ": " << attn::describe(comparison, after, before);
    }
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Spellings);
INSTANTIATE_TEST_SUITE_P(Files, Spellings, testing::ValuesIn(spellingFiles()),
                         [](const testing::TestParamInfo<std::string> &info) {
                           std::string name = fs::path(info.param).stem();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(SpellingsFolder, IsGiven) { EXPECT_GE(spellingFiles().size(), 5u); }
