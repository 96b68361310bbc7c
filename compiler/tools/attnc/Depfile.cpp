//===- Depfile.cpp - What a result was made from, for build systems -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Depfile.h"

namespace attnc::tool {

/// `path` as make reads it: $$ for $, and a backslash before what would end the name or begin a comment, where the
/// backslashes in front of it are doubled. Others stand for themselves.
static std::string escape(llvm::StringRef path) {
  std::string text;
  size_t backslashes = 0;
  for (char c : path) {
    if (c == ' ' || c == '\t' || c == '#' || c == ':')
      text.append(c == ':' ? 1 : backslashes + 1, '\\');
    if (c == '$')
      text += '$';
    text += c;
    backslashes = c == '\\' ? backslashes + 1 : 0;
  }
  return text;
}

llvm::Expected<std::string> makeDepfile(llvm::StringRef output, llvm::ArrayRef<std::string> inputs) {
  std::string text = escape(output) + ":";
  for (const std::string &input : inputs)
    text += (&input == inputs.begin() ? " " : " \\\n  ") + escape(input);
  if (llvm::StringRef(text).count('\n') != (inputs.empty() ? 0 : inputs.size() - 1))
    return llvm::createStringError("a name holds a line break, which no depfile can say:\n" + text);
  return text + "\n";
}

} // namespace attnc::tool
