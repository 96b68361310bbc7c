//===- Ops.h - What an operator's importer sees -----------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every operator is a row of the OpTable, or one for each opset in which it takes something else: its signature, and a
// function that turns one node into tensors. Such a function asks the NodeContext for operands and attributes, and
// either sets results or says why not. Attributes nobody asked for are reported as unsupported, so that none is ever
// ignored by oversight.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/Emitter.h"
#include "compiler/frontend/onnx/Signature.h"
#include "llvm/ADT/StringSet.h"
#include <functional>
#include <map>
#include <set>

namespace attnc::onnx {

/// What the inputs' extents must fulfil for the graph to make sense. The import starts over with them known.
struct Requirements {
  std::vector<std::pair<Sym, Sym>> equalities; ///< at least one of the two is a symbol
  std::vector<SumLimit> limits;
  /// By input: the extents that its elements index. It stays a promise of the caller, as it depends on the data.
  std::map<unsigned, SymList> indexed;
  std::set<std::string> undecided; ///< small inputs whose values would have to be known
};

class NodeContext {
public:
  NodeContext(const Node &node, const Signature &signature, Emitter &emit, llvm::SmallVector<Tensor *> inputs,
              Requirements &requirements)
      : node(node), signature(signature), emit(emit), symbols(emit.symbols), inputs(std::move(inputs)),
        results(node.outputs.size()), requirements(requirements) {}

  const Node &node;
  const Signature &signature;
  /// What a graph inside of the node computes of its inputs; fails where it cannot be imported, which has been said.
  using Body = std::function<mlir::FailureOr<llvm::SmallVector<Tensor *>>(const Graph &, llvm::ArrayRef<Tensor *>)>;
  Body importGraph;
  Emitter &emit;
  Extents &symbols;

  //===- Operands ---------------------------------------------------------===//
  size_t numInputs() const { return inputs.size(); }
  /// Null when the operand is omitted; the mandatory ones are always there.
  Tensor *input(size_t index) const { return index < inputs.size() ? inputs[index] : nullptr; }
  llvm::ArrayRef<Tensor *> allInputs() const { return inputs; }
  /// The integers of a shape-like operand; fails when they depend on data.
  mlir::FailureOr<SymList> shapeInput(size_t index, llvm::StringRef what);
  /// The same when they must be fixed, as axes must.
  mlir::FailureOr<llvm::SmallVector<int64_t>> fixedInput(size_t index, llvm::StringRef what);
  /// The floats of an operand, which must be constant.
  mlir::FailureOr<llvm::SmallVector<double>> fixedFloats(size_t index, llvm::StringRef what);
  /// An operand or, in older opsets, an attribute: nullopt when there is neither.
  mlir::FailureOr<std::optional<llvm::SmallVector<int64_t>>> inputOrAttr(size_t index, llvm::StringRef name);

  //===- Attributes -------------------------------------------------------===//
  // All are in the signature, which has been checked: their kinds, and that those without a default are there.
  /// The node's own, then the signature's default; null if there is neither.
  const NodeAttr *attr(llvm::StringRef name);
  /// Of those that are always there.
  int64_t intAttr(llvm::StringRef name) { return sureAttr(name).i; }
  double floatAttr(llvm::StringRef name) { return sureAttr(name).f; }
  const std::string &stringAttr(llvm::StringRef name) { return sureAttr(name).s; }
  /// Is this integer there, and not 0?
  bool flag(llvm::StringRef name) {
    const NodeAttr *attribute = attr(name);
    return attribute && attribute->i;
  }
  std::optional<llvm::SmallVector<int64_t>> intsAttr(llvm::StringRef name);

  //===- Results ----------------------------------------------------------===//
  bool wants(size_t index) const { return index < node.outputs.size() && !node.outputs[index].empty(); }
  mlir::LogicalResult result(Tensor *tensor, size_t index = 0);
  /// Says why this node cannot be imported: "its axis 7 is outside the rank 3".
  mlir::LogicalResult fail(std::string why);

  //===- Checks shared by many operators ----------------------------------===//
  /// `axis` counted from the front; fails when it lies outside [-rank, rank).
  mlir::FailureOr<int64_t> axis(int64_t axis, int64_t rank);
  /// The same for a list: sorted, no repeats.
  mlir::FailureOr<llvm::SmallVector<int64_t>> axes(llvm::ArrayRef<int64_t> axes, int64_t rank);
  /// True if the two extents are equal. A symbol that must equal another, or a number, is made that: the compiled
  /// function checks its inputs.
  bool sameExtent(const Sym &a, const Sym &b);
  /// For extents that would fit if some min(seq, 512) were seq, as where a table of 512 positions is cut to the length
  /// of the input, or min(past + seq, 512) the sum: requires seq <= 512, past + seq <= 512 and is true. This node has no
  /// result then; the next round computes it.
  bool requireLimits(llvm::ArrayRef<Sym> extents);
  /// An extent that is an index into a table of `most` rows: false if it is larger. A sum of symbols is required not to be.
  bool requireAtMost(const Sym &extent, int64_t most);
  /// Notes that the elements of `indices`, as far as they are those of an input, index a dimension of `extent`.
  void noteIndices(const Tensor *indices, const Sym &extent);
  mlir::FailureOr<Sym> broadcastExtent(const Sym &a, const Sym &b);
  mlir::FailureOr<SymList> broadcastShapes(const SymList &a, const SymList &b);
  mlir::LogicalResult sameTypes(llvm::ArrayRef<Tensor *> tensors);
  /// "float32[batch, seq, 32]"
  std::string describe(const Tensor *tensor) const;
  std::string describe(const SymList &shape) const;

  //===- For the importer -------------------------------------------------===//
  llvm::ArrayRef<Tensor *> getResults() const { return results; }
  llvm::ArrayRef<std::string> getProblems() const { return problems; }
  void checkAttributes();
  /// Do the operands have the types of the signature?
  mlir::LogicalResult checkTypes();

private:
  std::string undecidedInputs(const Tensor *tensor);
  const NodeAttr &sureAttr(llvm::StringRef name);
  llvm::SmallVector<Tensor *> inputs;
  llvm::SmallVector<Tensor *> results;
  std::vector<std::string> problems;
  llvm::StringSet<> usedAttributes;
  Requirements &requirements;
};

/// One operator from some opset on.
struct OpInfo {
  int64_t since = 1;
  Signature signature;
  std::function<mlir::LogicalResult(NodeContext &)> import; ///< none: refused
  std::string refusal;                                      ///< why, then: "its result's shape depends on the data"
};

class OpTable {
public:
  using Import = std::function<mlir::LogicalResult(NodeContext &)>;
  using Key = std::pair<std::string, std::string>; ///< domain and name
  void add(int64_t since, llvm::StringRef signature, Import import);
  /// An operator that this build knows and does not import; its name may be all of the signature.
  void refuse(llvm::StringRef names, llvm::StringRef why, int64_t since = 1);

  /// The row of this operator in version `opset` of its domain; null if there is none.
  const OpInfo *find(const Node &node, int64_t opset) const;
  /// What is wrong with a node before its operands are known: operator, opset, attributes, how many operands.
  std::vector<std::string> problemsOf(const Node &node, int64_t opset) const;
  /// By operator, oldest row first.
  const std::map<Key, std::vector<OpInfo>> &all() const { return rows; }

private:
  std::map<Key, std::vector<OpInfo>> rows;
};

/// The version of the operators of `domain` that the model uses.
int64_t opsetOf(const Model &model, llvm::StringRef domain);

void addActivationOps(OpTable &table);
void addAttentionOps(OpTable &table);
void addContribAttentionOps(OpTable &table);
void addContribOps(OpTable &table);
void addControlOps(OpTable &table);
void addConvolutionOps(OpTable &table);
void addElementwiseOps(OpTable &table);
void addLossOps(OpTable &table);
void addNBitsOps(OpTable &table);
void addNormalizationOps(OpTable &table);
void addOrderOps(OpTable &table);
void addShapeOps(OpTable &table);
void addSignalOps(OpTable &table);
void addFlexAttentionOps(OpTable &table);
void addGroupQueryOps(OpTable &table);
void addImageOps(OpTable &table);
void addIndexOps(OpTable &table);
void addLinearOps(OpTable &table);
void addPoolingOps(OpTable &table);
void addQLinearOps(OpTable &table);
void addQuantizedConvolutionOps(OpTable &table);
void addQuantizedOps(OpTable &table);
void addRecurrentOps(OpTable &table);
void addRegionOps(OpTable &table);
void addReductionOps(OpTable &table);
void addResizeOps(OpTable &table);
void addRotaryOps(OpTable &table);
void addSamplingOps(OpTable &table);
void addScatterOps(OpTable &table);
void refuseOps(OpTable &table);
/// Every operator this build imports, or refuses by name.
const OpTable &opTable();

} // namespace attnc::onnx
