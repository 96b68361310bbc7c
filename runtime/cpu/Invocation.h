//===- Invocation.h - One call of an entry ----------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A call goes through the steps below in their order; each fails with a status
// and a message. All its memory is the caller's: `frame` for descriptors and
// extents, a few hundred bytes on the stack of the public function, and the
// workspace for copies and kernels.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/cpu/Context.h"
#include "runtime/cpu/Strided.h"
#include "runtime/cpu/Text.h"

namespace attnc::rt::cuda {
class Device;
} // namespace attnc::rt::cuda

namespace attnc::rt {

/// MLIR's memref descriptor; sizes and strides follow: int64_t[2 * rank].
struct MemRef {
  void *allocated;
  void *aligned;
  int64_t offset;

  int64_t *sizes() { return reinterpret_cast<int64_t *>(this + 1); }
  int64_t *strides(int rank) { return sizes() + rank; }
};

class Invocation {
public:
  /// Bytes of the frame, which is aligned to 8.
  static size_t frameBytes(const attnc_entry &entry);
  Invocation(const attnc_entry &entry, void *frame, Text &why);

  /// The first variant that this CPU can run.
  attnc_status selectVariant();

  /// Checks inputs against the entry and binds its symbols. With `needData`, a
  /// tensor that has elements must have data.
  attnc_status bindInputs(const DLTensor *const *inputs, bool needData);

  /// Whether the elements of inputs are what the entry was promised, for those that it wants checked.
  attnc_status checkElements(const DLTensor *const *inputs);

  /// Output shapes and workspace, by the variant's plan function.
  attnc_status plan();

  /// After bindInputs and plan.
  attnc_status bindOutputs(const DLTensor *const *inputs, DLTensor *const *outputs);

  /// Bytes of host memory that run() or runOnDevice() needs, without alignment.
  int64_t workspaceBytes() const { return isForGpu() ? copyBytes : copyBytes + kernelBytes; }

  /// Copies what cannot be read in place, and runs the kernel. `workspace` is
  /// aligned to `workspaceAlignment`.
  void run(char *workspace, void *context);

  /// The status of a run that found `bad`.
  attnc_status explain(const BadIndex &bad);

  /// Whether the variant is one for a GPU; then, instead of run(), with a frame
  /// of deviceFrameBytes(). `device` may be null.
  bool isForGpu() const;
  size_t deviceFrameBytes() const;
  /// stagingBytes(outputs) at `staging` are for outputs with gaps, which pass through them on their way back.
  int64_t stagingBytes(DLTensor *const *outputs) const;
  attnc_status runOnDevice(char *workspace, char *staging, DLTensor *const *outputs, cuda::Device *device, void *frame);

  /// Extents of all outputs, one after the other.
  const int64_t *outputExtents() const { return extents; }
  int64_t numOutputExtents() const { return numExtents; }

  static constexpr int64_t workspaceAlignment = 64;

private:
  attnc_status checkSorted(const attnc_tensor_info &info, const DLTensor &tensor);
  attnc_status checkIndices(const attnc_tensor_info &info, const DLTensor &tensor);
  attnc_status bindShape(int input, const DLTensor &tensor);
  attnc_status checkLimits();
  attnc_status bindStrides(int input, const DLTensor &tensor);
  attnc_status mismatch(int input, const DLTensor &tensor);
  char *copyInputs(char *workspace);
  void callKernel(void *kernelWorkspace, void *context);
  attnc_status checkOutput(int output, const DLTensor *tensor, const int64_t *shape);
  attnc_status bindState(int input, int output, const DLTensor *const *inputs, const DLTensor *tensor);
  int64_t stagingBytes(int output, DLTensor *const *outputs) const;
  void unstage(const char *staging, DLTensor *const *outputs);
  StridedBytes bytesOf(int tensor) const;
  attnc_status checkExtended(int output, int input);
  attnc_status checkOverlap();

  const attnc_entry &entry;
  Text &why;
  const attnc_variant *variant = nullptr;
  int64_t copyBytes = 0, kernelBytes = 0, numExtents = 0;

  // In the frame:
  void **arguments;     // what the kernel gets
  MemRef **memrefs;     // [inputs + outputs]
  int64_t *copies;      // [inputs] bytes to copy; 0: read in place
  int64_t *symbols;     // [symbols] extents, -1: not known yet
  int64_t *symbolInput; // [symbols] the input that said so
  int64_t *extents;     // [numExtents + 1] what plan() writes
};

/// What this machine has of what the entry's variants may need; false, with the
/// reason, if ATTNC_CPU makes no sense.
bool machineFeatures(const attnc_entry &entry, uint64_t &features, Text &why);

/// The first variant that `features` allow; null, with the reason.
const attnc_variant *selectVariant(const attnc_entry &entry, uint64_t features, Text &why);

} // namespace attnc::rt
