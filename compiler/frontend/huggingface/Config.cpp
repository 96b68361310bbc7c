//===- Config.cpp - The config.json of a model ----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/huggingface/Config.h"
#include "compiler/support/InputFiles.h"
#include "compiler/support/ReadPlainFile.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::hf;

static constexpr uint64_t kMaxBytes = 1 << 20;

/// The text of a plain file that is small enough, or why not.
static llvm::Expected<std::string> readText(StringRef path) {
  rememberInput(path);
  auto buffer = readPlainFile(path, kMaxBytes);
  if (!buffer)
    return buffer.takeError();
  return (*buffer)->getBuffer().str();
}

FailureOr<Config> Config::read(StringRef path, MLIRContext *context) {
  Config config;
  config.path = path.str();
  config.context = context;
  auto refuse = [&](const llvm::Twine &why) { return emitError(config.location()) << "cannot read it: " << why; };
  llvm::Expected<std::string> text = readText(path);
  if (!text)
    return refuse(llvm::toString(text.takeError()));
  config.text = std::move(*text);
  llvm::Expected<JsonDocument> document = JsonDocument::parse(config.text);
  if (!document)
    return refuse(llvm::toString(document.takeError()));
  config.document = std::move(*document);
  if (config.document.root().get(config.keys) != simdjson::SUCCESS)
    return refuse("it is no JSON object");
  return config;
}

std::optional<simdjson::dom::element> Config::find(StringRef key) const {
  simdjson::dom::element value;
  if (keys.at_key(std::string_view(key)).get(value) != simdjson::SUCCESS)
    return std::nullopt;
  return value;
}

Location Config::locationAt(unsigned line, unsigned column) const {
  return FileLineColLoc::get(context, path, line, column);
}

/// The offset of the string `key` at the top level of the JSON object `text`, or npos. The parser keeps no places, but
/// has made sure that brackets and quotes match.
static size_t findKey(StringRef text, StringRef key) {
  int depth = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '{' || c == '[')
      ++depth;
    if (c == '}' || c == ']')
      --depth;
    if (c != '"')
      continue;
    size_t end = at + 1;
    while (end < text.size() && text[end] != '"')
      end += text[end] == '\\' ? 2 : 1;
    if (depth == 1 && text.slice(at + 1, end) == key && text.drop_front(end + 1).ltrim().starts_with(":"))
      return at;
    at = end;
  }
  return StringRef::npos;
}

Location Config::locationOf(StringRef key) const {
  size_t at = findKey(text, key);
  if (at == StringRef::npos)
    return location();
  StringRef before = StringRef(text).take_front(at);
  size_t lineStart = before.rfind('\n') + 1; // npos + 1 is 0
  return locationAt(before.count('\n') + 1, at - lineStart + 1);
}

std::string hf::spell(simdjson::dom::element value) {
  constexpr size_t kMaxShown = 80;
  std::string text = simdjson::to_string(value); // quotes and control characters are escaped already
  std::replace_if(text.begin(), text.end(), [](char c) { return !llvm::isPrint(c); }, '?');
  return text.size() > kMaxShown ? text.substr(0, kMaxShown) + "..." : text;
}
