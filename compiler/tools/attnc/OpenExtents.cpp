//===- OpenExtents.cpp - Extents that nobody has given ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/OpenExtents.h"
#include "compiler/frontend/spec/syntax/Parser.h"
#include "compiler/support/ReadPlainFile.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <set>

using namespace mlir;

namespace attnc::tool {

/// Names of extents in the types of parameters that the file leaves open. What a result alone names, a view has.
static std::set<std::string> openExtents(const spec::File &file) {
  std::set<std::string> open, fixed;
  for (const spec::Attention &attention : file.attentions) {
    for (const spec::Parameter &tensor : attention.params)
      for (const spec::Dim &dim : tensor.type.dims)
        open.insert(dim.symbol.text.str());
    for (auto *tensors : {&attention.params, &attention.results})
      for (const spec::Parameter &tensor : *tensors)
        for (const spec::Dim &dim : tensor.type.dims)
          if (dim.extent)
            fixed.insert(dim.symbol.text.str());
  }
  for (const std::string &name : fixed)
    open.erase(name);
  return open;
}

std::vector<std::string> fixOpenExtents(const std::string &path, DimBindings &dims, int64_t features) {
  if (llvm::sys::path::extension(path) != ".attn")
    return {};
  auto text = readPlainFile(path, /*maxBytes=*/1 << 20, /*isText=*/true);
  if (!text)
    return llvm::consumeError(text.takeError()), std::vector<std::string>();
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ScopedDiagnosticHandler silent(&context, [](Diagnostic &) { return success(); });
  llvm::SourceMgr sources;
  llvm::StringRef buffer = (*text)->getBuffer();
  sources.AddNewSourceBuffer(std::move(*text), llvm::SMLoc());
  spec::Diagnostics diagnostics(sources, &context);
  std::set<std::string> open = openExtents(spec::parse(buffer, diagnostics));
  int64_t heads = dims.contains("H") ? dims.lookup("H") : dims.contains("G") ? dims.lookup("G") : 4;
  std::vector<std::string> fixed;
  for (auto [name, extent] :
       {std::pair<const char *, int64_t>("H", heads), {"G", heads}, {"D", features}, {"Dv", features}})
    if (open.count(name) && dims.try_emplace(name, extent).second)
      fixed.push_back(name + ("=" + std::to_string(extent)));
  return fixed;
}

} // namespace attnc::tool
