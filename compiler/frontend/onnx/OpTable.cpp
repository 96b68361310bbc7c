//===- OpTable.cpp - Which operators there are ----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Ops.h"
#include "compiler/support/Suggest.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

const OpTable &attnc::onnx::opTable() {
  static const OpTable table = [] {
    OpTable table;
    addActivationOps(table);
    addAttentionOps(table);
    addContribAttentionOps(table);
    addContribOps(table);
    addControlOps(table);
    addConvolutionOps(table);
    addElementwiseOps(table);
    addLossOps(table);
    addNBitsOps(table);
    addNormalizationOps(table);
    addOrderOps(table);
    addShapeOps(table);
    addSignalOps(table);
    addFlexAttentionOps(table);
    addGroupQueryOps(table);
    addImageOps(table);
    addIndexOps(table);
    addLinearOps(table);
    addPoolingOps(table);
    addQLinearOps(table);
    addQuantizedConvolutionOps(table);
    addQuantizedOps(table);
    addRecurrentOps(table);
    addRegionOps(table);
    addReductionOps(table);
    addResizeOps(table);
    addRotaryOps(table);
    addSamplingOps(table);
    addScatterOps(table);
    refuseOps(table);
    return table;
  }();
  return table;
}

void OpTable::add(int64_t since, StringRef signature, Import import) {
  OpInfo row{since, parseSignature(signature), std::move(import), ""};
  std::vector<OpInfo> &versions = rows[{row.signature.domain, row.signature.name}];
  if (llvm::any_of(versions, [&](const OpInfo &other) { return other.since == since; }))
    llvm::report_fatal_error(llvm::Twine("two rows of the operator table are of ") + row.signature.name);
  auto later = llvm::find_if(versions, [&](const OpInfo &other) { return other.since > since; });
  versions.insert(later, std::move(row));
}

void OpTable::refuse(StringRef names, StringRef why, int64_t since) {
  SmallVector<StringRef> list;
  names.split(list, ' ', -1, /*KeepEmpty=*/false);
  for (StringRef name : list) {
    add(since, (name + "()").str(), nullptr);
    auto [domain, plain] = name.contains('.') ? name.rsplit('.') : std::pair(StringRef(), name);
    for (OpInfo &row : rows[{domain.str(), plain.str()}])
      if (!row.import && row.since == since)
        row.refusal = why.str();
  }
}

const OpInfo *OpTable::find(const Node &node, int64_t opset) const {
  auto it = rows.find({node.domain, node.opType});
  const OpInfo *newest = nullptr;
  if (it != rows.end())
    for (const OpInfo &row : it->second)
      if (row.since <= opset)
        newest = &row;
  return newest;
}

int64_t attnc::onnx::opsetOf(const Model &model, StringRef domain) {
  if (domain.empty())
    return model.opset;
  auto it = model.opsets.find(domain);
  return it == model.opsets.end() ? 1 : it->second;
}

//===- What is wrong with a node ------------------------------------------===//

/// Why the table has nothing for it.
static std::string noSuchOp(const OpTable &table, const Node &node) {
  auto it = table.all().find({node.domain, node.opType});
  if (it != table.all().end())
    return fmt::format("this operator exists since opset {}; export the model with that or a later one",
                       it->second.front().since);
  SmallVector<StringRef> names;
  for (const auto &[key, versions] : table.all())
    if (key.first == node.domain && versions.back().import)
      names.push_back(key.second);
  if (names.empty())
    return "operators of this domain are not supported";
  std::string hint = attnc::didYouMean(node.opType, names);
  return "this operator is not supported" + (hint.empty() ? "; 'attnc ops' lists those that are" : hint);
}

/// `versions` are all of this operator, one of them has the `signature` of opset `opset`.
static void checkAttributes(const Node &node, int64_t opset, const Signature &signature, ArrayRef<OpInfo> versions,
                            std::vector<std::string> &problems) {
  for (const llvm::StringMapEntry<NodeAttr> &entry : node.attributes) {
    const AttributeInfo *info = signature.attribute(entry.getKey());
    bool isElsewhere = llvm::any_of(
        versions, [&](const OpInfo &version) { return version.signature.attribute(entry.getKey()) != nullptr; });
    if (!info && isElsewhere)
      problems.push_back(
          fmt::format("attribute '{}' is none of this operator in opset {}", entry.getKey().str(), opset));
    else if (!info)
      problems.push_back(fmt::format("attribute '{}' is not supported", printable(entry.getKey())));
    else if (info->kind != entry.getValue().kind)
      problems.push_back(fmt::format("attribute '{}' must be {}", info->name, kindName(info->kind)));
  }
  for (const AttributeInfo &info : signature.attributes)
    if (info.isRequired && !node.attributes.contains(info.name))
      problems.push_back(fmt::format("attribute '{}' is missing", info.name));
}

/// "2", "2 to 4", "2 or more"
static std::string rangeOf(size_t least, size_t most) {
  if (most == Signature::kAnyNumber)
    return fmt::format("{} or more", least);
  return least == most ? std::to_string(least) : fmt::format("{} to {}", least, most);
}

std::vector<std::string> OpTable::problemsOf(const Node &node, int64_t opset) const {
  const OpInfo *op = find(node, opset);
  if (!op)
    return {noSuchOp(*this, node)};
  if (!op->import)
    return {"this operator is not supported: " + op->refusal};
  std::vector<std::string> problems;
  const Signature &signature = op->signature;
  size_t least = signature.minInputs(), most = signature.maxInputs();
  if (node.inputs.size() < least || node.inputs.size() > most)
    problems.push_back(fmt::format("it has {} inputs instead of {}", node.inputs.size(), rangeOf(least, most)));
  if (node.outputs.empty() || node.outputs.size() > signature.maxOutputs())
    problems.push_back(
        fmt::format("it has {} outputs instead of {}", node.outputs.size(), rangeOf(1, signature.maxOutputs())));
  for (auto [position, input] : llvm::enumerate(node.inputs))
    if (input.empty() && !signature.inputs.empty() && !signature.input(position).isOptional)
      problems.push_back(fmt::format("its input {} is missing", position));
  checkAttributes(node, opset, signature, rows.find({node.domain, node.opType})->second, problems);
  return problems;
}
