//===- Tensors.cpp - Tensors of a call, and their files -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Tensors.h"
#include "compiler/support/Suggest.h"
#include "compiler/tools/attnc/Console.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

namespace attnc::tool {

using emit::EntryInfo;
using emit::TensorInfo;

std::string spellShape(const NpyTensor &tensor) {
  std::string text;
  for (int32_t dim = 0; dim < tensor.rank; ++dim)
    text += (dim ? "x" : "") + std::to_string(tensor.shape[dim]);
  return text.empty() ? "scalar" : text;
}

/// As compiled programs have it: a name with slashes does not lead out of the folder.
static std::string fileIn(llvm::StringRef folder, llvm::StringRef name) {
  rt::TextBuffer<4096> path;
  rt::addTensorPath(path, folder.str().c_str(), name.str().c_str());
  return path.c_str();
}

/// The file of `tensor`, or "" if the user named none.
static std::string fileOf(const TensorInfo &tensor, const TensorFiles &files) {
  if (auto it = files.named.find(tensor.name); it != files.named.end())
    return it->second;
  return files.inputs.empty() ? "" : fileIn(files.inputs, tensor.name);
}

/// Names given with --NAME must be those of inputs.
static bool checkNames(const EntryInfo &entry, const TensorFiles &files) {
  llvm::SmallVector<llvm::StringRef> names;
  for (const TensorInfo &tensor : entry.inputs)
    names.push_back(tensor.name);
  bool ok = true;
  for (const auto &named : files.named)
    if (!llvm::is_contained(names, named.first())) {
      error("--" + named.first() + " is no option, and '" + entry.name + "' has no such input" +
            didYouMean(named.first(), names) + " (it has " + llvm::join(names, ", ") + ")");
      ok = false;
    }
  return ok;
}

/// Reads one input; a wrong file is reported.
static bool readInput(const TensorInfo &info, const std::string &file, NpyTensor &tensor) {
  char why[512];
  rt::Text text(why, sizeof why);
  rt::ElementType type{info.typeCode, info.typeBits};
  if (tensor.read(file.c_str(), &type, text))
    return true;
  error("input '" + info.name + "': " + why);
  return false;
}

std::optional<Tensors> readInputs(const EntryInfo &entry, const TensorFiles &files) {
  Tensors tensors(entry.inputs.size());
  bool ok = checkNames(entry, files);
  for (auto [info, tensor] : llvm::zip(entry.inputs, tensors)) {
    std::string file = fileOf(info, files);
    if (file.empty()) {
      error("no file for input '" + info.name + "': give --" + info.name + " FILE.npy, or --inputs FOLDER with " +
            info.name + ".npy");
      ok = false;
      continue;
    }
    ok = readInput(info, file, tensor) && ok;
  }
  if (!ok)
    return std::nullopt;
  return tensors;
}

std::optional<NpyTensor> readTensor(const TensorInfo &info, llvm::StringRef folder) {
  char why[512];
  rt::Text text(why, sizeof why);
  rt::ElementType type{info.typeCode, info.typeBits};
  NpyTensor tensor;
  if (tensor.read(fileIn(folder, info.name).c_str(), &type, text))
    return tensor;
  error("'" + info.name + "': " + why);
  return std::nullopt;
}

int writeTensor(const TensorInfo &info, llvm::StringRef folder, llvm::ArrayRef<int64_t> shape, const void *data) {
  if (std::error_code failed =
          llvm::sys::fs::create_directories(folder, /*IgnoreExisting=*/true, llvm::sys::fs::all_all))
    return error("cannot make the folder '" + folder + "': " + failed.message());
  char why[512];
  rt::Text text(why, sizeof why);
  if (rt::writeNpy(fileIn(folder, info.name).c_str(), {info.typeCode, info.typeBits}, static_cast<int>(shape.size()),
                   shape.data(), data, text))
    return kOk;
  return error("'" + info.name + "': " + why);
}

bool readNames(llvm::ArrayRef<std::string> arguments, llvm::StringRef verb, TensorFiles &files) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    auto [name, value] = llvm::StringRef(arguments[i]).split('=');
    bool isSeparate = value.empty() && i + 1 < arguments.size() && !llvm::StringRef(arguments[i + 1]).starts_with("-");
    if (isSeparate)
      value = arguments[++i];
    if (value.empty()) {
      usageError(verb, "'" + name + "' is no option, and no input with a file");
      return false;
    }
    files.named[name.ltrim('-')] = value.str();
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Made-up inputs
//===----------------------------------------------------------------------===//

static uint64_t nextRandom(uint64_t &state) { // splitmix64
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// The bits of `value` in a float format.
static uint64_t bitsOf(double value, const llvm::fltSemantics &format) {
  llvm::APFloat number(value);
  bool inexact;
  number.convert(format, llvm::APFloat::rmNearestTiesToEven, &inexact);
  return number.bitcastToAPInt().getZExtValue();
}

static uint64_t randomElement(const TensorInfo &info, uint64_t choices, uint64_t &state) {
  uint64_t random = nextRandom(state);
  double unit = static_cast<double>(static_cast<int64_t>(random)) * 0x1p-63; // [-1, 1)
  if (info.typeCode == kDLBfloat)
    return bitsOf(unit, llvm::APFloat::BFloat());
  if (info.typeCode == kDLFloat)
    return bitsOf(unit, info.typeBits == 64   ? llvm::APFloat::IEEEdouble()
                        : info.typeBits == 32 ? llvm::APFloat::IEEEsingle()
                                              : llvm::APFloat::IEEEhalf());
  return (random >> 40) % choices;
}

/// Integers are below 4, and inside of what they index.
static void fillRandom(const TensorInfo &info, NpyTensor &tensor, const EntryInfo &entry, const DimBindings &dims,
                       uint64_t &state) {
  uint64_t choices = info.typeCode == ATTNC_DL_BOOL ? 2 : 4;
  if (info.indexed) {
    int64_t symbol = info.indexed->symbol,
            extent = symbol >= 0 ? dims.lookup(entry.symbols[symbol]) : info.indexed->size;
    choices = std::clamp<int64_t>(extent, 1, 4);
  }
  size_t width = info.typeBits / 8;
  auto *bytes = static_cast<char *>(tensor.data);
  for (int64_t at = 0; at < tensor.bytes; at += static_cast<int64_t>(width)) {
    uint64_t element = randomElement(info, choices, state);
    std::memcpy(bytes + at, &element, width);
  }
}

template <typename T>
static void sortRows(NpyTensor &tensor) {
  auto *elements = static_cast<T *>(tensor.data);
  int64_t count = tensor.bytes / static_cast<int64_t>(sizeof(T)), length = tensor.shape[tensor.rank - 1];
  for (int64_t row = 0; length && row < count; row += length)
    std::sort(elements + row, elements + row + length);
}

/// Along the last dimension.
static void sortRows(const TensorInfo &info, NpyTensor &tensor) {
  switch (info.typeBits) {
  case 8:
    return sortRows<int8_t>(tensor);
  case 16:
    return sortRows<int16_t>(tensor);
  case 32:
    return sortRows<int32_t>(tensor);
  default:
    return sortRows<int64_t>(tensor);
  }
}

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

static bool makeInput(const EntryInfo &entry, const TensorInfo &info, const DimBindings &dims, uint64_t &state,
                      NpyTensor &tensor) {
  std::vector<int64_t> shape;
  for (const emit::DimInfo &dim : info.dims)
    shape.push_back(dim.symbol >= 0 ? dims.lookup(entry.symbols[dim.symbol]) : dim.size);
  char why[512];
  rt::Text text(why, sizeof why);
  if (!tensor.allocate({info.typeCode, info.typeBits}, static_cast<int>(shape.size()), shape.data(), text)) {
    error("input '" + info.name + "': " + why);
    return false;
  }
  fillRandom(info, tensor, entry, dims, state);
  if (info.isSorted)
    sortRows(info, tensor);
  return true;
}

std::optional<Tensors> readOrMakeInputs(const EntryInfo &entry, const TensorFiles &files, const DimBindings &given,
                                        uint64_t seed, const DimBindings &defaults) {
  if (!files.inputs.empty())
    return readInputs(entry, files);
  bool ok = checkNames(entry, files);
  Tensors tensors(entry.inputs.size());
  DimBindings dims = given;
  for (auto [info, tensor] : llvm::zip(entry.inputs, tensors)) {
    if (!files.named.contains(info.name))
      continue;
    bool isRead = readInput(info, fileOf(info, files), tensor);
    ok = ok && isRead;
    for (auto [d, dim] : llvm::enumerate(info.dims)) // a wrong rank or extent is the call's to report
      if (isRead && dim.symbol >= 0 && static_cast<int64_t>(d) < tensor.rank)
        dims.try_emplace(entry.symbols[dim.symbol], tensor.shape[d]);
  }
  for (const auto &extent : defaults)
    dims.try_emplace(extent.first(), extent.second);
  if (!ok || !checkExtents(entry, dims))
    return std::nullopt;
  for (auto [info, tensor] : llvm::zip(entry.inputs, tensors))
    if (!files.named.contains(info.name) && !makeInput(entry, info, dims, seed, tensor))
      return std::nullopt;
  return tensors;
}

double defaultTolerance(const EntryInfo &entry, const TensorInfo &info) {
  if (info.typeCode == kDLBfloat)
    return 1.6e-2;
  if (info.typeCode != kDLFloat)
    return 0;
  auto isNarrow = [](const TensorInfo &input) {
    return input.typeCode == kDLBfloat || (input.typeCode == kDLFloat && input.typeBits < 64);
  };
  bool isAllDouble = info.typeBits == 64 && llvm::none_of(entry.inputs, isNarrow);
  return isAllDouble ? 1e-12 : info.typeBits >= 32 ? 1e-5 : 2e-3;
}

mlir::Type elementTypeOf(const TensorInfo &info, mlir::MLIRContext *context) {
  if (info.typeCode == kDLBfloat)
    return mlir::BFloat16Type::get(context);
  if (info.typeCode == ATTNC_DL_BOOL)
    return mlir::IntegerType::get(context, 1);
  if (info.typeCode != kDLFloat)
    return mlir::IntegerType::get(context, info.typeBits);
  mlir::Builder builder(context);
  return info.typeBits == 64   ? mlir::Type(builder.getF64Type())
         : info.typeBits == 32 ? mlir::Type(builder.getF32Type())
                               : mlir::Type(builder.getF16Type());
}

attn::RefTensor toReference(const NpyTensor &tensor, mlir::Type type) {
  llvm::ArrayRef<int64_t> shape(tensor.shape, static_cast<size_t>(tensor.rank));
  auto reference = attn::fromBytes(
      type, shape, llvm::ArrayRef<char>(static_cast<const char *>(tensor.data), static_cast<size_t>(tensor.bytes)));
  return succeeded(reference) ? std::move(*reference) : attn::RefTensor(type, shape);
}

} // namespace attnc::tool
