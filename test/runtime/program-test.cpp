//===- program-test.cpp - Compiled programs, run as processes -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fake-program has the one entry `scores`, fake-programs `halves` as well.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Npy.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <filesystem>
#include <string>
#include <sys/wait.h>

using namespace attnc::rt;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

namespace {

struct Program : testing::Test {
  std::filesystem::path directory, bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  int status = -1;
  std::string output; // stdout and stderr

  Program() {
    char name[] = "/tmp/attnc-program-XXXXXX";
    directory = mkdtemp(name);
    float values[24];
    for (float &value : values)
      value = 1;
    uint8_t allowed[6] = {1, 1, 1, 1, 0, 0};
    write("q", {kDLFloat, 32}, {1, 2, 4}, values);
    write("k", {kDLFloat, 32}, {1, 3, 4}, values);
    write("mask", {ATTNC_DL_BOOL, 8}, {2, 3}, allowed);
    float scale = 0.5f;
    write("scale", {kDLFloat, 32}, {}, &scale);
  }
  ~Program() override { std::filesystem::remove_all(directory); }

  void write(const char *name, ElementType type, std::vector<int64_t> shape, const void *values) {
    TextBuffer<256> why;
    ASSERT_TRUE(writeNpy((directory / name).replace_extension("npy").c_str(), type, static_cast<int>(shape.size()),
                         shape.data(), values, why))
        << why.c_str();
  }

  /// Runs a shell command in the directory of the tensors.
  void run(const std::string &command) {
    std::string whole = "cd " + directory.string() + " && PATH=" + bin.string() + ":$PATH && " + command + " 2>&1";
    FILE *pipe = popen(whole.c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    output.clear();
    char buffer[4096];
    while (size_t got = fread(buffer, 1, sizeof buffer, pipe))
      output.append(buffer, got);
    int result = pclose(pipe);
    status = WIFEXITED(result) ? WEXITSTATUS(result) : -1;
  }
  void expectOutput(const char *file) {
    NpyTensor tensor;
    TextBuffer<256> why;
    ASSERT_TRUE(tensor.read((directory / file).c_str(), nullptr, why)) << why.c_str() << "\n" << output;
    ASSERT_EQ(tensor.rank, 2);
    EXPECT_EQ(tensor.shape[0], 1);
    EXPECT_EQ(tensor.shape[1], 2);
    auto *values = static_cast<float *>(tensor.data);
    EXPECT_EQ(values[0], 6);
    EXPECT_EQ(values[1], 2);
  }
  void expectError(int wanted, const char *text) {
    EXPECT_EQ(status, wanted);
    EXPECT_EQ(output, text);
  }
};

constexpr char all[] = "fake-program --q q.npy --k k.npy --mask mask.npy --scale scale.npy ";

TEST_F(Program, ReadsAndWritesFiles) {
  run(std::string(all) + "-o out.npy");
  EXPECT_EQ(status, 0);
  EXPECT_EQ(output, "");
  expectOutput("out.npy");
}

TEST_F(Program, ReadsAndWritesDirectories) {
  run("fake-program --inputs . --outputs new --threads 2");
  EXPECT_EQ(status, 0) << output;
  expectOutput("new/out.npy");
}

TEST_F(Program, TakesOtherSpellings) {
  run("fake-program scores --in-q=q.npy --inputs=. --out-out=x.npy "
      "--scale 5e-1");
  EXPECT_EQ(status, 0) << output;
  expectOutput("x.npy");
}

TEST_F(Program, PrintsTheMedianTime) {
  run("fake-program --inputs . --threads 2 --repeat 3");
  EXPECT_EQ(status, 0) << output;
  EXPECT_THAT(output, MatchesRegex("median .* ms, min .* ms, max .* ms \\(3 "
                                   "runs, 2 threads, x86-64-v3\\)\n"));
}

TEST_F(Program, ExplainsItself) {
  run("fake-program --help");
  EXPECT_EQ(status, 0);
  EXPECT_THAT(output, HasSubstr("scores: Sums of \"allowed\" scores.\n"
                                "usage: fake-program --q FILE --k FILE --mask "
                                "FILE --scale FILE -o FILE\n"));
  EXPECT_THAT(output, HasSubstr("  --k              f32[B, N, 4]\n"));
  EXPECT_THAT(output, HasSubstr("  -o               out: f32[B, M]\n"));
  EXPECT_THAT(output, HasSubstr("B, M, N: any extent"));
  run("fake-program --version");
  EXPECT_EQ(status, 0);
  EXPECT_EQ(output, "fake-program: compiled by fake 1.0, ABI version 5, for "
                    "x86-64-v9, x86-64-v3, x86-64-v2\n");
  run("fake-program --describe");
  EXPECT_EQ(status, 0);
  EXPECT_THAT(output, HasSubstr("{\"name\": \"mask\", \"type\": \"bool\", "
                                "\"dims\": [\"M\", \"N\"]}"));
}

//===----------------------------------------------------------------------===//
// Usage: exit status 2
//===----------------------------------------------------------------------===//

TEST_F(Program, ListsEverythingThatIsMissing) {
  run("fake-program --q q.npy --scale 1");
  expectError(2, "fake-program: error: input k is missing: --k FILE, "
                 "f32[B, N, 4]\n"
                 "fake-program: error: input mask is missing: --mask FILE, "
                 "bool[M, N]\n"
                 "fake-program: error: nowhere to write: give -o FILE or "
                 "--outputs DIR\n"
                 "fake-program: --help shows how it is used\n");
}

TEST_F(Program, SuggestsNames) {
  run(std::string(all) + "--thread 3 --msk x --out-ot y -o z --zebra 1");
  EXPECT_EQ(status, 2);
  EXPECT_THAT(output, HasSubstr("unknown option --thread; did you mean --threads?"));
  EXPECT_THAT(output, HasSubstr("unknown option --msk; did you mean --mask?"));
  EXPECT_THAT(output, HasSubstr("unknown option --out-ot; did you mean --out-out?"));
  EXPECT_THAT(output, HasSubstr("unknown option --zebra; --help lists all"));
}

TEST_F(Program, ChecksValues) {
  run(std::string(all) + "-o x --threads many --repeat 0 --q again.npy");
  EXPECT_EQ(status, 2);
  EXPECT_THAT(output, HasSubstr("--threads takes a number from 1 to 1024, not 'many'"));
  EXPECT_THAT(output, HasSubstr("--repeat takes a number from 1 to 1000000, not '0'"));
  EXPECT_THAT(output, HasSubstr("--q is given twice"));
  run(std::string(all) + "-o");
  EXPECT_EQ(status, 2);
  EXPECT_THAT(output, HasSubstr("error: -o needs a value"));
  run(std::string(all) + "-o x.npy y.npy");
  EXPECT_EQ(status, 2);
  EXPECT_THAT(output, HasSubstr("'y.npy' is no option"));
}

TEST_F(Program, ChoosesAnEntry) {
  run("fake-programs scores --inputs . -o out.npy");
  EXPECT_EQ(status, 0) << output;
  expectOutput("out.npy");
  run("fake-programs");
  expectError(2, "fake-programs: error: name an entry; the module has "
                 "'scores', 'halves'\n");
  run("fake-programs halfs --inputs .");
  expectError(2, "fake-programs: error: no entry 'halfs'; did you mean "
                 "'halves'? the module has 'scores', 'halves'\n");
  run("fake-programs --help");
  EXPECT_EQ(status, 0);
  EXPECT_THAT(output, HasSubstr("usage: fake-programs scores --q FILE"));
  EXPECT_THAT(output, HasSubstr("usage: fake-programs halves --x FILE --out-lo "
                                "FILE --out-info FILE"));
}

TEST_F(Program, WritesSeveralOutputs) {
  uint16_t values[] = {1, 2, 3, 4, 5};
  write("x", {kDLBfloat, 16}, {5}, values);
  run("fake-programs halves --x x.npy -o y.npy");
  EXPECT_EQ(status, 2);
  EXPECT_THAT(output, HasSubstr("-o is for programs of one output; use "
                                "--out-lo FILE and so on"));
  run("fake-programs halves --x x.npy --out-lo lo.npy --outputs all");
  EXPECT_EQ(status, 0) << output;
  for (const char *file : {"lo.npy", "all/lo.npy"}) {
    NpyTensor lo;
    TextBuffer<256> why;
    ASSERT_TRUE(lo.read((directory / file).c_str(), nullptr, why));
    EXPECT_EQ(lo.shape[0], 2);
    EXPECT_EQ(static_cast<uint16_t *>(lo.data)[1], 2);
  }
  EXPECT_TRUE(std::filesystem::exists(directory / "all/info.npy"));
}

//===----------------------------------------------------------------------===//
// Wrong inputs: 1; wrong machine: 4
//===----------------------------------------------------------------------===//

TEST_F(Program, ReportsEveryBadFile) {
  std::filesystem::resize_file(directory / "q.npy", 100);
  run("fake-program --inputs . --k nowhere.npy -o x.npy");
  expectError(1, "fake-program: error: ./q.npy: the header's length (118 "
                 "bytes) does not fit the file\n"
                 "fake-program: error: nowhere.npy: cannot be opened: No such "
                 "file or directory\n");
}

TEST_F(Program, ReportsWrongShapes) {
  run("fake-program --inputs . --k q.npy -o x.npy");
  expectError(1, "fake-program: error: mask: expected bool[M, N] with N = 2 "
                 "(from k), got bool[2, 3]\n");
  run("fake-program --inputs . --q mask.npy -o x.npy");
  expectError(1, "fake-program: error: q: expected f32[B, M, 4], got "
                 "bool[2, 3]\n");
}

TEST_F(Program, ReportsThatItCannotWrite) {
  run("fake-program --inputs . -o /nonexistent/x.npy");
  expectError(1, "fake-program: error: /nonexistent/x.npy: cannot be written: "
                 "No such file or directory\n");
}

TEST_F(Program, ObeysAttncCpu) {
  run("ATTNC_CPU=v2 fake-program --inputs . --repeat 1");
  EXPECT_EQ(status, 0);
  EXPECT_THAT(output, EndsWith("x86-64-v2)\n"));
  run("ATTNC_CPU=v1 fake-program --inputs . --repeat 1");
  expectError(4, "fake-program: error: 'scores' was compiled for x86-64-v9, "
                 "x86-64-v3, x86-64-v2; this CPU has: baseline x86-64 only\n");
  run("ATTNC_CPU=v1 fake-program --help");
  EXPECT_EQ(status, 0);
  run("ATTNC_CPU=avx fake-program --inputs . --repeat 1");
  expectError(2, "fake-program: error: the environment variable ATTNC_CPU must "
                 "be v1, v2, v3 or v4\n");
}

TEST_F(Program, ObeysAttncNumThreads) {
  run("ATTNC_NUM_THREADS=3 fake-program --inputs . --repeat 1");
  EXPECT_THAT(output, HasSubstr("3 threads"));
}

TEST_F(Program, IsExampleCode) {
  run("example-program");
  EXPECT_EQ(status, 0);
  EXPECT_EQ(output, "6 6\n");
}

} // namespace
