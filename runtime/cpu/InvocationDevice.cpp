//===- InvocationDevice.cpp - One call of an entry, on a GPU --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// There, tensors are row-major. Inputs that are not are copied to the workspace first; outputs with gaps pass through
// staging memory of the host on their way back.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Checks.h"
#include "runtime/cpu/Invocation.h"
#include "runtime/cuda/Launch.h"

using namespace attnc::rt;

int64_t Invocation::stagingBytes(DLTensor *const *outputs) const {
  int64_t total = 0;
  for (int o = 0; o < entry.num_outputs; ++o)
    total += stagingBytes(o, outputs);
  return total;
}

/// 0: compact, written where it lies.
int64_t Invocation::stagingBytes(int output, DLTensor *const *outputs) const {
  int64_t bytes = 0;
  if (outputs[output] && !isCompact(*outputs[output])) // null: a state, which is no output of its own
    tensorBytes(outputs[output]->ndim, outputs[output]->shape, entry.outputs[output].type_bits / 8, bytes); // see plan
  return bytes;
}

/// Staged outputs -> where the caller wants them.
void Invocation::unstage(const char *staging, DLTensor *const *outputs) {
  for (int o = 0; o < entry.num_outputs; ++o) {
    int64_t bytes = stagingBytes(o, outputs);
    if (bytes == 0)
      continue;
    const DLTensor &tensor = *outputs[o];
    scatter(firstElement(tensor), staging, tensor.ndim, tensor.shape, tensor.strides, entry.outputs[o].type_bits / 8);
    staging += bytes;
  }
}

size_t Invocation::deviceFrameBytes() const {
  return static_cast<size_t>(entry.num_inputs + entry.num_outputs) * sizeof(cuda::Buffer);
}

attnc_status Invocation::runOnDevice(char *workspace, char *staging, DLTensor *const *outputs, cuda::Device *device,
                                     void *frame) {
  copyInputs(workspace);
  auto *buffers = static_cast<cuda::Buffer *>(frame);
  char *stagingEnd = staging;
  int tensors = entry.num_inputs + entry.num_outputs;
  for (int i = 0; i < tensors; ++i) {
    const attnc_tensor_info &info = i < entry.num_inputs ? entry.inputs[i] : entry.outputs[i - entry.num_inputs];
    MemRef &memref = *memrefs[i];
    compactStrides(info.rank, memref.sizes(), memref.strides(info.rank)); // those of one element mean nothing
    int64_t bytes = 0;
    tensorBytes(info.rank, memref.sizes(), info.type_bits / 8, bytes); // checked before
    buffers[i] = {memref.aligned, bytes, &memref.aligned};
    if (i < entry.num_inputs || stagingBytes(i - entry.num_inputs, outputs) == 0)
      continue;
    buffers[i].host = stagingEnd;
    stagingEnd += bytes;
  }
  struct Kernel {
    Invocation *call;
    void *workspace;
  } kernel = {this, nullptr};
  auto body = [](void *user, cuda::LaunchContext *context) {
    auto *kernel = static_cast<Kernel *>(user);
    kernel->call->callKernel(kernel->workspace, context);
  };
  attnc_status status =
      cuda::call(device, buffers, entry.num_inputs, tensors, kernelBytes, &kernel.workspace, body, &kernel, why);
  if (status == ATTNC_OK)
    unstage(staging, outputs);
  return status;
}
