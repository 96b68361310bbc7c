//===- Npy.h - NumPy's file format for one tensor ---------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads format versions 1 to 3 and writes version 1. Files are not trusted: a
// header that lies gives a message, and nothing is allocated before the file is
// known to hold that many bytes.
//
// For compiled programs and for the compiler's own tools (link attnc_npy).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/cpu/Text.h"

namespace attnc::rt {

/// DLPack's code and bits.
struct ElementType {
  uint8_t code, bits;
  bool operator==(const ElementType &) const = default;
};

/// What the first bytes of a file say.
struct NpyHeader {
  ElementType type;
  bool fortranOrder;
  int32_t rank;
  int64_t shape[ATTNC_MAX_RANK];
  int64_t dataOffset; // bytes
  int64_t dataBytes;
};

/// Parses the header at the start of a file of `fileBytes` bytes, of which the
/// first `available` are given (maxNpyHeader are always enough). On failure
/// `why` says what is wrong, without the file's name.
bool parseNpyHeader(const char *bytes, size_t available, int64_t fileBytes, NpyHeader &header, Text &why);

inline constexpr size_t maxNpyHeader = 64 << 10;

/// A tensor in memory of its own: row-major, 64-byte aligned, freed at the end.
class NpyTensor {
public:
  NpyTensor() = default;
  ~NpyTensor();
  NpyTensor(NpyTensor &&other);
  NpyTensor &operator=(NpyTensor &&other);

  /// Reads `path`. Elements in Fortran order are put in row-major order.
  /// bfloat16, which NumPy does not know, is stored as uint16, and some write
  /// booleans as uint8: `wanted` says that this is meant. It changes nothing
  /// else, so `type` may differ from it. Null wants nothing.
  bool read(const char *path, const ElementType *wanted, Text &why);

  /// Allocates memory for the shape, with anything in it.
  bool allocate(ElementType type, int rank, const int64_t *shape, Text &why);

  void *data = nullptr; // not null even without elements, once read
  ElementType type = {};
  int32_t rank = 0;
  int64_t shape[ATTNC_MAX_RANK] = {};
  int64_t bytes = 0;
};

/// Writes a row-major tensor; bfloat16 as uint16. On failure no file is left.
bool writeNpy(const char *path, ElementType type, int rank, const int64_t *shape, const void *data, Text &why);

/// "DIRECTORY/NAME.npy", where a tensor of that name is looked for. A slash in
/// the name becomes an underscore: names never lead out of the directory.
void addTensorPath(Text &path, const char *directory, const char *name);

} // namespace attnc::rt
