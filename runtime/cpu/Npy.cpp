//===- Npy.cpp - Reading and writing .npy files ---------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files are read and not mapped: a mapped file that somebody shortens would end
// the process with SIGBUS in the middle of a kernel.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Npy.h"

#include "runtime/cpu/Strided.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace attnc::rt;

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

namespace {
class File {
public:
  File(const char *path, int flags) : descriptor(open(path, flags | O_CLOEXEC, 0666)) {}
  ~File() {
    if (descriptor >= 0)
      close(descriptor);
  }
  File(const File &) = delete;
  File &operator=(const File &) = delete;

  bool isOpen() const { return descriptor >= 0; }
  /// False where the file is something else than a regular file.
  bool size(int64_t &bytes) const {
    struct stat status;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
      return false;
    bytes = status.st_size;
    return true;
  }
  /// Reads until `size` bytes or the end; the number of bytes, or -1.
  int64_t readAt(int64_t offset, void *target, int64_t size) const;
  bool writeAll(const void *source, int64_t size) const;

private:
  int descriptor;
};
} // namespace

int64_t File::readAt(int64_t offset, void *target, int64_t size) const {
  int64_t done = 0;
  while (done < size) {
    ssize_t got = pread(descriptor, static_cast<char *>(target) + done, static_cast<size_t>(size - done),
                        static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    done += got;
  }
  return done;
}

bool File::writeAll(const void *source, int64_t size) const {
  for (int64_t done = 0; done < size;) {
    ssize_t put = write(descriptor, static_cast<const char *>(source) + done, static_cast<size_t>(size - done));
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return false;
    done += put;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

NpyTensor::~NpyTensor() { free(data); }

NpyTensor::NpyTensor(NpyTensor &&other) { *this = static_cast<NpyTensor &&>(other); }

NpyTensor &NpyTensor::operator=(NpyTensor &&other) {
  if (this == &other)
    return *this;
  free(data);
  data = other.data;
  type = other.type;
  rank = other.rank;
  memcpy(shape, other.shape, sizeof shape);
  bytes = other.bytes;
  other.data = nullptr;
  return *this;
}

/// Memory of at least one byte, 64-byte aligned. Linux would promise more than the machine has (a sparse file may look
/// that large), and end the process when it is used.
static void *allocateAligned(int64_t bytes) {
  int64_t pages = sysconf(_SC_PHYS_PAGES), pageBytes = sysconf(_SC_PAGESIZE);
  if (bytes > INT64_MAX - 64 || (pages > 0 && bytes / pageBytes > pages))
    return nullptr;
  return aligned_alloc(64, static_cast<size_t>(bytes + 64) & ~size_t(63));
}

bool NpyTensor::allocate(ElementType newType, int newRank, const int64_t *newShape, Text &why) {
  free(data);
  data = nullptr;
  type = newType;
  rank = newRank;
  copyExtents(shape, newShape, newRank);
  if (tensorBytes(rank, shape, type.bits / 8, bytes))
    data = allocateAligned(bytes);
  if (!data) {
    why.add("no memory for ");
    addShape(why, type.code, type.bits, rank, shape);
    return false;
  }
  return true;
}

/// The shape is stored reversed, so to speak: element (i, j) is at i + j *
/// rows.
static bool toRowMajor(NpyTensor &tensor) {
  void *ordered = allocateAligned(tensor.bytes);
  if (!ordered)
    return false;
  int64_t strides[ATTNC_MAX_RANK], stride = 1;
  for (int i = 0; i < tensor.rank; ++i) {
    strides[i] = stride;
    stride *= tensor.bytes ? tensor.shape[i] : 1;
  }
  gather(ordered, tensor.data, tensor.rank, tensor.shape, strides, tensor.type.bits / 8);
  free(tensor.data);
  tensor.data = ordered;
  return true;
}

/// Code is compiled for booleans that are 0 or 1.
static bool checkBooleans(const NpyTensor &tensor) {
  auto *values = static_cast<const uint8_t *>(tensor.data);
  uint8_t all = 0;
  for (int64_t i = 0; i < tensor.bytes; ++i)
    all |= values[i];
  return all <= 1;
}

static bool readHeader(const File &file, NpyHeader &header, Text &why) {
  int64_t fileBytes;
  if (!file.size(fileBytes)) {
    why.add("not a regular file");
    return false;
  }
  char *start = static_cast<char *>(malloc(maxNpyHeader));
  if (!start) {
    why.add("out of memory");
    return false;
  }
  int64_t got = file.readAt(0, start, maxNpyHeader);
  bool good = got >= 0;
  if (!good)
    why.add("cannot be read: %s", strerror(errno));
  else
    good = parseNpyHeader(start, static_cast<size_t>(got), fileBytes, header, why);
  free(start);
  return good;
}

static bool isStoredAs(ElementType wanted, ElementType stored) {
  constexpr ElementType bfloat = {kDLBfloat, 16}, uint16 = {kDLUInt, 16};
  constexpr ElementType boolean = {ATTNC_DL_BOOL, 8}, uint8 = {kDLUInt, 8};
  return (wanted == bfloat && stored == uint16) || (wanted == boolean && stored == uint8);
}

bool NpyTensor::read(const char *path, const ElementType *wanted, Text &why) {
  why.add("%s: ", path);
  File file(path, O_RDONLY | O_NONBLOCK); // a pipe shall not make us wait
  if (!file.isOpen()) {
    why.add("cannot be opened: %s", strerror(errno));
    return false;
  }
  NpyHeader header;
  if (!readHeader(file, header, why))
    return false;
  if (wanted && isStoredAs(*wanted, header.type))
    header.type = *wanted;
  if (!allocate(header.type, header.rank, header.shape, why))
    return false;
  if (file.readAt(header.dataOffset, data, bytes) != bytes) {
    why.add("cannot be read to its end");
    return false;
  }
  if (header.fortranOrder && !toRowMajor(*this)) {
    why.add("out of memory");
    return false;
  }
  if (type.code == ATTNC_DL_BOOL && !checkBooleans(*this)) {
    why.add("a boolean is neither 0 nor 1");
    return false;
  }
  why.clear();
  return true;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static const char *descrOf(ElementType type) {
  switch (type.code << 8 | type.bits) {
  case kDLFloat << 8 | 16:
    return "<f2";
  case kDLFloat << 8 | 32:
    return "<f4";
  case kDLFloat << 8 | 64:
    return "<f8";
  case kDLInt << 8 | 8:
    return "|i1";
  case kDLInt << 8 | 16:
    return "<i2";
  case kDLInt << 8 | 32:
    return "<i4";
  case kDLInt << 8 | 64:
    return "<i8";
  case kDLUInt << 8 | 8:
    return "|u1";
  case kDLUInt << 8 | 16:
  case kDLBfloat << 8 | 16:
    return "<u2";
  case kDLUInt << 8 | 32:
    return "<u4";
  case kDLUInt << 8 | 64:
    return "<u8";
  case ATTNC_DL_BOOL << 8 | 8:
    return "|b1";
  }
  return nullptr;
}

/// As NumPy writes it: data begins at a multiple of 64 bytes.
static void addHeader(Text &header, const char *descr, int rank, const int64_t *shape) {
  TextBuffer<512> dictionary;
  dictionary.add("{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (int i = 0; i < rank; ++i)
    dictionary.add("%s%" PRId64, i ? ", " : "", shape[i]);
  dictionary.add("%s), }", rank == 1 ? "," : "");
  size_t length = ((10 + dictionary.length() + 1 + 63) & ~size_t(63)) - 10;
  header.add("\x93NUMPY\x01%c%c%c%-*s\n", 0, static_cast<int>(length & 0xff), static_cast<int>(length >> 8),
             static_cast<int>(length - 1), dictionary.c_str());
}

bool attnc::rt::writeNpy(const char *path, ElementType type, int rank, const int64_t *shape, const void *data,
                         Text &why) {
  const char *descr = descrOf(type);
  int64_t bytes;
  if (!descr || !tensorBytes(rank, shape, type.bits / 8, bytes)) {
    why.add("%s: NumPy has no dtype for ", path);
    addShape(why, type.code, type.bits, rank, shape);
    return false;
  }
  TextBuffer<640> header;
  addHeader(header, descr, rank, shape);
  File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  int64_t ignored;
  if (file.isOpen() && file.writeAll(header.c_str(), static_cast<int64_t>(header.length())) &&
      file.writeAll(data, bytes))
    return true;
  why.add("%s: cannot be written: %s", path, strerror(errno));
  if (file.isOpen() && file.size(ignored))
    unlink(path);
  return false;
}

void attnc::rt::addTensorPath(Text &path, const char *directory, const char *name) {
  path.add("%s/", directory);
  for (; *name; ++name)
    path.add("%c", *name == '/' ? '_' : *name);
  path.add(".npy");
}
