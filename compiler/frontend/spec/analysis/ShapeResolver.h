//===- ShapeResolver.h - The class behind Shapes.h --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/spec/analysis/Shapes.h"
#include <map>

namespace attnc::spec {

/// What a role may be called in one of the four tensors.
struct Role {
  char letter;
  llvm::SmallVector<llvm::StringRef, 2> names;
  bool required;
};
struct RoleTable {
  llvm::StringRef tensor;
  llvm::SmallVector<Role, 4> roles;
};

extern const RoleTable kQuery, kKey, kValue, kOutput;
extern const RoleTable kPagedKey, kPagedValue, kKeyTable, kValueTable;

/// The element type called `name`, or null.
mlir::Type parseElementType(llvm::StringRef name, mlir::MLIRContext *context);

class ShapeResolver {
public:
  ShapeResolver(const Attention &attention, const DimBindings &bindings, Diagnostics &diagnostics)
      : attention(attention), bindings(bindings), diagnostics(diagnostics) {}
  std::optional<Shapes> run();

private:
  std::optional<Shapes> resolve();
  bool findTensors();
  bool findTables();
  std::optional<unsigned> findTable(unsigned position);
  bool checkPagedDims();
  void checkPageSize();
  bool isRunTime(llvm::StringRef symbol) const;
  void checkLse();
  bool assignRoles(TensorInfo &tensor, const RoleTable &table);
  char roleOf(const Dim &dim, const RoleTable &table, llvm::StringRef soFar);
  bool assignNumbers(TensorInfo &tensor, const RoleTable &table);
  void checkPresence();
  void collectExtents();
  void fix(llvm::StringRef symbol, int64_t extent, llvm::SMLoc loc);
  void unifyRoles();
  void reportOpenExtents();
  void checkGroups();
  void publishExtents();
  std::string symbolOf(const Dim &dim) const;
  void buildType(TensorInfo &tensor);
  bool checkType(const Parameter &tensor, bool mustBeFloat);
  std::optional<int64_t> extentOf(const Dim &dim) const;
  bool failed() const { return mistakes; }
  mlir::InFlightDiagnostic error(llvm::SMLoc loc) {
    mistakes = true;
    return diagnostics.error(loc);
  }

  /// The tensors with roles: q, k, v and the output, then the tables of pages.
  llvm::SmallVector<std::pair<TensorInfo *, const RoleTable *>> withRoles() {
    llvm::SmallVector<std::pair<TensorInfo *, const RoleTable *>> tensors{
        {&shapes.params[shapes.q], &kQuery},
        {&shapes.params[shapes.k], shapes.isPaged() ? &kPagedKey : &kKey},
        {&shapes.params[shapes.v], shapes.isPaged() ? &kPagedValue : &kValue},
        {&shapes.results[0], &kOutput}};
    if (shapes.isPaged())
      tensors.emplace_back(&shapes.params[*shapes.kTable], &kKeyTable);
    if (shapes.isPaged() && shapes.vTable != shapes.kTable)
      tensors.emplace_back(&shapes.params[*shapes.vTable], &kValueTable);
    return tensors;
  }

  struct Fixed {
    int64_t extent;
    llvm::SMLoc loc; // invalid: from the bindings
  };
  const Attention &attention;
  const DimBindings &bindings;
  Diagnostics &diagnostics;
  Shapes shapes;
  std::map<std::string, Fixed> fixed; // ordered: messages must not depend on hashing
  bool mistakes = false;
};

} // namespace attnc::spec
