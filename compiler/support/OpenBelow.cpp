//===- OpenBelow.cpp - Files that another file names ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/support/OpenBelow.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/Path.h"
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;

/// Opens `parts` one after the other, following no link; -1 with errno after a failure.
static int openParts(StringRef directory, ArrayRef<StringRef> parts) {
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
  return fd;
}

Expected<int> attnc::openBelow(StringRef directory, StringRef location) {
  if (location.empty() || location.contains('\0') || sys::path::is_absolute(location))
    return createStringError("the location must be a relative path");
  SmallVector<StringRef> parts(sys::path::begin(location), sys::path::end(location));
  if (is_contained(parts, ".."))
    return createStringError("the location must not contain '..'");
  int fd = openParts(directory, parts);
  if (fd < 0)
    return createStringError(errno == ELOOP ? "symbolic links are not followed (cp -rL copies what they point to)"
                                            : sys::StrError());
  struct stat info;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1)
    return fd;
  close(fd);
  return createStringError("it is not a plain file of its own (a link, device or pipe)");
}
