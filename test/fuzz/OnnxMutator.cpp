//===- OnnxMutator.cpp - Models that differ in one thing ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/OnnxMutator.h"
#include <cstring>
#include <limits>

using namespace attnc::test;

int64_t OnnxMutator::extent() {
  static constexpr int64_t kExtents[] = {0, 1, 2, 3, 4, 5, 8, 17, 64, -1, 1 << 20, int64_t{1} << 40};
  return kExtents[below(std::size(kExtents))];
}

int64_t OnnxMutator::integer(int64_t old) {
  auto wrapped = [](uint64_t number) { return static_cast<int64_t>(number); };
  auto bits = static_cast<uint64_t>(old);
  const int64_t numbers[] = {0,
                             1,
                             -1,
                             2,
                             3,
                             7,
                             wrapped(bits + 1),
                             wrapped(bits - 1),
                             wrapped(0 - bits),
                             wrapped(bits * 2),
                             INT32_MAX,
                             std::numeric_limits<int64_t>::min()};
  return numbers[below(std::size(numbers))];
}

int OnnxMutator::elementType() { return static_cast<int>(below(17)); }

std::string OnnxMutator::value(const ::onnx::GraphProto &graph) {
  std::vector<std::string> names = {"", "nowhere"};
  for (const auto &input : graph.input())
    names.push_back(input.name());
  for (const auto &tensor : graph.initializer())
    names.push_back(tensor.name());
  for (const auto &node : graph.node())
    names.insert(names.end(), node.output().begin(), node.output().end());
  return names[below(static_cast<int64_t>(names.size()))];
}

/// `graph`, or one that stands in a node of it.
::onnx::GraphProto &OnnxMutator::someGraph(::onnx::GraphProto &graph) {
  for (auto &node : *graph.mutable_node())
    for (auto &attribute : *node.mutable_attribute())
      if (attribute.has_g() && below(2))
        return someGraph(*attribute.mutable_g());
  return graph;
}

void OnnxMutator::mutate(::onnx::ModelProto &model) {
  switch (below(16)) {
  case 0:
    return model.set_ir_version(integer(model.ir_version()));
  case 1:
    if (model.opset_import_size())
      model.mutable_opset_import(static_cast<int>(below(model.opset_import_size())))->set_version(1 + below(27));
    return;
  case 2:
    if (model.functions_size()) {
      auto &function = *model.mutable_functions(static_cast<int>(below(model.functions_size())));
      if (function.node_size())
        mutateNode(*function.mutable_node(static_cast<int>(below(function.node_size()))), model.graph());
      return;
    }
    [[fallthrough]];
  default:
    return mutateGraph(someGraph(*model.mutable_graph()));
  }
}

template <typename T>
static T *someOf(google::protobuf::RepeatedPtrField<T> *list, std::mt19937 &random) {
  return list->empty() ? nullptr : list->Mutable(static_cast<int>(random() % static_cast<unsigned>(list->size())));
}

void OnnxMutator::mutateGraph(::onnx::GraphProto &graph) {
  auto &nodes = *graph.mutable_node();
  switch (below(12)) {
  case 0: // once more
    if (!nodes.empty() && nodes.size() < 20) {
      ::onnx::NodeProto copy = *someOf(&nodes, random);
      for (auto &output : *copy.mutable_output())
        output += "_";
      nodes.Add()->CopyFrom(copy);
    }
    return;
  case 1: // away
    if (!nodes.empty())
      nodes.DeleteSubrange(static_cast<int>(below(nodes.size())), 1);
    return;
  case 2: // another order
    if (nodes.size() > 1)
      nodes.SwapElements(static_cast<int>(below(nodes.size())), static_cast<int>(below(nodes.size())));
    return;
  case 3:
    if (auto *output = someOf(graph.mutable_output(), random))
      output->set_name(value(graph));
    return;
  case 4:
    if (auto *input = someOf(graph.mutable_input(), random))
      mutateInfo(*input);
    return;
  case 5:
    if (auto *tensor = someOf(graph.mutable_initializer(), random))
      mutateTensor(*tensor);
    return;
  default:
    if (auto *node = someOf(&nodes, random))
      mutateNode(*node, graph);
  }
}

void OnnxMutator::mutateNode(::onnx::NodeProto &node, const ::onnx::GraphProto &graph) {
  switch (below(4)) {
  case 0: {
    const std::string &name = operators[static_cast<size_t>(below(static_cast<int64_t>(operators.size())))];
    size_t dot = name.rfind('.');
    node.set_domain(dot == std::string::npos ? "" : name.substr(0, dot));
    return node.set_op_type(dot == std::string::npos ? name : name.substr(dot + 1));
  }
  case 1:
    return mutateOperands(node, graph);
  default:
    return mutateAttribute(node, graph);
  }
}

void OnnxMutator::mutateOperands(::onnx::NodeProto &node, const ::onnx::GraphProto &graph) {
  switch (below(4)) {
  case 0:
    return node.add_input(value(graph));
  case 1:
    if (node.input_size())
      node.mutable_input()->RemoveLast();
    return;
  case 2:
    if (auto *output = someOf(node.mutable_output(), random))
      *output = value(graph);
    return;
  default:
    if (auto *input = someOf(node.mutable_input(), random))
      *input = value(graph);
  }
}

/// One of its own, or one of another node: names that operators know.
void OnnxMutator::mutateAttribute(::onnx::NodeProto &node, const ::onnx::GraphProto &graph) {
  auto &attributes = *node.mutable_attribute();
  switch (below(5)) {
  case 0: {
    if (!graph.node_size())
      return;
    const auto &other = graph.node(static_cast<int>(below(graph.node_size())));
    if (other.attribute_size() && attributes.size() < 8) {
      ::onnx::AttributeProto copy = other.attribute(static_cast<int>(below(other.attribute_size())));
      *attributes.Add() = copy;
    }
    return;
  }
  case 1:
    if (!attributes.empty())
      attributes.DeleteSubrange(static_cast<int>(below(attributes.size())), 1);
    return;
  case 2:
    if (auto *attribute = someOf(&attributes, random))
      attribute->set_type(static_cast<::onnx::AttributeProto::AttributeType>(below(12)));
    return;
  default:
    if (auto *attribute = someOf(&attributes, random))
      mutateNumbers(*attribute);
  }
}

void OnnxMutator::mutateNumbers(::onnx::AttributeProto &attribute) {
  if (attribute.has_t())
    return mutateTensor(*attribute.mutable_t());
  if (attribute.ints_size()) {
    int at = static_cast<int>(below(attribute.ints_size()));
    switch (below(4)) {
    case 0:
      return attribute.add_ints(attribute.ints(at));
    case 1:
      return attribute.mutable_ints()->RemoveLast();
    default:
      return attribute.set_ints(at, integer(attribute.ints(at)));
    }
  }
  if (attribute.has_s() && below(2))
    return attribute.set_s(attribute.s() + "x");
  if (attribute.has_f())
    return attribute.set_f(below(4) ? attribute.f() * 2 : std::numeric_limits<float>::quiet_NaN());
  attribute.set_i(integer(attribute.i()));
}

void OnnxMutator::mutateInfo(::onnx::ValueInfoProto &info) {
  auto &type = *info.mutable_type()->mutable_tensor_type();
  if (below(3) == 0)
    return type.set_elem_type(elementType());
  auto &shape = *type.mutable_shape();
  if (below(4) == 0 && shape.dim_size() < 9)
    return shape.add_dim()->set_dim_value(extent());
  if (below(4) == 0 && shape.dim_size())
    return shape.mutable_dim()->RemoveLast();
  if (auto *dim = someOf(shape.mutable_dim(), random)) {
    static constexpr const char *kNames[] = {"n", "m", "batch", "5", ""};
    if (below(2))
      dim->set_dim_value(extent());
    else
      dim->set_dim_param(kNames[below(std::size(kNames))]);
  }
}

void OnnxMutator::mutateTensor(::onnx::TensorProto &tensor) {
  switch (below(4)) {
  case 0:
    return tensor.set_data_type(elementType());
  case 1:
    if (tensor.dims_size())
      tensor.set_dims(static_cast<int>(below(tensor.dims_size())), extent());
    return;
  case 2:
    if (below(2) && tensor.dims_size() < 9)
      tensor.add_dims(1);
    else if (tensor.dims_size())
      tensor.mutable_dims()->RemoveLast();
    return;
  default: // a number in it: shapes and axes are such
    if (std::string &bytes = *tensor.mutable_raw_data(); bytes.size() >= sizeof(int64_t)) {
      int64_t number = integer(bytes[0]);
      size_t at = static_cast<size_t>(below(static_cast<int64_t>(bytes.size() / sizeof number))) * sizeof number;
      std::memcpy(bytes.data() + at, &number, sizeof number);
    }
  }
}
