//===- rows-test.cpp - Compiled layers against the interpreter ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is neither attention nor a matmul: norms, softmax, gathers, shapes,
// reductions, casts. Each program of Inputs/rows is compiled once per element
// type (it is written for f32, which stands for any) and run at ragged extents
// of its symbols B and S, empty ones included.
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/Interpreter.h"
#include "mlir/Parser/Parser.h"
#include "test/numerics/Compiled.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;
using attn::RefTensor;

static std::string folder; // of the programs, from the command line

namespace {
/// Poison in a floating-point input: NaN, and rows that are -inf.
enum class Poison { no, yes };

/// Floats are normal, integers in [0, 5), so that they may index a table.
RefTensor randomTensor(Type element, ArrayRef<int64_t> shape, Poison poison, std::mt19937 &generator) {
  RefTensor tensor(element, shape);
  std::normal_distribution<float> normal;
  for (double &value : tensor.floats)
    value = attn::roundTo(cast<FloatType>(element), normal(generator)); // ties of an argmax are ties for both
  for (int64_t &value : tensor.ints)
    value = generator() % (element.isInteger(1) ? 2 : 5);
  int64_t row = shape.empty() ? 1 : shape.back(), size = tensor.floats.size();
  if (poison == Poison::yes && size > 3 * row) {
    tensor.floats[row] = NAN;
    std::fill_n(tensor.floats.begin() + 2 * row, row, -INFINITY);
    tensor.floats.back() = INFINITY;
  }
  return tensor;
}

/// Extents of the symbols B and S.
struct Sizes {
  int64_t B, S;
};

/// The program with all its f32 replaced.
std::string programOf(StringRef file, StringRef type) {
  auto buffer = llvm::MemoryBuffer::getFile(file);
  if (!buffer)
    return "";
  std::string text = (*buffer)->getBuffer().str();
  for (size_t at = text.find("f32"); at != std::string::npos; at = text.find("f32", at + type.size()))
    text.replace(at, 3, type.str());
  return text;
}

/// The largest relative error: a few roundings of the type.
double limitFor(StringRef type) { return type == "f64" ? 1e-12 : type == "f32" ? 1e-5 : type == "f16" ? 4e-3 : 3e-2; }

/// A program and its element type.
using Case = std::tuple<const char *, const char *>;

class Rows : public testing::TestWithParam<Case> {
protected:
  void compile() {
    auto [program, type] = GetParam();
    limit = limitFor(type);
    SmallString<128> file(folder);
    llvm::sys::path::append(file, std::string(program) + ".mlir");
    module = parseSourceString<ModuleOp>(programOf(file, type), context.get());
    ASSERT_TRUE(module && !module->getBody()->empty()) << file.c_str();
    const char *target = std::getenv("ATTNC_TEST_TARGET"); // one program, a lit run per target
    compiled = Compiled::create(*module, target ? target : "host");
    ASSERT_TRUE(compiled) << file.c_str();
    if (!compiled->isRunnable())
      GTEST_SKIP() << "this machine has no " << target;
  }

  std::vector<RefTensor> makeInputs(func::FuncOp function, Sizes sizes, Poison poison) {
    std::mt19937 generator(7);
    std::vector<RefTensor> inputs;
    for (BlockArgument argument : function.getArguments()) {
      auto type = cast<RankedTensorType>(argument.getType());
      SmallVector<int64_t> shape(type.getShape());
      auto dims = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "attnc.dims");
      for (auto [extent, symbol] : llvm::zip(shape, dims.getAsValueRange<StringAttr>()))
        if (ShapedType::isDynamic(extent))
          extent = symbol == "B" ? sizes.B : sizes.S;
      inputs.push_back(randomTensor(type.getElementType(), shape, poison, generator));
    }
    return inputs;
  }

  void check(Sizes sizes, Poison poison = Poison::no) {
    SCOPED_TRACE("B=" + std::to_string(sizes.B) + " S=" + std::to_string(sizes.S));
    func::FuncOp function = *module->getOps<func::FuncOp>().begin();
    std::vector<RefTensor> inputs = makeInputs(function, sizes, poison);
    auto expected = attn::interpret(function, inputs);
    ASSERT_TRUE(succeeded(expected));
    std::string error;
    auto got = compiled->run(inputs, error);
    ASSERT_TRUE(got) << error;
    ASSERT_EQ(got->size(), expected->size());
    for (auto [mine, other] : llvm::zip(*got, *expected)) {
      attn::Comparison comparison = attn::compare(mine, other);
      EXPECT_TRUE(comparison.within(limit)) << describe(comparison, mine, other);
    }
  }

  std::unique_ptr<MLIRContext> context = makeContext();
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<Compiled> compiled;
  double limit = 0;
};
} // namespace

TEST_P(Rows, extents) {
  ASSERT_NO_FATAL_FAILURE(compile());
  for (int64_t b : {0, 1, 2, 5})
    for (int64_t s : {0, 1, 2, 3, 15, 16, 17, 31, 63, 64, 65, 127})
      check({b, s});
  check({1, 1003});
  check({300, 17}); // more rows than one task takes
}

TEST_P(Rows, poison) {
  ASSERT_NO_FATAL_FAILURE(compile());
  for (Sizes sizes : {Sizes{2, 4}, Sizes{1, 17}, Sizes{3, 65}})
    check(sizes, Poison::yes);
}

TEST_P(Rows, threads) {
  ASSERT_NO_FATAL_FAILURE(compile());
  compiled->useThreads(3);
  for (Sizes sizes : {Sizes{0, 5}, Sizes{1, 1}, Sizes{40, 200}, Sizes{1, 1003}})
    check(sizes);
}

static std::string caseName(const testing::TestParamInfo<Case> &info) {
  std::string name = std::string(std::get<0>(info.param)) + "_" + std::get<1>(info.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Programs, Rows,
                         testing::Combine(testing::Values("layer-norm", "softmax", "embedding", "shapes", "reductions"),
                                          testing::Values("f32", "f64", "f16", "bf16")),
                         caseName);
INSTANTIATE_TEST_SUITE_P(Casts, Rows, testing::Values(Case("casts", "f32")), caseName);

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    llvm::errs() << "usage: numerics-rows-test FOLDER_OF_PROGRAMS\n";
    return 2;
  }
  folder = argv[1];
  return RUN_ALL_TESTS();
}
