//===- Weights.cpp - Named tensors of a model -----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Large models come in shards. model.safetensors.index.json says which tensor is where:
//
//   {"metadata": {"total_size": 39232}, "weight_map": {"lm_head.weight": "model-00001-of-00002.safetensors", ...}}
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/weights/Weights.h"
#include "compiler/frontend/weights/Safetensors.h"
#include "compiler/support/InputFiles.h"
#include "compiler/support/Json.h"
#include "compiler/support/OpenBelow.h"
#include "compiler/support/Printable.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;
using namespace attnc;
using namespace attnc::weights;
namespace dom = simdjson::dom;

using Buffer = std::unique_ptr<MemoryBuffer>;

/// Maps the open file `fd` and closes it.
static Expected<Buffer> mapFile(int fd, StringRef name) {
  llvm::scope_exit closeFile([&] { close(fd); });
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
    return createStringError("it is not a plain file");
  return errorOrToExpected(MemoryBuffer::getOpenFile(sys::fs::convertFDToNativeFile(fd), name, info.st_size,
                                                     /*RequiresNullTerminator=*/false));
}

/// A file that the user has named; links are followed.
static Expected<Buffer> openNamed(StringRef path) {
  int fd = open(path.str().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return createStringError(sys::StrError());
  rememberInput(fd, path);
  return mapFile(fd, path);
}

static Expected<Buffer> openShard(StringRef folder, StringRef name) {
  Expected<int> fd = openBelow(folder, name);
  return fd ? mapFile(*fd, name) : Expected<Buffer>(fd.takeError());
}

/// Each error of the list, with the file in front.
static Error inFile(StringRef file, Error errors) {
  Error result = Error::success();
  handleAllErrors(std::move(errors), [&](const ErrorInfoBase &error) {
    result = joinErrors(std::move(result), createStringError(fmt::format("{}: {}", printable(file), error.message())));
  });
  return result;
}

const Tensor *Weights::find(StringRef name) const {
  auto it = llvm::lower_bound(all, name, [](const Tensor &tensor, StringRef wanted) { return tensor.name < wanted; });
  return it != all.end() && it->name == name ? &*it : nullptr;
}

Error Weights::addFile(StringRef name, Buffer file) {
  Expected<std::vector<Tensor>> tensors = parseSafetensors(file->getBuffer());
  if (!tensors)
    return inFile(name, tensors.takeError());
  std::move(tensors->begin(), tensors->end(), std::back_inserter(all));
  files.push_back(std::move(file));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Shards
//===----------------------------------------------------------------------===//

/// The shard of each tensor, as the index says.
static Expected<std::map<std::string, std::string>> readIndex(StringRef text) {
  Expected<JsonDocument> document = JsonDocument::parse(text);
  if (!document)
    return document.takeError();
  dom::object map;
  if (document->root()["weight_map"].get(map) != simdjson::SUCCESS)
    return createStringError("it has no object 'weight_map'");
  std::map<std::string, std::string> shards;
  for (dom::key_value_pair field : map) {
    std::string_view shard;
    if (field.value.get(shard) != simdjson::SUCCESS)
      return createStringError(
          fmt::format("weight_map: the value of '{}' must be the name of a file", printable(StringRef(field.key))));
    shards.emplace(field.key, shard);
  }
  return shards;
}

/// What the index and the shard `file` say differently about which tensors it holds.
static Error compareWithIndex(StringRef file, ArrayRef<Tensor> held, const std::map<std::string, std::string> &index) {
  Error errors = Error::success();
  auto problem = [&](StringRef tensor, StringRef what) {
    errors = joinErrors(std::move(errors), createStringError(fmt::format("{}: tensor '{}': {}", printable(file),
                                                                         printable(tensor), what.str())));
  };
  StringMap<bool> names;
  for (const Tensor &tensor : held) {
    names[tensor.name] = true;
    auto it = index.find(tensor.name);
    if (it == index.end() || it->second != file)
      problem(tensor.name, "it is in the file, but the index does not say so");
  }
  for (const auto &[tensor, shard] : index)
    if (shard == file && !names.contains(tensor))
      problem(tensor, "the index says that it is here, but it is not");
  return errors;
}

Error Weights::addShards(StringRef indexPath) {
  Expected<Buffer> text = openNamed(indexPath);
  if (!text)
    return inFile(indexPath, text.takeError());
  if ((*text)->getBufferSize() > kMaxHeaderBytes)
    return inFile(indexPath, createStringError("it is too large for an index"));
  auto index = readIndex((*text)->getBuffer());
  if (!index)
    return inFile(indexPath, index.takeError());
  std::map<std::string, bool> shards;
  for (const auto &[tensor, shard] : *index)
    shards[shard] = true;
  Error errors = Error::success();
  for (const auto &[shard, unused] : shards) {
    Expected<Buffer> file = openShard(sys::path::parent_path(indexPath), shard);
    size_t before = all.size();
    Error failed = file ? addFile(shard, std::move(*file)) : inFile(shard, file.takeError());
    if (!failed)
      failed = compareWithIndex(shard, ArrayRef(all).drop_front(before), *index);
    errors = joinErrors(std::move(errors), std::move(failed));
  }
  return errors;
}

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

std::optional<std::string> weights::findWeights(StringRef folder) {
  for (StringRef name : {"model.safetensors", "model.safetensors.index.json"}) {
    SmallString<128> path(folder);
    sys::path::append(path, name);
    if (sys::fs::exists(path))
      return path.str().str();
  }
  return std::nullopt;
}

Expected<Weights> weights::openWeights(StringRef path) {
  Weights weights;
  Error errors = Error::success();
  if (path.ends_with(".json")) {
    errors = weights.addShards(path);
  } else {
    Expected<Buffer> file = openNamed(path);
    errors = file ? weights.addFile(path, std::move(*file)) : inFile(path, file.takeError());
  }
  if (errors)
    return std::move(errors);
  llvm::sort(weights.all, [](const Tensor &a, const Tensor &b) { return a.name < b.name; });
  return weights;
}
