//===- Call.cpp - attnc_plan, attnc_call and their raw forms --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Context.h"
#include "runtime/cpu/Invocation.h"
#include "runtime/cpu/Options.h"
#include "runtime/cpu/Strided.h"
#include "runtime/cpu/Weights.h"

#include <inttypes.h>
#include <stdlib.h>

using namespace attnc::rt;

// Frames are on the stack; an entry's tensors are few. 1024 of rank 4 fit.
static constexpr size_t maxFrameBytes = 192 << 10;

static attnc_status checkEntry(const attnc_entry *entry, Text &why) {
  if (!entry)
    why.add("the entry is NULL");
  else if (Invocation::frameBytes(*entry) > maxFrameBytes)
    why.add("'%s' has too many inputs and outputs", entry->name);
  else
    return ATTNC_OK;
  return ATTNC_INVALID_ARGUMENT;
}

//===----------------------------------------------------------------------===//
// Plan
//===----------------------------------------------------------------------===//

static attnc_status planInvocation(Invocation &call, const attnc_entry &entry, const DLTensor *const *inputs,
                                   bool needData, Text &why) {
  attnc_status status = call.selectVariant();
  if (status == ATTNC_OK && needData && lacksWeights(entry))
    status = loadWeights(entry, nullptr, why);
  if (status == ATTNC_OK)
    status = call.bindInputs(inputs, needData);
  if (status == ATTNC_OK && needData)
    status = call.checkElements(inputs);
  return status == ATTNC_OK ? call.plan() : status;
}

/// What the caller is asked for: enough to align memory of any address.
static bool workspaceSize(const Invocation &call, int64_t &bytes) {
  bytes = call.workspaceBytes();
  if (bytes < 0 || bytes > INT64_MAX - Invocation::workspaceAlignment)
    return false;
  if (bytes)
    bytes += Invocation::workspaceAlignment - 1;
  return true;
}

static attnc_status tooLarge(const attnc_entry &entry, Text &why) {
  why.add("'%s': the workspace would be larger than 2^63 bytes", entry.name);
  return ATTNC_INVALID_ARGUMENT;
}

attnc_status attnc_plan(const attnc_entry *entry, const DLTensor *const *inputs, int64_t *outputExtents,
                        int64_t *workspaceBytes, const attnc_options *given) {
  Options options(given);
  if (options.status != ATTNC_OK)
    return options.status;
  if (attnc_status status = checkEntry(entry, options.why); status != ATTNC_OK)
    return status;
  Invocation call(*entry, __builtin_alloca(Invocation::frameBytes(*entry)), options.why);
  attnc_status status = planInvocation(call, *entry, inputs, /*needData=*/false, options.why);
  if (status != ATTNC_OK)
    return status;
  int64_t bytes;
  if (!workspaceSize(call, bytes))
    return tooLarge(*entry, options.why);
  if (outputExtents)
    copyExtents(outputExtents, call.outputExtents(), call.numOutputExtents());
  if (workspaceBytes)
    *workspaceBytes = bytes;
  return ATTNC_OK;
}

//===----------------------------------------------------------------------===//
// Call
//===----------------------------------------------------------------------===//

static char *alignWorkspace(void *memory) {
  auto address = reinterpret_cast<uintptr_t>(memory);
  constexpr uintptr_t mask = Invocation::workspaceAlignment - 1;
  return reinterpret_cast<char *>((address + mask) & ~mask);
}

static attnc_status runOnDevice(Invocation &call, char *workspace, DLTensor *const *outputs, Options &options) {
  cuda::Device *device = nullptr;
  if (options.context && !(device = deviceOf(*options.context, options.why)))
    return ATTNC_DEVICE_FAILED;
  int64_t bytes = call.stagingBytes(outputs);
  void *staging = bytes ? options.allocateMemory(static_cast<size_t>(bytes)) : nullptr;
  if (bytes && !staging) {
    options.why.add("no memory for %" PRId64 " bytes of outputs with gaps", bytes);
    return ATTNC_OUT_OF_MEMORY;
  }
  attnc_status status = call.runOnDevice(workspace, static_cast<char *>(staging), outputs, device,
                                         __builtin_alloca(call.deviceFrameBytes()));
  if (staging)
    options.releaseMemory(staging);
  return status;
}

/// Runs the call in memory of its own, or the caller's.
static attnc_status runIn(Invocation &call, void *memory, attnc_context &context, DLTensor *const *outputs,
                          Options &options) {
  char *workspace = alignWorkspace(memory);
  if (call.isForGpu())
    return runOnDevice(call, workspace, outputs, options);
  call.run(workspace, &context);
  return call.explain(context.bad);
}

static attnc_status runInWorkspace(Invocation &call, const attnc_entry &entry, DLTensor *const *outputs,
                                   Options &options) {
  int64_t bytes;
  if (!workspaceSize(call, bytes))
    return tooLarge(entry, options.why);
  attnc_context context = contextOfCall(options);
  if (options.workspace && options.workspace_size < bytes) {
    options.why.add("'%s': the workspace has %" PRId64 " bytes, these inputs need %" PRId64, entry.name,
                    options.workspace_size, bytes);
    return ATTNC_OUT_OF_MEMORY;
  }
  if (options.workspace || bytes == 0)
    return runIn(call, options.workspace, context, outputs, options);
  void *memory = options.allocateMemory(static_cast<size_t>(bytes));
  if (!memory) {
    options.why.add("'%s': no memory for a workspace of %" PRId64 " bytes", entry.name, bytes);
    return ATTNC_OUT_OF_MEMORY;
  }
  attnc_status status = runIn(call, memory, context, outputs, options);
  options.releaseMemory(memory);
  return status;
}

attnc_status attnc_call(const attnc_entry *entry, const DLTensor *const *inputs, DLTensor *const *outputs,
                        const attnc_options *given) {
  Options options(given);
  if (options.status != ATTNC_OK)
    return options.status;
  if (attnc_status status = checkEntry(entry, options.why); status != ATTNC_OK)
    return status;
  Invocation call(*entry, __builtin_alloca(Invocation::frameBytes(*entry)), options.why);
  attnc_status status = planInvocation(call, *entry, inputs, /*needData=*/true, options.why);
  if (status == ATTNC_OK)
    status = call.bindOutputs(inputs, outputs);
  return status == ATTNC_OK ? runInWorkspace(call, *entry, outputs, options) : status;
}

//===----------------------------------------------------------------------===//
// Plain pointers: the tensors are made up from the descriptor
//===----------------------------------------------------------------------===//

namespace {
/// DLTensors of an entry's inputs or outputs in memory of the caller's frame.
class RawTensors {
public:
  static size_t frameBytes(int count, const attnc_tensor_info *infos) {
    size_t bytes = static_cast<size_t>(count) * (sizeof(DLTensor) + sizeof(DLTensor *));
    for (int i = 0; i < count; ++i)
      bytes += static_cast<size_t>(infos[i].rank) * 8;
    return bytes;
  }

  RawTensors(int count, const attnc_tensor_info *infos, void *frame)
      : tensors(static_cast<DLTensor *>(frame)), pointers(reinterpret_cast<DLTensor **>(tensors + count)),
        shapes(reinterpret_cast<int64_t *>(pointers + count)) {
    int64_t *shape = shapes;
    for (int i = 0; i < count; ++i) {
      DLDataType type = {infos[i].type_code, infos[i].type_bits, 1};
      tensors[i] = {nullptr, {kDLCPU, 0}, infos[i].rank, type, shape, nullptr, 0};
      pointers[i] = &tensors[i];
      shape += infos[i].rank;
    }
  }

  DLTensor *tensors, **pointers;
  int64_t *shapes; // of all tensors, one after the other
};
} // namespace

static attnc_status fillInputs(const attnc_entry &entry, const int64_t *symbols, RawTensors &inputs, Text &why) {
  int64_t *extent = inputs.shapes;
  for (int i = 0; i < entry.num_inputs; ++i)
    for (int d = 0; d < entry.inputs[i].rank; ++d) {
      const attnc_dim &dim = entry.inputs[i].dims[d];
      if (dim.size < 0 && (dim.symbol < 0 || !symbols)) {
        why.add("%s: extent %d has no symbol; use attnc_call", entry.inputs[i].name, d);
        return ATTNC_INVALID_ARGUMENT;
      }
      *extent++ = dim.size >= 0 ? dim.size : symbols[dim.symbol];
    }
  return ATTNC_OK;
}

#define ATTNC_RAW_TENSORS(name, count, infos)                                                                          \
  RawTensors name(count, infos, __builtin_alloca(RawTensors::frameBytes(count, infos)))

attnc_status attnc_plan_raw(const attnc_entry *entry, const int64_t *symbols, int64_t *outputExtents,
                            int64_t *workspaceBytes, const attnc_options *given) {
  Options options(given);
  if (options.status != ATTNC_OK)
    return options.status;
  if (attnc_status status = checkEntry(entry, options.why); status != ATTNC_OK)
    return status;
  ATTNC_RAW_TENSORS(inputs, entry->num_inputs, entry->inputs);
  attnc_status status = fillInputs(*entry, symbols, inputs, options.why);
  if (status != ATTNC_OK)
    return status;
  return attnc_plan(entry, inputs.pointers, outputExtents, workspaceBytes, given);
}

attnc_status attnc_call_raw(const attnc_entry *entry, const int64_t *symbols, const void *const *inputData,
                            void *const *outputData, const attnc_options *given) {
  Options options(given);
  if (options.status != ATTNC_OK)
    return options.status;
  if (attnc_status status = checkEntry(entry, options.why); status != ATTNC_OK)
    return status;
  ATTNC_RAW_TENSORS(inputs, entry->num_inputs, entry->inputs);
  ATTNC_RAW_TENSORS(outputs, entry->num_outputs, entry->outputs);
  attnc_status status = fillInputs(*entry, symbols, inputs, options.why);
  if (status != ATTNC_OK)
    return status;
  for (int i = 0; i < entry->num_inputs; ++i)
    inputs.tensors[i].data = inputData ? const_cast<void *>(inputData[i]) : nullptr;
  for (int o = 0; o < entry->num_outputs; ++o)
    outputs.tensors[o].data = outputData ? outputData[o] : nullptr;

  Invocation call(*entry, __builtin_alloca(Invocation::frameBytes(*entry)), options.why);
  status = planInvocation(call, *entry, inputs.pointers, /*needData=*/true, options.why);
  if (status != ATTNC_OK)
    return status;
  copyExtents(outputs.shapes, call.outputExtents(), call.numOutputExtents());
  status = call.bindOutputs(inputs.pointers, outputs.pointers);
  return status == ATTNC_OK ? runInWorkspace(call, *entry, outputs.pointers, options) : status;
}
