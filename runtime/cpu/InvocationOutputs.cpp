//===- InvocationOutputs.cpp - Where a call writes ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Checks.h"
#include "runtime/cpu/Invocation.h"
#include "runtime/cpu/Text.h"

#include <string.h>

using namespace attnc;
using namespace attnc::rt;

attnc_status Invocation::checkOutput(int output, const DLTensor *tensor, const int64_t *shape) {
  const attnc_tensor_info &info = entry.outputs[output];
  if (!tensor) {
    why.add("%s: the tensor is NULL", info.name);
    return ATTNC_INVALID_ARGUMENT;
  }
  if (attnc_status status = checkType(info, *tensor, why); status != ATTNC_OK)
    return status;
  if (!sameType(info, tensor->dtype, /*isInput=*/false) || tensor->ndim != info.rank ||
      (info.rank && memcmp(shape, tensor->shape, static_cast<size_t>(info.rank) * 8) != 0)) {
    why.add("%s: expected ", info.name);
    addShape(why, info.type_code, info.type_bits, info.rank, shape);
    addActual(why, *tensor);
    return ATTNC_INVALID_ARGUMENT;
  }
  if (attnc_status status = checkMemory(info, *tensor, /*needData=*/true, why); status != ATTNC_OK)
    return status;
  if (!isWritable(*tensor)) {
    why.add("%s: an output needs positive strides, the innermost 1, that put no element on another; got ", info.name);
    addPlace(why, *tensor);
    return ATTNC_INVALID_ARGUMENT;
  }
  if (!isAligned(firstElement(*tensor), info)) {
    why.add("%s: an output must be aligned to its element", info.name);
    return ATTNC_INVALID_ARGUMENT;
  }
  return ATTNC_OK;
}

/// Checks that input `input` can be updated where it lies, and that `tensor`, which may be null, is the same.
attnc_status Invocation::bindState(int input, int output, const DLTensor *const *inputs, const DLTensor *tensor) {
  const attnc_tensor_info &info = entry.inputs[input];
  const DLTensor &given = *inputs[input];
  MemRef &memref = *memrefs[entry.num_inputs + output];
  memcpy(&memref, memrefs[input], sizeof(MemRef) + static_cast<size_t>(info.rank) * 16);
  bool isSame = !tensor || (firstElement(*tensor) == firstElement(given) && tensor->ndim == given.ndim);
  for (int i = 0; isSame && tensor && i < info.rank; ++i) {
    isSame &= tensor->shape[i] == given.shape[i];
    if (given.shape[i] > 1)
      isSame &= (tensor->strides ? tensor->strides[i] : memref.strides(info.rank)[i]) == memref.strides(info.rank)[i];
  }
  if (!isSame) {
    why.add("%s: is updated in place: its output must be the tensor that is its input, or NULL", info.name);
    return ATTNC_INVALID_ARGUMENT;
  }
  if (copies[input] || !isWritable(given)) {
    why.add(
        "%s: is updated in place, which needs positive strides, the innermost 1, that put no element on another, and "
        "data aligned to its element; got ",
        info.name);
    addPlace(why, given);
    return ATTNC_INVALID_ARGUMENT;
  }
  return ATTNC_OK;
}

StridedBytes Invocation::bytesOf(int tensor) const {
  const attnc_tensor_info &info =
      tensor < entry.num_inputs ? entry.inputs[tensor] : entry.outputs[tensor - entry.num_inputs];
  MemRef &memref = *memrefs[tensor];
  return {reinterpret_cast<uintptr_t>(memref.aligned), info.rank, memref.sizes(), memref.strides(info.rank),
          info.type_bits / 8};
}

/// Whether `whole` begins where `start` does, and what it begins with are the elements of `start`, one by one.
static bool beginsWith(const StridedBytes &whole, const StridedBytes &start) {
  bool does = whole.first == start.first && whole.rank == start.rank && whole.elementBytes == start.elementBytes;
  for (int d = 0; does && d < start.rank; ++d)
    does = start.shape[d] <= whole.shape[d] && (start.shape[d] <= 1 || start.strides[d] == whole.strides[d]);
  return does;
}

static bool isEmpty(const StridedBytes &tensor) {
  bool is = false;
  for (int d = 0; d < tensor.rank; ++d)
    is |= tensor.shape[d] == 0;
  return is;
}

/// Kernels compare addresses alone: where they are equal, the output must begin with the input.
attnc_status Invocation::checkExtended(int output, int input) {
  StridedBytes whole = bytesOf(entry.num_inputs + output), start = bytesOf(input);
  bool share = whole.first == start.first && !isEmpty(whole) && !isEmpty(start);
  if (share ? beginsWith(whole, start) : !surelyOverlap(whole, start))
    return ATTNC_OK;
  why.add(
      "%s: overlaps with the input %s, but does not begin with it: the first element and all strides must be the same",
      entry.outputs[output].name, entry.inputs[input].name);
  return ATTNC_INVALID_ARGUMENT;
}

/// What is written must lie on nothing else. Where strides are such that this cannot be seen, it is the caller's promise.
attnc_status Invocation::checkOverlap() {
  for (int o = 0; o < entry.num_outputs; ++o) {
    int state = stateOf(entry, o), extended = extendedBy(entry, o);
    if (extended >= 0)
      if (attnc_status status = checkExtended(o, extended); status != ATTNC_OK)
        return status;
    for (int other = 0; other < entry.num_inputs + o; ++other) {
      bool isItself = other == state || other == extended ||
                      (other >= entry.num_inputs && stateOf(entry, other - entry.num_inputs) >= 0);
      if (isItself || !surelyOverlap(bytesOf(entry.num_inputs + o), bytesOf(other)))
        continue;
      bool isInput = other < entry.num_inputs;
      why.add("%s: overlaps with the %s %s; what a call writes lies on nothing that it reads or writes",
              entry.outputs[o].name, isInput ? "input" : "output",
              isInput ? entry.inputs[other].name : entry.outputs[other - entry.num_inputs].name);
      return ATTNC_INVALID_ARGUMENT;
    }
  }
  return ATTNC_OK;
}

attnc_status Invocation::bindOutputs(const DLTensor *const *inputs, DLTensor *const *outputs) {
  const int64_t *shape = extents;
  for (int o = 0; o < entry.num_outputs; ++o) {
    const attnc_tensor_info &info = entry.outputs[o];
    DLTensor *tensor = outputs ? outputs[o] : nullptr;
    if (int state = stateOf(entry, o); state >= 0) {
      if (attnc_status status = bindState(state, o, inputs, tensor); status != ATTNC_OK)
        return status;
      shape += info.rank;
      continue;
    }
    if (attnc_status status = checkOutput(o, tensor, shape); status != ATTNC_OK)
      return status;
    MemRef &memref = *memrefs[entry.num_inputs + o];
    memref.allocated = memref.aligned = firstElement(*tensor);
    memref.offset = 0;
    copyExtents(memref.sizes(), shape, info.rank);
    int64_t *strides = memref.strides(info.rank);
    compactStrides(info.rank, shape, strides);
    for (int i = 0; i < info.rank && tensor->strides; ++i)
      if (shape[i] > 1) // the others mean nothing
        strides[i] = tensor->strides[i];
    shape += info.rank;
  }
  return checkOverlap();
}
