//===- Tensors.cpp - Tensors of a call, and their files -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Tensors.h"
#include "compiler/support/Suggest.h"
#include "compiler/tools/attnc/Console.h"
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

std::string fileOf(const TensorInfo &tensor, const TensorFiles &files) {
  if (auto it = files.named.find(tensor.name); it != files.named.end())
    return it->second;
  return files.inputs.empty() ? "" : fileIn(files.inputs, tensor.name);
}

bool checkNames(const EntryInfo &entry, const TensorFiles &files) {
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

bool readInput(const TensorInfo &info, const std::string &file, NpyTensor &tensor) {
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
