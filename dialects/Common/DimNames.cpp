//===- DimNames.cpp - What a function calls its dimensions ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Common/DimNames.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace attnc;

DimName DimName::parse(llvm::StringRef text) {
  int64_t number;
  if (text == "?")
    return {};
  if (!text.empty() && llvm::isDigit(text[0]) && !text.getAsInteger(10, number))
    return {{}, number, {}};
  if (auto [name, limit] = text.rsplit("<="); !limit.getAsInteger(10, number))
    return {name, {}, number};
  return {text, {}, {}};
}

std::optional<DimSumLimit> DimSumLimit::parse(Attribute attribute) {
  auto dictionary = dyn_cast_or_null<DictionaryAttr>(attribute);
  auto symbols = dictionary ? dictionary.getAs<ArrayAttr>("symbols") : nullptr;
  auto most = dictionary ? dictionary.getAs<IntegerAttr>("most") : nullptr;
  if (!symbols || !most || !most.getType().isInteger(64) || !llvm::all_of(symbols, llvm::IsaPred<StringAttr>))
    return std::nullopt;
  return DimSumLimit{llvm::map_to_vector(symbols, [](Attribute name) { return cast<StringAttr>(name).getValue(); }),
                     most.getInt()};
}

Attribute DimSumLimit::attribute(MLIRContext *context) const {
  Builder builder(context);
  return builder.getDictionaryAttr({builder.getNamedAttr("symbols", builder.getStrArrayAttr(symbols)),
                                    builder.getNamedAttr("most", builder.getI64IntegerAttr(most))});
}

DimNames DimNames::ofArgument(FunctionOpInterface function, unsigned number) {
  return DimNames(function.getArgAttrOfType<ArrayAttr>(number, kAttribute));
}

DimNames DimNames::ofArgument(BlockArgument argument) {
  Block *block = argument.getOwner();
  auto function = block->isEntryBlock() ? dyn_cast<FunctionOpInterface>(block->getParentOp()) : nullptr;
  return function ? ofArgument(function, argument.getArgNumber()) : DimNames(ArrayAttr());
}

DimNames DimNames::ofResult(FunctionOpInterface function, unsigned number) {
  return DimNames(function.getResultAttrOfType<ArrayAttr>(number, kAttribute));
}

StringAttr DimNames::text(int64_t dim) const {
  return dim >= 0 && dim < size() ? dyn_cast<StringAttr>(names[dim]) : StringAttr();
}

StringAttr DimNames::symbol(int64_t dim) const {
  StringAttr name = text(dim);
  return name && name.getValue() != "?" ? name : StringAttr();
}
