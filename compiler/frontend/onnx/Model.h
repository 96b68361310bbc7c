//===- Model.h - An ONNX model as plain data --------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the reader has checked and the importer works on. Nothing here knows protobuf.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/support/Printable.h"
#include "dialects/Weights/Recipe.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringMap.h"
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace attnc::onnx {

using attnc::printable; // also for those who use this namespace only

/// The models this build reads. An op newer than the newest opset is not known to mean what it meant before.
constexpr int64_t kMinIrVersion = 3, kMaxIrVersion = 14;
constexpr int64_t kMinOpset = 6, kMaxOpset = 27;
/// Tensors of higher rank are refused; no exporter writes them.
constexpr int64_t kMaxRank = 12;
/// Integer tensors up to this number of elements are tracked element by element; shapes are far smaller.
constexpr int64_t kMaxTracked = 1024;

/// Where the numbers of a large tensor lie.
struct WeightPlace {
  weights::File file;
  std::string path;
  uint64_t offset = 0;
  mlir::RankedTensorType type;
};

/// A tensor of the file. Small ones are held, of large ones the place is known.
struct Constant {
  mlir::DenseElementsAttr value; ///< of the stored type
  std::optional<WeightPlace> weight;
  std::string problem; ///< why there is neither: a type this compiler does not handle
  mlir::Type elementType;
};

struct Graph;

struct NodeAttr {
  enum class Kind { Int, Float, String, Ints, Floats, Strings, Tensor, Graph, Other };
  Kind kind = Kind::Other;
  int64_t i = 0;
  float f = 0;
  std::string s;
  std::vector<int64_t> ints;
  std::vector<float> floats;
  std::vector<std::string> strings;
  Constant tensor;
  std::shared_ptr<Graph> graph;
  std::string reference; ///< in the body of a function: the function's attribute that this one is
};

struct Node {
  std::string name; ///< never empty: a node without a name is called after its first output
  std::string opType, domain;
  std::vector<std::string> inputs, outputs; ///< "" stands for an omitted optional one
  llvm::StringMap<NodeAttr> attributes;

  /// "node 'attn_3' (Softmax)"
  std::string describe() const { return "node '" + name + "' (" + (domain.empty() ? "" : domain + ".") + opType + ")"; }
};

/// One extent of a graph input or output: fixed, named, or neither. The name is the file's, any bytes.
struct Dim {
  std::optional<int64_t> value;
  std::string name;
};

struct ValueInfo {
  std::string name;
  mlir::Type elementType; ///< null: `problem` says why
  std::optional<std::vector<Dim>> shape;
  std::string problem;
};

/// A model's own graph, or one inside of a node, which may also read what the graphs around it know.
struct Graph {
  std::vector<Node> nodes;
  std::vector<ValueInfo> inputs, outputs; ///< a model's inputs without those that are initializers
  llvm::StringMap<Constant> initializers;
};

/// An operator that the model defines itself.
struct Function {
  std::vector<std::string> inputs, outputs;
  std::vector<Node> nodes;
  int64_t opset = 0;
  llvm::StringMap<int64_t> opsets;
};

struct Model : Graph {
  std::string path, graphName;
  int64_t irVersion = 0;
  int64_t opset = 0;                                                 ///< of the standard operators
  llvm::StringMap<int64_t> opsets;                                   ///< of the others, by domain
  std::map<std::pair<std::string, std::string>, Function> functions; ///< by domain and name
};

/// The name of a TensorProto.DataType ("float16"), also of those this build does not handle.
std::string dataTypeName(int32_t dataType);
/// The MLIR type of a TensorProto.DataType, or null when attnc does not handle it. Integers without a sign are those of
/// MLIR (ui8); signless ones have one.
mlir::Type elementTypeOf(int32_t dataType, mlir::MLIRContext *context);
/// The type of such elements in the IR, where integers have no sign and operations tell: i8 for ui8.
mlir::Type storedType(mlir::Type elementType);
/// "float32", "int64", "uint8", "bool" … for messages.
std::string elementTypeName(mlir::Type type);

} // namespace attnc::onnx
