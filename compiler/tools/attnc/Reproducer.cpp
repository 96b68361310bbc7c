//===- Reproducer.cpp - What a failure of ours leaves behind --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Reproducer.h"
#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Progress.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace mlir;

namespace attnc::tool {

// Shapes, axes and scales stay: they decide what the compiler does. No weight matrix is that small.
constexpr int64_t kKeptElements = 16;
// What is left of a model is a few hundred bytes an op.
constexpr size_t kMaxBytes = size_t(16) << 20;

/// A splat of `type` that no pass folds away: x * 0 and x + 0 may vanish, a float 1 and an integer 0 index a table.
static std::optional<Attribute> splat(ShapedType type) {
  Builder builder(type.getContext());
  Type element = type.getElementType();
  if (isa<FloatType>(element))
    return DenseElementsAttr::get(type, Attribute(builder.getFloatAttr(element, 1.0)));
  if (element.isIntOrIndex())
    return DenseElementsAttr::get(type, Attribute(builder.getIntegerAttr(element, 0)));
  return std::nullopt;
}

void dropWeights(ModuleOp module) {
  AttrTypeReplacer replacer;
  replacer.addReplacement([](ElementsAttr values) -> std::optional<Attribute> {
    bool isSplat = isa<DenseElementsAttr>(values) && values.isSplat();
    if (isSplat || values.getNumElements() <= kKeptElements)
      return std::nullopt;
    return splat(values.getShapedType());
  });
  replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/true);
  module.walk([](weights::DataOp weight) { // code can be made for weights that nobody knows
    weight.removeFileAttr();
    weight.removeAtAttr();
  });
}

static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream, OpPrintingFlags().useLocalScope());
  return text;
}

/// A new folder for this user alone (mode 0700).
static llvm::Expected<std::string> makePrivateFolder(llvm::StringRef name) {
  llvm::SmallString<128> temporary;
  llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, temporary);
  llvm::sys::path::append(temporary, "attnc-" + name + "-XXXXXX");
  std::string folder = temporary.str().str();
  if (!mkdtemp(folder.data()))
    return llvm::createStringError("cannot make a folder like " + folder + ": " + strerror(errno));
  return folder;
}

llvm::Expected<std::string> writeReproducer(ModuleOp module, llvm::StringRef name) {
  dropWeights(module);
  std::string text = print(module);
  if (text.size() > kMaxBytes)
    return llvm::createStringError("the module before the step has " + llvm::Twine(text.size() >> 20) +
                                   " MiB of text, which is more than is kept");
  auto folder = makePrivateFolder(name);
  if (!folder)
    return folder.takeError();
  std::string path = *folder + "/" + name.str() + ".mlir";
  int descriptor;
  if (std::error_code failed = llvm::sys::fs::openFileForWrite(path, descriptor, llvm::sys::fs::CD_CreateNew,
                                                               llvm::sys::fs::OF_None, /*Mode=*/0600))
    return llvm::createStringError("cannot write " + path + ": " + failed.message());
  llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
  stream << text;
  stream.close();
  if (std::error_code failed = stream.error()) {
    stream.clear_error();
    return llvm::createStringError("cannot write " + path + ": " + failed.message());
  }
  return path;
}

bool survives(llvm::function_ref<void()> body) {
  llvm::CrashRecoveryContext::Enable();
  bool survived = llvm::CrashRecoveryContext().RunSafely(body);
  llvm::CrashRecoveryContext::Disable();
  return survived;
}

void giveUp(const llvm::Twine &message) {
  ProgressHidden().forever();
  error(message);
  llvm::outs().flush();
  std::_Exit(kOurBug);
}

} // namespace attnc::tool
