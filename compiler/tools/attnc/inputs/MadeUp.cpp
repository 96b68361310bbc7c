//===- MadeUp.cpp - Inputs that nobody has given --------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/inputs/MadeUp.h"
#include "compiler/tools/attnc/Console.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <cstring>
#include <fmt/format.h>
#include <numeric>

namespace attnc::tool {

using emit::EntryInfo;
using emit::TensorInfo;

//===----------------------------------------------------------------------===//
// Random elements
//===----------------------------------------------------------------------===//

static uint64_t nextRandom(uint64_t &state) { // splitmix64
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// One of 0 .. count - 1.
static int64_t below(uint64_t count, uint64_t &state) {
  return static_cast<int64_t>((nextRandom(state) >> 16) % count);
}

/// In [-1, 1).
static double randomUnit(uint64_t &state) {
  return static_cast<double>(static_cast<int64_t>(nextRandom(state))) * 0x1p-63;
}

/// The bits of `value` in a float format.
static uint64_t bitsOf(double value, const llvm::fltSemantics &format) {
  llvm::APFloat number(value);
  bool inexact;
  number.convert(format, llvm::APFloat::rmNearestTiesToEven, &inexact);
  return number.bitcastToAPInt().getZExtValue();
}

static const llvm::fltSemantics &formatOf(const TensorInfo &info) {
  if (info.typeCode == kDLBfloat)
    return llvm::APFloat::BFloat();
  return info.typeBits == 64   ? llvm::APFloat::IEEEdouble()
         : info.typeBits == 32 ? llvm::APFloat::IEEEsingle()
                               : llvm::APFloat::IEEEhalf();
}

static bool isFloat(const TensorInfo &info) { return info.typeCode == kDLFloat || info.typeCode == kDLBfloat; }

//===----------------------------------------------------------------------===//
// Elements that mean something
//===----------------------------------------------------------------------===//

/// A few documents, kinds, buckets: where nothing says what an integer is.
constexpr Range kFewIds{0, 3};

/// All numbers of the type of `info`, as far as an int64 holds them.
static Range allOf(const TensorInfo &info) {
  bool isUnsigned = info.typeCode == kDLUInt;
  int64_t most = info.typeBits < 64 ? (int64_t(1) << (info.typeBits - (isUnsigned ? 0 : 1))) - 1 : INT64_MAX;
  return {isUnsigned ? 0 : -most - 1, most};
}

/// What the integers of `info` may be. Lengths and windows are not negative where they need not be. Bytes of which nothing
/// is known are quantised numbers.
static Range integersOf(const TensorInfo &info, const InputRole &role) {
  Range all = allOf(info), range = info.typeBits == 8 && role.constants.empty() ? all : kFewIds;
  if (role.index)
    range = *role.index;
  else if (role.compared)
    range =
        role.compared->high < 0 ? *role.compared : Range{std::max<int64_t>(role.compared->low, 0), role.compared->high};
  else
    for (int64_t constant : role.constants)
      range = {std::min(range.low, constant), std::max(range.high, constant + 1)};
  return {std::clamp(range.low, all.low, all.high), std::clamp(range.high, all.low, all.high)};
}

/// One element in eight lies at an end of the range, one in eight is a constant that it is compared with.
static int64_t randomInteger(Range range, const InputRole &role, uint64_t &state) {
  int64_t special = below(8, state);
  if (special == 0)
    return below(2, state) ? range.low : range.high;
  if (special == 1 && !role.constants.empty()) {
    int64_t constant = *std::next(role.constants.begin(), below(role.constants.size(), state));
    return std::clamp(constant, range.low, range.high);
  }
  return range.low + below(static_cast<uint64_t>(range.high - range.low) + 1, state);
}

/// A table of positions is a table; what tells it from one of words is what people call it.
static bool isPosition(const TensorInfo &info, const InputRole &role) {
  bool isCalledSo = llvm::StringRef(info.name).contains_insensitive("position");
  return !isFloat(info) && info.typeCode != ATTNC_DL_BOOL && (role.isPosition || (isCalledSo && role.index));
}

static bool isFlag(const TensorInfo &info, const InputRole &role) {
  bool isBinary = !role.constants.empty() && *role.constants.begin() >= 0 && *role.constants.rbegin() <= 1;
  return info.typeCode != ATTNC_DL_BOOL && !role.index && !role.compared && (role.isFlag || isBinary);
}

/// 0, 1, 2 ... in each row, as far as there are numbers.
static std::vector<int64_t> increasing(const TensorInfo &info, const InputRole &role, const NpyTensor &tensor,
                                       int64_t count) {
  Range all = allOf(info), range = role.index ? *role.index : Range{0, all.high};
  int64_t length = tensor.rank ? tensor.shape[tensor.rank - 1] : 1;
  std::vector<int64_t> positions;
  for (int64_t at = 0; at < count; ++at)
    positions.push_back(std::min(std::max<int64_t>(range.low, 0) + at % length, range.high));
  return positions;
}

/// Pages in any order, none twice before all are there.
static std::vector<int64_t> shuffledPages(Range range, int64_t count, uint64_t &state) {
  std::vector<int64_t> pages(static_cast<size_t>(range.high - range.low + 1)), table;
  std::iota(pages.begin(), pages.end(), range.low);
  for (int64_t at = 0; at < count; ++at) {
    size_t turn = static_cast<size_t>(at) % pages.size();
    std::swap(pages[turn], pages[turn + static_cast<size_t>(below(pages.size() - turn, state))]);
    table.push_back(pages[turn]);
  }
  return table;
}

/// Row after row ones and then padding; the first row has none.
static std::vector<int64_t> paddingFlags(const NpyTensor &tensor, int64_t count, uint64_t &state) {
  std::vector<int64_t> flags(static_cast<size_t>(count), 1);
  int64_t length = tensor.rank ? tensor.shape[tensor.rank - 1] : 1;
  for (int64_t row = length; row < count; row += length)
    std::fill(flags.begin() + row + 1 + below(static_cast<uint64_t>(length), state), flags.begin() + row + length, 0);
  return flags;
}

static std::vector<int64_t> randomIntegers(const TensorInfo &info, const InputRole &role, const NpyTensor &tensor,
                                           int64_t count, uint64_t &state) {
  if (isPosition(info, role))
    return increasing(info, role, tensor, count);
  if (isFlag(info, role))
    return paddingFlags(tensor, count, state);
  if (role.isTable)
    return shuffledPages(integersOf(info, role), count, state);
  bool isBool = info.typeCode == ATTNC_DL_BOOL;
  Range range = isBool ? Range{0, 1} : integersOf(info, role);
  std::vector<int64_t> integers;
  for (int64_t at = 0; at < count; ++at)
    integers.push_back(isBool ? below(2, state) : randomInteger(range, role, state));
  if (count > 2 && role.compared && !isBool) { // both ends are tried
    integers[static_cast<size_t>(count) - 2] = range.low;
    integers[static_cast<size_t>(count) - 1] = range.high;
  }
  if (int64_t length = info.isSorted ? tensor.shape[tensor.rank - 1] : 0)
    for (int64_t row = 0; row < count; row += length)
      std::sort(integers.begin() + row, integers.begin() + row + length);
  return integers;
}

static double randomFloat(const InputRole &role, uint64_t &state) {
  double unit = randomUnit(state);
  if (!role.compared)
    return unit;
  auto low = static_cast<double>(role.compared->low), high = static_cast<double>(role.compared->high);
  return low + (high - low) * (unit + 1) / 2;
}

void fillRandom(const TensorInfo &info, const InputRole &role, NpyTensor &tensor, uint64_t &state) {
  size_t width = info.typeBits / 8;
  int64_t count = tensor.bytes / static_cast<int64_t>(width);
  std::vector<int64_t> integers;
  bool isFloatFlag = isFloat(info) && isFlag(info, role);
  if (!isFloat(info) || isFloatFlag)
    integers = randomIntegers(info, role, tensor, count, state);
  auto *bytes = static_cast<char *>(tensor.data);
  for (int64_t at = 0; at < count; ++at) {
    int64_t integer = integers.empty() ? 0 : integers[static_cast<size_t>(at)];
    double number = isFloatFlag ? static_cast<double>(integer) : isFloat(info) ? randomFloat(role, state) : 0;
    uint64_t element = isFloat(info) ? bitsOf(number, formatOf(info)) : static_cast<uint64_t>(integer);
    std::memcpy(bytes + at * static_cast<int64_t>(width), &element, width);
  }
}

/// What fillRandom makes of it, in words.
static std::string describe(const TensorInfo &info, const InputRole &role) {
  if (info.typeCode == ATTNC_DL_BOOL)
    return "true or false";
  if (isPosition(info, role))
    return "increasing from 0";
  if (isFlag(info, role))
    return "0 or 1, ones first";
  if (isFloat(info) && !role.compared)
    return "of unit scale";
  Range range = isFloat(info) ? *role.compared : integersOf(info, role);
  return fmt::format("{} to {}{}", range.low, range.high,
                     info.isSorted  ? ", sorted"
                     : role.isTable ? ", shuffled"
                                    : "");
}

//===----------------------------------------------------------------------===//
// The inputs of a call
//===----------------------------------------------------------------------===//

/// Every symbol must have an extent.
static bool checkExtents(const EntryInfo &entry, const DimBindings &dims) {
  std::vector<std::string> missing;
  for (const std::string &symbol : entry.symbols)
    if (!dims.contains(symbol))
      missing.push_back(symbol);
  if (!missing.empty())
    error("made-up inputs need an extent for " + llvm::join(missing, ", ") + ": give --dims " +
          llvm::join(missing, "=...,") + "=...");
  return missing.empty();
}

static bool allocate(const EntryInfo &entry, const TensorInfo &info, const DimBindings &dims, NpyTensor &tensor) {
  std::vector<int64_t> shape;
  for (const emit::DimInfo &dim : info.dims)
    shape.push_back(dim.symbol >= 0 ? dims.lookup(entry.symbols[dim.symbol]) : dim.size);
  char why[512];
  rt::Text text(why, sizeof why);
  if (tensor.allocate({info.typeCode, info.typeBits}, static_cast<int>(shape.size()), shape.data(), text))
    return true;
  error("input '" + info.name + "': " + why);
  return false;
}

/// Reads the files that are named, and takes extents that `dims` has not from them.
static bool readNamed(const EntryInfo &entry, const TensorFiles &files, Tensors &tensors, DimBindings &dims) {
  bool ok = checkNames(entry, files);
  for (auto [info, tensor] : llvm::zip(entry.inputs, tensors)) {
    if (!files.named.contains(info.name))
      continue;
    bool isRead = readInput(info, files.named.lookup(info.name), tensor);
    ok = ok && isRead;
    for (auto [d, dim] : llvm::enumerate(info.dims)) // a wrong rank or extent is the call's to report
      if (isRead && dim.symbol >= 0 && static_cast<int64_t>(d) < tensor.rank)
        dims.try_emplace(entry.symbols[dim.symbol], tensor.shape[d]);
  }
  return ok;
}

/// Roles are known from extents, so no shape that a file brings may contradict the others.
static bool fitTogether(const EntryInfo &entry, const Tensors &tensors) {
  DimBindings symbols;
  for (auto [info, tensor] : llvm::zip(entry.inputs, tensors)) {
    if (tensor.rank != static_cast<int32_t>(info.dims.size()))
      return false;
    for (auto [dim, extent] : llvm::zip(info.dims, tensor.shape))
      if (dim.symbol >= 0 ? symbols.try_emplace(entry.symbols[dim.symbol], extent).first->second != extent
                          : dim.size >= 0 && dim.size != extent)
        return false;
  }
  return true;
}

std::optional<Tensors> readOrMakeInputs(const EntryInfo &entry, const TensorFiles &files, const DimBindings &given,
                                        uint64_t seed, mlir::func::FuncOp function, const DimBindings &defaults,
                                        std::string *said) {
  if (!files.inputs.empty())
    return readInputs(entry, files);
  Tensors tensors(entry.inputs.size());
  DimBindings dims = given;
  bool ok = readNamed(entry, files, tensors, dims);
  for (const auto &extent : defaults)
    dims.try_emplace(extent.first(), extent.second);
  if (!ok || !checkExtents(entry, dims))
    return std::nullopt;
  auto isMadeUp = [&](const TensorInfo &info) { return !files.named.contains(info.name); };
  for (auto [info, tensor] : llvm::zip(entry.inputs, tensors))
    if (isMadeUp(info) && !allocate(entry, info, dims, tensor))
      return std::nullopt;
  bool hasRoles = function && function.getNumArguments() == tensors.size() && fitTogether(entry, tensors);
  Extents extents(function, tensors);
  std::vector<std::pair<std::string, std::string>> names; // that are alike, in order
  for (auto [index, info] : llvm::enumerate(entry.inputs)) {
    if (!isMadeUp(info))
      continue;
    InputRole role = hasRoles ? roleOf(function, static_cast<unsigned>(index), extents) : InputRole();
    fillRandom(info, role, tensors[index], seed);
    std::string text = describe(info, role);
    auto alike = llvm::find_if(names, [&](const auto &known) { return known.second == text; });
    if (alike == names.end())
      names.emplace_back(info.name, text);
    else
      alike->first += ", " + info.name;
  }
  if (said)
    *said = llvm::join(llvm::map_range(names, [](const auto &pair) { return pair.first + " " + pair.second; }), "; ");
  return tensors;
}

} // namespace attnc::tool
