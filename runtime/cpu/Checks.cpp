//===- Checks.cpp - What a tensor of a call is ----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Checks.h"
#include "runtime/cpu/Strided.h"
#include "runtime/cpu/Text.h"

#include <inttypes.h>
#include <string.h>

using namespace attnc;
using namespace attnc::rt;

bool attnc::rt::sameType(const attnc_tensor_info &info, DLDataType type, bool isInput) {
  if (type.lanes != 1)
    return false;
  if (type.code == info.type_code && type.bits == info.type_bits)
    return true;
  return isInput && info.type_code == ATTNC_DL_BOOL && type.code == kDLUInt && type.bits == 8;
}

/// The data may be null, so this is arithmetic on numbers.
void *attnc::rt::firstElement(const DLTensor &tensor) {
  return reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(tensor.data) + tensor.byte_offset);
}

bool attnc::rt::isAligned(const void *data, const attnc_tensor_info &info) {
  return reinterpret_cast<uintptr_t>(data) % (info.type_bits / 8u) == 0;
}

/// Memory that the CPU reads: its own, pinned (CUDA 3, ROCm 11), managed (13).
bool attnc::rt::isHostMemory(int device) { return device == kDLCPU || device == 3 || device == 11 || device == 13; }

void attnc::rt::addActual(Text &why, const DLTensor &tensor) {
  why.add(", got ");
  if (tensor.dtype.lanes != 1)
    why.add("vectors of %d ", tensor.dtype.lanes);
  addShape(why, tensor.dtype.code, tensor.dtype.bits, tensor.ndim, tensor.shape);
}

/// "f32[2, 3, 4] with strides [12, 4, 1]", and where the data is.
void attnc::rt::addPlace(Text &why, const DLTensor &tensor) {
  addShape(why, tensor.dtype.code, tensor.dtype.bits, tensor.ndim, tensor.shape);
  for (int i = 0; i < tensor.ndim && tensor.strides; ++i)
    why.add("%s%" PRId64 "%s", i ? ", " : " with strides [", tensor.strides[i], i + 1 == tensor.ndim ? "]" : "");
}

/// Whether the strides are those of row-major order, where they matter.
bool attnc::rt::isCompact(const DLTensor &tensor) {
  int64_t compact[ATTNC_MAX_RANK];
  compactStrides(tensor.ndim, tensor.shape, compact);
  bool fits = true;
  for (int i = 0; i < tensor.ndim && tensor.strides; ++i) {
    if (tensor.shape[i] == 0)
      return true;
    fits &= tensor.shape[i] == 1 || tensor.strides[i] == compact[i];
  }
  return fits;
}

bool attnc::rt::isWritable(const DLTensor &tensor, bool inRows) {
  int order[ATTNC_MAX_RANK], count = 0; // dimensions that have strides, the smallest first
  for (int i = 0; i < tensor.ndim && tensor.strides; ++i) {
    if (tensor.shape[i] == 0)
      return true;
    if (tensor.shape[i] == 1)
      continue;
    if (tensor.strides[i] <= 0 || (inRows && i == tensor.ndim - 1 && tensor.strides[i] != 1))
      return false;
    int at = count++;
    for (; at > 0 && tensor.strides[order[at - 1]] > tensor.strides[i]; --at)
      order[at] = order[at - 1];
    order[at] = i;
  }
  int64_t reach = 1; // elements from the first to the last of the dimensions before; checkPlace has seen that it fits
  for (int n = 0; n < count; ++n) {
    if (tensor.strides[order[n]] < reach)
      return false;
    reach += tensor.strides[order[n]] * (tensor.shape[order[n]] - 1);
  }
  return true;
}

int attnc::rt::stateOf(const attnc_entry &entry, int output) {
  if (entry.outputs[output].flags & ATTNC_TENSOR_INOUT)
    for (int i = 0; i < entry.num_inputs; ++i)
      if (entry.inputs[i].flags & ATTNC_TENSOR_INOUT && strcmp(entry.inputs[i].name, entry.outputs[output].name) == 0)
        return i;
  return -1;
}

int attnc::rt::extendedBy(const attnc_entry &entry, int output) {
  const attnc_tensor_info &info = entry.outputs[output];
  return info.flags & ATTNC_TENSOR_EXTENDS ? static_cast<int>(info.dims[info.rank].size) : -1;
}

attnc_status attnc::rt::checkType(const attnc_tensor_info &info, const DLTensor &tensor, Text &why) {
  if (!isHostMemory(tensor.device.device_type)) {
    why.add("%s: the tensor is not in CPU memory (DLPack device type %d)", info.name,
            static_cast<int>(tensor.device.device_type));
    return ATTNC_INVALID_ARGUMENT;
  }
  if (tensor.ndim < 0 || tensor.ndim > ATTNC_MAX_RANK) {
    why.add("%s: rank %d is outside 0 to %d", info.name, tensor.ndim, ATTNC_MAX_RANK);
    return ATTNC_INVALID_ARGUMENT;
  }
  if (tensor.ndim > 0 && !tensor.shape) {
    why.add("%s: the tensor has rank %d and no shape", info.name, tensor.ndim);
    return ATTNC_INVALID_ARGUMENT;
  }
  return ATTNC_OK;
}

/// No arithmetic on the addresses of elements may wrap around: a kernel that is called does none that is checked.
static attnc_status checkPlace(const attnc_tensor_info &info, const DLTensor &tensor, Text &why) {
  int64_t compact[ATTNC_MAX_RANK], low, high, bytes, elementBytes = info.type_bits / 8;
  compactStrides(tensor.ndim, tensor.shape, compact);
  const int64_t *strides = tensor.strides ? tensor.strides : compact;
  if (!tensorBytes(tensor.ndim, tensor.shape, elementBytes, bytes) ||
      !byteSpan(tensor.ndim, tensor.shape, strides, elementBytes, low, high)) {
    why.add("%s: the elements of ", info.name);
    addPlace(why, tensor);
    why.add(" reach beyond 2^63 bytes");
    return ATTNC_INVALID_ARGUMENT;
  }
  if (!tensor.data || bytes == 0) // nothing is read; attnc_plan may be asked without data
    return ATTNC_OK;
  uintptr_t first, end;
  if (!__builtin_add_overflow(reinterpret_cast<uintptr_t>(tensor.data), tensor.byte_offset, &first) &&
      !__builtin_add_overflow(first, high, &end) && !__builtin_add_overflow(first, low, &first))
    return ATTNC_OK;
  why.add("%s: ", info.name);
  addPlace(why, tensor);
  why.add(" at %p, byte_offset %" PRIu64 ", lies outside the address space", tensor.data, tensor.byte_offset);
  return ATTNC_INVALID_ARGUMENT;
}

attnc_status attnc::rt::checkMemory(const attnc_tensor_info &info, const DLTensor &tensor, bool needData, Text &why) {
  bool empty = false;
  for (int i = 0; i < tensor.ndim; ++i) {
    empty |= tensor.shape[i] == 0;
    if (tensor.shape[i] >= 0)
      continue;
    why.add("%s: extent %d is negative (%" PRId64 ")", info.name, i, tensor.shape[i]);
    return ATTNC_INVALID_ARGUMENT;
  }
  if (needData && !empty && !tensor.data) {
    why.add("%s: data is NULL", info.name);
    return ATTNC_INVALID_ARGUMENT;
  }
  if (attnc_status status = checkPlace(info, tensor, why))
    return status;
  for (int i = 0; i < tensor.ndim; ++i) {
    if (tensor.shape[i] <= ATTNC_MAX_EXTENT)
      continue;
    why.add("%s: extent %d is above 2^29 (%" PRId64 ")", info.name, i, tensor.shape[i]);
    return ATTNC_INVALID_ARGUMENT;
  }
  return ATTNC_OK;
}
