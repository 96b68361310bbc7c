//===- Roles.cpp - Which dimension is which -------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/analysis/ShapeResolver.h"
#include "compiler/support/Suggest.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::spec;

const RoleTable attnc::spec::kQuery{
    "q", {{'B', {"B"}, false}, {'M', {"M", "N"}, false}, {'H', {"H"}, false}, {'D', {"D"}, true}}};
const RoleTable attnc::spec::kKey{
    "k", {{'B', {"B"}, false}, {'N', {"N"}, true}, {'G', {"G", "H"}, false}, {'D', {"D"}, true}}};
const RoleTable attnc::spec::kValue{
    "v", {{'B', {"B"}, false}, {'N', {"N"}, true}, {'G', {"G", "H"}, false}, {'E', {"Dv", "D"}, true}}};
const RoleTable attnc::spec::kPagedKey{
    "k", {{'X', {"pages"}, true}, {'P', {"P"}, true}, {'G', {"G", "H"}, false}, {'D', {"D"}, true}}};
const RoleTable attnc::spec::kPagedValue{
    "v", {{'X', {"pages"}, true}, {'P', {"P"}, true}, {'G', {"G", "H"}, false}, {'E', {"Dv", "D"}, true}}};
const RoleTable attnc::spec::kKeyTable{"the table of k", {{'B', {"B"}, false}, {'T', {"T"}, true}}};
const RoleTable attnc::spec::kValueTable{"the table of v", {{'B', {"B"}, false}, {'T', {"T"}, true}}};
const RoleTable attnc::spec::kOutput{
    "the output", {{'B', {"B"}, false}, {'M', {"M", "N"}, false}, {'H', {"H"}, false}, {'E', {"Dv", "D"}, true}}};

/// Fills `tensor.layout`; a dimension that is only a number gets its letter
/// from what is missing.
bool ShapeResolver::assignRoles(TensorInfo &tensor, const RoleTable &table) {
  for (const Dim &dim : tensor.parameter->type.dims)
    tensor.layout += dim.symbol.text.empty() ? '#' : roleOf(dim, table, tensor.layout);
  if (tensor.layout.find('?') != std::string::npos || !assignNumbers(tensor, table))
    return false; // reported
  for (const Role &role : table.roles)
    if (role.required && tensor.layout.find(role.letter) == std::string::npos) {
      error(tensor.parameter->type.element.loc) << table.tensor << " needs the dimension " << role.names.front();
      return false;
    }
  return true;
}

/// The letter of a named dimension, '?' after an error.
char ShapeResolver::roleOf(const Dim &dim, const RoleTable &table, llvm::StringRef soFar) {
  llvm::StringRef name = dim.symbol.text;
  llvm::SmallVector<llvm::StringRef> known;
  for (const Role &role : table.roles) {
    llvm::append_range(known, role.names);
    if (!llvm::is_contained(role.names, name))
      continue;
    if (!soFar.contains(role.letter))
      return role.letter;
    error(dim.symbol.loc) << table.tensor << " has the dimension " << name << " twice";
    return '?';
  }
  std::vector<std::string> expected;
  for (const Role &role : table.roles)
    expected.push_back(role.names.front().str());
  std::string advice = didYouMean(name, known);
  if (advice.empty())
    advice = fmt::format("; its dimensions are {}", fmt::join(expected, ", "));
  error(dim.symbol.loc) << table.tensor << " has no dimension '" << name << "'" << advice;
  return '?';
}

/// Numbers without a name stand, in order, for the missing heads and features:
/// f32[B, M, 16, 64]. A single number stands for the features.
bool ShapeResolver::assignNumbers(TensorInfo &tensor, const RoleTable &table) {
  std::string open;
  for (const Role &role : llvm::ArrayRef(table.roles).drop_front(2))
    if (tensor.layout.find(role.letter) == std::string::npos)
      open += role.letter;
  size_t numbers = llvm::count(tensor.layout, '#');
  if (numbers > open.size()) {
    size_t extra = tensor.layout.find('#');
    error(tensor.parameter->type.dims[extra].symbol.loc)
        << "which dimension of " << table.tensor << " is " << *tensor.parameter->type.dims[extra].extent
        << "? name it, as in B=1 or M=128; only heads and features may be "
           "plain numbers";
    return false;
  }
  open = open.substr(open.size() - numbers);
  for (char &letter : tensor.layout)
    if (letter == '#') {
      letter = open.front();
      open.erase(0, 1);
    }
  return true;
}

/// A role that one tensor of a pair lacks must be missing in the other: there
/// is no broadcasting.
void ShapeResolver::checkPresence() {
  auto tensors = withRoles();
  auto check = [&](char letter, llvm::StringRef name, llvm::ArrayRef<unsigned> group) {
    auto has = [&](unsigned tensor) { return tensors[tensor].first->layout.find(letter) != std::string::npos; };
    auto placeOf = [&](unsigned tensor) { return tensors[tensor].first->parameter->type.element.loc; };
    const unsigned *owner = llvm::find_if(group, has);
    if (owner == group.end())
      return;
    for (unsigned tensor : group) {
      if (has(tensor))
        continue;
      auto report = error(placeOf(tensor));
      report << tensors[tensor].second->tensor << " lacks the dimension " << name;
      diagnostics.note(report, placeOf(*owner), tensors[*owner].second->tensor + " has it");
    }
  };
  enum { Q, K, V, O };
  if (!shapes.isPaged())
    check('B', "B", {Q, K, V, O});
  else // a table without B is one sequence for all
    check('B', "B", {Q, O});
  for (unsigned table = O + 1; table < tensors.size(); ++table)
    if (tensors[table].first->layout.find('B') != std::string::npos)
      check('B', "B", {Q, table});
  check('M', "M", {Q, O});
  check('H', "H", {Q, O});
  check('G', "G or H", {K, V});
}
