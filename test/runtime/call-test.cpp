//===- call-test.cpp - attnc_plan and attnc_call on a hand-made module ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Tensors.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <string>
#include <thread>

using namespace attnc::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// A call of the fake module's `scores`, right in everything unless a test
/// changes it.
struct Scores : testing::Test {
  static constexpr int64_t B = 2, M = 3, N = 5;
  Tensor<float> q{f32, {B, M, 4}}, k{f32, {B, N, 4}}, scale{f32, {}}, out{f32, {B, M}};
  Tensor<uint8_t> mask{boolean, {M, N}};
  const DLTensor *inputs[4] = {q, k, mask, scale};
  DLTensor *outputs[1] = {out};
  const attnc_entry *entry = &attnc_module_v1()->entries[0];
  attnc_options options = attnc_options_init();
  char why[512] = "untouched";

  Scores() {
    for (size_t i = 0; i < q.values.size(); ++i)
      q.values[i] = static_cast<float>(i % 7) - 3;
    for (size_t i = 0; i < k.values.size(); ++i)
      k.values[i] = static_cast<float>(i % 5) - 1;
    for (size_t i = 0; i < mask.values.size(); ++i)
      mask.values[i] = i % 3 != 0;
    scale.values = {0.5f};
    scale.view.data = scale.values.data();
    std::fill(out.values.begin(), out.values.end(), NAN);
    options.message = why;
    options.message_capacity = sizeof why;
  }

  std::vector<float> expected() const {
    std::vector<float> result;
    for (int64_t b = 0; b < B; ++b)
      for (int64_t m = 0; m < M; ++m) {
        float sum = 0;
        for (int64_t n = 0; n < N; ++n)
          for (int64_t d = 0; d < 4 && mask.values[m * N + n]; ++d)
            sum += q.values[(b * M + m) * 4 + d] * k.values[(b * N + n) * 4 + d];
        result.push_back(sum * 0.5f);
      }
    return result;
  }

  attnc_status call() { return attnc_call(entry, inputs, outputs, &options); }

  void expectError(attnc_status status, const char *text) {
    EXPECT_EQ(call(), status);
    EXPECT_STREQ(why, text);
    EXPECT_TRUE(std::isnan(out.values[0])) << "outputs are untouched";
  }
  void expectResult() {
    ASSERT_EQ(call(), ATTNC_OK) << why;
    EXPECT_STREQ(why, "");
    EXPECT_EQ(out.values, expected());
  }
};

TEST_F(Scores, Runs) { expectResult(); }

// What a call writes lies on nothing that it reads.
TEST_F(Scores, RefusesAnOutputThatOverlapsAnInput) {
  DLTensor overlapping = *static_cast<DLTensor *>(out);
  overlapping.data = q.values.data() + 2; // aligned, inside of q
  outputs[0] = &overlapping;
  std::vector<float> before = q.values;
  EXPECT_EQ(call(), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "out: overlaps with the input q; what a call writes lies on nothing that it reads or writes");
  EXPECT_EQ(q.values, before);
}

TEST_F(Scores, RunsWithoutOptions) {
  EXPECT_EQ(attnc_call(entry, inputs, outputs, nullptr), ATTNC_OK);
  EXPECT_EQ(out.values, expected());
}

TEST_F(Scores, RunsOnThreads) {
  for (int threads : {1, 2, 5}) {
    ASSERT_EQ(attnc_context_create(threads, &options.context), ATTNC_OK);
    EXPECT_EQ(attnc_context_threads(options.context), threads);
    for (int limit : {0, 1, 2, 100}) {
      options.num_threads = limit;
      std::fill(out.values.begin(), out.values.end(), NAN);
      expectResult();
    }
    attnc_context_destroy(options.context);
  }
}

TEST_F(Scores, SharesAContextBetweenCallers) {
  ASSERT_EQ(attnc_context_create(3, &options.context), ATTNC_OK);
  std::vector<float> right = expected();
  auto caller = [&](std::vector<float> &result) {
    DLTensor mine = out.view, *myOutputs[] = {&mine};
    mine.data = result.data();
    attnc_options quiet = options;
    quiet.message = nullptr;
    for (int i = 0; i < 300; ++i) {
      std::fill(result.begin(), result.end(), NAN);
      ASSERT_EQ(attnc_call(entry, inputs, myOutputs, &quiet), ATTNC_OK);
      ASSERT_EQ(result, right);
    }
  };
  std::vector<float> a(right.size()), b(right.size());
  std::thread other([&] { caller(a); });
  caller(b);
  other.join();
  attnc_context_destroy(options.context);
}

//===----------------------------------------------------------------------===//
// Plan and workspace
//===----------------------------------------------------------------------===//

TEST_F(Scores, PlansShapesAndWorkspace) {
  q.view.data = k.view.data = mask.view.data = scale.view.data = nullptr;
  int64_t extents[2], bytes;
  ASSERT_EQ(attnc_plan(entry, inputs, extents, &bytes, &options), ATTNC_OK) << why;
  EXPECT_THAT(extents, ElementsAre(B, M));
  EXPECT_GE(bytes, B * M * 4);
  EXPECT_LT(bytes, B * M * 4 + 64);
  EXPECT_EQ(attnc_plan(entry, inputs, nullptr, nullptr, nullptr), ATTNC_OK);
}

struct Allocations {
  int live = 0, total = 0;
  static void *allocate(void *user, size_t size) {
    auto *self = static_cast<Allocations *>(user);
    ++self->live;
    ++self->total;
    return malloc(size);
  }
  static void release(void *user, void *memory) {
    --static_cast<Allocations *>(user)->live;
    free(memory);
  }
};

TEST_F(Scores, AllocatesOnceWithoutAWorkspaceAndNeverWithOne) {
  Allocations count;
  options.allocate = Allocations::allocate;
  options.release = Allocations::release;
  options.allocator_user = &count;
  expectResult();
  EXPECT_EQ(count.total, 1);
  EXPECT_EQ(count.live, 0);

  int64_t bytes;
  ASSERT_EQ(attnc_plan(entry, inputs, nullptr, &bytes, &options), ATTNC_OK);
  std::vector<char> memory(static_cast<size_t>(bytes) + 64);
  options.workspace_size = bytes;
  for (size_t offset = 0; offset < 64; ++offset) { // of any alignment
    options.workspace = memory.data() + offset;
    memory[offset + bytes] = 77;
    expectResult();
    EXPECT_EQ(memory[offset + bytes], 77);
  }
  EXPECT_EQ(count.total, 1);
}

TEST_F(Scores, RefusesASmallWorkspace) {
  char memory[8];
  options.workspace = memory;
  options.workspace_size = sizeof memory;
  expectError(ATTNC_OUT_OF_MEMORY, "'scores': the workspace has 8 bytes, these "
                                   "inputs need 87");
}

TEST_F(Scores, SaysThatMemoryIsOut) {
  options.allocate = [](void *, size_t) -> void * { return nullptr; };
  options.release = [](void *, void *) { FAIL(); };
  expectError(ATTNC_OUT_OF_MEMORY, "'scores': no memory for a workspace of 87 bytes");
}

//===----------------------------------------------------------------------===//
// Strides
//===----------------------------------------------------------------------===//

TEST_F(Scores, ReadsOuterStridesInPlace) {
  // The same numbers in memory order [M, B, 4].
  Tensor<float> swapped{f32, {B, M, 4}};
  for (int64_t b = 0; b < B; ++b)
    for (int64_t m = 0; m < M; ++m)
      for (int64_t d = 0; d < 4; ++d)
        swapped.values[(m * B + b) * 4 + d] = q.values[(b * M + m) * 4 + d];
  swapped.setStrides({4, B * 4, 1});
  inputs[0] = swapped;
  int64_t bytes;
  ASSERT_EQ(attnc_plan(entry, inputs, nullptr, &bytes, &options), ATTNC_OK);
  EXPECT_LT(bytes, B * M * 4 + 64) << "no copy";
  expectResult();
}

TEST_F(Scores, CopiesInnerStrides) {
  // The same numbers in memory order [4, M, B]; backwards along M.
  Tensor<float> swapped{f32, {B, M, 4}};
  for (int64_t b = 0; b < B; ++b)
    for (int64_t m = 0; m < M; ++m)
      for (int64_t d = 0; d < 4; ++d)
        swapped.values[(d * M + M - 1 - m) * B + b] = q.values[(b * M + m) * 4 + d];
  swapped.setStrides({1, -B, M * B});
  swapped.view.byte_offset = (M - 1) * B * sizeof(float);
  inputs[0] = swapped;
  int64_t bytes;
  ASSERT_EQ(attnc_plan(entry, inputs, nullptr, &bytes, &options), ATTNC_OK);
  EXPECT_GE(bytes, B * M * 4 + B * M * 4 * 4) << "a copy of q";
  expectResult();
}

TEST_F(Scores, CopiesUnalignedData) {
  std::vector<char> memory(q.values.size() * 4 + 1);
  memcpy(memory.data() + 1, q.values.data(), q.values.size() * 4);
  q.view.data = memory.data();
  q.view.byte_offset = 1;
  expectResult();
}

TEST_F(Scores, ReadsBroadcastInputs) {
  std::fill(k.values.begin(), k.values.end(), 2.0f);
  k.setStrides({0, 0, 0}); // every element is the first
  expectResult();
}

TEST_F(Scores, IgnoresStridesOfSingleElements) {
  Tensor<float> one{f32, {1, 1, 4}}, two{f32, {1, N, 4}}, result{f32, {1, 1}};
  Tensor<uint8_t> allowed{boolean, {1, N}};
  one.values = {1, 2, 3, 4};
  std::fill(two.values.begin(), two.values.end(), 1.0f);
  std::fill(allowed.values.begin(), allowed.values.end(), 1);
  one.view.data = one.values.data();
  one.setStrides({INT64_MIN, INT64_MAX, 1});
  result.setStrides({-7, 123});
  const DLTensor *in[] = {one, two, allowed, scale};
  DLTensor *to[] = {result};
  ASSERT_EQ(attnc_call(entry, in, to, &options), ATTNC_OK) << why;
  EXPECT_EQ(result.values[0], 25.0f);
}

TEST_F(Scores, ReadsSingleColumnsInPlace) {
  Tensor<float> oneKey{f32, {B, 1, 4}};
  Tensor<uint8_t> column{boolean, {M, 1}};
  column.setStrides({1, 77});
  inputs[1] = oneKey;
  inputs[2] = column;
  int64_t bytes;
  ASSERT_EQ(attnc_plan(entry, inputs, nullptr, &bytes, &options), ATTNC_OK);
  EXPECT_LT(bytes, B * M * 4 + 64) << "no copy";
}

TEST_F(Scores, TakesUint8ForBool) {
  mask.view.dtype = {kDLUInt, 8, 1};
  expectResult();
}

TEST_F(Scores, RunsOnNothing) {
  Tensor<float> noQ{f32, {0, M, 4}}, noK{f32, {0, 0, 4}}, noOut{f32, {0, M}};
  Tensor<uint8_t> noMask{boolean, {M, 0}};
  noQ.view.data = noK.view.data = noMask.view.data = noOut.view.data = nullptr;
  const DLTensor *in[] = {noQ, noK, noMask, scale};
  DLTensor *to[] = {noOut};
  EXPECT_EQ(attnc_call(entry, in, to, &options), ATTNC_OK) << why;
}

//===----------------------------------------------------------------------===//
// Mistakes in tensors
//===----------------------------------------------------------------------===//

TEST_F(Scores, NamesTheInputThatSetASymbol) {
  Tensor<float> wrong{f32, {3, 7, 4}};
  inputs[1] = wrong;
  expectError(ATTNC_INVALID_ARGUMENT, "k: expected f32[B, N, 4] with B = 2 "
                                      "(from q), got f32[3, 7, 4]");
}

TEST_F(Scores, NamesEverySymbolThatDoesNotFit) {
  Tensor<uint8_t> wrong{boolean, {N, M}};
  inputs[2] = wrong;
  expectError(ATTNC_INVALID_ARGUMENT, "mask: expected bool[M, N] with M = 3 (from q), N = 5 (from k), "
                                      "got bool[5, 3]");
}

TEST_F(Scores, ChecksFixedExtents) {
  Tensor<float> wrong{f32, {2, 3, 5}};
  inputs[0] = wrong;
  expectError(ATTNC_INVALID_ARGUMENT, "q: expected f32[B, M, 4], got f32[2, 3, 5]");
}

TEST_F(Scores, ChecksRank) {
  Tensor<float> wrong{f32, {2, 4}};
  inputs[0] = wrong;
  expectError(ATTNC_INVALID_ARGUMENT, "q: expected f32[B, M, 4], got f32[2, 4]");
}

TEST_F(Scores, ChecksScalars) {
  Tensor<float> wrong{f32, {1}};
  inputs[3] = wrong;
  expectError(ATTNC_INVALID_ARGUMENT, "scale: expected f32[], got f32[1]");
}

TEST_F(Scores, ChecksType) {
  q.view.dtype = f16;
  expectError(ATTNC_INVALID_ARGUMENT, "q: expected f32[B, M, 4], got f16[2, 3, 4]");
  q.view.dtype = {kDLFloat, 32, 4};
  expectError(ATTNC_INVALID_ARGUMENT, "q: expected f32[B, M, 4], got vectors of 4 f32[2, 3, 4]");
  q.view.dtype = {5, 64, 1};
  expectError(ATTNC_INVALID_ARGUMENT, "q: expected f32[B, M, 4], got type(5, 64 bits)[2, 3, 4]");
}

TEST_F(Scores, ChecksDevice) {
  q.view.device.device_type = kDLCUDA;
  expectError(ATTNC_INVALID_ARGUMENT, "q: the tensor is not in CPU memory (DLPack device type 2)");
  q.view.device.device_type = kDLCUDAHost;
  expectResult();
}

TEST_F(Scores, ChecksNull) {
  q.view.data = nullptr;
  expectError(ATTNC_INVALID_ARGUMENT, "q: data is NULL");
  inputs[0] = nullptr;
  expectError(ATTNC_INVALID_ARGUMENT, "q: the tensor is NULL");
  EXPECT_EQ(attnc_call(entry, nullptr, outputs, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_EQ(attnc_call(nullptr, inputs, outputs, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "the entry is NULL");
}

TEST_F(Scores, ChecksNonsense) {
  q.view.ndim = -1;
  expectError(ATTNC_INVALID_ARGUMENT, "q: rank -1 is outside 0 to 16");
  q.view.ndim = 1 << 30;
  expectError(ATTNC_INVALID_ARGUMENT, "q: rank 1073741824 is outside 0 to 16");
  q.view.ndim = 3;
  q.view.shape = nullptr;
  expectError(ATTNC_INVALID_ARGUMENT, "q: the tensor has rank 3 and no shape");
  q.view.shape = q.shape.data();
  q.shape[1] = -3;
  expectError(ATTNC_INVALID_ARGUMENT, "q: extent 1 is negative (-3)");
}

TEST_F(Scores, ChecksTheLargestExtent) {
  q.shape[1] = ATTNC_MAX_EXTENT + 1;
  expectError(ATTNC_INVALID_ARGUMENT, "q: extent 1 is above 2^29 (536870913)");
}

TEST_F(Scores, ChecksOverflowOfExtents) {
  q.shape[1] = INT64_MAX / 8;
  expectError(ATTNC_INVALID_ARGUMENT, "q: the elements of f32[2, 1152921504606846975, 4] reach beyond 2^63 bytes");
  q.setStrides({0, 0, 1}); // a tensor of one row that says it has many
  expectError(ATTNC_INVALID_ARGUMENT, "q: the elements of f32[2, 1152921504606846975, 4] with strides [0, 0, 1] reach "
                                      "beyond 2^63 bytes");
}

TEST_F(Scores, ChecksOverflowOfStrides) {
  // One element, then all of them together, then twice the bytes of an element too far.
  for (std::vector<int64_t> strides : {std::vector<int64_t>{INT64_MAX / 2, 4, 1},
                                       {INT64_MIN, 4, 1},
                                       {INT64_MAX / 8, INT64_MAX / 16, 1},
                                       {-INT64_MAX / 8, INT64_MAX / 16 + 1, 1},
                                       {INT64_MAX / 4, 4, 1}}) {
    q.setStrides(strides);
    std::string text = "q: the elements of f32[2, 3, 4] with strides [" + std::to_string(strides[0]) + ", " +
                       std::to_string(strides[1]) + ", 1] reach beyond 2^63 bytes";
    expectError(ATTNC_INVALID_ARGUMENT, text.c_str());
  }
}

TEST_F(Scores, ChecksTheAddressSpace) {
  q.view.byte_offset = UINT64_MAX - 7;
  EXPECT_EQ(call(), ATTNC_INVALID_ARGUMENT);
  EXPECT_THAT(why, testing::StartsWith("q: f32[2, 3, 4] at "));
  EXPECT_THAT(why, testing::EndsWith(", byte_offset 18446744073709551608, lies outside the address space"));
  q.view.byte_offset = 0;
  q.view.data = reinterpret_cast<void *>(UINTPTR_MAX - 63); // the last of 96 bytes would wrap around
  EXPECT_EQ(call(), ATTNC_INVALID_ARGUMENT);
  q.view.data = reinterpret_cast<void *>(uintptr_t(32)); // the last row would lie below address 0
  q.setStrides({-12, 4, 1});
  EXPECT_EQ(call(), ATTNC_INVALID_ARGUMENT);
  EXPECT_THAT(why, HasSubstr("with strides [-12, 4, 1] at 0x20, byte_offset 0, lies outside the address space"));
  q.view.data = nullptr; // a plan reads nothing
  EXPECT_EQ(attnc_plan(entry, inputs, nullptr, nullptr, &options), ATTNC_OK) << why;
}

TEST_F(Scores, AllowsAnythingWhereThereAreNoElements) {
  Tensor<float> noQ{f32, {0, M, 4}}, noK{f32, {0, N, 4}}, noOut{f32, {0, M}};
  noQ.view.data = noK.view.data = noOut.view.data = nullptr;
  noQ.setStrides({INT64_MAX, INT64_MIN, INT64_MAX});
  noK.view.byte_offset = UINT64_MAX;
  const DLTensor *in[] = {noQ, noK, mask, scale};
  DLTensor *to[] = {noOut};
  int64_t bytes;
  ASSERT_EQ(attnc_plan(entry, in, nullptr, &bytes, &options), ATTNC_OK) << why;
  EXPECT_EQ(bytes, 0) << "no copy of nothing";
  EXPECT_EQ(attnc_call(entry, in, to, &options), ATTNC_OK) << why;
}

TEST_F(Scores, ReadsBackwards) {
  Tensor<float> backwards{f32, {B, M, 4}};
  for (int64_t row = 0; row < B * M; ++row)
    std::copy_n(&q.values[row * 4], 4, &backwards.values[(B * M - 1 - row) * 4]);
  backwards.setStrides({-M * 4, -4, 1});
  backwards.view.byte_offset = (B * M - 1) * 4 * sizeof(float);
  inputs[0] = backwards;
  expectResult();
}

/// `scores` whose plan writes these numbers.
template <int64_t b, int64_t m, int64_t workspace>
static void planOf(void **args) {
  auto *out = static_cast<int64_t *>(args[4]);
  out[0] = b;
  out[1] = m;
  out[2] = workspace;
}

TEST_F(Scores, RefusesPlansThatOverflowed) {
  attnc_variant variant = entry->variants[2];
  attnc_entry changed = *entry;
  changed.num_variants = 1;
  changed.variants = &variant;
  entry = &changed;
  variant.plan = planOf<B, M, -1>;
  expectError(ATTNC_INVALID_ARGUMENT, "'scores': the workspace of these inputs would be larger than 2^63 bytes");
  variant.plan = planOf<B, -5, 0>;
  expectError(ATTNC_INVALID_ARGUMENT,
              "out: these inputs ask for f32[2, -5], of negative extent or larger than 2^63 bytes");
  variant.plan = planOf<INT64_MAX / 2, 3, 0>;
  expectError(ATTNC_INVALID_ARGUMENT, "out: these inputs ask for f32[4611686018427387903, 3], of negative extent or "
                                      "larger than 2^63 bytes");
  variant.plan = planOf<B, M, INT64_MAX>;
  expectError(ATTNC_INVALID_ARGUMENT, "'scores': the workspace would be larger than 2^63 bytes");
}

/// What is wrong with an element of an input is found by the kernel, before it writes. The first one counts.
static void refusing(void **args) {
  void *context = *static_cast<void **>(args[6]);
  attnc_rt_bad_index(context, 1, 4 * 9 + 3, -1, 7);
  attnc_rt_bad_index(context, 2, 0, 0, 0);
  attnc_rt_bad_index(nullptr, 0, 0, 0, 0);
}

TEST_F(Scores, TellsWhatAKernelRefuses) {
  attnc_variant variant = entry->variants[2];
  attnc_entry changed = *entry;
  changed.num_variants = 1;
  changed.variants = &variant;
  entry = &changed;
  variant.run = refusing;
  const char *text = "k: element [1, 4, 3] is -1, which is outside of the 7 positions that it indexes (0 to 6)";
  expectError(ATTNC_INVALID_ARGUMENT, text);
  attnc_context *threads;
  ASSERT_EQ(attnc_context_create(2, &threads), ATTNC_OK);
  options.context = threads;
  expectError(ATTNC_INVALID_ARGUMENT, text);
  variant.run = attnc_module_v1()->entries[0].variants[2].run;
  expectResult(); // the context has forgotten
  attnc_context_destroy(threads);
}

TEST_F(Scores, ChecksOutputs) {
  Tensor<float> wrong{f32, {M, B}};
  outputs[0] = wrong;
  expectError(ATTNC_INVALID_ARGUMENT, "out: expected f32[2, 3], got f32[3, 2]");
  Tensor<uint16_t> half{f16, {B, M}};
  outputs[0] = half;
  expectError(ATTNC_INVALID_ARGUMENT, "out: expected f32[2, 3], got f16[2, 3]");
  out.setStrides({1, B});
  outputs[0] = out;
  expectError(ATTNC_INVALID_ARGUMENT, "out: an output needs positive strides, the innermost 1, that put no element on "
                                      "another; got f32[2, 3] with strides [1, 2]");
  out.setStrides({M, 1});
  out.view.byte_offset = 2;
  expectError(ATTNC_INVALID_ARGUMENT, "out: an output must be aligned to its element");
  out.view.byte_offset = 0;
  out.view.data = nullptr;
  expectError(ATTNC_INVALID_ARGUMENT, "out: data is NULL");
  out.view.data = out.values.data();
  expectResult();
}

//===----------------------------------------------------------------------===//
// Options and messages
//===----------------------------------------------------------------------===//

TEST_F(Scores, TakesOptionsOfOlderCallers) {
  // Only the fields up to the context existed.
  options.struct_size = offsetof(attnc_options, parallel_for);
  options.parallel_for = [](void *, int64_t, attnc_body, void *) { FAIL(); };
  EXPECT_EQ(call(), ATTNC_OK);
  EXPECT_STREQ(why, "untouched");
  options.struct_size = 0;
  EXPECT_EQ(call(), ATTNC_INVALID_ARGUMENT);
}

TEST_F(Scores, ChecksOptions) {
  options.num_threads = -1;
  expectError(ATTNC_INVALID_ARGUMENT, "options: num_threads is negative");
  options.num_threads = 0;
  options.allocate = [](void *, size_t size) { return malloc(size); };
  expectError(ATTNC_INVALID_ARGUMENT, "options: set both allocate and release, or none");
}

TEST_F(Scores, CutsMessagesAtTheBuffersEnd) {
  inputs[0] = nullptr;
  for (size_t capacity : {size_t(0), size_t(1), size_t(5)}) {
    memset(why, 'x', sizeof why);
    options.message_capacity = capacity;
    EXPECT_EQ(call(), ATTNC_INVALID_ARGUMENT);
    EXPECT_EQ(why[capacity], 'x');
    if (capacity)
      EXPECT_EQ(std::string(why), std::string("q: the tensor is NULL").substr(0, capacity - 1));
  }
}

TEST_F(Scores, UsesTheHostsParallelFor) {
  struct Host {
    int64_t calls = 0;
    static void run(void *user, int64_t count, attnc_body body, void *data) {
      static_cast<Host *>(user)->calls++;
      for (int64_t i = count - 1; i >= 0; --i) // any order will do
        body(data, i, i + 1);
    }
  } host;
  options.parallel_for = Host::run;
  options.parallel_for_user = &host;
  expectResult();
  EXPECT_EQ(host.calls, 1);
}

//===----------------------------------------------------------------------===//
// Plain pointers
//===----------------------------------------------------------------------===//

TEST_F(Scores, RunsOnPlainPointers) {
  int64_t symbols[] = {B, M, N}, extents[2], bytes;
  ASSERT_EQ(attnc_plan_raw(entry, symbols, extents, &bytes, &options), ATTNC_OK);
  EXPECT_THAT(extents, ElementsAre(B, M));
  const void *from[] = {q.values.data(), k.values.data(), mask.values.data(), scale.values.data()};
  void *to[] = {out.values.data()};
  ASSERT_EQ(attnc_call_raw(entry, symbols, from, to, &options), ATTNC_OK) << why;
  EXPECT_EQ(out.values, expected());
  symbols[1] = -1;
  EXPECT_EQ(attnc_call_raw(entry, symbols, from, to, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "q: extent 1 is negative (-1)");
  symbols[1] = INT64_MAX / 4;
  EXPECT_EQ(attnc_plan_raw(entry, symbols, extents, &bytes, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "q: the elements of f32[2, 2305843009213693951, 4] reach beyond 2^63 bytes");
}

TEST_F(Scores, ChecksPlainPointers) {
  int64_t symbols[] = {B, M, N};
  const void *from[] = {q.values.data(), nullptr, mask.values.data(), scale.values.data()};
  void *to[] = {nullptr};
  EXPECT_EQ(attnc_call_raw(entry, symbols, from, to, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "k: data is NULL");
  EXPECT_EQ(attnc_call_raw(entry, symbols, nullptr, to, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "q: data is NULL");
  EXPECT_EQ(attnc_call_raw(entry, nullptr, from, to, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "q: extent 0 has no symbol; use attnc_call");
  from[1] = k.values.data();
  EXPECT_EQ(attnc_call_raw(entry, symbols, from, to, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "out: data is NULL");
  EXPECT_EQ(attnc_call_raw(entry, symbols, from, nullptr, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "out: data is NULL");
  to[0] = reinterpret_cast<char *>(out.values.data()) + 1;
  EXPECT_EQ(attnc_call_raw(entry, symbols, from, to, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "out: an output must be aligned to its element");
}

//===----------------------------------------------------------------------===//
// Promises
//===----------------------------------------------------------------------===//

/// An entry that takes sorted ids and counts its runs.
struct Promises : testing::Test {
  static inline int runs;
  attnc_dim idsDims[2] = {{-1, 0}, {-1, 1}}, outDims[1] = {{-1, 0}};
  attnc_tensor_info ids = {"ids", kDLInt, 32, ATTNC_TENSOR_SORTED | ATTNC_TENSOR_CHECKED, 2, idsDims};
  attnc_tensor_info out = {"out", kDLFloat, 32, 0, 1, outDims};
  const char *symbols[2] = {"B", "N"};
  attnc_variant variant = {"x86-64", 0,
                           [](void **args) {
                             auto *extents = static_cast<int64_t *>(args[1]);
                             extents[0] = static_cast<int64_t *>(args[0])[3]; // sizes[0]
                             extents[1] = 0;
                           },
                           [](void **) { ++runs; }};
  attnc_entry entry = {"f", nullptr, 1, 1, 2, 1, &ids, &out, symbols, &variant, nullptr, 0, nullptr};
  attnc_options options = attnc_options_init();
  char why[256] = "";
  Promises() {
    runs = 0;
    options.message = why;
    options.message_capacity = sizeof why;
  }

  template <typename T>
  attnc_status call(DLDataType type, std::vector<int64_t> shape, std::vector<T> values,
                    std::vector<int64_t> strides = {}) {
    Tensor<T> in(type, shape);
    in.values = values;
    in.view.data = in.values.data();
    if (!strides.empty())
      in.setStrides(strides);
    Tensor<float> result(f32, {shape[0]});
    const DLTensor *inputs[] = {in};
    DLTensor *outputs[] = {result};
    ids.type_bits = type.bits;
    EXPECT_EQ(attnc_plan(&entry, inputs, nullptr, nullptr, &options), ATTNC_OK) << "a plan reads no elements";
    return attnc_call(&entry, inputs, outputs, &options);
  }
};

constexpr DLDataType i32 = {kDLInt, 32, 1}, i8 = {kDLInt, 8, 1};

TEST_F(Promises, SortedIsCheckedRowByRow) {
  EXPECT_EQ(call<int32_t>(i32, {2, 3}, {1, 1, 2, -5, 0, INT32_MAX}), ATTNC_OK) << why;
  EXPECT_EQ(call<int32_t>(i32, {2, 3}, {1, 1, 2, 3, 5, 4}), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "ids: declared sorted, but element [1, 2] is 4 after 5");
  EXPECT_EQ(call<int8_t>(i8, {1, 3}, {-128, -1, 127}), ATTNC_OK) << why;
  EXPECT_EQ(call<int8_t>(i8, {1, 2}, {0, -1}), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "ids: declared sorted, but element [0, 1] is -1 after 0");
  EXPECT_EQ(call<int64_t>(i64, {1, 2}, {INT64_MIN, INT64_MAX}), ATTNC_OK) << why;
  EXPECT_EQ(call<int64_t>(i64, {1, 2}, {INT64_MAX, INT64_MIN}), ATTNC_INVALID_ARGUMENT);
  EXPECT_EQ(runs, 3) << "no kernel runs on a broken promise";
}

TEST_F(Promises, SortedIsCheckedAlongStrides) {
  EXPECT_EQ(call<int32_t>(i32, {2, 3}, {1, 9, 2, 8, 3, 7}, {1, 2}), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "ids: declared sorted, but element [1, 1] is 8 after 9");
  EXPECT_EQ(call<int32_t>(i32, {2, 3}, {1, 7, 2, 8, 3, 9}, {1, 2}), ATTNC_OK) << why;
  EXPECT_EQ(call<int32_t>(i32, {2, 0}, {}), ATTNC_OK) << why;
  EXPECT_EQ(call<int32_t>(i32, {0, 3}, {}), ATTNC_OK) << why;
}

TEST_F(Promises, IndicesAreChecked) {
  attnc_dim fixed[3] = {{-1, 0}, {-1, 1}, {5, -1}}, open[3] = {{-1, 0}, {-1, 1}, {-1, 1}};
  ids.flags = ATTNC_TENSOR_INDEX | ATTNC_TENSOR_CHECKED;
  ids.dims = fixed;
  EXPECT_EQ(call<int32_t>(i32, {2, 3}, {4, -5, 0, 1, 2, 3}), ATTNC_OK) << why;
  EXPECT_EQ(call<int32_t>(i32, {2, 3}, {4, -5, 0, 1, 5, 3}), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why,
               "ids: element [1, 1] is 5, which is outside of the 5 positions that it indexes (0 to 4, or from the "
               "end -5 to -1)");
  EXPECT_EQ(call<int64_t>(i64, {1, 1}, {INT64_MIN}), ATTNC_INVALID_ARGUMENT);
  ids.dims = open; // as many positions as columns
  EXPECT_EQ(call<int32_t>(i32, {1, 3}, {0, 2, -3}), ATTNC_OK) << why;
  EXPECT_EQ(call<int32_t>(i32, {1, 2}, {0, 2}), ATTNC_INVALID_ARGUMENT);
  EXPECT_EQ(call<int32_t>(i32, {2, 3}, {0, 9, 1, 1, 2, 2}, {1, 2}), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why,
               "ids: element [1, 0] is 9, which is outside of the 3 positions that it indexes (0 to 2, or from the "
               "end -3 to -1)");
  EXPECT_EQ(call<int32_t>(i32, {2, 0}, {}), ATTNC_OK) << why;
  ids.flags = ATTNC_TENSOR_INDEX;
  EXPECT_EQ(call<int32_t>(i32, {1, 2}, {0, 2}), ATTNC_OK) << "believed";
}

TEST_F(Promises, AreBelievedUnlessChecked) {
  ids.flags = ATTNC_TENSOR_SORTED;
  EXPECT_EQ(call<int32_t>(i32, {1, 2}, {2, 1}), ATTNC_OK) << why;
  ids.flags = ATTNC_TENSOR_CHECKED; // of nothing
  EXPECT_EQ(call<int32_t>(i32, {1, 2}, {2, 1}), ATTNC_OK) << why;
  EXPECT_EQ(runs, 2);
}

// The sum of two extents is at most 5; each of them may be.
TEST_F(Promises, SumsOfExtentsAreChecked) {
  int32_t terms[] = {0, 1};
  attnc_limit limit = {5, 2, terms};
  entry.num_limits = 1;
  entry.limits = &limit;
  ids.flags = 0;
  EXPECT_EQ(call<int32_t>(i32, {2, 3}, std::vector<int32_t>(6)), ATTNC_OK) << why;
  EXPECT_EQ(call<int32_t>(i32, {0, 5}, {}), ATTNC_OK) << why;
  Tensor<int32_t> large(i32, {3, 3});
  Tensor<float> result(f32, {3});
  const DLTensor *inputs[] = {large};
  DLTensor *outputs[] = {result};
  EXPECT_EQ(attnc_plan(&entry, inputs, nullptr, nullptr, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "B + N is 6 (3 + 3), but may be 5 at most");
  EXPECT_EQ(attnc_call(&entry, inputs, outputs, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_EQ(runs, 2);
}

TEST_F(Promises, AreWrittenInMessages) {
  Tensor<float> wrong(f32, {1, 2});
  const DLTensor *inputs[] = {wrong};
  EXPECT_EQ(attnc_plan(&entry, inputs, nullptr, nullptr, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "ids: expected sorted i32[B, N], got f32[1, 2]");
}

TEST(Halves, ChecksTheLimitOfASymbol) {
  const attnc_entry *entry = attnc_find_entry(attnc_module_v1(), "halves", nullptr);
  Tensor<uint16_t> longest{bf16, {1000}}, tooLong{bf16, {1001}};
  const DLTensor *fits[] = {longest}, *inputs[] = {tooLong};
  char why[256];
  attnc_options options = attnc_options_init();
  options.message = why;
  options.message_capacity = sizeof why;
  EXPECT_EQ(attnc_plan(entry, fits, nullptr, nullptr, &options), ATTNC_OK);
  EXPECT_EQ(attnc_plan(entry, inputs, nullptr, nullptr, &options), ATTNC_INVALID_ARGUMENT);
  EXPECT_STREQ(why, "x: expected bf16[N <= 1000], got bf16[1001]");
}

TEST(Halves, ComputesExtents) {
  const attnc_entry *entry = attnc_find_entry(attnc_module_v1(), "halves", nullptr);
  Tensor<uint16_t> x{bf16, {7}}, lo{bf16, {3}};
  Tensor<int64_t> info{i64, {2}};
  std::iota(x.values.begin(), x.values.end(), 1);
  const DLTensor *inputs[] = {x};
  DLTensor *outputs[] = {lo, info};
  int64_t extents[2], bytes;
  ASSERT_EQ(attnc_plan(entry, inputs, extents, &bytes, nullptr), ATTNC_OK);
  EXPECT_THAT(extents, ElementsAre(3, 2));
  EXPECT_EQ(bytes, 0);
  ASSERT_EQ(attnc_call(entry, inputs, outputs, nullptr), ATTNC_OK);
  EXPECT_THAT(lo.values, ElementsAre(1, 2, 3));
  EXPECT_THAT(info.values, ElementsAre(7, 1));
}

} // namespace
