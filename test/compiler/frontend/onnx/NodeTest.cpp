//===- NodeTest.cpp - The standard's own tests of operators ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For every test_NAME below $ATTNC_GOLDEN/onnx-node whose model this build imports: interpret it on the given inputs
// and compare with the given outputs, which were computed in the element type.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Import.h"
#include "compiler/frontend/onnx/Model.h"
#include "compiler/frontend/onnx/proto/onnx.pb.h"
#include "dialects/Attn/Interpreter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace mlir;
using namespace attnc;
namespace fs = std::filesystem;

namespace {
fs::path folder() { return fs::path(std::getenv("ATTNC_GOLDEN")) / "onnx-node"; }

/// input_0.pb, input_1.pb … as reference tensors.
std::vector<attn::RefTensor> readTensors(const fs::path &set, const std::string &kind, MLIRContext *context) {
  std::vector<attn::RefTensor> tensors;
  for (int i = 0; fs::exists(set / (kind + "_" + std::to_string(i) + ".pb")); ++i) {
    std::ifstream file(set / (kind + "_" + std::to_string(i) + ".pb"), std::ios::binary);
    ::onnx::TensorProto proto;
    EXPECT_TRUE(proto.ParseFromIstream(&file));
    Type type = attnc::onnx::elementTypeOf(proto.data_type(), context);
    EXPECT_TRUE(type && proto.has_raw_data());
    const std::string &raw = proto.raw_data();
    auto tensor = attn::fromBytes(type, SmallVector<int64_t>(proto.dims().begin(), proto.dims().end()),
                                  ArrayRef(raw.data(), raw.size()));
    EXPECT_TRUE(succeeded(tensor));
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

double limitOf(Type type) { return type.isF32() || type.isF64() ? 2e-5 : 4e-3; }
} // namespace

TEST(OnnxNode, ImportedOperatorsComputeTheExpectedValues) {
  if (!std::getenv("ATTNC_GOLDEN") || !fs::exists(folder()))
    GTEST_SKIP() << "ATTNC_GOLDEN is not set: the node tests are skipped";
  int imported = 0, refused = 0;
  for (const fs::directory_entry &entry : fs::directory_iterator(folder())) {
    if (!entry.is_directory())
      continue;
    MLIRContext context(MLIRContext::Threading::DISABLED);
    std::string messages;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { messages += diagnostic.str() + "\n"; });
    auto module = attnc::onnx::importModel((entry.path() / "model.onnx").string(), &context, {});
    if (failed(module)) {
      ++refused;
      continue;
    }
    ++imported;
    auto results = attn::interpret(*(*module)->getOps<func::FuncOp>().begin(),
                                   readTensors(entry.path() / "test_data_set_0", "input", &context));
    EXPECT_TRUE(succeeded(results)) << entry.path().filename() << ": " << messages;
    if (failed(results))
      continue;
    std::vector<attn::RefTensor> expected = readTensors(entry.path() / "test_data_set_0", "output", &context);
    ASSERT_EQ(results->size(), expected.size()) << entry.path().filename();
    for (size_t i = 0; i < expected.size(); ++i) {
      attn::Comparison comparison = attn::compare((*results)[i], expected[i]);
      EXPECT_TRUE(comparison.within(limitOf(expected[i].elementType)))
          << entry.path().filename() << " output " << i << ": "
          << attn::describe(comparison, (*results)[i], expected[i]);
    }
  }
  std::cout << imported << " node tests imported, " << refused << " refused\n";
  EXPECT_EQ(refused, 0);
}
