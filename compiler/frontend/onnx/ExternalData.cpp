//===- ExternalData.cpp - Weights that lie beside the model file ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `location` comes from an untrusted file. It must stay inside the model's directory: no absolute path, no "..", no
// symbolic link at any step, no hard link, and no device or pipe (CVE-2022-25882, CVE-2024-27318, CVE-2025-51480).
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Reader.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;

static Error refuse(StringRef location, std::string reason) {
  return createStringError(
      fmt::format("external data file '{}': {}", attnc::onnx::printable(location), std::move(reason)));
}

/// Opens `location` below `directory` one component at a time, following no link.
static Expected<int> openBelow(StringRef directory, StringRef location) {
  if (location.empty() || location.contains('\0') || sys::path::is_absolute(location))
    return refuse(location, "the location must be a relative path");
  SmallVector<StringRef> parts(sys::path::begin(location), sys::path::end(location));
  if (is_contained(parts, ".."))
    return refuse(location, "the location must not contain '..'");

  int fd = open(directory.empty() ? "." : directory.str().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (auto [index, part] : enumerate(parts)) {
    if (fd < 0)
      break;
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (index + 1 < parts.size() ? O_DIRECTORY : 0);
    int next = openat(fd, part.str().c_str(), flags);
    int error = errno;
    close(fd);
    errno = error;
    fd = next;
  }
  if (fd < 0)
    return refuse(location, errno == ELOOP ? "symbolic links are not followed" : sys::StrError());
  return fd;
}

Expected<std::vector<char>> attnc::onnx::readExternalData(StringRef modelPath, StringRef location, int64_t offset,
                                                          int64_t length, uint64_t expected) {
  Expected<int> fd = openBelow(sys::path::parent_path(modelPath), location);
  if (!fd)
    return fd.takeError();
  llvm::scope_exit closeFile([&] { close(*fd); });

  struct stat info;
  if (fstat(*fd, &info) != 0)
    return refuse(location, sys::StrError());
  if (!S_ISREG(info.st_mode) || info.st_nlink != 1)
    return refuse(location, "it is not a plain file of its own (a link, device or pipe)");
  if (offset < 0 || offset > info.st_size)
    return refuse(location, fmt::format("offset {} lies outside its {} bytes", offset, info.st_size));
  uint64_t rest = info.st_size - offset;
  uint64_t wanted = length < 0 ? expected : static_cast<uint64_t>(length);
  if (wanted != expected)
    return refuse(location, fmt::format("length {} does not fit the tensor's {} bytes", length, expected));
  if (wanted > rest)
    return refuse(location,
                  fmt::format("{} bytes are wanted at offset {}, the file has {}", wanted, offset, info.st_size));

  std::vector<char> bytes(wanted); // bounded by the size of a file that exists
  for (uint64_t done = 0; done < wanted;) {
    ssize_t got = pread(*fd, bytes.data() + done, wanted - done, offset + done);
    if (got <= 0)
      return refuse(location, got < 0 ? sys::StrError() : "it became shorter while being read");
    done += got;
  }
  return bytes;
}
