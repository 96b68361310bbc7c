//===- Pages.cpp - k and v in pages, and the tables of these --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   k: paged f32[pages, G, P=16, D] by table: i32[B, T]       key j of b is row j % P of page table[b, j / P]
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/analysis/ShapeResolver.h"
#include "compiler/support/Suggest.h"
#include "llvm/ADT/STLExtras.h"

using namespace attnc;
using namespace attnc::spec;

/// The table of parameter `position`, which is paged; nothing after an error.
std::optional<unsigned> ShapeResolver::findTable(unsigned position) {
  const Identifier &name = attention.params[position].table;
  llvm::SmallVector<llvm::StringRef> names;
  for (auto [table, parameter] : llvm::enumerate(attention.params)) {
    llvm::StringRef element = parameter.type.element.text;
    if (parameter.view || parameter.paged)
      continue;
    names.push_back(parameter.name.text);
    if (parameter.name.text != name.text)
      continue;
    if (element == "i32" || element == "i64")
      return table;
    error(parameter.type.element.loc) << "'" << name.text << "' names pages: it holds i32 or i64, not " << element;
    return std::nullopt;
  }
  std::string advice = didYouMean(name.text, names);
  if (advice.empty())
    advice = "; declare it here, as in by " + name.text.str() + ": i32[B, T]";
  error(name.loc) << "'" << name.text << "' is no parameter that could be a table of pages" << advice;
  return std::nullopt;
}

bool ShapeResolver::findTables() {
  for (const Parameter &result : attention.results)
    if (result.paged)
      error(*result.paged) << "results lie in no pages";
  for (auto [position, parameter] : llvm::enumerate(attention.params)) {
    auto isPartOf = [&](unsigned role) {
      const std::optional<View> &view = attention.params[role].view;
      return role == position || (view && view->position == position);
    };
    if (parameter.paged && (!(isPartOf(shapes.k) || isPartOf(shapes.v)) || isPartOf(shapes.q)))
      error(*parameter.paged) << "only k and v lie in pages, not '" << parameter.name.text << "'";
  }
  const Parameter &k = attention.params[shapes.k], &v = attention.params[shapes.v];
  if (failed() || (!k.paged && !v.paged))
    return !failed();
  if (!k.paged || !v.paged) {
    error((k.paged ? v : k).name.loc) << (k.paged ? "v" : "k") << " must lie in pages where " << (k.paged ? "k" : "v")
                                      << " does; they may share a table";
    return false;
  }
  shapes.kTable = findTable(shapes.k);
  shapes.vTable = k.table.text == v.table.text ? shapes.kTable : findTable(shapes.v);
  return !failed();
}

/// N is P * T, which no call compares with the extent of a tensor; `pages` and T belong to k, v and the tables.
bool ShapeResolver::checkPagedDims() {
  if (!shapes.isPaged())
    return true;
  auto check = [&](const Parameter &tensor, bool hasPages, bool hasT) {
    for (const Dim &dim : tensor.type.dims) {
      llvm::StringRef name = dim.symbol.text;
      if (name == "N")
        error(dim.symbol.loc) << "N is P * T where k and v lie in pages, and no dimension of a tensor; give '"
                              << tensor.name.text << "' a dimension of its own, as in R=4096";
      else if ((name == "pages" && !hasPages) || (name == "T" && !hasT))
        error(dim.symbol.loc) << name << " is a dimension of " << (name == "T" ? "the tables of pages" : "k and v")
                              << " alone";
    }
  };
  for (auto [position, tensor] : llvm::enumerate(attention.params))
    check(tensor, tensor.paged.has_value(), shapes.isTable(position));
  for (const Parameter &tensor : attention.results)
    check(tensor, /*hasPages=*/false, /*hasT=*/false);
  return !failed();
}

void ShapeResolver::checkPageSize() {
  if (!shapes.isPaged())
    return;
  int64_t keys = fixed.at("P").extent;
  if (keys % 16 != 0) {
    error(attention.params[shapes.k].type.element.loc)
        << "P = " << keys << ": the keys of a page must be a multiple of 16";
    return;
  }
  auto pages = fixed.find("T");
  if (pages != fixed.end() && pages->second.extent > kMaxExtent / keys)
    error(pages->second.loc.isValid() ? pages->second.loc : attention.name.loc)
        << "T = " << pages->second.extent << " pages of " << keys << " keys are more than 2^29 keys";
}
