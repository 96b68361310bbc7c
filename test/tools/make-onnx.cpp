//===- make-onnx.cpp - Small ONNX models from text ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Usage: make-onnx model.txt -o model.onnx
//
// One statement per line; `#` starts a comment. Words are separated by spaces, lists by commas without spaces.
//
//   ir 8                                         IR version (8 if absent)
//   opset 17 [domain]                            (17 if absent)
//   input  x float32[batch,seq,32]               graph input; `?` is a dim without a name, '5' one of that name, no
//                                                brackets: no shape
//   output y float32[batch,seq,32]
//   init w float32[2,3] 1,2,3,4,5,6              weight from values (one value fills it)
//   init w float32[64,64] random 7 0.125         weight from seed and standard deviation: the same on every machine
//   init w float32[64] external w.bin 0 256      location, offset, length
//   init w float32[64] typed 1,2,3               values in the typed list instead of raw_data
//   node MatMul x,w -> q name=proj               operator, inputs, outputs; `_` is an omitted input or output
//   node Transpose q -> t perm=[0,2,1]           attributes: 3  0.5  [1,2]  [0.5,1.0]  "text"  int64[2]:1,2
//   graph body ... end                           what stands between is a graph of its own: an attribute @body
//   function my.Op x,y -> z ... end              the nodes between are what my.Op does; an attribute $a is the call's a
//   truncate 40                                  the file ends after so many bytes
//   nest 300000                                  so many graphs inside each other are appended
//
// To test what a reader does with lies, nothing is checked: a weight may have too few values for its shape.
//
//===----------------------------------------------------------------------===//

#include "onnx.pb.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {
[[noreturn]] void fail(const std::string &message) {
  std::cerr << "make-onnx: " << message << "\n";
  std::exit(1);
}

std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);)
    parts.push_back(part);
  return parts;
}

const std::map<std::string, int> types = {{"float32", 1}, {"uint8", 2},     {"int8", 3},     {"uint16", 4},
                                          {"int16", 5},   {"int32", 6},     {"int64", 7},    {"string", 8},
                                          {"bool", 9},    {"float16", 10},  {"float64", 11}, {"uint32", 12},
                                          {"uint64", 13}, {"bfloat16", 16}, {"int2", 26}};

/// "float32[2,batch]" -> the type and its dims; without brackets `hasShape` is false.
struct Type {
  int number;
  bool hasShape;
  std::vector<std::string> dims;

  explicit Type(const std::string &text) {
    size_t bracket = text.find('[');
    auto it = types.find(text.substr(0, bracket));
    if (it == types.end())
      fail("unknown type in '" + text + "'");
    number = it->second;
    hasShape = bracket != std::string::npos;
    if (hasShape)
      dims = split(text.substr(bracket + 1, text.find(']') - bracket - 1), ',');
  }
  size_t count() const {
    size_t product = 1;
    for (const std::string &dim : dims)
      product *= std::stoull(dim);
    return product;
  }
};

/// A normal deviate that depends on nothing but its arguments: splitmix64, then twelve uniforms added up (no libm,
/// whose last bit differs between machines).
double normal(uint64_t seed, uint64_t index) {
  uint64_t state = seed * 0x9E3779B97F4A7C15ull + index * 12 * 0xD1342543DE82EF95ull;
  double sum = -6;
  for (int i = 0; i < 12; ++i) {
    uint64_t z = state += 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    sum += static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }
  return sum;
}

template <typename T>
void append(std::string &raw, T value) {
  raw.append(reinterpret_cast<const char *>(&value), sizeof(T));
}

void appendElement(std::string &raw, int type, double value) {
  switch (type) {
  case 1:
    return append(raw, static_cast<float>(value));
  case 2:
    return append(raw, static_cast<uint8_t>(static_cast<int64_t>(value)));
  case 4:
    return append(raw, static_cast<uint16_t>(value));
  case 5:
    return append(raw, static_cast<int16_t>(value));
  case 6:
    return append(raw, static_cast<int32_t>(value));
  case 10:
    return append(raw, static_cast<_Float16>(value));
  case 11:
    return append(raw, value);
  case 12:
    return append(raw, static_cast<uint32_t>(value));
  case 16: { // truncated; exact for the small values of tests
    float wide = static_cast<float>(value);
    uint32_t bits;
    std::memcpy(&bits, &wide, sizeof bits);
    return append(raw, static_cast<uint16_t>(bits >> 16));
  }
  default:
    return append(raw, static_cast<int8_t>(value));
  }
}

double number(const std::string &text) { return text == "-inf" ? -INFINITY : std::stod(text); }

void setTensor(onnx::TensorProto &tensor, const Type &type, const std::vector<std::string> &words) {
  tensor.set_data_type(type.number);
  for (const std::string &dim : type.dims)
    tensor.add_dims(std::stoll(dim));
  if (words.empty())
    return;
  if (words[0] == "external") {
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    const char *keys[] = {"location", "offset", "length"};
    for (size_t i = 1; i < words.size() && i <= 3; ++i) {
      onnx::StringStringEntryProto &entry = *tensor.add_external_data();
      entry.set_key(keys[i - 1]);
      entry.set_value(words[i]);
    }
    return;
  }
  if (words[0] == "typed") {
    for (const std::string &value : split(words.at(1), ','))
      if (type.number == 1)
        tensor.add_float_data(std::stof(value));
      else if (type.number == 12 || type.number == 13)
        tensor.add_uint64_data(std::stoull(value));
      else if (type.number == 7)
        tensor.add_int64_data(std::stoll(value));
      else
        tensor.add_int32_data(std::stoi(value));
    return;
  }
  std::string &raw = *tensor.mutable_raw_data();
  if (words[0] == "random") {
    for (size_t i = 0, count = type.count(); i < count; ++i)
      appendElement(raw, type.number, std::stod(words.at(2)) * normal(std::stoull(words.at(1)), i));
    return;
  }
  std::vector<std::string> values = split(words[0], ',');
  size_t copies = values.size() == 1 ? type.count() : 1;
  for (size_t i = 0; i < copies; ++i)
    for (const std::string &value : values)
      if (type.number == 7)
        append(raw, static_cast<int64_t>(std::stoll(value))); // a double does not hold them all
      else if (type.number == 13)
        append(raw, static_cast<uint64_t>(std::stoull(value)));
      else
        appendElement(raw, type.number, number(value));
}

void setValueInfo(onnx::ValueInfoProto &info, const std::vector<std::string> &words) {
  Type type(words.at(2));
  info.set_name(words.at(1));
  onnx::TypeProto::Tensor &tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type.number);
  if (type.hasShape)
    tensor.mutable_shape();
  for (const std::string &dim : type.dims) {
    onnx::TensorShapeProto::Dimension &proto = *tensor.mutable_shape()->add_dim();
    if (dim.size() > 2 && dim.front() == '\'' && dim.back() == '\'')
      proto.set_dim_param(dim.substr(1, dim.size() - 2));
    else if (std::isdigit(dim[0]) || dim[0] == '-')
      proto.set_dim_value(std::stoll(dim));
    else if (dim != "?")
      proto.set_dim_param(dim);
  }
}

/// Those that were made so far, by name.
std::map<std::string, onnx::GraphProto> graphs;

void setAttribute(onnx::AttributeProto &attribute, const std::string &name, const std::string &value) {
  attribute.set_name(name);
  bool isFloat = value.find('.') != std::string::npos;
  if (value[0] == '@') {
    attribute.set_type(onnx::AttributeProto::GRAPH);
    *attribute.mutable_g() = graphs.at(value.substr(1));
  } else if (value[0] == '$') {
    attribute.set_type(onnx::AttributeProto::FLOAT);
    attribute.set_ref_attr_name(value.substr(1));
  } else if (value[0] == '"') {
    attribute.set_type(onnx::AttributeProto::STRING);
    attribute.set_s(value.substr(1, value.size() - 2));
  } else if (size_t colon = value.find(':'); colon != std::string::npos) {
    attribute.set_type(onnx::AttributeProto::TENSOR);
    setTensor(*attribute.mutable_t(), Type(value.substr(0, colon)), {value.substr(colon + 1)});
  } else if (value[0] == '[') {
    attribute.set_type(isFloat ? onnx::AttributeProto::FLOATS : onnx::AttributeProto::INTS);
    for (const std::string &element : split(value.substr(1, value.size() - 2), ','))
      isFloat ? attribute.add_floats(std::stof(element)) : attribute.add_ints(std::stoll(element));
  } else if (isFloat) {
    attribute.set_type(onnx::AttributeProto::FLOAT);
    attribute.set_f(std::stof(value));
  } else {
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(std::stoll(value));
  }
}

void setNode(onnx::NodeProto &node, const std::vector<std::string> &words) {
  size_t word = 1;
  std::string op = words.at(word++);
  if (size_t dot = op.rfind('.'); dot != std::string::npos) {
    node.set_domain(op.substr(0, dot));
    op = op.substr(dot + 1);
  }
  node.set_op_type(op);
  auto addNames = [&](auto add) {
    for (const std::string &name : split(words.at(word), ','))
      add(name == "_" ? "" : name);
    ++word;
  };
  if (words.at(word) != "->")
    addNames([&](const std::string &name) { node.add_input(name); });
  ++word; // ->
  addNames([&](const std::string &name) { node.add_output(name); });
  for (; word < words.size(); ++word) {
    size_t equals = words[word].find('=');
    std::string key = words[word].substr(0, equals), value = words[word].substr(equals + 1);
    if (key == "name")
      node.set_name(value);
    else
      setAttribute(*node.add_attribute(), key, value);
  }
}

struct File {
  onnx::ModelProto model;
  size_t truncateAt = std::string::npos, nesting = 0;
  std::string inner;                       ///< the graph that lines go to; "" is the model's
  onnx::FunctionProto *function = nullptr; ///< or the function

  void addFunction(const std::vector<std::string> &words) {
    onnx::NodeProto call; // spelt alike
    std::vector<std::string> asNode(words);
    setNode(call, asNode);
    function = model.add_functions();
    function->set_name(call.op_type());
    function->set_domain(call.domain());
    *function->mutable_input() = call.input();
    *function->mutable_output() = call.output();
    *function->mutable_opset_import() = model.opset_import();
  }

  void addLine(const std::vector<std::string> &words) {
    onnx::GraphProto &graph = inner.empty() ? *model.mutable_graph() : graphs[inner];
    const std::string &kind = words[0];
    if (kind == "graph") {
      inner = words.at(1);
      graphs[inner].set_name(inner);
    } else if (kind == "function") {
      addFunction(words);
    } else if (kind == "end") {
      inner.clear();
      function = nullptr;
    } else if (kind == "ir") {
      model.set_ir_version(std::stoll(words.at(1)));
    } else if (kind == "opset") {
      onnx::OperatorSetIdProto &import = *model.add_opset_import();
      import.set_version(std::stoll(words.at(1)));
      import.set_domain(words.size() > 2 ? words[2] : "");
    } else if (kind == "input") {
      setValueInfo(*graph.add_input(), words);
    } else if (kind == "output") {
      setValueInfo(*graph.add_output(), words);
    } else if (kind == "init") {
      onnx::TensorProto &tensor = *graph.add_initializer();
      tensor.set_name(words.at(1));
      setTensor(tensor, Type(words.at(2)), {words.begin() + 3, words.end()});
    } else if (kind == "node") {
      setNode(function ? *function->add_node() : *graph.add_node(), words);
    } else if (kind == "truncate") {
      truncateAt = std::stoull(words.at(1));
    } else if (kind == "nest") {
      nesting = std::stoull(words.at(1));
    } else {
      fail("unknown statement '" + kind + "'");
    }
  }

  std::string bytes() {
    if (!model.has_ir_version())
      model.set_ir_version(8);
    if (model.opset_import_size() == 0)
      model.add_opset_import()->set_version(17);
    model.mutable_graph()->set_name("test");
    std::string result;
    model.SerializeToString(&result);
    return (result + nested()).substr(0, truncateAt);
  }

  /// A graph of one node, whose attribute is a graph of one node, whose attribute …, each level with its right length.
  std::string nested() const {
    if (!nesting)
      return "";
    std::string backwards;
    auto wrap = [&](char tag) {
      std::string header(1, tag);
      size_t length = backwards.size();
      for (; length > 127; length >>= 7)
        header += static_cast<char>(length | 0x80);
      header += static_cast<char>(length);
      backwards.append(header.rbegin(), header.rend());
    };
    for (size_t i = 0; i < nesting; ++i)
      for (char tag : {0x32, 0x2a, 0x0a}) // AttributeProto.g, NodeProto.attribute, GraphProto.node
        wrap(tag);
    wrap(0x3a); // ModelProto.graph
    return {backwards.rbegin(), backwards.rend()};
  }
};
} // namespace

int main(int argc, char **argv) {
  if (argc != 4 || std::string(argv[2]) != "-o")
    fail("usage: make-onnx model.txt -o model.onnx");
  std::ifstream input(argv[1]);
  if (!input)
    fail(std::string("cannot open ") + argv[1]);
  File file;
  for (std::string line; std::getline(input, line);) {
    std::istringstream stream(line.substr(0, line.find('#')));
    std::vector<std::string> words;
    for (std::string word; stream >> word;)
      words.push_back(word);
    if (!words.empty())
      file.addLine(words);
  }
  std::ofstream output(argv[3], std::ios::binary);
  std::string bytes = file.bytes();
  output.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return output ? 0 : 1;
}
