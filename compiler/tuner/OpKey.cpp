//===- OpKey.cpp - What an op computes, as a name -------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tuner/OpKey.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/SHA256.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::tuner;

int64_t tuner::classOf(int64_t extent) {
  return extent <= 16 ? extent : static_cast<int64_t>(llvm::PowerOf2Ceil(static_cast<uint64_t>(extent)));
}

std::string tuner::spellDims(const DimBindings &dims) {
  std::vector<std::string> parts;
  for (const auto &[symbol, extent] : dims)
    parts.push_back(fmt::format("{}={}", symbol.str(), extent));
  llvm::sort(parts);
  return llvm::join(parts, ",");
}

//===----------------------------------------------------------------------===//
// Hashes
//===----------------------------------------------------------------------===//

namespace {
/// The text of which the hash is made.
class OpText {
public:
  template <typename T>
  OpText &operator<<(const T &value) {
    stream << value << ' ';
    return *this;
  }
  /// Extents are no part of the hash: of a tensor only what it holds, and how many dimensions it has.
  OpText &operator<<(Type type) {
    if (auto shaped = dyn_cast<ShapedType>(type))
      return *this << shaped.getRank() << shaped.getElementType();
    type.print(stream);
    stream << ' ';
    return *this;
  }
  /// Ops by what they do and read; values by the order in which they are made.
  void add(Region &region) {
    *this << "{";
    for (Block &block : region) {
      for (BlockArgument argument : block.getArguments())
        number(argument);
      for (Operation &op : block)
        add(op);
    }
    *this << "}";
  }
  std::string hash() {
    llvm::SHA256 sha;
    sha.update(text);
    return llvm::toHex(sha.final(), /*LowerCase=*/true).substr(0, 32);
  }

private:
  void number(Value value) {
    numbers.try_emplace(value, numbers.size());
    *this << value.getType();
  }
  void add(Operation &op) {
    *this << op.getName().getStringRef();
    for (Value operand : op.getOperands())
      *this << numbers.lookup(operand);
    for (NamedAttribute attribute : op.getAttrs()) {
      *this << attribute.getName().getValue();
      attribute.getValue().print(stream);
    }
    for (Region &region : op.getRegions())
      add(region);
    for (Value result : op.getResults())
      number(result);
  }

  std::string text;
  llvm::raw_string_ostream stream{text};
  llvm::DenseMap<Value, size_t> numbers;
};
} // namespace

static std::string hashOf(attn::AttentionOp op) {
  OpText text;
  text << "attention" << op.getExtent('D') << op.getExtent('E') << op.getScaleValue() << op.getQLayout()
       << op.getKLayout() << op.getVLayout() << op.getOLayout() << op.hasLse();
  for (Value operand : op.getOperands())
    text << operand.getType();
  for (Region &region : op->getRegions())
    text.add(region);
  return text.hash();
}

/// Letters of an einsum have no meaning of their own: a, b, c in the order in which they are met.
static std::string letterOf(attn::ContractOp op, char letter) {
  std::string all = (op.getLhsLayout() + op.getRhsLayout()).str(), seen;
  for (char other : all)
    if (!llvm::is_contained(seen, other))
      seen += other;
  return std::string(1, static_cast<char>('a' + seen.find(letter)));
}

static std::string hashOf(attn::ContractOp op) {
  OpText text;
  text << "contract";
  for (StringRef layout : {op.getLhsLayout(), op.getRhsLayout(), op.getOutLayout()}) {
    for (char letter : layout)
      text << letterOf(op, letter);
    text << "|";
  }
  for (Value operand : op.getOperands())
    text << operand.getType();
  // A weight is packed when compiling.
  text << matchPattern(op.getLhs(), m_Constant()) << matchPattern(op.getRhs(), m_Constant());
  text.add(op.getEpilogue());
  return text.hash();
}

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

static std::string extentsOf(attn::AttentionOp op) {
  DimBindings dims;
  for (char letter : StringRef("BGHMN"))
    if (int64_t extent = op.getExtent(letter); extent >= 0)
      dims[StringRef(&letter, 1)] = classOf(extent);
  return spellDims(dims);
}

static std::string extentsOf(attn::ContractOp op) {
  DimBindings dims;
  for (char letter : (op.getLhsLayout() + op.getRhsLayout()).str())
    if (int64_t extent = op.getExtent(letter); extent >= 0)
      dims[letterOf(op, letter)] = classOf(extent);
  return spellDims(dims);
}

std::vector<ScheduledOp> tuner::scheduledOps(ModuleOp module) {
  std::vector<ScheduledOp> ops;
  module.walk([&](Operation *op) {
    if (auto attention = dyn_cast<attn::AttentionOp>(op))
      ops.push_back({op, {hashOf(attention), extentsOf(attention)}});
    if (auto contract = dyn_cast<attn::ContractOp>(op))
      ops.push_back({op, {hashOf(contract), extentsOf(contract)}});
  });
  return ops;
}

std::string tuner::describeOp(const ScheduledOp &op) {
  std::string kind = isa<attn::AttentionOp>(op.op) ? "attention" : "matrix product";
  if (auto attention = dyn_cast<attn::AttentionOp>(op.op))
    kind += fmt::format(" of {} features", attention.getExtent('D'));
  return kind + (op.key.extents.empty() ? "" : ", " + op.key.extents);
}
