//===- Library.cpp - A compiled library, called as users call it ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "bench/decode/Library.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

using namespace decode;

[[noreturn]] static void fail(const std::string &path, const char *why) {
  std::fprintf(stderr, "decode-bench: error: %s: %s\n", path.c_str(), why);
  std::exit(1);
}

template <typename Function>
Function *Library::find(const char *name) const {
  void *symbol = dlsym(handle, name);
  if (!symbol)
    fail(path, dlerror());
  return reinterpret_cast<Function *>(symbol);
}

void Library::require(attnc_status status) const {
  if (status != ATTNC_OK)
    fail(path, message);
}

/// The shape that the problem gives the tensor: that of the entry's own extents, which the call compares.
void Library::describe(const attnc_tensor_info &info, void *data, DLTensor &tensor, std::array<int64_t, 4> &shape) {
  const Problem &p = problem;
  std::string name = info.name;
  if (name == "tree")
    shape = {p.M, p.M};
  else if (name == "lengths")
    shape = {p.B};
  else {
    bool cache = name == "k" || name == "v";
    int64_t heads = cache ? p.G : p.H, rows = cache ? p.N : p.M;
    shape = p.tokensOutside ? std::array{p.B, rows, heads, p.D} : std::array{p.B, heads, rows, p.D};
  }
  tensor = {};
  tensor.data = data;
  tensor.device = {kDLCPU, 0};
  tensor.ndim = info.rank;
  tensor.dtype = {info.type_code, info.type_bits, 1};
  tensor.shape = shape.data();
}

/// k[:, :, firstKey:] or k[:, firstKey:]
void Library::viewSeenKeys(DLTensor &tensor, std::array<int64_t, 4> &shape) {
  const Problem &p = problem;
  int64_t first = p.firstKey();
  int64_t row = p.tokensOutside ? p.G * p.D : p.D, head = p.tokensOutside ? p.D : p.N * p.D;
  strides = {p.N * p.G * p.D, p.tokensOutside ? row : head, p.tokensOutside ? head : row, 1};
  shape[p.tokensOutside ? 1 : 2] = p.N - first;
  tensor.strides = strides.data();
  tensor.byte_offset = static_cast<uint64_t>(first * row * p.elementBytes());
}

Library::Library(const std::string &path, const Problem &problem, const Tensors &tensors, int threads, bool seenOnly)
    : path(path), problem(problem), handle(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (!handle)
    fail(path, dlerror());
  options = attnc_options_init();
  options.message = message, options.message_capacity = sizeof message;
  require(find<decltype(attnc_context_create)>("attnc_context_create")(threads, &options.context));
  const attnc_module *module = find<decltype(attnc_module_v1)>("attnc_module_v1")();
  entry = find<decltype(attnc_find_entry)>("attnc_find_entry")(module, nullptr, &options);
  if (!entry)
    fail(path, message);
  callEntry = find<decltype(attnc_call)>("attnc_call");
  if (entry->num_inputs > kMostInputs || entry->num_outputs != 1)
    fail(path, "takes other tensors than q, k, v, tree and lengths, or has several results");
  const std::pair<const char *, void *> known[] = {{"q", tensors.q.get()},
                                                   {"k", tensors.k},
                                                   {"v", tensors.v},
                                                   {"tree", tensors.tree.get()},
                                                   {"lengths", tensors.lengths.get()}};
  for (int32_t i = 0; i < entry->num_inputs; ++i) {
    const attnc_tensor_info &info = entry->inputs[i];
    auto *it = std::find_if(std::begin(known), std::end(known),
                            [&](const auto &pair) { return !std::strcmp(pair.first, info.name); });
    if (it == std::end(known))
      fail(path, "takes a tensor that is none of q, k, v, tree and lengths");
    describe(info, it->second, inputs[i], shapes[i]);
    if (seenOnly && (it->second == tensors.k || it->second == tensors.v))
      viewSeenKeys(inputs[i], shapes[i]);
    inputPointers[i] = &inputs[i];
  }
  describe(entry->outputs[0], tensors.result.get(), result, resultShape);
  resultPointer = &result;
  int64_t workspaceBytes;
  require(find<decltype(attnc_plan)>("attnc_plan")(entry, inputPointers, nullptr, &workspaceBytes, &options));
  workspace = std::make_unique<char[]>(workspaceBytes);
  options.workspace = workspace.get(), options.workspace_size = workspaceBytes;
}

void Library::call() { require(callEntry(entry, inputPointers, &resultPointer, &options)); }
