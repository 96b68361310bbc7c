//===- attnc.cpp - Our compiled library, called as users call it ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// WAY is the library; its entry is named `peer`. Plain pointers, a workspace and threads of the caller: nothing is
// allocated in a call.
//
//===----------------------------------------------------------------------===//

#include "attnc/attnc.h"
#include "bench/peers/Worker.h"
#include <dlfcn.h>

using namespace peers;

namespace {
/// The library's own runtime.
struct Library {
  void *handle;

  explicit Library(const std::string &path) : handle(dlopen(path.c_str(), RTLD_NOW)) {
    if (!handle)
      cannot(dlerror());
  }
  template <typename Function>
  Function *find(const char *name) const {
    void *symbol = dlsym(handle, name);
    if (!symbol)
      cannot(dlerror());
    return reinterpret_cast<Function *>(symbol);
  }
};
} // namespace

int main(int argc, char **argv) {
  if (argc != 5)
    cannot("run without WAY SETTINGS INPUTS OUTPUT");
  Library library(argv[1]);
  Problem problem(argv[2]);
  Tensors tensors(problem, argv[3]);
  char why[512] = "";
  attnc_options options = attnc_options_init();
  options.message = why, options.message_capacity = sizeof why;
  auto require = [&](attnc_status status) {
    if (status != ATTNC_OK)
      cannot(why);
  };
  require(library.find<decltype(attnc_context_create)>("attnc_context_create")(problem.threads, &options.context));
  const attnc_entry *entry = library.find<const attnc_entry *()>("peer_entry")();
  std::vector<int64_t> extents;
  for (int32_t i = 0; i < entry->num_symbols; ++i)
    extents.push_back(problem.number(entry->symbols[i]));
  int64_t workspaceBytes;
  auto plan = library.find<decltype(attnc_plan_raw)>("attnc_plan_raw");
  require(plan(entry, extents.data(), nullptr, &workspaceBytes, &options));
  Buffer<char> workspace = allocate<char>(static_cast<size_t>(workspaceBytes));
  options.workspace = workspace.get(), options.workspace_size = workspaceBytes;
  const void *inputs[] = {tensors.q.get(), tensors.k.get(), tensors.v.get()};
  void *outputs[] = {tensors.o.get()};
  auto call = library.find<decltype(attnc_call_raw)>("attnc_call_raw");
  serve(problem, tensors, argv[4], "", [&] { require(call(entry, extents.data(), inputs, outputs, &options)); });
}
