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

int attnc::rt::stateOf(const attnc_entry &entry, int output) {
  if (entry.outputs[output].flags & ATTNC_TENSOR_INOUT)
    for (int i = 0; i < entry.num_inputs; ++i)
      if (entry.inputs[i].flags & ATTNC_TENSOR_INOUT && strcmp(entry.inputs[i].name, entry.outputs[output].name) == 0)
        return i;
  return -1;
}
