//===- Loaded.cpp - Compiled code in this process -------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Loaded.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Emit.h"
#include "runtime/cpu/Checks.h"
#include "llvm/Support/raw_ostream.h"
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

namespace attnc::tool {

Loaded::~Loaded() {
  attnc_context_destroy(context);
  if (library)
    dlclose(library);
}

/// Loads a library from memory: no file of it is left behind, whatever happens to this process.
static void *loadFromMemory(const emit::Bytes &library, const emit::WeightTable &weights, std::string &why) {
  int file = memfd_create("attnc", MFD_CLOEXEC);
  if (file < 0) {
    why = strerror(errno);
    return nullptr;
  }
  llvm::raw_fd_ostream stream(file, /*shouldClose=*/false, /*unbuffered=*/true);
  stream.write(library.data(), library.size());
  if (stream.has_error())
    why = stream.error().message();
  stream.clear_error();
  if (why.empty() && !weights.empty())
    if (auto hash = weights.write(file, library.size()); !hash)
      why = llvm::toString(hash.takeError());
  void *loaded =
      why.empty() ? dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (!loaded && why.empty())
    why = dlerror();
  close(file);
  return loaded;
}

int Loaded::load(Compilation &compilation, int threads) {
  emit::Bytes bytes;
  if (int code = buildShared(compilation, bytes))
    return code;
  std::string why;
  library = loadFromMemory(bytes, compilation.weights(), why);
  if (!library)
    return error("internal error: the compiled library does not load: " + why), kOurBug;
  descriptor = reinterpret_cast<const attnc_module *(*)()>(dlsym(library, "attnc_module_v1"))();
  entry = descriptor->entries;
  options.message = message;
  options.message_capacity = sizeof message;
  if (attnc_context_create(threads, &context) != ATTNC_OK)
    return error("cannot start the threads");
  options.context = context;
  return kOk;
}

void Loaded::select(llvm::StringRef name) {
  for (int32_t i = 0; i < descriptor->num_entries; ++i)
    if (name == descriptor->entries[i].name)
      entry = &descriptor->entries[i];
}

int Loaded::report(attnc_status status) {
  if (status == ATTNC_OK)
    return kOk;
  error(message);
  return status == ATTNC_UNSUPPORTED_CPU || status == ATTNC_DEVICE_FAILED ? kUnfit : kBadInput;
}

const char *Loaded::variant() {
  const attnc_variant *chosen = attnc_select_variant(entry, &options);
  return chosen ? chosen->target : "none";
}

bool Loaded::isOnGpu() {
  const attnc_variant *chosen = attnc_select_variant(entry, &options);
  return chosen && (chosen->cpu_features & ATTNC_CUDA_ANY);
}

codegen::TargetInfo Loaded::target(llvm::ArrayRef<codegen::TargetInfo> targets) {
  for (const codegen::TargetInfo &target : targets)
    if (target.name == variant())
      return target;
  return {};
}

void Loaded::keepWorkspace(int64_t bytes) {
  workspace.resize(static_cast<size_t>(bytes));
  options.workspace = workspace.data();
  options.workspace_size = bytes;
}

void Loaded::provideLoops(attnc_parallel_for loop, void *user) {
  options.parallel_for = loop;
  options.parallel_for_user = user;
}

/// A view of `tensor`; its shape must outlive the view.
static DLTensor view(const NpyTensor &tensor) {
  DLTensor result{};
  result.data = tensor.data;
  result.device.device_type = kDLCPU;
  result.ndim = tensor.rank;
  result.dtype.code = tensor.type.code;
  result.dtype.bits = tensor.type.bits;
  result.dtype.lanes = 1;
  result.shape = const_cast<int64_t *>(tensor.shape);
  return result;
}

namespace {
/// DLTensors, and the array of pointers to them that the runtime takes.
struct Views {
  explicit Views(const Tensors &tensors) {
    for (const NpyTensor &tensor : tensors)
      views.push_back(view(tensor));
    for (DLTensor &tensor : views)
      pointers.push_back(&tensor);
  }
  std::vector<DLTensor> views;
  std::vector<DLTensor *> pointers;
};
} // namespace

int Loaded::plan(const Tensors &inputs, Tensors &outputs, int64_t *workspaceBytes) {
  Views in(inputs);
  size_t extentCount = 0;
  for (int32_t i = 0; i < entry->num_outputs; ++i)
    extentCount += static_cast<size_t>(entry->outputs[i].rank);
  std::vector<int64_t> extents(extentCount + 1);
  int64_t bytes = 0;
  if (int code = report(attnc_plan(entry, in.pointers.data(), extents.data(), &bytes, &options)))
    return code;
  if (workspaceBytes)
    *workspaceBytes = bytes;
  outputs.clear();
  const int64_t *shape = extents.data();
  for (int32_t i = 0; i < entry->num_outputs; ++i) {
    const attnc_tensor_info &info = entry->outputs[i];
    rt::Text text(message, sizeof message);
    if (!outputs.emplace_back().allocate({info.type_code, info.type_bits}, info.rank, shape, text))
      return error(llvm::Twine("output '") + info.name + "': " + message);
    if (int input = rt::stateOf(*entry, i); input >= 0) { // calls update a copy
      const NpyTensor &state = inputs[static_cast<size_t>(input)];
      std::memcpy(outputs.back().data, state.data, static_cast<size_t>(state.bytes));
    }
    shape += info.rank;
  }
  return kOk;
}

int Loaded::call(const Tensors &inputs, Tensors &outputs) {
  Views in(inputs), out(outputs);
  for (int32_t i = 0; i < entry->num_outputs; ++i)
    if (int input = rt::stateOf(*entry, i); input >= 0)
      in.pointers[static_cast<size_t>(input)] = out.pointers[static_cast<size_t>(i)];
  return report(attnc_call(entry, in.pointers.data(), out.pointers.data(), &options));
}

} // namespace attnc::tool
