//===- Measure.cpp - Timing compiled code ---------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/measure/Measure.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Progress.h"
#include "compiler/tools/attnc/measure/Peak.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>

namespace attnc::tool {

int Callable::load(Compilation &compilation, const emit::EntryInfo &entry, const Tensors &inputs, int threads) {
  if (int failed = code.load(compilation, threads))
    return failed;
  code.select(entry.name);
  if (int failed = code.plan(inputs, outputs, &workspaceBytes))
    return failed;
  code.keepWorkspace(workspaceBytes);
  return kOk;
}

int Callable::prepare(Compilation &compilation, const emit::EntryInfo &entry, const Tensors &inputs, int threads) {
  int failed = load(compilation, entry, inputs, threads);
  return failed ? failed : code.call(inputs, outputs);
}

int threadsToUse(int asked) {
  attnc_context *context = nullptr;
  if (asked || attnc_context_create(0, &context) != ATTNC_OK)
    return std::max(asked, 1);
  int threads = attnc_context_threads(context);
  attnc_context_destroy(context);
  return threads;
}

int warmUp(Callable &callable, const Tensors &inputs, double warm, double round) {
  double begin = wallSeconds(), elapsed = 0;
  int calls = 0;
  do {
    callable.code.call(inputs, callable.outputs);
    elapsed = wallSeconds() - begin;
  } while (++calls < 1000 && elapsed < warm);
  return std::max(1, static_cast<int>(round / std::max(elapsed / calls, 1e-7)));
}

double timeCalls(Callable &callable, const Tensors &inputs, int calls) {
  auto now = [&] { return callable.code.isOnGpu() ? wallSeconds() : clockSeconds(callable.code.threads()); };
  double start = now();
  for (int call = 0; call < calls; ++call)
    callable.code.call(inputs, callable.outputs);
  return (now() - start) / calls;
}

void drawProgress(double done, const std::string &text) {
  if (!canShowProgress())
    return;
  ProgressHidden hidden;
  llvm::errs() << fmt::format("\r  {} {}\x1b[K", progressBar(done), text);
  if (done >= 1)
    llvm::errs() << "\r\x1b[K";
  llvm::errs().flush();
}

} // namespace attnc::tool
