//===- numerics-check.cpp - A file against the interpreter, at many sizes -===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   numerics-check FILE [H=4,D=16] [-- M=0,1,17 N=1,64 ...]
//
// Compiles FILE (.mlir at level attn, .attn or .onnx) with the bindings given,
// and runs it at every combination of the extents after `--`. Prints what
// differs from the f64 interpreter; the exit code is 1 then.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Import.h"
#include "compiler/frontend/spec/Import.h"
#include "compiler/support/DimBindings.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "test/numerics/Modules.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::numerics;

[[noreturn]] static void fail(const llvm::Twine &message) {
  llvm::errs() << "numerics-check: " << message << "\n";
  std::exit(2);
}

static OwningOpRef<ModuleOp> import(StringRef file, const DimBindings &bindings, llvm::SourceMgr &sources,
                                    MLIRContext *context) {
  if (file.ends_with(".onnx")) {
    auto module = onnx::importModel(file, context, bindings);
    return succeeded(module) ? std::move(*module) : OwningOpRef<ModuleOp>();
  }
  auto buffer = llvm::MemoryBuffer::getFile(file);
  if (!buffer)
    fail("cannot read " + file);
  sources.AddNewSourceBuffer(std::move(*buffer), SMLoc());
  if (!file.ends_with(".attn"))
    return parseSourceFile<ModuleOp>(sources, context);
  auto module = spec::importSpec(sources, context, bindings);
  return succeeded(module) ? std::move(*module) : OwningOpRef<ModuleOp>();
}

/// "M=0,1,17" -> M and its extents.
static std::pair<StringRef, SmallVector<int64_t>> parseAxis(StringRef text) {
  auto [name, list] = text.split('=');
  SmallVector<StringRef> parts;
  list.split(parts, ',');
  SmallVector<int64_t> extents;
  for (StringRef part : parts)
    if (part.getAsInteger(10, extents.emplace_back()))
      fail("not an extent: '" + part + "' in '" + text + "'");
  return {name, extents};
}

/// Calls `body` with every combination of the axes.
static void forEachSize(ArrayRef<std::pair<StringRef, SmallVector<int64_t>>> axes, Extents extents,
                        llvm::function_ref<void(const Extents &)> body) {
  if (axes.empty())
    return body(extents);
  for (int64_t extent : axes.front().second) {
    extents[axes.front().first] = extent;
    forEachSize(axes.drop_front(), extents, body);
  }
}

int main(int argc, char **argv) {
  if (argc < 2)
    fail("usage: numerics-check FILE [BINDINGS] [-- M=0,1,17 ...]");
  DimBindings bindings;
  SmallVector<std::pair<StringRef, SmallVector<int64_t>>> axes;
  bool sizes = false;
  for (StringRef argument : ArrayRef(argv + 2, argc - 2)) {
    if (argument == "--")
      sizes = true;
    else if (sizes)
      axes.push_back(parseAxis(argument));
    else if (llvm::Error error = parseDimBindings(argument, bindings))
      fail(llvm::toString(std::move(error)));
  }
  std::unique_ptr<MLIRContext> context = makeContext();
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler(sources, context.get());
  Checked checked(import(argv[1], bindings, sources, context.get()));
  if (!checked.isCompiled())
    fail(llvm::Twine(argv[1]) + " does not compile");
  if (!checked.isRunnable()) {
    llvm::outs() << "skipped: this machine has no " << testTarget() << "\n";
    return 0;
  }
  int runs = 0, failures = 0;
  forEachSize(axes, {}, [&](const Extents &extents) {
    ++runs;
    std::string difference = checked.compare(checked.makeInputs(extents, runs));
    if (difference.empty())
      return;
    ++failures;
    llvm::outs() << nameOf(extents) << ": " << difference << "\n";
  });
  llvm::outs() << fmt::format("{} of {} sizes agree\n", runs - failures, runs);
  return failures != 0;
}
