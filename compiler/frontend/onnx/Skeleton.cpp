//===- Skeleton.cpp - An ONNX file without its large tensors --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Skeleton.h"
#include "llvm/ADT/ArrayRef.h"
#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;

namespace {
/// A message on the way to a tensor, and its fields that lead there. onnx.proto has the numbers.
struct Message {
  struct Field {
    int number;
    const Message *type;
  };
  llvm::ArrayRef<Field> fields; ///< none: a TensorProto
};
constexpr Message tensorProto{};
constexpr Message::Field attributeFields[] = {{5, &tensorProto}}; // t
constexpr Message attributeProto{attributeFields};
constexpr Message::Field nodeFields[] = {{5, &attributeProto}}; // attribute
constexpr Message nodeProto{nodeFields};
constexpr Message::Field graphFields[] = {{1, &nodeProto}, {5, &tensorProto}}; // node, initializer
constexpr Message graphProto{graphFields};
constexpr Message::Field modelFields[] = {{7, &graphProto}}; // graph
constexpr Message modelProto{modelFields};

constexpr int kRawData = 9, kExternalData = 13; // of a TensorProto
constexpr int kKey = 1, kValue = 2;             // of a StringStringEntryProto
constexpr auto kBytes = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;

void writeBytes(CodedOutputStream &out, int field, llvm::StringRef bytes) {
  out.WriteTag(WireFormatLite::MakeTag(field, kBytes));
  out.WriteVarint32(static_cast<uint32_t>(bytes.size()));
  out.WriteRaw(bytes.data(), static_cast<int>(bytes.size()));
}

/// external_data { key: "<own>" value: "OFFSET LENGTH" }
void writePlace(CodedOutputStream &out, int64_t offset, int64_t length) {
  std::string entry;
  {
    StringOutputStream stream(&entry);
    CodedOutputStream fields(&stream);
    writeBytes(fields, kKey, attnc::onnx::kOwnData);
    writeBytes(fields, kValue, fmt::format("{} {}", offset, length));
  }
  writeBytes(out, kExternalData, entry);
}

bool copy(CodedInputStream &in, CodedOutputStream &out, const Message &message);

bool copyInner(CodedInputStream &in, CodedOutputStream &out, uint32_t tag, const Message &message) {
  std::string inner;
  {
    StringOutputStream stream(&inner);
    CodedOutputStream fields(&stream);
    auto limit = in.ReadLengthAndPushLimit();
    if (!copy(in, fields, message) || !in.ConsumedEntireMessage())
      return false;
    in.PopLimit(limit);
  }
  writeBytes(out, WireFormatLite::GetTagFieldNumber(tag), inner);
  return true;
}

bool copyRawData(CodedInputStream &in, CodedOutputStream &out) {
  int length, offset;
  if (!in.ReadVarintSizeAsInt(&length))
    return false;
  offset = in.CurrentPosition();
  if (static_cast<uint64_t>(length) >= attnc::onnx::kMinWeightBytes) {
    writePlace(out, offset, length);
    return in.Skip(length);
  }
  std::string bytes;
  if (!in.ReadString(&bytes, length))
    return false;
  writeBytes(out, kRawData, bytes);
  return true;
}

bool copyField(CodedInputStream &in, CodedOutputStream &out, uint32_t tag, const Message &message) {
  if (WireFormatLite::GetTagWireType(tag) == kBytes) {
    int number = WireFormatLite::GetTagFieldNumber(tag);
    if (message.fields.empty() && number == kRawData)
      return copyRawData(in, out);
    for (const Message::Field &field : message.fields)
      if (field.number == number)
        return copyInner(in, out, tag, *field.type);
  }
  return WireFormatLite::SkipField(&in, tag, &out);
}

bool copy(CodedInputStream &in, CodedOutputStream &out, const Message &message) {
  while (uint32_t tag = in.ReadTag())
    if (!copyField(in, out, tag, message))
      return false;
  return true;
}
} // namespace

std::optional<std::string> attnc::onnx::skeletonOf(llvm::StringRef file) {
  CodedInputStream in(reinterpret_cast<const uint8_t *>(file.data()), static_cast<int>(file.size()));
  std::string skeleton;
  {
    StringOutputStream stream(&skeleton);
    CodedOutputStream out(&stream);
    if (!copy(in, out, modelProto) || !in.ConsumedEntireMessage())
      return std::nullopt;
  }
  return skeleton;
}
