//===- Safetensors.cpp - The bytes of a .safetensors file -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   u64 little-endian N | N bytes of JSON, may end in spaces | data
//
//   {"__metadata__": {"format": "pt"},
//    "w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
//
// Sorted by their offsets, the tensors cover the data from its first byte to its last: no hole, no overlap.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/weights/Safetensors.h"
#include "compiler/support/Json.h"
#include "compiler/support/Printable.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/Endian.h"
#include <fmt/format.h>

using namespace llvm;
using namespace attnc;
using namespace attnc::weights;
namespace dom = simdjson::dom;

static constexpr unsigned kMaxErrors = 20;
static constexpr std::pair<StringLiteral, unsigned> kTypes[] = {
    {"BOOL", 8},        {"U8", 8},      {"I8", 8},      {"I16", 16},   {"U16", 16},    {"F16", 16},
    {"BF16", 16},       {"I32", 32},    {"U32", 32},    {"F32", 32},   {"F64", 64},    {"I64", 64},
    {"U64", 64},        {"C64", 64},    {"F8_E4M3", 8}, {"F4", 4},     {"F8_E5M2", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"F8_E8M0", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}};

std::optional<unsigned> weights::elementBits(StringRef dtype) {
  const auto *row = find_if(kTypes, [&](const auto &candidate) { return candidate.first == dtype; });
  return row == std::end(kTypes) ? std::nullopt : std::optional(row->second);
}

Error weights::requireKnownType(const Tensor &tensor) {
  if (elementBits(tensor.dtype))
    return Error::success();
  return createStringError(
      fmt::format("tensor '{}': dtype '{}' is not known", printable(tensor.name), printable(tensor.dtype)));
}

namespace {
/// A tensor and where it says its data are.
struct Entry {
  Tensor tensor;
  uint64_t begin = 0, end = 0;
};

class HeaderReader {
public:
  explicit HeaderReader(StringRef data) : data(data) {}
  Expected<std::vector<Tensor>> read(StringRef header);

private:
  template <typename... Args>
  void problem(fmt::format_string<Args...> text, Args &&...args) {
    if (++problems <= kMaxErrors)
      errors = joinErrors(std::move(errors), createStringError(fmt::format(text, std::forward<Args>(args)...)));
  }
  void readField(const dom::key_value_pair &field);
  void readMetadata(dom::element value);
  void readTensor(StringRef name, dom::object object);
  bool readShape(dom::element value, Entry &entry);
  bool readOffsets(dom::element value, Entry &entry);
  void checkSize(const Entry &entry);
  void checkLayout();

  StringRef data;
  std::vector<Entry> entries;
  Error errors = Error::success();
  unsigned problems = 0;
};
} // namespace

void HeaderReader::readMetadata(dom::element value) {
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS)
    return problem("'__metadata__' must be an object of strings");
  for (dom::key_value_pair field : object)
    if (!field.value.is_string())
      problem("'__metadata__': the value of '{}' must be a string", printable(StringRef(field.key)));
}

void HeaderReader::readField(const dom::key_value_pair &field) {
  if (field.key == "__metadata__")
    return readMetadata(field.value);
  dom::object object;
  if (field.value.get(object) != simdjson::SUCCESS)
    return problem("tensor '{}': it must be an object with dtype, shape and data_offsets",
                   printable(StringRef(field.key)));
  readTensor(StringRef(field.key), object);
}

void HeaderReader::readTensor(StringRef name, dom::object object) {
  Entry entry;
  entry.tensor.name = name.str();
  std::string_view dtype;
  bool ok = true;
  for (StringRef key : {"dtype", "shape", "data_offsets"}) {
    dom::element value;
    if (object.at_key(std::string_view(key)).get(value) != simdjson::SUCCESS) {
      problem("tensor '{}': it has no '{}'", printable(name), key.str());
      ok = false;
    } else if (key == "dtype" && value.get(dtype) != simdjson::SUCCESS) {
      problem("tensor '{}': dtype must be a string", printable(name));
      ok = false;
    } else if (key == "shape") {
      ok &= readShape(value, entry);
    } else if (key == "data_offsets") {
      ok &= readOffsets(value, entry);
    }
  }
  for (dom::key_value_pair field : object)
    if (field.key != "dtype" && field.key != "shape" && field.key != "data_offsets")
      problem("tensor '{}': '{}' is no part of a tensor", printable(name), printable(StringRef(field.key)));
  if (!ok)
    return;
  entry.tensor.dtype = std::string(dtype);
  checkSize(entry);
  entries.push_back(std::move(entry));
}

bool HeaderReader::readShape(dom::element value, Entry &entry) {
  dom::array extents;
  bool ok = value.get(extents) == simdjson::SUCCESS;
  if (ok)
    for (dom::element extent : extents) {
      int64_t number = -1;
      ok &= extent.get(number) == simdjson::SUCCESS && number >= 0;
      entry.tensor.shape.push_back(number);
    }
  if (!ok)
    problem("tensor '{}': shape must be a list of whole numbers from 0 to 2^63 - 1", printable(entry.tensor.name));
  return ok;
}

bool HeaderReader::readOffsets(dom::element value, Entry &entry) {
  dom::array numbers;
  if (value.get(numbers) != simdjson::SUCCESS || numbers.size() != 2 ||
      numbers.at(0).get(entry.begin) != simdjson::SUCCESS || numbers.at(1).get(entry.end) != simdjson::SUCCESS) {
    problem("tensor '{}': data_offsets must be two whole numbers", printable(entry.tensor.name));
    return false;
  }
  if (entry.begin <= entry.end && entry.end <= data.size())
    return true;
  problem("tensor '{}': data_offsets [{}, {}] do not lie inside the {} bytes of data", printable(entry.tensor.name),
          entry.begin, entry.end, data.size());
  return false;
}

/// end - begin == bits(dtype) * prod(shape) / 8, in whole bytes.
void HeaderReader::checkSize(const Entry &entry) {
  std::optional<unsigned> bits = elementBits(entry.tensor.dtype);
  if (!bits)
    return; // an error for whoever uses it
  std::optional<uint64_t> size = *bits;
  for (int64_t extent : entry.tensor.shape)
    size = size ? checkedMulUnsigned<uint64_t>(*size, extent) : std::nullopt;
  std::string name = printable(entry.tensor.name);
  if (!size)
    return problem("tensor '{}': its shape is too large", name);
  if (*size % 8)
    return problem("tensor '{}': {} bits are no whole number of bytes", name, *size);
  if (*size / 8 != entry.end - entry.begin)
    problem("tensor '{}': its shape and dtype {} need {} bytes, data_offsets give it {}", name, entry.tensor.dtype,
            *size / 8, entry.end - entry.begin);
}

/// Sorted by offset, each tensor begins where the one before ends, and the last ends where the data end.
void HeaderReader::checkLayout() {
  llvm::sort(entries, [](const Entry &a, const Entry &b) {
    return std::tie(a.begin, a.end, a.tensor.name) < std::tie(b.begin, b.end, b.tensor.name);
  });
  uint64_t at = 0;
  for (const Entry &entry : entries) {
    if (entry.begin < at)
      problem("tensor '{}': it begins at {}, inside another tensor that ends at {}", printable(entry.tensor.name),
              entry.begin, at);
    if (entry.begin > at)
      problem("tensor '{}': it begins at {}, but the bytes from {} on belong to no tensor",
              printable(entry.tensor.name), entry.begin, at);
    at = std::max(at, entry.end);
  }
  if (at != data.size())
    problem("the last tensor ends at {}, the data at {}", at, data.size());
}

Expected<std::vector<Tensor>> HeaderReader::read(StringRef header) {
  Expected<JsonDocument> document = JsonDocument::parse(header);
  dom::object fields;
  if (!document)
    problem("the header: {}", toString(document.takeError()));
  else if (document->root().get(fields) == simdjson::SUCCESS)
    for (dom::key_value_pair field : fields)
      readField(field);
  if (!problems) // otherwise what was left out would look like holes
    checkLayout();
  if (problems > kMaxErrors)
    errors = joinErrors(std::move(errors), createStringError(fmt::format("and {} more", problems - kMaxErrors)));
  if (errors)
    return std::move(errors);
  std::vector<Tensor> tensors;
  for (Entry &entry : entries) {
    entry.tensor.data = ArrayRef(data.data() + entry.begin, entry.end - entry.begin);
    tensors.push_back(std::move(entry.tensor));
  }
  return tensors;
}

Expected<std::vector<Tensor>> weights::parseSafetensors(StringRef bytes) {
  if (bytes.size() < 8)
    return createStringError(fmt::format("{} bytes are too few for a safetensors file", bytes.size()));
  uint64_t length = support::endian::read64le(bytes.data());
  bytes = bytes.drop_front(8);
  if (length > kMaxHeaderBytes)
    return createStringError(fmt::format("a header of {} bytes is above the limit of {}", length, kMaxHeaderBytes));
  if (length > bytes.size())
    return createStringError(
        fmt::format("its header should have {} bytes, the file ends after {}", length, bytes.size()));
  StringRef header = bytes.take_front(length).rtrim(' ');
  if (!header.starts_with("{") || !header.ends_with("}"))
    return createStringError("the header must begin with '{' and end with '}' and spaces");
  return HeaderReader(bytes.drop_front(length)).read(header);
}
