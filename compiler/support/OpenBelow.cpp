//===- OpenBelow.cpp - Files that another file names ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/support/OpenBelow.h"
#include "compiler/support/InputFiles.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/Path.h"
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace llvm;

namespace {
/// An open file or directory; -1, with errno, if opening failed.
class Descriptor {
public:
  explicit Descriptor(int fd) : fd(fd) {}
  Descriptor(Descriptor &&other) : fd(std::exchange(other.fd, -1)) {}
  Descriptor &operator=(Descriptor &&other) {
    std::swap(fd, other.fd);
    return *this;
  }
  ~Descriptor() {
    int error = errno;
    if (fd >= 0)
      close(fd);
    errno = error;
  }
  explicit operator bool() const { return fd >= 0; }
  int get() const { return fd; }
  int release() { return std::exchange(fd, -1); }

  /// The member `name` of this directory, unless it is a link.
  Descriptor folder(StringRef name) const { return open(name, O_DIRECTORY); }
  Descriptor file(StringRef name) const { return open(name, O_NONBLOCK); }

private:
  Descriptor open(StringRef name, int flags) const {
    return Descriptor(openat(fd, name.str().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags));
  }
  int fd;
};
} // namespace

static bool isSameFile(const struct stat &a, const struct stat &b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// The text of the link `name` in `folder`; empty if it is none.
static std::string linkText(const Descriptor &folder, StringRef name) {
  char text[PATH_MAX];
  ssize_t length = readlinkat(folder.get(), name.str().c_str(), text, sizeof text);
  return length > 0 && length < PATH_MAX ? std::string(text, length) : "";
}

/// A hub cache keeps the files of a model in REPO/blobs, named by their hash, and the folder of a revision holds links:
///
///   REPO/snapshots/REV/onnx/model.onnx_data -> ../../../blobs/0123…ef
///
/// Opens what such a link points to; -1 if `name` in `folder` is another kind of link.
static Descriptor openBlob(const Descriptor &folder, StringRef name) {
  std::string text = linkText(folder, name);
  StringRef hash(text);
  int up = 0;
  for (; hash.consume_front("../"); ++up) {
  }
  bool isHash = hash.consume_front("blobs/") && (hash.size() == 40 || hash.size() == 64) && all_of(hash, isHexDigit);
  if (!isHash || up < 2)
    return Descriptor(-1);
  Descriptor repository = folder.folder(".");
  struct stat below, snapshots;
  for (; up > 0 && repository; --up) {
    if (fstat(repository.get(), &below) != 0)
      return Descriptor(-1);
    repository = repository.folder("..");
  }
  // The folder from which the last step went up must be REPO/snapshots.
  if (!repository || fstatat(repository.get(), "snapshots", &snapshots, AT_SYMLINK_NOFOLLOW) != 0 ||
      !isSameFile(below, snapshots))
    return Descriptor(-1);
  Descriptor blobs = repository.folder("blobs");
  return blobs ? blobs.file(hash) : std::move(blobs);
}

/// A file with several names may be a private file that somebody linked here; what everyone may read is no secret.
static bool isPlain(const Descriptor &file) {
  struct stat info;
  return fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode) && (info.st_nlink == 1 || (info.st_mode & S_IROTH));
}

Expected<int> attnc::openBelow(StringRef directory, StringRef location) {
  if (location.empty() || location.contains('\0') || sys::path::is_absolute(location))
    return createStringError("the location must be a relative path");
  SmallVector<StringRef> parts(sys::path::begin(location), sys::path::end(location));
  if (is_contained(parts, ".."))
    return createStringError("the location must not contain '..'");
  Descriptor folder(open(directory.empty() ? "." : directory.str().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (StringRef part : ArrayRef(parts).drop_back())
    if (folder)
      folder = folder.folder(part);
  if (!folder)
    return createStringError(errno == ELOOP ? "symbolic links are not followed" : sys::StrError());
  Descriptor file = folder.file(parts.back());
  if (!file && errno == ELOOP && !(file = openBlob(folder, parts.back())))
    return createStringError("symbolic links are not followed, but for those of a hub cache into its blobs/ (cp -rL "
                             "copies what they point to)");
  if (!file)
    return createStringError(sys::StrError());
  if (isPlain(file)) {
    SmallString<128> path(directory);
    sys::path::append(path, location);
    rememberInput(file.get(), path);
    return file.release();
  }
  return createStringError("it is no plain file (a device or pipe, or a private file that has other names as well)");
}
