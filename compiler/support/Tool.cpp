//===- Tool.cpp - What our llvm::cl tools have in common ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/support/Tool.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;

/// --help and --version belong to every tool.
static bool isGeneric(const cl::Option &option) {
  return llvm::any_of(option.Categories, [](cl::OptionCategory *c) { return c->getName() == "Generic Options"; });
}

void attnc::setUpTool(llvm::StringRef name) {
  for (auto &entry : cl::getRegisteredOptions())
    if (cl::Option &option = *entry.second; !isGeneric(option) && option.getOptionHiddenFlag() == cl::NotHidden)
      option.setHiddenFlag(cl::Hidden);
  cl::SetVersionPrinter([name = name.str()](llvm::raw_ostream &os) {
    os << name << " " ATTNC_VERSION " (LLVM " LLVM_VERSION_STRING ")\n";
  });
}
