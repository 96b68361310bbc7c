//===- Strided.h - Strides of dense tensors ---------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace attnc::rt {

/// Copies extents or strides. Of none, both pointers may be null, which memcpy
/// does not allow.
inline void copyExtents(int64_t *target, const int64_t *source, int64_t rank) {
  for (int64_t i = 0; i < rank; ++i)
    target[i] = source[i];
}

/// strides[i] = product of shape[i + 1 ..]: row-major without gaps.
void compactStrides(int rank, const int64_t *shape, int64_t *strides);

/// Product of the extents times `elementBytes`; false if an extent is negative
/// or the product does not fit. A tensor with an extent of 0 has 0 bytes,
/// whatever the others are.
bool tensorBytes(int rank, const int64_t *shape, int64_t elementBytes, int64_t &bytes);

/// Where elements lie, in bytes from the start of the first: [low, high), low <= 0 < high. False if that does not fit
/// into 63 bits, or high - low does not. Without elements both are 0, whatever the strides are.
bool byteSpan(int rank, const int64_t *shape, const int64_t *strides, int64_t elementBytes, int64_t &low,
              int64_t &high);

/// Whether some element of one tensor is known to share bytes with some element of another: both row-major without gaps, or
/// parts of one larger tensor (equal strides). False where that cannot be said, as for other strides.
struct StridedBytes {
  uintptr_t first; ///< address of the first element
  int rank;
  const int64_t *shape, *strides; ///< strides in elements
  int64_t elementBytes;
};
bool surelyOverlap(const StridedBytes &a, const StridedBytes &b);

/// Copies the elements at `source` with these strides (in elements) to the
/// row-major memory at `target`. Elements are 1, 2, 4 or 8 bytes, and need not
/// be aligned.
void gather(void *target, const void *source, int rank, const int64_t *shape, const int64_t *strides,
            int64_t elementBytes);

/// Copies row-major elements at `source` to those at `target` with these strides, the innermost 1.
void scatter(void *target, const void *source, int rank, const int64_t *shape, const int64_t *strides,
             int64_t elementBytes);

} // namespace attnc::rt
