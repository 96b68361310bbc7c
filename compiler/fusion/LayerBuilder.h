//===- LayerBuilder.h - The function of a repetition ------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/fusion/RepeatedOps.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringSet.h"
#include <map>

namespace attnc::fusion {

/// What stands at one place, in each occurrence.
using Values = llvm::SmallVector<mlir::Value>;
/// The same as something that can be looked up; or keys of extents (Axes.h).
using Key = llvm::SmallVector<const void *>;

/// An extent in the function: that of dimension `dim` of an argument.
struct LayerExtent {
  mlir::Value argument;
  int64_t dim;
  std::string name;
};

/// Builds the function of one repetition (OutlineLayers.cpp shows one), and calls it.
class LayerBuilder {
public:
  LayerBuilder(mlir::func::FuncOp function, const Repetition &repetition,
               const llvm::DenseSet<mlir::Operation *> &shared, mlir::SymbolTable &symbols)
      : function(function), repetition(repetition), times(repetition.occurrences.size()), shared(shared),
        symbols(symbols), loc(function.getLoc()), b(function.getContext()), results(resultsOf(repetition)) {}

  /// Builds the function. Fails, without traces, where a layer needs what no argument can say.
  mlir::LogicalResult build();
  /// Replaces the occurrences by calls.
  void callInstead();

private:
  Values gather(llvm::function_ref<mlir::Value(Occurrence)> valueIn) {
    return llvm::map_to_vector(repetition.occurrences, valueIn);
  }
  bool isInternal(const Values &values) { return placeIn(repetition.occurrences.front(), values[0]).has_value(); }
  template <typename OpTy>
  llvm::SmallVector<OpTy> allMadeBy(const Values &values);

  void findTensors();
  void findNames();
  void addExtents(mlir::Value argument, const Values &tensors);
  mlir::ArrayAttr namesOf(const Values &tensors);
  bool hasKnownExtents(const Values &tensors);

  void cloneOp(size_t i);
  mlir::Value argumentFor(const Values &values);
  mlir::Value valueFor(const Values &values);
  mlir::Value make(const Values &values);
  mlir::Value makeExtent(const Values &values);
  mlir::Value makeWeight(llvm::ArrayRef<attn::WeightOp> ops);
  mlir::Value makeConstant(llvm::ArrayRef<mlir::arith::ConstantOp> ops);
  mlir::Value readTable(llvm::ArrayRef<mlir::Attribute> numbers, mlir::Type type);
  mlir::Value cloneShared(const Values &values);
  void setConstant(mlir::Operation *clone, llvm::ArrayRef<mlir::Operation *> constants);

  mlir::func::FuncOp function;
  const Repetition &repetition;
  size_t times;
  const llvm::DenseSet<mlir::Operation *> &shared;
  mlir::SymbolTable &symbols;
  mlir::Location loc;
  mlir::OpBuilder b;
  llvm::SmallVector<std::pair<size_t, unsigned>> results;

  mlir::func::FuncOp layer;
  std::vector<Values> arguments;    ///< after the number of the layer
  std::map<Key, mlir::Value> known; ///< what stands for values in the function
  std::map<Key, LayerExtent> extents;
  llvm::DenseMap<const void *, mlir::StringAttr> ownNames; ///< what `function` calls its extents
  llvm::StringSet<> taken;                                 ///< symbols
  bool failed = false;
};

} // namespace attnc::fusion
