//===- npy-test.cpp - Reading and writing .npy files ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Npy.h"
#include "runtime/cpu/Scalar.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <sys/stat.h>

using namespace attnc::rt;
using testing::EndsWith;
using testing::HasSubstr;

namespace {

constexpr ElementType f32 = {kDLFloat, 32}, f16 = {kDLFloat, 16}, f64 = {kDLFloat, 64}, bf16 = {kDLBfloat, 16},
                      u8 = {kDLUInt, 8}, u16 = {kDLUInt, 16}, i8 = {kDLInt, 8}, i16 = {kDLInt, 16}, i32 = {kDLInt, 32},
                      i64 = {kDLInt, 64}, boolean = {ATTNC_DL_BOOL, 8};

/// A directory that is removed at the end.
struct Directory {
  std::filesystem::path path;
  Directory() {
    char name[] = "/tmp/attnc-npy-XXXXXX";
    path = mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string file(const char *name) const { return path / name; }
};

/// The bytes of a version 1 file.
std::string npy(const std::string &dictionary, const std::string &data, char major = 1) {
  std::string text = "\x93NUMPY";
  text += major;
  text += '\0';
  text += static_cast<char>(dictionary.size() & 0xff);
  text += static_cast<char>(dictionary.size() >> 8);
  if (major > 1)
    text += std::string(2, '\0');
  return text + dictionary + data;
}

std::string header(const char *descr, const char *shape, const char *order = "False") {
  return std::string("{'descr': '") + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

struct Npy : testing::Test {
  Directory directory;
  NpyTensor tensor;
  TextBuffer<512> why;

  bool read(const std::string &bytes, const ElementType *wanted = nullptr) {
    std::string path = directory.file("x.npy");
    std::ofstream(path, std::ios::binary) << bytes;
    why.clear();
    return tensor.read(path.c_str(), wanted, why);
  }
  void expectError(const std::string &bytes, const char *text) {
    EXPECT_FALSE(read(bytes)) << text;
    EXPECT_EQ(why.c_str(), directory.file("x.npy") + ": " + text);
  }
};

TEST_F(Npy, ReadsWhatNumpyWrites) {
  // numpy.save of arange(6, dtype='<i2').reshape(2, 3)
  std::string text = header("<i2", "(2, 3)");
  text.pop_back();
  text += std::string(118 - text.size() - 1, ' ') + "\n";
  ASSERT_TRUE(read(npy(text, std::string("\0\0\1\0\2\0\3\0\4\0\5\0", 12)))) << why.c_str();
  EXPECT_EQ(tensor.type, i16);
  EXPECT_EQ(tensor.rank, 2);
  EXPECT_EQ(tensor.shape[0], 2);
  EXPECT_EQ(tensor.shape[1], 3);
  EXPECT_EQ(static_cast<int16_t *>(tensor.data)[5], 5);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data) % 64, 0u);
  EXPECT_STREQ(why.c_str(), "");
}

TEST_F(Npy, ReadsEveryType) {
  struct {
    const char *descr;
    ElementType type;
  } cases[] = {{"<f2", f16}, {"<f4", f32}, {"<f8", f64}, {"|i1", i8},  {"<i1", i8},      {">i1", i8}, {"<i2", i16},
               {"<i4", i32}, {"<i8", i64}, {"|u1", u8},  {"<u2", u16}, {"|b1", boolean}, {"=f4", f32}};
  for (auto &[descr, type] : cases) {
    std::string data(type.bits / 8, '\1');
    EXPECT_TRUE(read(npy(header(descr, "(1,)"), data))) << why.c_str();
    EXPECT_EQ(tensor.type, type) << descr;
  }
}

TEST_F(Npy, ReadsBfloat16AndBoolOnlyWhenAskedFor) {
  ASSERT_TRUE(read(npy(header("<u2", "()"), "\x80\x3f"), &bf16));
  EXPECT_EQ(tensor.type, bf16);
  ASSERT_TRUE(read(npy(header("<u2", "()"), "\x80\x3f"), &f16));
  EXPECT_EQ(tensor.type, u16);
  ASSERT_TRUE(read(npy(header("|u1", "()"), "\1"), &boolean));
  EXPECT_EQ(tensor.type, boolean);
  EXPECT_FALSE(read(npy(header("|u1", "()"), "\2"), &boolean));
  EXPECT_THAT(why.c_str(), EndsWith("a boolean is neither 0 nor 1"));
}

TEST_F(Npy, ReadsOtherSpellings) {
  for (const char *text : {"{\"shape\":(2L,), \"fortran_order\":False,\"descr\":\"|i1\"}",
                           " { 'fortran_order' : False , 'descr' : '|i1' , 'shape' : ( 2 , ) }  "
                           "\n",
                           "{'descr': '|i1', 'fortran_order': False, 'shape': (2), }"})
    EXPECT_TRUE(read(npy(text, "ab"))) << text << why.c_str();
  EXPECT_TRUE(read(npy(header("|i1", "(2,)"), "ab", 2))) << why.c_str();
  EXPECT_TRUE(read(npy(header("|i1", "(2,)"), "ab", 3))) << why.c_str();
}

TEST_F(Npy, TurnsFortranOrderRound) {
  // [[a, b, c], [d, e, f]] stored by columns
  ASSERT_TRUE(read(npy(header("|i1", "(2, 3)", "True"), "adbecf"))) << why.c_str();
  EXPECT_EQ(std::string(static_cast<char *>(tensor.data), 6), "abcdef");
  EXPECT_TRUE(read(npy(header("<f4", "(0, 5)", "True"), "")));
}

TEST_F(Npy, ReadsEmptyTensors) {
  ASSERT_TRUE(read(npy(header("<f4", "(3, 0, 9223372036854775807)"), ""))) << why.c_str();
  EXPECT_EQ(tensor.bytes, 0);
  EXPECT_NE(tensor.data, nullptr);
}

//===----------------------------------------------------------------------===//
// Lies
//===----------------------------------------------------------------------===//

TEST_F(Npy, RefusesOtherFiles) {
  expectError("", "not a .npy file");
  expectError("\x93NUMPY\1", "not a .npy file");
  expectError("PK\3\4 something else entirely", "not a .npy file");
  expectError(npy(header("|i1", "(2,)"), "ab", 4), ".npy format version 4 is not supported (1 to 3 are)");
}

TEST_F(Npy, RefusesHeadersLongerThanTheFile) {
  expectError(std::string("\x93NUMPY\1\0\xff\x7f{'descr'", 18),
              "the header's length (32767 bytes) does not fit the file");
  expectError(std::string("\x93NUMPY\2\0\xff\xff\xff\xff{'descr'", 20),
              "the header's length (4294967295 bytes) does not fit the file");
  expectError(std::string("\x93NUMPY\2\0\xff\xff", 10), "the header's length (65535 bytes) does not fit the file");
}

TEST_F(Npy, RefusesSizesThatDoNotFit) {
  expectError(npy(header("<f4", "(3,)"), "0123"), "f32[3] takes 12 bytes, but the file has 4 after its header");
  expectError(npy(header("<f4", "(1,)"), "01234567"), "f32[1] takes 4 bytes, but the file has 8 after its header");
  expectError(npy(header("<f4", "(1000000000000,)"), ""),
              "f32[1000000000000] takes 4000000000000 bytes, but the file has "
              "0 after its header");
  expectError(npy(header("<f4", "(9223372036854775807,)"), ""), "the shape in the header exceeds 2^63 bytes");
  expectError(npy(header("|i1", "(4294967296, 4294967296)"), ""), "the shape in the header exceeds 2^63 bytes");
  expectError(npy(header("|i1", "(9223372036854775808,)"), ""), "an extent in the header exceeds 2^63");
  expectError(npy(header("|i1", "(99999999999999999999999999,)"), ""), "an extent in the header exceeds 2^63");
  expectError(npy(header("|i1", "(-1,)"), "a"), "the header has a negative extent");
  expectError(npy(header("|i1", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"), "a"), "the tensor has more than 16 dimensions");
}

TEST_F(Npy, RefusesTypesByName) {
  expectError(npy(header(">f4", "(1,)"), "0123"), "big-endian dtype '>f4' is not supported; store it with "
                                                  ".astype('<...')");
  expectError(npy(header("|O", "(1,)"), "0123"), "dtype object holds pickled Python objects, not numbers");
  const char *list = "(float 2, 4, 8 bytes; integers; bool)";
  for (const char *descr : {"<c8", "<U3", "f4", "<f16", "<", "<M8[ns]"})
    expectError(npy(header(descr, "(1,)"), "0123"),
                (std::string("dtype '") + descr + "' is not supported " + list).c_str());
  expectError(npy("{'descr': [('x', '<f4')], 'fortran_order': False, "
                  "'shape': (1,)}",
                  "0123"),
              "structured dtypes are not supported");
  expectError(npy(header("<\x01\xff", "(1,)"), ""), (std::string("dtype '<?\?' is not supported ") + list).c_str());
}

TEST_F(Npy, RefusesMalformedDictionaries) {
  const char *malformed = "the header's dictionary is malformed";
  expectError(npy("", ""), "the header is not a dictionary");
  expectError(npy("[1]", ""), "the header is not a dictionary");
  expectError(npy("{", ""), malformed);
  expectError(npy("{'descr", ""), malformed);
  expectError(npy("{'descr'", ""), malformed);
  expectError(npy("{'descr': '<f4' 'shape'", ""), malformed);
  expectError(npy("{'de\\u0073cr': '<f4'}", ""), malformed);
  expectError(npy("{}", ""), "the header needs 'descr', 'fortran_order' and 'shape'");
  expectError(npy("{'descr': '<f4', 'descr': '<f4'}", ""), "the header has 'descr' twice");
  expectError(npy("{'size': 3}", ""), "the header's dictionary has an unknown key");
  expectError(npy(header("<f4", "(1,)") + "import os", "0123"), "the header has text after its dictionary");
  expectError(npy(header("<f4", "(1,)", "Maybe"), "0123"), "the header's 'fortran_order' is neither True nor False");
  for (const char *shape : {"1", "(1", "(,)", "(a,)", "(1 2)", "(1,,)", "[1]"})
    expectError(npy(header("<f4", shape), "0123"), "the header's 'shape' is not a tuple of numbers");
}

TEST_F(Npy, RefusesWhatIsNoFile) {
  EXPECT_FALSE(tensor.read("/nonexistent/q.npy", nullptr, why));
  EXPECT_STREQ(why.c_str(), "/nonexistent/q.npy: cannot be opened: No such "
                            "file or directory");
  why.clear();
  EXPECT_FALSE(tensor.read("/tmp", nullptr, why));
  EXPECT_STREQ(why.c_str(), "/tmp: not a regular file");
  std::string pipe = directory.file("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  why.clear();
  EXPECT_FALSE(tensor.read(pipe.c_str(), nullptr, why)) << "does not wait";
  EXPECT_THAT(why.c_str(), EndsWith("not a regular file"));
}

/// Every single-byte change of a good file is read or refused, and no more
/// memory is used than the file has bytes.
TEST_F(Npy, SurvivesEveryChangedByte) {
  std::string good = npy(header("<i2", "(2, 3)"), "abcdefghijkl");
  for (size_t at = 0; at < good.size(); ++at)
    for (int value = 0; value < 256; value += at < 12 ? 1 : 7) {
      std::string bad = good;
      bad[at] = static_cast<char>(value);
      NpyHeader parsed;
      TextBuffer<256> reason;
      if (parseNpyHeader(bad.data(), bad.size(), static_cast<int64_t>(bad.size()), parsed, reason))
        EXPECT_EQ(parsed.dataOffset + parsed.dataBytes, static_cast<int64_t>(bad.size()));
      else
        EXPECT_NE(reason.length(), 0u);
    }
}

TEST_F(Npy, SurvivesEveryTruncation) {
  std::string good = npy(header("<i2", "(2, 3)"), "abcdefghijkl");
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(read(good.substr(0, size))) << size;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

RC_GTEST_PROP(NpyRoundTrip, GivesTheSameTensor, ()) {
  constexpr ElementType types[] = {f16, f32, f64, bf16, u8, u16, i8, i16, i32, i64, boolean};
  ElementType type = *rc::gen::elementOf(std::vector<ElementType>(std::begin(types), std::end(types)));
  auto shape = *rc::gen::resize(6, rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(0, 6)));
  RC_PRE(shape.size() <= size_t(ATTNC_MAX_RANK));
  int rank = static_cast<int>(shape.size());
  TextBuffer<256> why;
  NpyTensor made;
  RC_ASSERT(made.allocate(type, rank, shape.data(), why));
  uint8_t seed = *rc::gen::arbitrary<uint8_t>();
  auto *bytes = static_cast<uint8_t *>(made.data);
  for (int64_t i = 0; i < made.bytes; ++i)
    bytes[i] = static_cast<uint8_t>(seed + i * 31) & (type == boolean ? 1 : 0xff);

  static Directory directory;
  std::string path = directory.file("round.npy");
  RC_ASSERT(writeNpy(path.c_str(), type, rank, shape.data(), made.data, why));
  NpyTensor read;
  RC_ASSERT(read.read(path.c_str(), &type, why));
  RC_ASSERT(read.type == type);
  RC_ASSERT(read.rank == rank);
  RC_ASSERT(std::equal(shape.begin(), shape.end(), read.shape));
  RC_ASSERT(read.bytes == made.bytes);
  RC_ASSERT(memcmp(read.data, made.data, static_cast<size_t>(made.bytes)) == 0);
  RC_ASSERT((std::filesystem::file_size(path) - made.bytes) % 64 == 0u);
}

TEST_F(Npy, WritesTheHighestRank) {
  int64_t shape[ATTNC_MAX_RANK];
  std::fill(std::begin(shape), std::end(shape), int64_t(1));
  shape[0] = 0;
  shape[1] = std::numeric_limits<int64_t>::max();
  std::string path = directory.file("deep.npy");
  ASSERT_TRUE(writeNpy(path.c_str(), f32, ATTNC_MAX_RANK, shape, "", why));
  ASSERT_TRUE(tensor.read(path.c_str(), nullptr, why)) << why.c_str();
  EXPECT_TRUE(std::equal(std::begin(shape), std::end(shape), tensor.shape));
}

TEST_F(Npy, SaysWhyItCannotWrite) {
  int64_t shape[] = {1};
  EXPECT_FALSE(writeNpy("/nonexistent/x.npy", f32, 1, shape, "abcd", why));
  EXPECT_STREQ(why.c_str(), "/nonexistent/x.npy: cannot be written: No such "
                            "file or directory");
  why.clear();
  EXPECT_FALSE(writeNpy("x.npy", {kDLFloat, 8}, 1, shape, "a", why));
  EXPECT_STREQ(why.c_str(), "x.npy: NumPy has no dtype for f8[1]");
  why.clear();
  EXPECT_FALSE(writeNpy("/dev/full", f32, 1, shape, "abcd", why));
  EXPECT_THAT(why.c_str(), HasSubstr("No space left"));
}

TEST(TensorPath, StaysInItsDirectory) {
  TextBuffer<64> path;
  addTensorPath(path, "d", "../../etc/x");
  EXPECT_STREQ(path.c_str(), "d/.._.._etc_x.npy");
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

TEST(Scalar, Floats) {
  float f = 0;
  EXPECT_TRUE(parseScalar("-2.5e1", f32, &f));
  EXPECT_EQ(f, -25.0f);
  double d = 0;
  EXPECT_TRUE(parseScalar("0.1", f64, &d));
  EXPECT_EQ(d, 0.1);
  EXPECT_TRUE(parseScalar("inf", f32, &f));
  EXPECT_EQ(f, std::numeric_limits<float>::infinity());
  for (const char *text : {"", "q.npy", "1.5x", "1 2"})
    EXPECT_FALSE(parseScalar(text, f32, &f)) << text;
}

TEST(Scalar, HalvesRoundToNearestEven) {
  struct {
    const char *text;
    uint16_t half, brain;
  } cases[] = {{"0", 0, 0},
               {"-0.0", 0x8000, 0x8000},
               {"1", 0x3c00, 0x3f80},
               {"-2", 0xc000, 0xc000},
               {"65504", 0x7bff, 0x4780},
               {"65519.99", 0x7bff, 0x4780},
               {"65520", 0x7c00, 0x4780},
               {"-1e30", 0xfc00, 0xf14a},
               {"inf", 0x7c00, 0x7f80},
               {"nan", 0x7e00, 0x7fc0},
               {"1.00048828125", 0x3c00, 0x3f80},       // halfway: to even
               {"1.00146484375", 0x3c02, 0x3f80},       // halfway: to even, upwards
               {"6.103515625e-05", 0x0400, 0x3880},     // least normal half
               {"5.9604644775390625e-08", 1, 0x3380},   // least half
               {"2.98023223876953125e-08", 0, 0x3300}}; // half of that: to even
  for (auto &[text, half, brain] : cases) {
    uint16_t value = 0xaaaa;
    EXPECT_TRUE(parseScalar(text, f16, &value));
    EXPECT_EQ(value, half) << text;
    EXPECT_TRUE(parseScalar(text, bf16, &value));
    EXPECT_EQ(value, brain) << text;
  }
}

TEST(Scalar, HalfAgreesWithTheCompiler) {
  for (int i = 0; i < 20'000; ++i) {
    double wanted = (i % 2 ? -1 : 1) * std::pow(1.0023, i - 10'000) * 1e-3;
    TextBuffer<64> text;
    text.add("%.17g", wanted);
    uint16_t ours;
    ASSERT_TRUE(parseScalar(text.c_str(), f16, &ours));
    auto theirs = static_cast<_Float16>(static_cast<float>(wanted));
    ASSERT_EQ(ours, __builtin_bit_cast(uint16_t, theirs)) << wanted;
  }
}

TEST(Scalar, Integers) {
  int8_t small = 0;
  EXPECT_TRUE(parseScalar("-128", i8, &small));
  EXPECT_EQ(small, -128);
  EXPECT_FALSE(parseScalar("128", i8, &small));
  EXPECT_FALSE(parseScalar("-129", i8, &small));
  uint8_t byte = 0;
  EXPECT_TRUE(parseScalar("255", u8, &byte));
  EXPECT_EQ(byte, 255);
  EXPECT_FALSE(parseScalar("-1", u8, &byte));
  EXPECT_TRUE(parseScalar("1", boolean, &byte));
  EXPECT_FALSE(parseScalar("2", boolean, &byte));
  int64_t large = 0;
  EXPECT_TRUE(parseScalar("-9223372036854775808", i64, &large));
  EXPECT_EQ(large, std::numeric_limits<int64_t>::min());
  EXPECT_FALSE(parseScalar("9223372036854775808", i64, &large));
  EXPECT_FALSE(parseScalar("1.5", i64, &large));
}

} // namespace
