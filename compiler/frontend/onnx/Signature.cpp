//===- Signature.cpp - What an operator takes and gives -------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Signature.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/ErrorHandling.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;
using Kind = NodeAttr::Kind;

//===- Reading ------------------------------------------------------------===//

[[noreturn]] static void misspelt(StringRef text) {
  llvm::report_fatal_error(llvm::Twine("the operator table has '") + text + "'");
}

/// "x: float", "min?", "inputs*: any"
static Parameter parseParameter(StringRef text, std::optional<Types> last) {
  Parameter parameter;
  auto [name, type] = text.split(':');
  name = name.trim(), type = type.trim();
  parameter.isOptional = name.consume_back("?");
  parameter.isMixed = name.consume_back("**");
  parameter.isVariadic = parameter.isMixed || name.consume_back("*");
  parameter.name = name.str();
  if (type.empty() && last) {
    parameter.types = *last;
    parameter.hasTypeOfLast = true;
    return parameter;
  }
  auto types = llvm::StringSwitch<std::optional<Types>>(type)
                   .Cases({"any", ""}, Types::Any)
                   .Case("float", Types::Float)
                   .Case("int", Types::Integer)
                   .Case("number", Types::Number)
                   .Case("whole", Types::Whole)
                   .Case("real", Types::Real)
                   .Case("bool", Types::Bool)
                   .Default(std::nullopt);
  if (!types || name.empty())
    misspelt(text);
  parameter.types = *types;
  return parameter;
}

/// -1, 1e-5, inf, "constant" or []
static NodeAttr parseLiteral(StringRef text) {
  NodeAttr value;
  double number;
  if (!text.getAsInteger(10, value.i)) {
    value.kind = Kind::Int;
  } else if (text.consume_front("\"") && text.consume_back("\"")) {
    value.kind = Kind::String;
    value.s = text.str();
  } else if (!text.getAsDouble(number)) {
    value.kind = Kind::Float;
    value.f = static_cast<float>(number);
  } else {
    misspelt(text);
  }
  return value;
}

/// "axis = -1", "axes?: ints", "to: int"
static AttributeInfo parseAttribute(StringRef text) {
  AttributeInfo attribute;
  if (text.contains('=')) {
    auto [name, literal] = text.split('=');
    attribute.name = name.trim().str();
    attribute.otherwise = parseLiteral(literal.trim());
    attribute.kind = attribute.otherwise->kind;
    return attribute;
  }
  auto [name, kind] = text.split(':');
  name = name.trim();
  attribute.isRequired = !name.consume_back("?");
  attribute.name = name.str();
  attribute.kind = llvm::StringSwitch<Kind>(kind.trim())
                       .Case("int", Kind::Int)
                       .Case("float", Kind::Float)
                       .Case("string", Kind::String)
                       .Case("ints", Kind::Ints)
                       .Case("floats", Kind::Floats)
                       .Case("strings", Kind::Strings)
                       .Case("tensor", Kind::Tensor)
                       .Case("graph", Kind::Graph)
                       .Default(Kind::Other);
  if (attribute.kind == Kind::Other)
    misspelt(text);
  return attribute;
}

static SmallVector<StringRef> listOf(StringRef text) {
  SmallVector<StringRef> items;
  text.split(items, ',', -1, /*KeepEmpty=*/false);
  return items;
}

Signature attnc::onnx::parseSignature(StringRef text) {
  Signature signature;
  auto [head, results] = text.split("->");
  auto [full, parameters] = head.trim().split('(');
  if (!parameters.consume_back(")"))
    misspelt(text);
  auto [domain, name] = full.contains('.') ? full.rsplit('.') : std::pair(StringRef(), full);
  signature.domain = domain.str(), signature.name = name.str();
  signature.parameters = text.drop_front(full.size()).str();
  auto [inputs, attributes] = parameters.split(';');
  std::optional<Types> last;
  for (StringRef input : listOf(inputs))
    last = signature.inputs.emplace_back(parseParameter(input.trim(), last)).types;
  for (StringRef attribute : listOf(attributes))
    signature.attributes.push_back(parseAttribute(attribute.trim()));
  for (StringRef output : listOf(results.empty() ? "output" : results))
    signature.outputs.push_back(parseParameter(output.trim(), std::nullopt));
  return signature;
}

//===- Asking -------------------------------------------------------------===//

/// An optional operand may be left out at the end; those before a mandatory one are there, if only as "".
size_t Signature::minInputs() const {
  size_t count = 0;
  for (auto [index, parameter] : llvm::enumerate(inputs))
    if (!parameter.isOptional && !parameter.isMixed)
      count = index + 1;
  return count;
}
size_t Signature::maxInputs() const { return !inputs.empty() && inputs.back().isVariadic ? kAnyNumber : inputs.size(); }
size_t Signature::maxOutputs() const { return outputs.back().isVariadic ? kAnyNumber : outputs.size(); }

const AttributeInfo *Signature::attribute(StringRef called) const {
  auto it = llvm::find_if(attributes, [&](const AttributeInfo &attribute) { return attribute.name == called; });
  return it == attributes.end() ? nullptr : &*it;
}

bool attnc::onnx::isOneOf(Type type, Types types) {
  bool isBool = type.isInteger(1), isFloat = isa<FloatType>(type), isUnsigned = type.isUnsignedInteger();
  switch (types) {
  case Types::Any:
    return true;
  case Types::Float:
    return isFloat;
  case Types::Integer:
    return !isFloat && !isBool && !isUnsigned;
  case Types::Number:
    return !isBool && !isUnsigned;
  case Types::Whole:
    return !isFloat && !isBool;
  case Types::Real:
    return !isBool;
  case Types::Bool:
    return isBool;
  }
  llvm_unreachable("all types are listed");
}

std::string attnc::onnx::typeNames(Types types) {
  switch (types) {
  case Types::Any:
    return "any type";
  case Types::Float:
    return "float16, bfloat16, float32 and float64";
  case Types::Integer:
    return "integers with a sign";
  case Types::Number:
    return "floats and integers with a sign";
  case Types::Whole:
    return "integers";
  case Types::Real:
    return "floats and integers";
  case Types::Bool:
    return "bool";
  }
  llvm_unreachable("all types are listed");
}

std::string attnc::onnx::kindName(Kind kind) {
  switch (kind) {
  case Kind::Int:
    return "an integer";
  case Kind::Float:
    return "a float";
  case Kind::String:
    return "a string";
  case Kind::Ints:
    return "a list of integers";
  case Kind::Floats:
    return "a list of floats";
  case Kind::Strings:
    return "a list of strings";
  case Kind::Tensor:
    return "a tensor";
  case Kind::Graph:
    return "a graph";
  case Kind::Other:
    break;
  }
  return "of another kind";
}
