//===- Signature.h - What an operator takes and gives -----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One line says it for people and for the importer:
//
//   Clip(input: number, min?, max?)                      operands; one without a type has that of the one before it
//   Squeeze(data: any; axes?: ints)                      attributes come after ';'
//   Softmax(input: float; axis = -1)                     one with a default need not be there
//   Cast(input: any; to: int)                            one with neither '?' nor default must be there
//   Concat(inputs*: any; axis: int)                      any number of them, of one type
//   Loop(M?: int, cond?: bool, v**: any; body: graph)    any number of them, also none, of any types
//   Dropout(data: any, ratio?: float) -> output, mask?   without '->' there is one result
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/Model.h"

namespace attnc::onnx {

/// The element types of an operand: Integer has a sign, Whole is any integer, Number is Float or Integer, Real is Float or
/// Whole.
enum class Types { Any, Float, Integer, Number, Whole, Real, Bool };

struct Parameter {
  std::string name;
  Types types = Types::Any;
  bool isOptional = false, isVariadic = false;
  bool isMixed = false;       ///< a variadic whose operands may have different types, and may be none
  bool hasTypeOfLast = false; ///< `types` is that of the operand before it, which has the very same type
};

struct AttributeInfo {
  std::string name;
  NodeAttr::Kind kind = NodeAttr::Kind::Other;
  bool isRequired = false;
  std::optional<NodeAttr> otherwise; ///< its default
};

struct Signature {
  std::string domain, name; ///< of "com.microsoft.FusedMatMul"; the standard's domain is ""
  std::string parameters;   ///< the text from '(' on
  std::vector<Parameter> inputs, outputs;
  std::vector<AttributeInfo> attributes;

  static constexpr size_t kAnyNumber = SIZE_MAX;
  size_t minInputs() const;
  size_t maxInputs() const;
  size_t maxOutputs() const;
  const AttributeInfo *attribute(llvm::StringRef called) const;
  /// Operand number `index`; the last one stands for all that follow.
  const Parameter &input(size_t index) const { return inputs[std::min(index, inputs.size() - 1)]; }
};

/// The signature that `text` spells. A misspelt one is a bug of ours.
Signature parseSignature(llvm::StringRef text);

/// Is `type` one of `types`?
bool isOneOf(mlir::Type type, Types types);
/// "float16, bfloat16, float32, float64"
std::string typeNames(Types types);
/// "an integer", "a list of floats" …
std::string kindName(NodeAttr::Kind kind);

} // namespace attnc::onnx
