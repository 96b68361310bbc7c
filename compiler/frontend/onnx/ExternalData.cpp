//===- ExternalData.cpp - Weights that lie beside the model file ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `location` comes from an untrusted file and stays inside the model's directory: see openBelow.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Reader.h"
#include "compiler/support/OpenBelow.h"
#include "compiler/support/Printable.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/Path.h"
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;

static Error refuse(StringRef location, std::string reason) {
  return createStringError(fmt::format("external data file '{}': {}", attnc::printable(location), std::move(reason)));
}

Expected<attnc::weights::File> attnc::onnx::openExternalData(StringRef modelPath, StringRef location, int64_t offset,
                                                             int64_t length, uint64_t expected) {
  Expected<int> fd = openBelow(sys::path::parent_path(modelPath), location);
  if (!fd)
    return refuse(location, toString(fd.takeError()));
  llvm::scope_exit closeFile([&] { close(*fd); });

  struct stat info;
  if (fstat(*fd, &info) != 0)
    return refuse(location, sys::StrError());
  if (offset < 0 || offset > info.st_size)
    return refuse(location, fmt::format("offset {} lies outside its {} bytes", offset, info.st_size));
  uint64_t rest = info.st_size - offset;
  uint64_t wanted = length < 0 ? expected : static_cast<uint64_t>(length);
  if (wanted != expected)
    return refuse(location, fmt::format("length {} does not fit the tensor's {} bytes", length, expected));
  if (wanted > rest)
    return refuse(location,
                  fmt::format("{} bytes are wanted at offset {}, the file has {}", wanted, offset, info.st_size));
  auto file = MemoryBuffer::getOpenFile(*fd, location, info.st_size, /*RequiresNullTerminator=*/false);
  if (!file)
    return refuse(location, file.getError().message());
  return std::move(*file);
}
