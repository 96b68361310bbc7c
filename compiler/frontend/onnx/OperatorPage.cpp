//===- OperatorPage.cpp - The operator table for people -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/OperatorPage.h"
#include "compiler/frontend/onnx/Ops.h"
#include "compiler/frontend/onnx/Reader.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

//===- Rows ---------------------------------------------------------------===//

static std::string fullName(const OpTable::Key &key) { return (key.first.empty() ? "" : key.first + ".") + key.second; }

/// "7 to 12", "13 on", "9": from this row to before the next.
static std::string opsetsOf(ArrayRef<OpInfo> versions, size_t index) {
  bool isStandard = versions[index].signature.domain.empty();
  int64_t first = isStandard ? std::max(versions[index].since, kMinOpset) : versions[index].since;
  if (index + 1 == versions.size())
    return fmt::format("{} on", first);
  int64_t last = versions[index + 1].since - 1;
  return first == last ? std::to_string(first) : fmt::format("{} to {}", first, last);
}

namespace {
struct Row {
  std::string name, opsets, text;
};
} // namespace

/// The rows of all operators that are imported, or refused. Those that end before the oldest opset are left out.
static std::vector<Row> rowsOf(bool imported) {
  std::vector<Row> rows;
  for (const auto &[key, versions] : opTable().all())
    for (auto [index, version] : llvm::enumerate(versions)) {
      bool isPast = key.first.empty() && index + 1 < versions.size() && versions[index + 1].since <= kMinOpset;
      if (isPast || bool(version.import) != imported)
        continue;
      rows.push_back(
          {fullName(key), opsetsOf(versions, index), imported ? version.signature.parameters : version.refusal});
    }
  return rows;
}

static std::string columns(ArrayRef<Row> rows) {
  size_t name = 0, opsets = 0;
  for (const Row &row : rows)
    name = std::max(name, row.name.size()), opsets = std::max(opsets, row.opsets.size());
  std::string text;
  for (const Row &row : rows)
    text += fmt::format("{:<{}}  {:<{}}  {}\n", row.name, name, row.opsets, opsets, row.text);
  return text;
}

static std::string versionsRead() {
  return fmt::format("IR versions {} to {}, opsets {} to {}", kMinIrVersion, kMaxIrVersion, kMinOpset, kMaxOpset);
}

std::string attnc::onnx::operatorTable() {
  return "Imported (" + versionsRead() + "): operator, opsets, operands; attributes\n" + columns(rowsOf(true)) +
         "\nRefused: operator, opsets, why\n" + columns(rowsOf(false));
}

//===- The page -----------------------------------------------------------===//

static std::string markdown(ArrayRef<Row> rows, bool isCode) {
  std::string text;
  for (const Row &row : rows)
    text += isCode ? fmt::format("| {} | {} | `{}` |\n", row.name, row.opsets, row.text)
                   : fmt::format("| {} | {} |\n", row.name, row.text);
  return text;
}

std::string attnc::onnx::operatorPage() {
  return "# ONNX operators\n\n"
         "This page is what `attnc ops --markdown` prints: the table that the importer reads models by (" +
         versionsRead() +
         ").\n`attnc ops` shows it as columns; `attnc ops MODEL.onnx` says which of a model's operators are in it.\n\n"
         "A signature reads: operands, then attributes after `;`, then results after `->` where they are more than "
         "one.\n"
         "`?` means that it may be left out, `*` any number (`**`: of any types), `= X` a default; an operand without "
         "a type has that of "
         "the\n"
         "one before it. `float` is float16, bfloat16, float32 and float64; `int` is int8 to int64, `whole` those and "
         "uint8 to\n"
         "uint64; `number` is `float` or `int`, `real` is `float` or `whole`.\n\n"
         "| operator | opsets | signature |\n|---|---|---|\n" +
         markdown(rowsOf(true), true) +
         "\n## Refused\n\nThese are known, and refused by name with the reason.\n\n| operator | why |\n|---|---|\n" +
         markdown(rowsOf(false), false);
}

//===- One model ----------------------------------------------------------===//

std::optional<Coverage> attnc::onnx::coverageOf(StringRef path, MLIRContext *context) {
  FailureOr<Model> model = readModel(path, context);
  if (failed(model))
    return std::nullopt;
  struct Use {
    size_t count = 0;
    std::map<std::string, std::vector<std::string>> problems; // and the nodes that have them
  };
  std::map<OpTable::Key, Use> uses;
  for (const Node &node : model->nodes) {
    if (model->functions.count({node.domain, node.opType}))
      continue; // the model defines it
    Use &use = uses[{node.domain, node.opType}];
    ++use.count;
    for (const std::string &problem : opTable().problemsOf(node, opsetOf(*model, node.domain)))
      use.problems[problem].push_back(node.name);
  }
  Coverage coverage;
  size_t supported = 0;
  for (const auto &[key, use] : uses) {
    bool isGood = use.problems.empty();
    supported += isGood;
    coverage.text += fmt::format("{:<4} {:>5}x {} (opset {})\n", isGood ? "ok" : "no", use.count, fullName(key),
                                 opsetOf(*model, key.first));
    for (const auto &[problem, nodes] : use.problems)
      coverage.text += fmt::format("            node '{}'{}: {}\n", nodes[0],
                                   nodes.size() > 1 ? fmt::format(" and {} more", nodes.size() - 1) : "", problem);
  }
  coverage.isWhole = supported == uses.size();
  coverage.text += fmt::format("{} of {} operators are supported\n", supported, uses.size());
  return coverage;
}
