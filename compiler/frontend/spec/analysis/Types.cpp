//===- Types.cpp - Element types and tensor types -------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/analysis/ShapeResolver.h"
#include "compiler/support/Suggest.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::spec;

Type attnc::spec::parseElementType(llvm::StringRef name, MLIRContext *context) {
  Builder builder(context);
  return llvm::StringSwitch<Type>(name)
      .Case("f32", builder.getF32Type())
      .Case("f64", builder.getF64Type())
      .Case("f16", builder.getF16Type())
      .Case("bf16", builder.getBF16Type())
      .Case("i64", builder.getI64Type())
      .Case("i32", builder.getI32Type())
      .Case("i16", builder.getIntegerType(16))
      .Case("i8", builder.getI8Type())
      .Case("bool", builder.getI1Type())
      .Default(Type());
}

/// Our name for a type that other languages call `name`, or `name` itself.
static llvm::StringRef wordOfOurs(llvm::StringRef name) {
  return llvm::StringSwitch<llvm::StringRef>(name)
      .CasesLower({"float", "float32", "fp32", "single"}, "f32")
      .CasesLower({"double", "float64", "fp64"}, "f64")
      .CasesLower({"half", "float16", "fp16"}, "f16")
      .Case("bfloat16", "bf16")
      .CasesLower({"long", "int64", "int64_t"}, "i64")
      .CasesLower({"int", "int32", "int32_t"}, "i32")
      .CasesLower({"short", "int16", "int16_t"}, "i16")
      .CasesLower({"char", "byte", "int8", "int8_t"}, "i8")
      .CasesLower({"boolean", "i1"}, "bool")
      .Default(name);
}

/// The rank is sensible, the element type exists, and q, k, v and the results hold floats.
bool ShapeResolver::checkType(const Parameter &tensor, bool mustBeFloat) {
  llvm::StringRef name = tensor.type.element.text;
  if (tensor.type.dims.size() > kMaxRank) {
    diagnostics.error(tensor.type.element.loc) << "a tensor of more than " << kMaxRank << " dimensions";
    return false;
  }
  Type element = parseElementType(name, diagnostics.getContext());
  bool canBeSorted = isa_and_present<IntegerType>(element) && !element.isInteger(1) && !tensor.type.dims.empty();
  if (tensor.type.sorted && element && !mustBeFloat && !canBeSorted) {
    diagnostics.error(*tensor.type.sorted) << "only a tensor of integers can be sorted, along its last dimension";
    return false;
  }
  if (tensor.type.sorted && mustBeFloat) {
    diagnostics.error(*tensor.type.sorted) << "q, k, v and the results are not sorted";
    return false;
  }
  if (element && (!mustBeFloat || isa<FloatType>(element)))
    return true;
  if (element)
    diagnostics.error(tensor.view ? tensor.name.loc : tensor.type.element.loc)
        << "q, k, v and the results hold floats, not " << name;
  else
    diagnostics.error(tensor.type.element.loc)
        << "unknown element type '" << name << "'"
        << didYouMean(wordOfOurs(name), {"f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "bool"})
        << "; the types are f32, f64, f16, bf16, i64, i32, i16, i8, bool";
  return false;
}

/// With q over N, self-attention, M is N everywhere.
std::string ShapeResolver::symbolOf(const Dim &dim) const {
  return dim.symbol.text == "M" && !shapes.querySymbol.empty() ? shapes.querySymbol : dim.symbol.text.str();
}

void ShapeResolver::buildType(TensorInfo &tensor) {
  const TypeExpr &typeExpr = tensor.parameter->type;
  Type element = parseElementType(typeExpr.element.text, diagnostics.getContext());
  if (!element)
    return; // reported
  SmallVector<int64_t> extents;
  int64_t product = 1;
  for (const Dim &dim : typeExpr.dims) {
    std::optional<int64_t> extent = extentOf(dim);
    extents.push_back(extent.value_or(ShapedType::kDynamic));
    tensor.symbols.push_back(extent ? std::to_string(*extent) : symbolOf(dim));
    if (!extent && shapes.isPaged() && dim.symbol.text == "T") // N is an extent like others: 2^29 at most
      tensor.symbols.back() += fmt::format("<={}", kMaxExtent / fixed.at("P").extent);
    if (!extent || *extent == 0)
      continue;
    if (product > kMaxElements / *extent) {
      error(typeExpr.element.loc) << "a tensor of more than 2^40 elements";
      return;
    }
    product *= *extent;
  }
  tensor.type = RankedTensorType::get(extents, element);
}

/// The second result must be named lse and have the output's layout without the
/// features.
void ShapeResolver::checkLse() {
  if (!shapes.hasLse())
    return;
  const Parameter &lse = *shapes.results[1].parameter;
  std::vector<std::string> expected;
  bool matches = true;
  size_t position = 0;
  for (auto [letter, dim] : llvm::zip(shapes.results[0].layout, shapes.results[0].parameter->type.dims)) {
    if (letter == 'E')
      continue;
    expected.push_back(dim.symbol.text.empty() ? std::to_string(*dim.extent) : dim.symbol.text.str());
    matches &= position < lse.type.dims.size() && (lse.type.dims[position].symbol.text == dim.symbol.text ||
                                                   extentOf(lse.type.dims[position]) == extentOf(dim));
    ++position;
  }
  if (lse.name.text != "lse")
    error(lse.name.loc) << "the second result is 'lse', the logarithm of the "
                           "sum of exponentials per row";
  if (!matches || position != lse.type.dims.size())
    error(lse.type.element.loc) << "lse has the output's dimensions without the features, in the same "
                                   "order: "
                                << fmt::format("{}[{}]", lse.type.element.text.str(), fmt::join(expected, ", "));
}

Shapes attnc::spec::guessShapes(const Attention &attention, MLIRContext *context) {
  Shapes shapes;
  shapes.q = shapes.k = shapes.v = attention.params.size();
  for (const char *name : {"B", "M", "N"})
    shapes.extents[name] = ShapedType::kDynamic;
  for (const char *name : {"H", "G", "D", "Dv"})
    shapes.extents[name] = 2;
  for (auto [position, parameter] : llvm::enumerate(attention.params)) {
    TensorInfo &info = shapes.params.emplace_back();
    info.parameter = &parameter;
    llvm::SmallVector<int64_t> extents;
    for (const Dim &dim : parameter.type.dims) {
      extents.push_back(shapes.extents.try_emplace(dim.symbol.text, 2).first->second);
      info.symbols.push_back(dim.symbol.text.str());
    }
    if (Type element = parseElementType(parameter.type.element.text, context))
      info.type = RankedTensorType::get(extents, element);
    unsigned *role = llvm::StringSwitch<unsigned *>(parameter.name.text)
                         .Case("q", &shapes.q)
                         .Case("k", &shapes.k)
                         .Case("v", &shapes.v)
                         .Default(nullptr);
    if (role)
      *role = position;
  }
  return shapes;
}
