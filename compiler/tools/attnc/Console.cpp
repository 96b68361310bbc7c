//===- Console.cpp - How attnc talks: messages and exit codes -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Console.h"
#include "compiler/tools/attnc/Progress.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

namespace attnc::tool {

using llvm::WithColor;

void setColors(llvm::StringRef mode) {
  if (mode == "always")
    WithColor::setAutoDetectFunction([](const llvm::raw_ostream &) { return true; });
  else if (mode == "never" || std::getenv("NO_COLOR"))
    WithColor::setAutoDetectFunction([](const llvm::raw_ostream &) { return false; });
}

int error(const llvm::Twine &message) {
  ProgressHidden hidden;
  WithColor::error(llvm::errs(), "attnc") << message << "\n";
  return kBadInput;
}

int error(llvm::Error failure) {
  llvm::handleAllErrors(std::move(failure), [](const llvm::ErrorInfoBase &info) { error(info.message()); });
  return kBadInput;
}

int usageError(llvm::StringRef verb, const llvm::Twine &message) {
  error(message);
  note("'attnc " + (verb.empty() ? "" : verb + " ") + "--help' lists what there is");
  return kUsage;
}

void warning(const llvm::Twine &message) {
  ProgressHidden hidden;
  WithColor::warning(llvm::errs(), "attnc") << message << "\n";
}

void note(const llvm::Twine &message) {
  ProgressHidden hidden;
  WithColor::note(llvm::errs(), "attnc") << message << "\n";
}

} // namespace attnc::tool
