//===- ReadPlainFile.cpp - Files that a user has named --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/support/ReadPlainFile.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;

using Buffer = std::unique_ptr<MemoryBuffer>;

static Error tooLarge(uint64_t maxBytes) {
  return createStringError(fmt::format("it is larger than {}", maxBytes >> 30   ? fmt::format("{} GiB", maxBytes >> 30)
                                                               : maxBytes >> 20 ? fmt::format("{} MiB", maxBytes >> 20)
                                                                                : fmt::format("{} bytes", maxBytes)));
}

Expected<Buffer> attnc::readPlainFile(StringRef path, uint64_t maxBytes, bool isText) {
  int fd = open(path.str().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return createStringError(sys::StrError());
  llvm::scope_exit closeFile([&] { close(fd); });
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
    return createStringError("it is not a plain file");
  if (static_cast<uint64_t>(info.st_size) > maxBytes)
    return tooLarge(maxBytes);
  return errorOrToExpected(MemoryBuffer::getOpenFile(sys::fs::convertFDToNativeFile(fd), path, info.st_size,
                                                     /*RequiresNullTerminator=*/isText));
}

Expected<Buffer> attnc::readStandardInput(uint64_t maxBytes) {
  std::string text;
  char chunk[1 << 16];
  for (;;) {
    ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return createStringError(sys::StrError());
    if (got == 0)
      return MemoryBuffer::getMemBufferCopy(text, "<stdin>");
    text.append(chunk, static_cast<size_t>(got));
    if (text.size() > maxBytes)
      return tooLarge(maxBytes);
  }
}
