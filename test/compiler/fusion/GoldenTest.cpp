//===- GoldenTest.cpp - Fusion changes no value ---------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For every case below $ATTNC_GOLDEN/onnx that the front end imports: run the
// module on the f64 interpreter before and after fusion, on every set of
// inputs. The results agree to 1e-12, because fusion reorders hardly any
// arithmetic and rounds nothing. How many softmaxes are raised is known for each:
// all but look-alikes and those whose weights are a result.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Import.h"
#include "compiler/fusion/Pipeline.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Attn/Interpreter.h"
#include "dialects/Common/Calls.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "runtime/cpu/Npy.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <map>

using namespace mlir;
using namespace attnc;
namespace fs = std::filesystem;

namespace {
constexpr double kLimit = 1e-12;

/// Attention ops and softmaxes after fusion; attention ops whose mask compares positions and reads no tensor.
struct Counts {
  int attention, softmax, positional;
  bool operator==(const Counts &) const = default;
};

/// Every softmax is raised but the one over heads, and those whose weights are a result (as they are, or averaged over
/// heads): they must be in memory.
const std::map<std::string, Counts> &expectedCounts() {
  static const std::map<std::string, Counts> table = {
      {"attn_layer_bshd_einsum", {1, 0, 0}},
      {"attn_layer_div_tensor_nofold", {1, 0, 0}},
      {"attn_layer_dynamic", {1, 0, 0}},
      {"attn_layer_einsum", {1, 0, 0}},
      {"attn_layer_headmix_seed", {0, 1, 0}},
      {"attn_layer_mulq", {1, 0, 0}},
      {"attn_layer_static", {1, 0, 0}},
      {"attn_layer_weights", {0, 1, 0}},
      {"bert_codertimo", {2, 0, 0}},
      {"hf_bert", {2, 0, 0}},
      {"hf_gpt2_with_past", {2, 0, 0}},
      {"hf_t5_encoder", {2, 0, 0}},
      {"hf_t5_full", {6, 0, 0}},
      {"llama2c_gqa", {2, 0, 2}},
      {"llama2c_mha", {2, 0, 2}},
      {"llama2c_mqa", {2, 0, 2}},
      {"nanogpt_gpt2", {2, 0, 2}},
      {"nanogpt_gpt2_flash_decomposed", {2, 0, 2}},
      {"timm_vit", {2, 0, 0}},
      {"torch_enc_layer_postnorm_gelu", {1, 0, 0}},
      {"torch_enc_layer_postnorm_relu", {1, 0, 0}},
      {"torch_enc_layer_prenorm_gelu", {1, 0, 0}},
      {"torch_enc_layer_prenorm_relu", {1, 0, 0}},
      {"torch_encoder_2l_masks", {2, 0, 0}},
      {"torch_mha_attn_mask_float", {1, 0, 0}},
      {"torch_mha_biaskv_zeroattn", {1, 0, 0}},
      {"torch_mha_bool_masks_weights", {0, 1, 0}},
      {"torch_mha_cross_kvdim", {0, 1, 0}},
      {"torch_mha_kpm_avgweights", {0, 1, 0}},
      {"torch_mha_self", {1, 0, 0}},
      {"torch_mha_self_dynamic", {1, 0, 0}},
      {"torch_mha_seqfirst_nobias", {1, 0, 0}},
      {"torch_transformer_seq2seq", {6, 0, 2}},
      {"torch_transformer_seq2seq_dyn", {6, 0, 2}},
      {"torchtext_roberta", {2, 0, 0}},
      {"torchvision_vit", {2, 0, 0}},
      {"whisper_decoder", {4, 0, 2}},
      {"whisper_encoder", {2, 0, 0}},
      {"whisper_full", {6, 0, 2}},
  };
  return table;
}

std::vector<std::string> goldenCases() {
  std::vector<std::string> names;
  if (const char *golden = std::getenv("ATTNC_GOLDEN"))
    for (const fs::directory_entry &entry : fs::directory_iterator(fs::path(golden) / "onnx"))
      names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

class Golden : public testing::TestWithParam<std::string> {
protected:
  /// The tensor stored at `path`, of the argument's element type.
  attn::RefTensor readTensor(const fs::path &path, Type type) {
    rt::NpyTensor file;
    rt::TextBuffer<512> why;
    EXPECT_TRUE(file.read(path.c_str(), nullptr, why)) << path << ": " << why.c_str();
    ArrayRef<char> bytes(static_cast<const char *>(file.data), file.bytes);
    auto tensor = attn::fromBytes(getElementTypeOrSelf(type), ArrayRef(file.shape, file.rank), bytes);
    EXPECT_TRUE(succeeded(tensor)) << path;
    return succeeded(tensor) ? std::move(*tensor) : attn::RefTensor();
  }

  std::vector<attn::RefTensor> readInputs(func::FuncOp function, const fs::path &folder) {
    std::vector<attn::RefTensor> inputs;
    for (BlockArgument argument : function.getArguments()) {
      auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "attnc.name");
      inputs.push_back(readTensor(folder / (name.str() + ".npy"), argument.getType()));
    }
    return inputs;
  }

  void compareOn(func::FuncOp before, func::FuncOp after, const fs::path &folder) {
    std::vector<attn::RefTensor> inputs = readInputs(before, folder);
    auto reference = attn::interpret(before, inputs), fused = attn::interpret(after, inputs);
    ASSERT_TRUE(succeeded(reference) && succeeded(fused)) << messages;
    ASSERT_EQ(reference->size(), fused->size());
    for (auto [got, expected] : llvm::zip(*fused, *reference)) {
      attn::Comparison comparison = attn::compare(got, expected);
      EXPECT_TRUE(comparison.within(kLimit)) << folder << ": " << attn::describe(comparison, got, expected);
    }
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  std::string messages;
};

/// Ops of a layer as often as it is called.
template <typename Op>
int countOps(ModuleOp module, llvm::function_ref<bool(Op)> counts = [](Op) { return true; }) {
  CalledFunctions layers = findCalledFunctions(module);
  int count = 0;
  module.walk([&](Op op) {
    if (!counts(op))
      return;
    auto calls = layers.find(op->template getParentOfType<func::FuncOp>());
    count += calls == layers.end() ? 1 : static_cast<int>(calls->second.size());
  });
  return count;
}

bool isPositional(attn::AttentionOp op) {
  auto reads = [](Operation &inner) { return isa<tensor::ExtractOp>(inner); };
  return !op.getMask().empty() && llvm::none_of(op.getMask().front(), reads);
}
} // namespace

TEST_P(Golden, FusionKeepsEveryValue) {
  fs::path folder = fs::path(std::getenv("ATTNC_GOLDEN")) / "onnx" / GetParam();
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { messages += diagnostic.str() + "\n"; });
  auto module = onnx::importModel((folder / "model.onnx").string(), &context, {});
  auto expected = expectedCounts().find(GetParam());
  if (failed(module)) {
    ASSERT_EQ(expected, expectedCounts().end()) << messages;
    GTEST_SKIP() << messages;
  }
  OwningOpRef<ModuleOp> fused((*module)->clone());
  PassManager manager(&context);
  fusion::buildFusionPipeline(manager, {});
  ASSERT_TRUE(succeeded(manager.run(*fused))) << messages;
  Counts counts{countOps<attn::AttentionOp>(*fused), countOps<linalg::SoftmaxOp>(*fused),
                countOps<attn::AttentionOp>(*fused, isPositional)};
  RecordProperty("attention", counts.attention);
  if (expected != expectedCounts().end()) {
    EXPECT_EQ(counts.attention, expected->second.attention);
    EXPECT_EQ(counts.softmax, expected->second.softmax);
    EXPECT_EQ(counts.positional, expected->second.positional);
    EXPECT_EQ(countOps<linalg::ContractOp>(*fused), 0);
  }
  bool warns = messages.find("softmax runs over the head axis") != std::string::npos;
  EXPECT_EQ(warns, GetParam() == "attn_layer_headmix_seed") << messages;
  auto before = *(*module)->getOps<func::FuncOp>().begin(), after = *fused->getOps<func::FuncOp>().begin();
  int sets = 0;
  for (fs::path inputs = folder / "inputs"; fs::exists(inputs); inputs = folder / fmt::format("inputs_{}", sets + 1)) {
    compareOn(before, after, inputs);
    ++sets;
  }
  EXPECT_GT(sets, 0);
  printf("  %s: %d attention, %d softmax, %d masks of positions\n", GetParam().c_str(), counts.attention,
         counts.softmax, counts.positional);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Golden);
INSTANTIATE_TEST_SUITE_P(Onnx, Golden, testing::ValuesIn(goldenCases()),
                         [](const testing::TestParamInfo<std::string> &info) { return info.param; });

// ONNX's own node tests: the bodies of Attention and FlexAttention, written out, are one attention each.
TEST(GoldenNodes, ExpandedAttentionIsOneAttention) {
  if (!std::getenv("ATTNC_GOLDEN"))
    GTEST_SKIP() << "ATTNC_GOLDEN is not set: the node tests are skipped";
  int found = 0;
  for (const char *set : {"onnx-node", "onnx-node-head"})
    for (const fs::directory_entry &entry : fs::directory_iterator(fs::path(std::getenv("ATTNC_GOLDEN")) / set)) {
      std::string name = entry.path().filename();
      auto has = [&](const char *text) { return name.find(text) != std::string::npos; };
      if (!has("attention") || !has("_expanded") || has("linear_attention"))
        continue;
      MLIRContext context(MLIRContext::Threading::DISABLED);
      auto module = onnx::importModel((entry.path() / "model.onnx").string(), &context, {});
      ASSERT_TRUE(succeeded(module)) << name;
      PassManager manager(&context);
      fusion::buildFusionPipeline(manager, {});
      ASSERT_TRUE(succeeded(manager.run(**module))) << name;
      // Weights that are a result, or that another factor than 1 multiplies, must be in memory.
      bool isOne = !has("qk_matmul_softmax") && !has("prob_mod");
      EXPECT_EQ(countOps<attn::AttentionOp>(**module), isOne ? 1 : 0) << name;
      EXPECT_EQ(countOps<linalg::SoftmaxOp>(**module), isOne ? 0 : 1) << name;
      ++found;
    }
  printf("  %d expanded attentions\n", found);
  EXPECT_GT(found, 70);
}

TEST(GoldenFolder, HoldsEveryCaseOfTheTable) {
  if (!std::getenv("ATTNC_GOLDEN"))
    GTEST_SKIP() << "ATTNC_GOLDEN is not set: the golden cases are skipped";
  std::vector<std::string> names = goldenCases();
  for (const auto &[name, counts] : expectedCounts())
    EXPECT_TRUE(llvm::is_contained(names, name)) << name;
}
