//===- Strided.cpp - Strides of dense tensors -----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Strided.h"
#include "attnc/attnc.h"

#include <string.h>

using namespace attnc::rt;

void attnc::rt::compactStrides(int rank, const int64_t *shape, int64_t *strides) {
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    strides[i] = stride;
    // With an extent of 0 the others may be anything: no element is addressed.
    if (__builtin_mul_overflow(stride, shape[i], &stride))
      stride = 0;
  }
}

bool attnc::rt::tensorBytes(int rank, const int64_t *shape, int64_t elementBytes, int64_t &bytes) {
  bool empty = false;
  for (int i = 0; i < rank; ++i) {
    if (shape[i] < 0)
      return false;
    empty |= shape[i] == 0;
  }
  bytes = empty ? 0 : elementBytes;
  for (int i = 0; i < rank && !empty; ++i)
    if (__builtin_mul_overflow(bytes, shape[i], &bytes))
      return false;
  return true;
}

bool attnc::rt::byteSpan(int rank, const int64_t *shape, const int64_t *strides, int64_t elementBytes, int64_t &low,
                         int64_t &high) {
  low = high = 0;
  for (int i = 0; i < rank; ++i)
    if (shape[i] == 0)
      return true;
  high = elementBytes;
  for (int i = 0; i < rank; ++i) {
    if (shape[i] == 1) // its stride means nothing
      continue;
    int64_t distance; // from the first to the last along i
    if (__builtin_mul_overflow(strides[i], elementBytes, &distance) ||
        __builtin_mul_overflow(distance, shape[i] - 1, &distance))
      return false;
    int64_t &end = distance < 0 ? low : high;
    if (__builtin_add_overflow(end, distance, &end))
      return false;
  }
  int64_t span;
  return !__builtin_sub_overflow(high, low, &span);
}

template <typename Element>
static void gatherRow(char *target, const char *source, int64_t count, int64_t stride) {
  for (int64_t i = 0; i < count; ++i)
    memcpy(target + i * sizeof(Element), source + i * stride * int64_t(sizeof(Element)), sizeof(Element));
}

static void gatherRow(char *target, const char *source, int64_t count, int64_t stride, int64_t elementBytes) {
  if (stride == 1)
    memcpy(target, source, static_cast<size_t>(count * elementBytes));
  else if (elementBytes == 1)
    gatherRow<uint8_t>(target, source, count, stride);
  else if (elementBytes == 2)
    gatherRow<uint16_t>(target, source, count, stride);
  else if (elementBytes == 4)
    gatherRow<uint32_t>(target, source, count, stride);
  else
    gatherRow<uint64_t>(target, source, count, stride);
}

/// Returns where the next row goes. The depth is the rank, at most 16.
static char *gatherDims(char *target, const char *source, int rank, const int64_t *shape, const int64_t *strides,
                        int64_t elementBytes) {
  if (rank == 0) {
    memcpy(target, source, static_cast<size_t>(elementBytes));
    return target + elementBytes;
  }
  if (rank == 1) {
    gatherRow(target, source, shape[0], strides[0], elementBytes);
    return target + shape[0] * elementBytes;
  }
  for (int64_t i = 0; i < shape[0]; ++i)
    target = gatherDims(target, source + i * strides[0] * elementBytes, rank - 1, shape + 1, strides + 1, elementBytes);
  return target;
}

//===----------------------------------------------------------------------===//
// Overlap
//===----------------------------------------------------------------------===//

static bool isRowMajor(const StridedBytes &tensor) {
  int64_t compact = 1;
  for (int i = tensor.rank; i-- > 0; compact *= tensor.shape[i])
    if (tensor.shape[i] != 1 && tensor.strides[i] != compact)
      return false;
  return true;
}

/// Whether distance = sum of k_i * strides[i] with -(extents of b - 1) <= k_i <= extents of a - 1: element i of a and j of b
/// are one where k = i - j. Strides fall; each dimension takes the multiple that leaves a rest which the others can reach.
static bool canReach(int64_t distance, int rank, const int64_t *strides, const int64_t *most, const int64_t *least) {
  if (rank == 0)
    return distance == 0;
  int64_t down = distance / strides[0] - (distance % strides[0] < 0 ? 1 : 0); // towards minus infinity
  for (int64_t k = down; k <= down + 1; ++k)
    if (k >= -least[0] && k <= most[0] &&
        canReach(distance - k * strides[0], rank - 1, strides + 1, most + 1, least + 1))
      return true;
  return false;
}

bool attnc::rt::surelyOverlap(const StridedBytes &a, const StridedBytes &b) {
  int64_t lowA, highA, lowB, highB;
  if (!byteSpan(a.rank, a.shape, a.strides, a.elementBytes, lowA, highA) ||
      !byteSpan(b.rank, b.shape, b.strides, b.elementBytes, lowB, highB) || lowA == highA || lowB == highB)
    return false;
  if (a.first + static_cast<uintptr_t>(lowA) >= b.first + static_cast<uintptr_t>(highB) ||
      b.first + static_cast<uintptr_t>(lowB) >= a.first + static_cast<uintptr_t>(highA))
    return false;
  if (isRowMajor(a) && isRowMajor(b))
    return true;
  auto bytes = static_cast<int64_t>(b.first - a.first);
  if (a.rank != b.rank || a.rank > ATTNC_MAX_RANK || a.elementBytes != b.elementBytes || bytes % a.elementBytes != 0)
    return false;
  int64_t strides[ATTNC_MAX_RANK], most[ATTNC_MAX_RANK], least[ATTNC_MAX_RANK], reach = 1;
  int count = 0;
  for (int i = 0; i < a.rank; ++i) {
    if (a.shape[i] == 1 && b.shape[i] == 1)
      continue;
    if (a.strides[i] != b.strides[i] || a.strides[i] <= 0 || (count > 0 && strides[count - 1] < a.strides[i]))
      return false;
    strides[count] = a.strides[i];
    most[count] = a.shape[i] - 1;
    least[count++] = b.shape[i] - 1;
  }
  for (int i = count; i-- > 0;) { // rows of each end before the next begins, or the two multiples above miss some
    if (strides[i] < reach)
      return false;
    reach += strides[i] * (most[i] > least[i] ? most[i] : least[i]);
  }
  return canReach(bytes / a.elementBytes, count, strides, most, least);
}

/// Rows of `source`, which lie one after the other; returns where the next one lies.
static const char *scatterDims(char *target, const char *source, int rank, const int64_t *shape, const int64_t *strides,
                               int64_t elementBytes) {
  if (rank <= 1) { // the innermost stride is 1
    int64_t bytes = (rank == 0 ? 1 : shape[0]) * elementBytes;
    memcpy(target, source, static_cast<size_t>(bytes));
    return source + bytes;
  }
  for (int64_t i = 0; i < shape[0]; ++i)
    source =
        scatterDims(target + i * strides[0] * elementBytes, source, rank - 1, shape + 1, strides + 1, elementBytes);
  return source;
}

void attnc::rt::scatter(void *target, const void *source, int rank, const int64_t *shape, const int64_t *strides,
                        int64_t elementBytes) {
  for (int i = 0; i < rank; ++i)
    if (shape[i] == 0)
      return;
  scatterDims(static_cast<char *>(target), static_cast<const char *>(source), rank, shape, strides, elementBytes);
}

void attnc::rt::gather(void *target, const void *source, int rank, const int64_t *shape, const int64_t *strides,
                       int64_t elementBytes) {
  for (int i = 0; i < rank; ++i)
    if (shape[i] == 0)
      return;
  gatherDims(static_cast<char *>(target), static_cast<const char *>(source), rank, shape, strides, elementBytes);
}
