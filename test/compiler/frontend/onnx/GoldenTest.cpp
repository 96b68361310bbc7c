//===- GoldenTest.cpp - Imported models against expected f64 values -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For every case below $ATTNC_GOLDEN/onnx: import model.onnx, run the IR on the reference interpreter with each set of
// inputs, and compare with what the original code computed in float64. The models of the kinds named here must import;
// others may be refused, or need --dims, but what is imported must be right. T5 is only imported: it finds the bucket
// of a distance as int(2 * log(8) / 4.158883), which is 1 in float32 and a little less in float64.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Import.h"
#include "compiler/frontend/onnx/Reader.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "runtime/cpu/Npy.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <filesystem>

using namespace mlir;
using namespace attnc;
namespace fs = std::filesystem;

namespace {
/// Constants such as 1/sqrt(d) are stored in float32 in the model but were computed in float64 by the original: 6e-8
/// apart.
constexpr double kLimit = 1e-6;

std::vector<std::string> goldenCases() {
  std::vector<std::string> names;
  if (const char *golden = std::getenv("ATTNC_GOLDEN"))
    for (const fs::directory_entry &entry : fs::directory_iterator(fs::path(golden) / "onnx"))
      names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

Type typeOf(rt::ElementType type, MLIRContext *context) {
  if (type.code == kDLFloat)
    return type.bits == 64 ? Type(Float64Type::get(context)) : Type(Float32Type::get(context));
  return IntegerType::get(context, type.code == ATTNC_DL_BOOL ? 1 : type.bits);
}

FailureOr<attn::RefTensor> readTensor(const fs::path &path, MLIRContext *context) {
  rt::NpyTensor file;
  rt::TextBuffer<512> why;
  if (!file.read(path.c_str(), nullptr, why)) {
    ADD_FAILURE() << path << ": " << why.c_str();
    return failure();
  }
  return attn::fromBytes(typeOf(file.type, context), ArrayRef(file.shape, file.rank),
                         ArrayRef(static_cast<const char *>(file.data), file.bytes));
}

fs::path tensorFile(const fs::path &folder, Attribute name) { return folder / (cast<StringAttr>(name).str() + ".npy"); }

class Golden : public testing::TestWithParam<std::string> {
protected:
  void checkSet(func::FuncOp function, const fs::path &folder, const std::string &suffix) {
    std::vector<attn::RefTensor> inputs;
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto input = readTensor(tensorFile(folder / ("inputs" + suffix), function.getArgAttr(i, "attnc.name")), &context);
      ASSERT_TRUE(succeeded(input));
      inputs.push_back(std::move(*input));
    }
    auto results = attn::interpret(function, inputs);
    ASSERT_TRUE(succeeded(results)) << messages;
    for (unsigned i = 0; i < function.getNumResults(); ++i) {
      Attribute name = function.getResultAttr(i, "attnc.name");
      auto expected = readTensor(tensorFile(folder / ("expected_f64" + suffix), name), &context);
      ASSERT_TRUE(succeeded(expected));
      attn::Comparison comparison = attn::compare((*results)[i], *expected);
      EXPECT_TRUE(comparison.within(kLimit))
          << cast<StringAttr>(name).str() << suffix << ": " << attn::describe(comparison, (*results)[i], *expected);
    }
  }

  /// --dims with the extents of one set of inputs, for models that do not hold for all of them.
  DimBindings dimsOf(const fs::path &folder, const std::string &suffix) {
    DimBindings dims;
    auto model = onnx::readModel((folder / "model.onnx").string(), &context);
    EXPECT_TRUE(succeeded(model));
    for (const onnx::ValueInfo &input : model->inputs) {
      auto tensor = readTensor(folder / ("inputs" + suffix) / (input.name + ".npy"), &context);
      for (size_t dim = 0; succeeded(tensor) && dim < tensor->shape.size(); ++dim)
        if (!(*input.shape)[dim].value)
          dims[(*input.shape)[dim].name] = tensor->shape[dim];
    }
    return dims;
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  std::string messages;
};
} // namespace

TEST_P(Golden, ImportedModelComputesTheExpectedValues) {
  fs::path folder = fs::path(std::getenv("ATTNC_GOLDEN")) / "onnx" / GetParam();
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { messages += diagnostic.str() + "\n"; });
  StringRef name = GetParam();
  bool isRequired = name.starts_with("attn_layer_") || name.starts_with("torch_mha_") || name.starts_with("torch_enc");
  auto dynamic = onnx::importModel((folder / "model.onnx").string(), &context, {});
  ASSERT_TRUE(succeeded(dynamic) || !isRequired) << messages;
  if (name.starts_with("hf_t5"))
    GTEST_SKIP() << "buckets at a border of float32";
  int sets = 0;
  for (std::string suffix; fs::exists(folder / ("inputs" + suffix)); suffix = "_" + std::to_string(++sets + 1)) {
    if (succeeded(dynamic)) {
      checkSet(*(*dynamic)->getOps<func::FuncOp>().begin(), folder, suffix);
      continue;
    }
    auto fixed = onnx::importModel((folder / "model.onnx").string(), &context, dimsOf(folder, suffix));
    if (failed(fixed))
      GTEST_SKIP() << messages;
    checkSet(*(*fixed)->getOps<func::FuncOp>().begin(), folder, suffix);
  }
  EXPECT_GT(sets, 0);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Golden);
INSTANTIATE_TEST_SUITE_P(Onnx, Golden, testing::ValuesIn(goldenCases()),
                         [](const testing::TestParamInfo<std::string> &info) { return info.param; });

TEST(GoldenFolder, SaysWhenItIsMissing) {
  if (!std::getenv("ATTNC_GOLDEN"))
    GTEST_SKIP() << "ATTNC_GOLDEN is not set: the golden cases are skipped";
  EXPECT_FALSE(goldenCases().empty());
}
