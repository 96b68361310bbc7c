//===- InputFiles.cpp - Which files have been read ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/support/InputFiles.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include <mutex>
#include <set>

using namespace llvm::sys::fs;

namespace {
struct Registry {
  std::mutex mutex;
  std::set<UniqueID> files;
  std::vector<std::string> paths;
};
} // namespace

static Registry &registry() {
  static Registry all;
  return all;
}

static void remember(const file_status &status, llvm::StringRef path) {
  if (status.type() != file_type::regular_file)
    return;
  std::lock_guard lock(registry().mutex);
  registry().files.insert(status.getUniqueID());
  if (!llvm::is_contained(registry().paths, path))
    registry().paths.push_back(path.str());
}

void attnc::rememberInput(llvm::StringRef path) {
  file_status found;
  if (!status(path, found))
    remember(found, path);
}

void attnc::rememberInput(int descriptor, llvm::StringRef path) {
  file_status found;
  if (!status(convertFDToNativeFile(descriptor), found))
    remember(found, path);
}

std::vector<std::string> attnc::inputPaths() {
  std::lock_guard lock(registry().mutex);
  return registry().paths;
}

bool attnc::isInput(llvm::StringRef path) {
  file_status found;
  if (status(path, found))
    return false;
  std::lock_guard lock(registry().mutex);
  return registry().files.count(found.getUniqueID());
}
