//===- module-test.cpp - Entries, variants, CPU features, JSON ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/CpuFeatures.h"
#include "runtime/cpu/Invocation.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <set>
#include <string>

using namespace attnc::rt;

namespace {

struct Message {
  char text[512] = "";
  attnc_options options = attnc_options_init();
  Message() {
    options.message = text;
    options.message_capacity = sizeof text;
  }
};

TEST(FindEntry, ByName) {
  Message why;
  const attnc_module *module = attnc_module_v1();
  EXPECT_EQ(attnc_find_entry(module, "halves", &why.options), &module->entries[1]);
  EXPECT_EQ(attnc_find_entry(module, "score", &why.options), nullptr);
  EXPECT_STREQ(why.text, "no entry 'score'; did you mean 'scores'? the module "
                         "has 'scores', 'halves'");
  EXPECT_EQ(attnc_find_entry(module, "attention", &why.options), nullptr);
  EXPECT_STREQ(why.text, "no entry 'attention'; the module has 'scores', 'halves'");
  EXPECT_EQ(attnc_find_entry(module, nullptr, &why.options), nullptr);
  EXPECT_STREQ(why.text, "name an entry; the module has 'scores', 'halves'");
}

TEST(FindEntry, ChecksTheAbi) {
  Message why;
  attnc_module module = *attnc_module_v1();
  module.abi_version = 7;
  EXPECT_EQ(attnc_find_entry(&module, "scores", &why.options), nullptr);
  EXPECT_STREQ(why.text, "the module has ABI version 7, this runtime has 5");
}

TEST(Status, HasTexts) {
  std::set<std::string> texts;
  for (int status = ATTNC_OK; status <= ATTNC_OUT_OF_MEMORY; ++status)
    texts.insert(attnc_status_text(static_cast<attnc_status>(status)));
  EXPECT_EQ(texts.size(), 4u) << "each has its own";
}

//===----------------------------------------------------------------------===//
// CPU features
//===----------------------------------------------------------------------===//

TEST(Cpu, AgreesWithTheCompilersBuiltins) {
  uint64_t features = detectCpuFeatures();
  __builtin_cpu_init();
  auto check = [&](uint64_t bit, bool expected) { EXPECT_EQ((features & bit) != 0, expected) << cpuFeatureName(bit); };
  check(ATTNC_CPU_X86_64_V2, __builtin_cpu_supports("x86-64-v2"));
  check(ATTNC_CPU_X86_64_V3, __builtin_cpu_supports("x86-64-v3"));
  check(ATTNC_CPU_X86_64_V4, __builtin_cpu_supports("x86-64-v4"));
  check(ATTNC_CPU_AVX512_BF16, __builtin_cpu_supports("avx512bf16"));
  check(ATTNC_CPU_AVX512_FP16, __builtin_cpu_supports("avx512fp16"));
  check(ATTNC_CPU_AVX512_VNNI, __builtin_cpu_supports("avx512vnni"));
}

TEST(Cpu, LevelsLimit) {
  uint64_t all = ~UINT64_C(0), features = all;
  EXPECT_TRUE(limitCpuFeatures("v1", features));
  EXPECT_EQ(features, 0u);
  features = all;
  EXPECT_TRUE(limitCpuFeatures("x86-64-v3", features));
  EXPECT_EQ(features, ATTNC_CPU_X86_64_V2 | ATTNC_CPU_X86_64_V3);
  features = ATTNC_CPU_X86_64_V2; // a level gives nothing that is not there
  EXPECT_TRUE(limitCpuFeatures("v4", features));
  EXPECT_EQ(features, ATTNC_CPU_X86_64_V2);
  for (const char *level : {"", "v", "v0", "v5", "v33", "avx2", "x86-64-"})
    EXPECT_FALSE(limitCpuFeatures(level, features)) << level;
}

TEST(Cpu, PicksTheFirstVariantThatFits) {
  const attnc_entry &entry = attnc_module_v1()->entries[0];
  TextBuffer<256> why;
  uint64_t v2 = ATTNC_CPU_X86_64_V2, v3 = v2 | ATTNC_CPU_X86_64_V3;
  EXPECT_EQ(selectVariant(entry, v3 | ATTNC_CPU_X86_64_V4, why), &entry.variants[1]);
  EXPECT_EQ(selectVariant(entry, v2, why), &entry.variants[2]);
  EXPECT_EQ(selectVariant(entry, ~UINT64_C(0), why), &entry.variants[0]);
  EXPECT_STREQ(why.c_str(), "");
  EXPECT_EQ(selectVariant(entry, 0, why), nullptr);
  EXPECT_STREQ(why.c_str(), "'scores' was compiled for x86-64-v9, x86-64-v3, x86-64-v2; "
                            "this CPU has: baseline x86-64 only");
  why.clear();
  EXPECT_EQ(selectVariant(entry, ATTNC_CPU_AVX512_BF16, why), nullptr);
  EXPECT_THAT(why.c_str(), testing::EndsWith("this CPU has: avx512-bf16"));
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

TEST(Describe, WritesJson) {
  size_t length = attnc_describe(attnc_module_v1(), nullptr, 0);
  std::string text(length, '\0');
  EXPECT_EQ(attnc_describe(attnc_module_v1(), text.data(), length + 1), length);
  EXPECT_EQ(text, R"({"producer": "fake 1.0",
 "abi_version": 5,
 "entries": [
    {"name": "scores",
     "doc": "Sums of \"allowed\" scores.",
     "symbols": ["B", "M", "N"],
     "inputs": [
       {"name": "q", "type": "f32", "dims": ["B", "M", 4]},
       {"name": "k", "type": "f32", "dims": ["B", "N", 4]},
       {"name": "mask", "type": "bool", "dims": ["M", "N"]},
       {"name": "scale", "type": "f32", "dims": []}],
     "outputs": [
       {"name": "out", "type": "f32", "dims": ["B", "M"]}],
     "variants": [
       {"target": "x86-64-v9", "needs": ["x86-64-v2"]},
       {"target": "x86-64-v3", "needs": ["x86-64-v2", "x86-64-v3"]},
       {"target": "x86-64-v2", "needs": ["x86-64-v2"]}]},
    {"name": "halves",
     "doc": "",
     "symbols": ["N"],
     "inputs": [
       {"name": "x", "type": "bf16", "dims": ["N"]}],
     "outputs": [
       {"name": "lo", "type": "bf16", "dims": ["?"]},
       {"name": "info", "type": "i64", "dims": [2]}],
     "variants": [
       {"target": "x86-64", "needs": []}]}]}
)");
}

TEST(Spelling, FindsTheNearest) {
  EXPECT_EQ(editDistance("threads", "thread", 9), 1);
  EXPECT_EQ(editDistance("kitten", "sitting", 9), 3);
  EXPECT_EQ(editDistance("", "abc", 9), 3);
  EXPECT_EQ(editDistance("abc", "xyz", 2), 2) << "no more than the limit";
  Spelling spelling("thraeds");
  for (const char *name : {"inputs", "threads", "repeat"})
    spelling.offer(name);
  EXPECT_STREQ(spelling.best(), "threads");
  Spelling nothing("zzz");
  nothing.offer("a");
  EXPECT_EQ(nothing.best(), nullptr);
}

} // namespace
