//===- SafetensorsTest.cpp - The rules of the format, each broken once ----===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/weights/Safetensors.h"
#include "llvm/Support/Endian.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace attnc::weights;
using testing::HasSubstr;
using testing::Not;

namespace {

/// A file with this header and `dataBytes` bytes 0, 1, 2, ...
std::string file(llvm::StringRef header, size_t dataBytes) {
  std::string bytes(8, '\0');
  llvm::support::endian::write64le(bytes.data(), header.size());
  bytes += header;
  for (size_t i = 0; i < dataBytes; ++i)
    bytes += static_cast<char>(i);
  return bytes;
}

/// The error of these bytes, "" if they are accepted.
std::string errorOf(const std::string &bytes) {
  llvm::Expected<std::vector<Tensor>> tensors = parseSafetensors(bytes);
  return tensors ? "" : llvm::toString(tensors.takeError());
}

std::string errorOf(llvm::StringRef header, size_t dataBytes) { return errorOf(file(header, dataBytes)); }

TEST(Safetensors, GivesNamesTypesShapesAndBytes) {
  std::string bytes = file(R"({"__metadata__":{"format":"pt"},
    "b":{"dtype":"F32","shape":[2,1],"data_offsets":[4,12]},
    "a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}   )",
                           12);
  llvm::Expected<std::vector<Tensor>> tensors = parseSafetensors(bytes);
  ASSERT_TRUE(bool(tensors));
  ASSERT_EQ(tensors->size(), 2u);
  const Tensor &a = (*tensors)[0], &b = (*tensors)[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.dtype, "BF16");
  EXPECT_EQ(b.shape, (llvm::SmallVector<int64_t>{2, 1}));
  EXPECT_EQ(b.data.size(), 8u);
  EXPECT_EQ(b.data[0], 4);
}

TEST(Safetensors, ScalarsAndEmptyTensorsAreLegal) {
  EXPECT_EQ(errorOf(R"({"s":{"dtype":"F64","shape":[],"data_offsets":[0,8]},
    "e":{"dtype":"F64","shape":[0,3],"data_offsets":[8,8]},
    "f":{"dtype":"I8","shape":[0],"data_offsets":[8,8]}})",
                    8),
            "");
  EXPECT_EQ(errorOf("{}", 0), "");
}

TEST(Safetensors, TheFileHasItsHeader) {
  EXPECT_THAT(errorOf(std::string("1234567")), HasSubstr("7 bytes are too few"));
  EXPECT_THAT(errorOf(file("{}", 0).substr(0, 9)), HasSubstr("should have 2 bytes, the file ends after 1"));
  std::string bytes = file("{}", 0);
  llvm::support::endian::write64le(bytes.data(), kMaxHeaderBytes + 1);
  EXPECT_THAT(errorOf(bytes), HasSubstr("above the limit"));
  llvm::support::endian::write64le(bytes.data(), UINT64_MAX - 7); // 8 + N wraps around
  EXPECT_THAT(errorOf(bytes), HasSubstr("above the limit"));
}

TEST(Safetensors, TheHeaderIsOneObject) {
  EXPECT_THAT(errorOf(" {}", 0), HasSubstr("must begin with '{'"));
  EXPECT_THAT(errorOf("{}\n", 0), HasSubstr("must begin with '{'"));
  EXPECT_THAT(errorOf("{,}", 0), HasSubstr("not valid JSON"));
  EXPECT_THAT(errorOf("{\"\xff\":1}", 0), HasSubstr("not valid JSON"));
  EXPECT_THAT(errorOf("{" + std::string(300000, '['), 0), HasSubstr("must begin"));
  EXPECT_THAT(errorOf("{\"a\":" + std::string(300000, '[') + "}", 0), HasSubstr("not valid JSON"));
}

TEST(Safetensors, KeysAreThereOnce) {
  EXPECT_THAT(errorOf(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
    "a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                      1),
              HasSubstr("the key 'a' is there twice"));
  EXPECT_THAT(errorOf(R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 1),
              HasSubstr("the key 'dtype' is there twice"));
}

TEST(Safetensors, MetadataAreStrings) {
  EXPECT_THAT(errorOf(R"({"__metadata__":{"n":1}})", 0), HasSubstr("the value of 'n' must be a string"));
  EXPECT_THAT(errorOf(R"({"__metadata__":[]})", 0), HasSubstr("must be an object of strings"));
}

TEST(Safetensors, EveryMistakeIsReported) {
  std::string error = errorOf(R"({"a":7, "b":{"shape":[-1],"data_offsets":[0]},
    "c":{"dtype":8,"shape":[1.5],"data_offsets":[0,1],"extra":1}})",
                              1);
  EXPECT_THAT(error, HasSubstr("tensor 'a': it must be an object"));
  EXPECT_THAT(error, HasSubstr("tensor 'b': it has no 'dtype'"));
  EXPECT_THAT(error, HasSubstr("tensor 'b': shape must be a list"));
  EXPECT_THAT(error, HasSubstr("tensor 'b': data_offsets must be two"));
  EXPECT_THAT(error, HasSubstr("tensor 'c': dtype must be a string"));
  EXPECT_THAT(error, HasSubstr("tensor 'c': shape must be a list"));
  EXPECT_THAT(error, HasSubstr("tensor 'c': 'extra' is no part of a tensor"));
}

TEST(Safetensors, ManyMistakesAreCounted) {
  std::string header = "{";
  for (int i = 0; i < 100; ++i)
    header += (i ? ",\"" : "\"") + std::to_string(i) + "\":0";
  std::string error = errorOf(header + "}", 0);
  EXPECT_THAT(error, HasSubstr("tensor '19'"));
  EXPECT_THAT(error, Not(HasSubstr("tensor '20'")));
  EXPECT_THAT(error, HasSubstr("and 80 more"));
}

std::string withOffsets(llvm::StringRef a, llvm::StringRef b) {
  auto tensor = [](llvm::StringRef name, llvm::StringRef offsets) {
    return ("\"" + name + "\":{\"dtype\":\"NEW\",\"shape\":[4],\"data_offsets\":" + offsets + "}").str();
  };
  return "{" + tensor("a", a) + "," + tensor("b", b) + "}";
}

TEST(Safetensors, OffsetsLieInsideTheData) {
  EXPECT_THAT(errorOf(withOffsets("[0,4]", "[4,9]"), 8),
              HasSubstr("tensor 'b': data_offsets [4, 9] do not lie inside"));
  EXPECT_THAT(errorOf(withOffsets("[0,4]", "[8,4]"), 8), HasSubstr("tensor 'b': data_offsets [8, 4] do not lie"));
  EXPECT_THAT(errorOf(withOffsets("[0,4]", "[-4,8]"), 8), HasSubstr("tensor 'b': data_offsets must be two whole"));
  EXPECT_THAT(errorOf(withOffsets("[0,4]", "[4,18446744073709551615]"), 8), HasSubstr("do not lie inside"));
  EXPECT_THAT(errorOf(withOffsets("[0,4]", "[4,8,12]"), 12), HasSubstr("must be two whole"));
}

TEST(Safetensors, TensorsCoverTheData) {
  EXPECT_EQ(errorOf(withOffsets("[4,8]", "[0,4]"), 8), "");
  EXPECT_THAT(errorOf(withOffsets("[0,4]", "[3,8]"), 8), HasSubstr("tensor 'b': it begins at 3, inside another"));
  EXPECT_THAT(errorOf(withOffsets("[0,4]", "[5,8]"), 8), HasSubstr("the bytes from 4 on belong to no tensor"));
  EXPECT_THAT(errorOf(withOffsets("[1,4]", "[4,8]"), 8), HasSubstr("the bytes from 0 on belong to no tensor"));
  EXPECT_THAT(errorOf(withOffsets("[0,4]", "[4,8]"), 9), HasSubstr("the last tensor ends at 8, the data at 9"));
  EXPECT_THAT(errorOf(withOffsets("[0,8]", "[3,3]"), 8), HasSubstr("tensor 'b': it begins at 3, inside another"));
}

std::string sizeError(llvm::StringRef dtype, llvm::StringRef shape, unsigned bytes) {
  return errorOf(
      ("{\"t\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":[0," + llvm::Twine(bytes) + "]}}")
          .str(),
      bytes);
}

TEST(Safetensors, BytesFitTypeAndShape) {
  EXPECT_EQ(sizeError("F4", "[2]", 1), "");
  EXPECT_EQ(sizeError("F6_E2M3", "[4]", 3), "");
  EXPECT_EQ(sizeError("C64", "[3]", 24), "");
  EXPECT_THAT(sizeError("F32", "[2,3]", 20), HasSubstr("need 24 bytes, data_offsets give it 20"));
  EXPECT_THAT(sizeError("F4", "[3]", 1), HasSubstr("12 bits are no whole number of bytes"));
  EXPECT_THAT(sizeError("F32", "[4294967296,4294967296]", 0), HasSubstr("its shape is too large"));
  EXPECT_THAT(sizeError("U8", "[9223372036854775808]", 0), HasSubstr("whole numbers from 0 to 2^63 - 1"));
}

TEST(Safetensors, UnknownTypesMatterToThoseWhoUseThem) {
  std::string bytes = file(R"({"t":{"dtype":"Q9","shape":[5],"data_offsets":[0,3]}})", 3);
  llvm::Expected<std::vector<Tensor>> tensors = parseSafetensors(bytes);
  ASSERT_TRUE(bool(tensors));
  EXPECT_EQ(llvm::toString(requireKnownType(tensors->front())), "tensor 't': dtype 'Q9' is not known");
}

} // namespace
