//===- Shapes.cpp - Types, roles and extents of an attention --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A dimension name is a symbol with an extent; in q, k, v and the output its position gives it a role, a letter of
// attn.attention's layouts. The two differ where a file says less: k over H is role G with the extent H, v over D is
// role E with the extent D, q over N is role M with the extent N.
//
// Steps: 1. find the tensors, 2. roles (Roles.cpp), 3. collect the extents that the file and the bindings fix, 4. make
// roles agree between tensors, 5. report what is still open, 6. build the types (Types.cpp).
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/analysis/ShapeResolver.h"
#include "compiler/support/Suggest.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace attnc;
using namespace attnc::spec;

/// Of a file's dimensions.
bool ShapeResolver::isRunTime(llvm::StringRef symbol) const {
  return symbol == "B" || symbol == "M" || (shapes.isPaged() ? symbol == "pages" || symbol == "T" : symbol == "N");
}

int64_t TensorInfo::extentOf(char letter) const {
  size_t position = layout.find(letter);
  return position == std::string::npos ? 1 : type.getDimSize(position);
}

std::optional<Shapes> ShapeResolver::run() {
  bool elementsExist = true;
  for (const Parameter &param : attention.params)
    elementsExist &=
        checkType(param, /*mustBeFloat=*/param.name.text == "q" || param.name.text == "k" || param.name.text == "v");
  for (const Parameter &result : attention.results)
    elementsExist &= checkType(result, /*mustBeFloat=*/true);
  std::optional<Shapes> resolved = resolve();
  return elementsExist ? std::move(resolved) : std::nullopt;
}

std::optional<Shapes> ShapeResolver::resolve() {
  if (!findTensors() || !findTables() || !checkPagedDims())
    return std::nullopt;
  bool rolesFound = true;
  for (auto [tensor, table] : withRoles())
    rolesFound &= assignRoles(*tensor, *table);
  if (!rolesFound)
    return std::nullopt;
  const TensorInfo &q = shapes.params[shapes.q];
  if (size_t queries = q.layout.find('M'); queries != std::string::npos)
    shapes.querySymbol = q.parameter->type.dims[queries].symbol.text.str();
  checkPresence();
  collectExtents();
  if (!failed())
    unifyRoles();
  if (failed())
    return std::nullopt;
  reportOpenExtents();
  if (failed())
    return std::nullopt;
  checkGroups();
  checkPageSize();
  checkLse();
  publishExtents();
  for (auto *tensors : {&shapes.params, &shapes.results})
    for (TensorInfo &tensor : *tensors)
      buildType(tensor);
  if (failed())
    return std::nullopt;
  return std::move(shapes);
}

//===----------------------------------------------------------------------===//
// 1. Tensors
//===----------------------------------------------------------------------===//

bool ShapeResolver::findTensors() {
  std::optional<unsigned> q, k, v;
  for (auto [position, parameter] : llvm::enumerate(attention.params)) {
    shapes.params.emplace_back().parameter = &parameter;
    if (auto *place = llvm::StringSwitch<std::optional<unsigned> *>(parameter.name.text)
                          .Case("q", &q)
                          .Case("k", &k)
                          .Case("v", &v)
                          .Default(nullptr))
      *place = position;
  }
  for (const Parameter &result : attention.results)
    shapes.results.emplace_back().parameter = &result;
  for (auto [place, name, example] : {std::tuple(q, "q", "f32[B, M, H, D]"), std::tuple(k, "k", "f32[B, N, G, D]"),
                                      std::tuple(v, "v", "f32[B, N, G, Dv]")})
    if (!place)
      error(attention.name.loc) << "'" << attention.name.text << "' has no parameter '" << name << "', as in " << name
                                << ": " << example;
  if (attention.results.size() > 2)
    error(attention.results[2].type.element.loc) << "an attention has one or two results: the output and, if wanted, "
                                                    "lse";
  if (!q || !k || !v || attention.results.size() > 2)
    return false;
  shapes.q = *q;
  shapes.k = *k;
  shapes.v = *v;
  return true;
}

//===----------------------------------------------------------------------===//
// 3. and 4. Extents
//===----------------------------------------------------------------------===//

void ShapeResolver::fix(llvm::StringRef symbol, int64_t extent, llvm::SMLoc loc) {
  auto [first, isNew] = fixed.try_emplace(symbol.str(), Fixed{extent, loc});
  if (isNew || first->second.extent == extent)
    return;
  // The bindings come last in the file and have no place in it.
  Fixed here{extent, loc}, other = first->second;
  if (!here.loc.isValid())
    std::swap(here, other);
  auto report = error(here.loc);
  report << "dimension " << symbol << " is " << here.extent << " here and " << other.extent
         << (other.loc.isValid() ? " elsewhere" : " in --dims");
  if (other.loc.isValid())
    diagnostics.note(report, other.loc, "it is " + llvm::Twine(other.extent) + " here");
}

void ShapeResolver::collectExtents() {
  for (auto *tensors : {&shapes.params, &shapes.results})
    for (TensorInfo &tensor : *tensors)
      for (const Dim &dim : tensor.parameter->type.dims) {
        bool mayBeEmpty = isRunTime(dim.symbol.text);
        if (dim.extent && (*dim.extent > kMaxExtent || (*dim.extent == 0 && !mayBeEmpty)))
          error(dim.symbol.loc) << "extent " << *dim.extent << " is out of range: expected " << (mayBeEmpty ? "0" : "1")
                                << " to 2^29";
        if (dim.extent && !dim.symbol.text.empty())
          fix(dim.symbol.text, *dim.extent, dim.symbol.loc);
      }
  for (const auto &binding : bindings) {
    if (binding.second == 0 && !isRunTime(binding.first()))
      error(attention.name.loc) << "dimension " << binding.first() << " is 0 in --dims: expected at least 1";
    fix(binding.first(), binding.second, {});
  }
}

std::optional<int64_t> ShapeResolver::extentOf(const Dim &dim) const {
  if (dim.extent)
    return dim.extent;
  auto found = fixed.find(dim.symbol.text.str());
  return found == fixed.end() ? std::nullopt : std::optional(found->second.extent);
}

/// One role has one extent. What one tensor says fixes the names that others
/// use for the same role: with k: f32[B, N, 4, 64], G is 4 and D is 64.
void ShapeResolver::unifyRoles() {
  struct Seen {
    int64_t extent;
    const Dim *dim;
    llvm::StringRef tensor;
  };
  auto forEachDim = [&](auto callback) {
    for (auto [tensor, table] : withRoles())
      for (auto [letter, dim] : llvm::zip(tensor->layout, tensor->parameter->type.dims))
        callback(letter, dim, table->tensor);
  };
  std::map<char, Seen> roles;
  forEachDim([&](char letter, const Dim &dim, llvm::StringRef tensor) {
    std::optional<int64_t> extent = extentOf(dim);
    if (!extent)
      return;
    auto [first, isNew] = roles.try_emplace(letter, Seen{*extent, &dim, tensor});
    if (isNew || first->second.extent == *extent)
      return;
    auto report = error(dim.symbol.loc);
    report << "dimension " << (letter == 'E' ? llvm::StringRef("Dv") : llvm::StringRef(&letter, 1)) << " is " << *extent
           << " in " << tensor << " and " << first->second.extent << " in " << first->second.tensor;
    diagnostics.note(report, first->second.dim->symbol.loc, "the other is here");
  });
  if (failed())
    return;
  forEachDim([&](char letter, const Dim &dim, llvm::StringRef) {
    if (auto role = roles.find(letter); role != roles.end() && !dim.symbol.text.empty())
      fix(dim.symbol.text, role->second.extent, role->second.dim->symbol.loc);
  });
  // The role's own name is readable even where the file spells it otherwise (G
  // when k is over H); a role that no tensor has is one entry long.
  for (auto [letter, name] :
       {std::pair('B', "B"), {'M', "M"}, {'N', "N"}, {'H', "H"}, {'G', "G"}, {'D', "D"}, {'E', "Dv"}}) {
    if (auto role = roles.find(letter); role != roles.end())
      fix(name, role->second.extent, role->second.dim->symbol.loc);
    else if (letter == 'N' && shapes.isPaged())
      continue;
    else if (llvm::none_of(withRoles(), [&](auto t) { return t.first->layout.find(letter) != std::string::npos; }))
      fix(name, 1, attention.name.loc);
  }
}

/// Everything but B, M and N (pages and T) is a number by now, or the file cannot be
/// compiled.
void ShapeResolver::reportOpenExtents() {
  llvm::SmallVector<const Dim *> open;
  for (auto *tensors : {&shapes.params, &shapes.results})
    for (TensorInfo &tensor : *tensors)
      for (const Dim &dim : tensor.parameter->type.dims)
        if (!extentOf(dim) && !isRunTime(dim.symbol.text) &&
            llvm::none_of(open, [&](const Dim *other) { return other->symbol.text == dim.symbol.text; }))
          open.push_back(&dim);
  if (open.empty())
    return;
  std::vector<std::string> names, flags;
  for (const Dim *dim : open) {
    names.push_back(dim->symbol.text.str());
    flags.push_back(dim->symbol.text.str() + "=...");
  }
  auto report = error(open.front()->symbol.loc);
  report << fmt::format("{} {} no extent: only {} may be left to run time", fmt::join(names, ", "),
                        names.size() == 1 ? "has" : "have", shapes.isPaged() ? "B, M, pages and T" : "B, M and N");
  diagnostics.note(
      report, open.front()->symbol.loc,
      fmt::format("give it with --dims {}, or in the file as in [{}=64]", fmt::join(flags, ","), names.front()));
}

void ShapeResolver::checkGroups() {
  int64_t heads = fixed.at("H").extent, groups = fixed.at("G").extent;
  if (heads % groups != 0)
    error(shapes.params[shapes.k].parameter->type.element.loc)
        << "H = " << heads << " query heads cannot share G = " << groups
        << " key-value heads evenly: H must be a multiple of G";
}

/// The readable extents: those of the roles, and of every name in a type.
void ShapeResolver::publishExtents() {
  for (const char *name : {"B", "M", "N"})
    shapes.extents[name] = ShapedType::kDynamic;
  if (shapes.isPaged())
    shapes.extents["pages"] = shapes.extents["T"] = ShapedType::kDynamic;
  for (const auto &[name, value] : fixed)
    shapes.extents[name] = value.extent;
  if (auto pages = fixed.find("T"); shapes.isPaged() && pages != fixed.end())
    shapes.extents["N"] = pages->second.extent * fixed.at("P").extent;
}

std::optional<Shapes> attnc::spec::resolveShapes(const Attention &attention, const DimBindings &bindings,
                                                 Diagnostics &diagnostics) {
  return ShapeResolver(attention, bindings, diagnostics).run();
}

void attnc::spec::checkBindings(const File &file, const DimBindings &bindings, Diagnostics &diagnostics) {
  llvm::SmallVector<llvm::StringRef> known{"B", "M", "N", "H", "G", "D", "Dv"};
  for (const Attention &attention : file.attentions)
    for (auto *tensors : {&attention.params, &attention.results})
      for (const Parameter &tensor : *tensors)
        for (const Dim &dim : tensor.type.dims)
          if (!dim.symbol.text.empty())
            known.push_back(dim.symbol.text);
  for (const auto &binding : bindings)
    if (!llvm::is_contained(known, binding.first()) && !file.attentions.empty())
      diagnostics.error(file.attentions.front().name.loc)
          << "--dims gives '" << binding.first() << "', which is no dimension of this file"
          << didYouMean(binding.first(), known);
}
