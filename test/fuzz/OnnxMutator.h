//===- OnnxMutator.h - Models that differ in one thing ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes that are changed at random are hardly ever a model. This changes what a model says: its operators, the values
// that they read, attributes, types, extents, numbers, versions.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/proto/onnx.pb.h"
#include <random>
#include <string>
#include <vector>

namespace attnc::test {

class OnnxMutator {
public:
  /// `operators`: names that nodes may get, with their domains: "com.microsoft.BiasGelu", "Softmax".
  OnnxMutator(unsigned seed, const std::vector<std::string> &operators) : random(seed), operators(operators) {}

  /// One edit, or none where the chosen place has nothing to edit.
  void mutate(::onnx::ModelProto &model);

private:
  int64_t below(int64_t count) { return std::uniform_int_distribution<int64_t>(0, count - 1)(random); }
  int64_t extent();
  int64_t integer(int64_t old);
  int elementType();
  /// The name of some value of the graph, or of none.
  std::string value(const ::onnx::GraphProto &graph);
  ::onnx::GraphProto &someGraph(::onnx::GraphProto &graph);

  void mutateGraph(::onnx::GraphProto &graph);
  void mutateNode(::onnx::NodeProto &node, const ::onnx::GraphProto &graph);
  void mutateOperands(::onnx::NodeProto &node, const ::onnx::GraphProto &graph);
  void mutateAttribute(::onnx::NodeProto &node, const ::onnx::GraphProto &graph);
  void mutateNumbers(::onnx::AttributeProto &attribute);
  void mutateInfo(::onnx::ValueInfoProto &info);
  void mutateTensor(::onnx::TensorProto &tensor);

  std::mt19937 random;
  const std::vector<std::string> &operators;
};

} // namespace attnc::test
