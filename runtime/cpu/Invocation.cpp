//===- Invocation.cpp - One call of an entry ------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Invocation.h"
#include "runtime/cpu/Checks.h"

#include "runtime/cpu/CpuFeatures.h"
#include "runtime/cpu/Strided.h"
#include "runtime/cuda/Driver.h"

#include <inttypes.h>

using namespace attnc::rt;

//===----------------------------------------------------------------------===//
// The frame
//===----------------------------------------------------------------------===//

static int64_t totalRank(int count, const attnc_tensor_info *tensors) {
  int64_t rank = 0;
  for (int i = 0; i < count; ++i)
    rank += tensors[i].rank;
  return rank;
}

size_t Invocation::frameBytes(const attnc_entry &entry) {
  int64_t tensors = entry.num_inputs + entry.num_outputs;
  int64_t outputRank = totalRank(entry.num_outputs, entry.outputs);
  int64_t rank = totalRank(entry.num_inputs, entry.inputs) + outputRank;
  int64_t words = (tensors + 2) + tensors + entry.num_inputs + 2 * entry.num_symbols + (outputRank + 1);
  return static_cast<size_t>(words * 8 + rank * 16) + static_cast<size_t>(tensors) * sizeof(MemRef);
}

Invocation::Invocation(const attnc_entry &entry, void *frame, Text &why) : entry(entry), why(why) {
  auto *at = static_cast<char *>(frame);
  auto take = [&]<typename T>(T *&array, int64_t count) {
    array = reinterpret_cast<T *>(at);
    at += static_cast<size_t>(count) * sizeof(T);
  };
  int tensors = entry.num_inputs + entry.num_outputs;
  numExtents = totalRank(entry.num_outputs, entry.outputs);
  take(arguments, tensors + 2);
  take(memrefs, tensors);
  take(copies, entry.num_inputs);
  take(symbols, entry.num_symbols);
  take(symbolInput, entry.num_symbols);
  take(extents, numExtents + 1);
  for (int i = 0; i < tensors; ++i) {
    const attnc_tensor_info &info = i < entry.num_inputs ? entry.inputs[i] : entry.outputs[i - entry.num_inputs];
    memrefs[i] = reinterpret_cast<MemRef *>(at);
    at += sizeof(MemRef) + static_cast<size_t>(info.rank) * 16;
    arguments[i] = memrefs[i];
  }
  for (int s = 0; s < entry.num_symbols; ++s)
    symbols[s] = -1;
}

//===----------------------------------------------------------------------===//
// Variant
//===----------------------------------------------------------------------===//

static bool needsGpu(const attnc_entry &entry) {
  for (int i = 0; i < entry.num_variants; ++i)
    if (isGpu(entry.variants[i]))
      return true;
  return false;
}

/// The driver is asked only where it matters: starting it takes a while.
bool attnc::rt::machineFeatures(const attnc_entry &entry, uint64_t &features, Text &why) {
  if (!cpuFeatures(features, why))
    return false;
  Text unused(nullptr, 0); // why there is no GPU matters only if nothing else fits
  if (needsGpu(entry))
    features |= cuda::gpuFeatures(unused);
  return true;
}

const attnc_variant *attnc::rt::selectVariant(const attnc_entry &entry, uint64_t features, Text &why) {
  for (int i = 0; i < entry.num_variants; ++i)
    if ((entry.variants[i].cpu_features & ~features) == 0)
      return &entry.variants[i];
  why.add("'%s' was compiled for ", entry.name);
  for (int i = 0; i < entry.num_variants; ++i)
    why.add("%s%s", i ? ", " : "", entry.variants[i].target);
  why.add("; this CPU has: ");
  addCpuFeatures(why, features & ~ATTNC_CUDA_ANY);
  if (needsGpu(entry)) {
    why.add("; ");
    cuda::gpuFeatures(why);
  }
  return nullptr;
}

attnc_status Invocation::selectVariant() {
  uint64_t features;
  if (!machineFeatures(entry, features, why))
    return ATTNC_INVALID_ARGUMENT;
  variant = attnc::rt::selectVariant(entry, features, why);
  return variant ? ATTNC_OK : ATTNC_UNSUPPORTED_CPU;
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

/// "k: expected f32[B, N, 16, 64] with B = 2 (from q), got f32[3, 7, 16, 64]".
/// Only the symbols that do not fit are mentioned.
attnc_status Invocation::mismatch(int input, const DLTensor &tensor) {
  const attnc_tensor_info &info = entry.inputs[input];
  why.add("%s: expected ", info.name);
  addSignature(why, entry, info);
  const char *separator = " with ";
  for (int i = 0; i < info.rank && tensor.ndim == info.rank; ++i) {
    int symbol = info.dims[i].symbol;
    if (symbol < 0 || symbols[symbol] < 0 || symbols[symbol] == tensor.shape[i])
      continue;
    why.add("%s%s = %" PRId64 " (from %s)", separator, entry.symbols[symbol], symbols[symbol],
            entry.inputs[symbolInput[symbol]].name);
    separator = ", ";
  }
  addActual(why, tensor);
  return ATTNC_INVALID_ARGUMENT;
}

attnc_status Invocation::bindShape(int input, const DLTensor &tensor) {
  const attnc_tensor_info &info = entry.inputs[input];
  if (!sameType(info, tensor.dtype, /*isInput=*/true) || tensor.ndim != info.rank)
    return mismatch(input, tensor);
  for (int i = 0; i < info.rank; ++i) {
    const attnc_dim &dim = info.dims[i];
    int64_t extent = tensor.shape[i];
    if (dim.size >= 0 && dim.size != extent)
      return mismatch(input, tensor);
    if (dim.size < -1 && extent > -1 - dim.size)
      return mismatch(input, tensor);
    if (dim.symbol < 0)
      continue;
    int64_t &bound = symbols[dim.symbol];
    if (bound < 0) {
      bound = extent;
      symbolInput[dim.symbol] = input;
    }
    if (bound != extent)
      return mismatch(input, tensor);
  }
  return ATTNC_OK;
}

static int64_t alignUp(int64_t value) {
  return (value + Invocation::workspaceAlignment - 1) & -Invocation::workspaceAlignment;
}

/// Fills the memref. Kernels read rows of elements, forwards: a tensor whose innermost stride is not 1, which has a
/// negative stride, or whose data is not aligned to its element, is copied. What goes to a GPU is row-major.
attnc_status Invocation::bindStrides(int input, const DLTensor &tensor) {
  const attnc_tensor_info &info = entry.inputs[input];
  int64_t elementBytes = info.type_bits / 8;
  MemRef &memref = *memrefs[input];
  int64_t *strides = memref.strides(info.rank);
  memref.allocated = memref.aligned = firstElement(tensor);
  memref.offset = 0;
  copyExtents(memref.sizes(), tensor.shape, info.rank);
  if (tensor.strides)
    copyExtents(strides, tensor.strides, info.rank);
  else
    compactStrides(info.rank, memref.sizes(), strides);
  // The strides of a single element or of none mean nothing, and exporters write anything.
  bool empty = false;
  for (int i = 0; i < info.rank; ++i)
    empty |= memref.sizes()[i] == 0;
  for (int i = 0; i < info.rank; ++i)
    if (empty || memref.sizes()[i] == 1)
      strides[i] = 1;

  bool inPlace = isGpu(*variant) ? isCompact(tensor) : info.rank == 0 || strides[info.rank - 1] == 1;
  for (int i = 0; i < info.rank; ++i)
    inPlace &= strides[i] >= 0;
  copies[input] = 0;
  if (inPlace && isAligned(memref.aligned, info))
    return ATTNC_OK;
  int64_t bytes;
  if (!tensorBytes(info.rank, memref.sizes(), elementBytes, bytes) || bytes > INT64_MAX - 64 ||
      __builtin_add_overflow(copyBytes, alignUp(bytes), &copyBytes)) {
    why.add("%s: the copy of ", info.name);
    addPlace(why, tensor);
    why.add(" in row-major order is larger than 2^63 bytes");
    return ATTNC_INVALID_ARGUMENT;
  }
  copies[input] = bytes;
  return ATTNC_OK;
}

/// "past + seq is 42 (30 + 12), but may be 40 at most".
attnc_status Invocation::checkLimits() {
  for (int l = 0; l < entry.num_limits; ++l) {
    const attnc_limit &limit = entry.limits[l];
    int64_t sum = 0;
    for (int i = 0; i < limit.num_symbols; ++i)
      sum += symbols[limit.symbols[i]];
    if (sum <= limit.most)
      continue;
    for (int i = 0; i < limit.num_symbols; ++i)
      why.add("%s%s", i ? " + " : "", entry.symbols[limit.symbols[i]]);
    why.add(" is %" PRId64 " (", sum);
    for (int i = 0; i < limit.num_symbols; ++i)
      why.add("%s%" PRId64, i ? " + " : "", symbols[limit.symbols[i]]);
    why.add("), but may be %" PRId64 " at most", limit.most);
    return ATTNC_INVALID_ARGUMENT;
  }
  return ATTNC_OK;
}

attnc_status Invocation::bindInputs(const DLTensor *const *inputs, bool needData) {
  for (int i = 0; i < entry.num_inputs; ++i) {
    const attnc_tensor_info &info = entry.inputs[i];
    if (!inputs || !inputs[i]) {
      why.add("%s: the tensor is NULL", info.name);
      return ATTNC_INVALID_ARGUMENT;
    }
    const DLTensor &tensor = *inputs[i];
    attnc_status status = checkType(info, tensor, why);
    if (status == ATTNC_OK)
      status = bindShape(i, tensor);
    if (status == ATTNC_OK)
      status = checkMemory(info, tensor, needData, why);
    if (status == ATTNC_OK)
      status = bindStrides(i, tensor);
    if (status != ATTNC_OK)
      return status;
  }
  return checkLimits();
}

//===----------------------------------------------------------------------===//
// Promises on elements
//===----------------------------------------------------------------------===//

static int64_t readInteger(const char *at, uint8_t bits) {
  uint64_t value = 0;
  memcpy(&value, at, bits / 8u);
  int shift = 64 - bits; // the sign
  return static_cast<int64_t>(value << shift) >> shift;
}

/// Advances `index` along all dimensions but the last; false after the last row.
static bool nextRow(int rank, const int64_t *shape, int64_t *index) {
  for (int i = rank - 2; i >= 0; --i) {
    if (++index[i] < shape[i])
      return true;
    index[i] = 0;
  }
  return false;
}

static void addIndex(Text &why, int rank, const int64_t *index) {
  why.add("[");
  for (int i = 0; i < rank; ++i)
    why.add("%s%" PRId64, i ? ", " : "", index[i]);
  why.add("]");
}

/// visit(row, stride in bytes, length, index of the row's first element) for every row along the last dimension, while
/// it returns true; a tensor of rank 0 is one row.
template <typename Visit>
static bool forEachRow(const attnc_tensor_info &info, const DLTensor &tensor, Visit visit) {
  int64_t index[ATTNC_MAX_RANK] = {}, strides[ATTNC_MAX_RANK] = {};
  if (tensor.strides)
    copyExtents(strides, tensor.strides, info.rank);
  else
    compactStrides(info.rank, tensor.shape, strides);
  int last = info.rank > 0 ? info.rank - 1 : 0;
  int64_t length = info.rank > 0 ? tensor.shape[last] : 1, elementBytes = info.type_bits / 8;
  do {
    const char *row = static_cast<const char *>(firstElement(tensor));
    for (int i = 0; i < last; ++i)
      row += index[i] * strides[i] * elementBytes;
    if (!visit(row, strides[last] * elementBytes, length, index))
      return false;
  } while (nextRow(info.rank, tensor.shape, index));
  return true;
}

/// "ids: declared sorted, but element [0, 17] is 3 after 5".
attnc_status Invocation::checkSorted(const attnc_tensor_info &info, const DLTensor &tensor) {
  bool isSorted = forEachRow(info, tensor, [&](const char *row, int64_t stride, int64_t length, int64_t *index) {
    for (int64_t j = 1; j < length; ++j) {
      int64_t before = readInteger(row + (j - 1) * stride, info.type_bits);
      int64_t element = readInteger(row + j * stride, info.type_bits);
      if (element >= before)
        continue;
      index[info.rank - 1] = j;
      why.add("%s: declared sorted, but element ", info.name);
      addIndex(why, info.rank, index);
      why.add(" is %" PRId64 " after %" PRId64, element, before);
      return false;
    }
    return true;
  });
  return isSorted ? ATTNC_OK : ATTNC_INVALID_ARGUMENT;
}

/// "ids: element [0, 17] is 30522, which is outside of the 30522 positions that it indexes (0 to 30521, or from the end
/// -30522 to -1)".
attnc_status Invocation::checkIndices(const attnc_tensor_info &info, const DLTensor &tensor) {
  const attnc_dim &dim = info.dims[info.rank];
  int64_t extent = dim.symbol >= 0 ? symbols[dim.symbol] : dim.size;
  bool areInside = forEachRow(info, tensor, [&](const char *row, int64_t stride, int64_t length, int64_t *index) {
    for (int64_t j = 0; j < length; ++j) {
      int64_t element = readInteger(row + j * stride, info.type_bits);
      if (element >= -extent && element < extent)
        continue;
      if (info.rank > 0)
        index[info.rank - 1] = j;
      why.add("%s: element ", info.name);
      addIndex(why, info.rank, index);
      why.add(" is %" PRId64 ", which is outside of the %" PRId64 " positions that it indexes", element, extent);
      if (extent > 0)
        why.add(" (0 to %" PRId64 ", or from the end %" PRId64 " to -1)", extent - 1, -extent);
      return false;
    }
    return true;
  });
  return areInside ? ATTNC_OK : ATTNC_INVALID_ARGUMENT;
}

attnc_status Invocation::checkElements(const DLTensor *const *inputs) {
  for (int i = 0; i < entry.num_inputs; ++i) {
    const attnc_tensor_info &info = entry.inputs[i];
    bool empty = false;
    for (int d = 0; d < info.rank; ++d)
      empty |= inputs[i]->shape[d] == 0;
    if (!(info.flags & ATTNC_TENSOR_CHECKED) || empty)
      continue;
    attnc_status status = ATTNC_OK;
    if (info.flags & ATTNC_TENSOR_SORTED && info.rank > 0)
      status = checkSorted(info, *inputs[i]);
    if (info.flags & ATTNC_TENSOR_INDEX && status == ATTNC_OK)
      status = checkIndices(info, *inputs[i]);
    if (status != ATTNC_OK)
      return status;
  }
  return ATTNC_OK;
}

//===----------------------------------------------------------------------===//
// Plan and run
//===----------------------------------------------------------------------===//

attnc_status Invocation::plan() {
  void *beforeOutputs = arguments[entry.num_inputs];
  arguments[entry.num_inputs] = extents;
  variant->plan(arguments);
  arguments[entry.num_inputs] = beforeOutputs;
  kernelBytes = extents[numExtents];
  const int64_t *shape = extents;
  for (int o = 0; o < entry.num_outputs; ++o) {
    const attnc_tensor_info &info = entry.outputs[o];
    int64_t bytes;
    if (!tensorBytes(info.rank, shape, info.type_bits / 8, bytes)) {
      why.add("%s: these inputs ask for ", info.name);
      addShape(why, info.type_code, info.type_bits, info.rank, shape);
      why.add(", of negative extent or larger than 2^63 bytes");
      return ATTNC_INVALID_ARGUMENT;
    }
    shape += info.rank;
  }
  if (kernelBytes >= 0)
    return ATTNC_OK;
  why.add("'%s': the workspace of these inputs would be larger than 2^63 bytes", entry.name);
  return ATTNC_INVALID_ARGUMENT;
}

/// Copies inputs that cannot be read in place to `workspace`; returns what is left of it.
char *Invocation::copyInputs(char *workspace) {
  for (int i = 0; i < entry.num_inputs; ++i) {
    if (!copies[i])
      continue;
    const attnc_tensor_info &info = entry.inputs[i];
    MemRef &memref = *memrefs[i];
    int64_t *strides = memref.strides(info.rank);
    gather(workspace, memref.aligned, info.rank, memref.sizes(), strides, info.type_bits / 8);
    compactStrides(info.rank, memref.sizes(), strides);
    memref.allocated = memref.aligned = workspace;
    workspace += alignUp(copies[i]);
  }
  return workspace;
}

/// Calls the kernel with its workspace.
void Invocation::callKernel(void *kernelWorkspace, void *context) {
  struct {
    MemRef memref;
    int64_t size, stride;
  } rest = {{kernelWorkspace, kernelWorkspace, 0}, kernelBytes, 1};
  int tensors = entry.num_inputs + entry.num_outputs;
  arguments[tensors] = &rest;
  arguments[tensors + 1] = &context;
  variant->run(arguments);
}

void Invocation::run(char *workspace, void *context) { callKernel(copyInputs(workspace), context); }

/// "table: element [0, 17] is -1, which is outside of the 64 positions that it indexes (0 to 63)".
attnc_status Invocation::explain(const BadIndex &bad) {
  if (bad.input < 0)
    return ATTNC_OK;
  const attnc_tensor_info &info = entry.inputs[bad.input];
  int64_t index[ATTNC_MAX_RANK] = {}, rest = bad.element;
  for (int i = info.rank - 1; i >= 0; --i) {
    int64_t extent = memrefs[bad.input]->sizes()[i];
    index[i] = extent > 0 ? rest % extent : 0;
    rest = extent > 0 ? rest / extent : 0;
  }
  why.add("%s: element ", info.name);
  addIndex(why, info.rank, index);
  why.add(" is %" PRId64 ", which is outside of the %" PRId64 " positions that it indexes", bad.value, bad.extent);
  if (bad.extent > 0)
    why.add(" (0 to %" PRId64 ")", bad.extent - 1);
  return ATTNC_INVALID_ARGUMENT;
}

bool Invocation::isForGpu() const { return isGpu(*variant); }
