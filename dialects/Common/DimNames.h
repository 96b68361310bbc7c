//===- DimNames.h - What a function calls its dimensions --------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   func.func @f(%x: tensor<?x?x16xf32> {attnc.dims = ["B", "S<=512", "16"]}) -> (tensor<?xf32> {attnc.dims = ["?"]})
//
// "B" is a symbol, one extent wherever it stands; "S<=512" is the symbol S of at most 512; "16" is fixed; "?" is
// computed when the function runs. The attribute is the user's in a .mlir file: it may be missing, too short, or hold
// something else than strings, and then a dimension has no name. What symbols are together is the function's:
//
//   attributes {attnc.limits = [{most = 1024 : i64, symbols = ["past", "seq"]}]}           past + seq <= 1024
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace attnc {

/// One name, taken apart. Neither fixed nor with a symbol: computed.
struct DimName {
  llvm::StringRef symbol;
  std::optional<int64_t> fixed, limit;

  static DimName parse(llvm::StringRef text);
};

/// What the sum of some symbols is at most.
struct DimSumLimit {
  static constexpr llvm::StringLiteral kAttribute = "attnc.limits";
  llvm::SmallVector<llvm::StringRef> symbols;
  int64_t most = 0;

  /// Nothing where `attribute` is no such limit.
  static std::optional<DimSumLimit> parse(mlir::Attribute attribute);
  mlir::Attribute attribute(mlir::MLIRContext *context) const;
};

/// The names of one argument's or result's dimensions.
class DimNames {
public:
  static constexpr llvm::StringLiteral kAttribute = "attnc.dims";

  static DimNames ofArgument(mlir::FunctionOpInterface function, unsigned number);
  static DimNames ofArgument(mlir::BlockArgument argument); // of a function, or nothing has a name
  static DimNames ofResult(mlir::FunctionOpInterface function, unsigned number);

  /// Null if there is none.
  mlir::ArrayAttr attribute() const { return names; }
  int64_t size() const { return names ? names.size() : 0; }

  /// The name as it is written, or null.
  mlir::StringAttr text(int64_t dim) const;
  /// The same; null if the extent is computed too. Equal symbols are equal extents.
  mlir::StringAttr symbol(int64_t dim) const;

private:
  explicit DimNames(mlir::ArrayAttr names) : names(names) {}
  mlir::ArrayAttr names;
};

} // namespace attnc
