//===- Views.cpp - q, k and v as parts of packed tensors ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   attention f(qkv: f32[B, N, 3, H, D]) -> ... { q = qkv[:, :, 0] ... }     q: f32[B, N, H, D], every third row
//   attention g(qkv: f32[B, N, 48, D]) -> ...   { q = qkv[:, :, H=0:32] ... }     q: f32[B, N, H=32, D]
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/analysis/Views.h"
#include "compiler/support/Suggest.h"
#include "llvm/ADT/STLExtras.h"

using namespace attnc;
using namespace attnc::spec;

namespace {
class ViewResolver {
public:
  ViewResolver(const Attention &attention, const DimBindings &bindings, Diagnostics &diagnostics)
      : attention(attention), bindings(bindings), diagnostics(diagnostics) {}
  void resolve(Parameter &parameter);

private:
  const Parameter *findSource(const View &view);
  std::optional<int64_t> extentOf(const Dim &dim);
  bool checkIndex(const ViewIndex &index, const Dim &dim);

  const Attention &attention;
  const DimBindings &bindings;
  Diagnostics &diagnostics;
};
} // namespace

/// The parameter that `view` reads; null after an error.
const Parameter *ViewResolver::findSource(const View &view) {
  llvm::SmallVector<llvm::StringRef> names;
  for (const Parameter &parameter : attention.params) {
    if (parameter.view)
      continue;
    if (parameter.name.text == view.source.text)
      return &parameter;
    names.push_back(parameter.name.text);
  }
  diagnostics.error(view.source.loc) << "'" << view.source.text << "' is no parameter"
                                     << didYouMean(view.source.text, names)
                                     << "; q, k and v may be parts of one, as in q = qkv[:, :, 0]";
  return nullptr;
}

/// What the dimension's name stands for, here, elsewhere in the types, or in --dims.
std::optional<int64_t> ViewResolver::extentOf(const Dim &dim) {
  if (dim.extent)
    return dim.extent;
  for (const Parameter &parameter : attention.params)
    for (const Dim &other : parameter.type.dims)
      if (other.symbol.text == dim.symbol.text && other.extent)
        return other.extent;
  auto binding = bindings.find(dim.symbol.text);
  return binding == bindings.end() ? std::nullopt : std::optional(binding->second);
}

/// Index or range `index` of dimension `dim` lies within its extent, which must be known.
bool ViewResolver::checkIndex(const ViewIndex &index, const Dim &dim) {
  int64_t last = index.end ? *index.end - 1 : *index.first;
  std::optional<int64_t> extent = extentOf(dim);
  if (!extent) {
    diagnostics.error(index.loc) << "dimension " << dim.symbol.text << " is open: only a dimension of known extent "
                                 << "can be cut, as in [B, N, 3, H, D]";
    return false;
  }
  if (*index.first <= last && last < *extent)
    return true;
  auto error = diagnostics.error(index.loc);
  error << "there are " << *extent << " elements here, from 0 to " << *extent - 1;
  diagnostics.note(error, dim.symbol.loc, "the dimension is this one");
  return false;
}

void ViewResolver::resolve(Parameter &parameter) {
  View &view = *parameter.view;
  const Parameter *source = findSource(view);
  if (!source)
    return;
  size_t rank = source->type.dims.size();
  if (view.indices.size() > rank) {
    auto error = diagnostics.error(view.indices[rank].loc);
    error << "'" << source->name.text << "' has " << rank << " dimensions";
    diagnostics.note(error, source->name.loc, "declared here");
    return;
  }
  view.indices.resize(rank, ViewIndex{parameter.name.loc}); // what is not said is whole
  view.position = source - attention.params.data();
  parameter.type.element = source->type.element;
  parameter.type.isScalar = false;
  parameter.paged = source->paged;
  parameter.table = source->table;
  view.isResolved = true;
  for (auto [index, dim] : llvm::zip(view.indices, source->type.dims)) {
    if (!index.first)
      parameter.type.dims.push_back(dim);
    else if (!checkIndex(index, dim))
      view.isResolved = false;
    else if (index.end)
      parameter.type.dims.push_back({index.symbol, *index.end - *index.first});
  }
}

void attnc::spec::resolveViews(File &file, const DimBindings &bindings, Diagnostics &diagnostics) {
  for (Attention &attention : file.attentions)
    for (Parameter &parameter : attention.params)
      if (parameter.view)
        ViewResolver(attention, bindings, diagnostics).resolve(parameter);
}
