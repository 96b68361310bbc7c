//===- Shapes.cpp - Types, roles and extents of an attention --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A dimension name is a symbol with an extent; in q, k, v and the output its
// position gives it a role, a letter of attn.attention's layouts. The two
// differ where a file says less: k over H is role G with the extent H, v over D
// is role E with the extent D, q over N is role M with the extent N.
//
// Steps: 1. find the tensors, 2. roles, 3. collect the extents that the file
// and the bindings fix, 4. make roles agree between tensors, 5. report what is
// still open, 6. build the types.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/Shapes.h"
#include "compiler/support/Suggest.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <map>

using namespace mlir;
using namespace attnc;
using namespace attnc::spec;

/// What a role may be called in one of the four tensors.
namespace {
struct Role {
  char letter;
  llvm::SmallVector<llvm::StringRef, 2> names;
  bool required;
};
struct RoleTable {
  llvm::StringRef tensor;
  llvm::SmallVector<Role, 4> roles;
};
} // namespace

static const RoleTable kQuery{"q",
                              {{'B', {"B"}, false}, {'M', {"M", "N"}, false}, {'H', {"H"}, false}, {'D', {"D"}, true}}};
static const RoleTable kKey{"k",
                            {{'B', {"B"}, false}, {'N', {"N"}, true}, {'G', {"G", "H"}, false}, {'D', {"D"}, true}}};
static const RoleTable kValue{
    "v", {{'B', {"B"}, false}, {'N', {"N"}, true}, {'G', {"G", "H"}, false}, {'E', {"Dv", "D"}, true}}};
static const RoleTable kOutput{
    "the output", {{'B', {"B"}, false}, {'M', {"M", "N"}, false}, {'H', {"H"}, false}, {'E', {"Dv", "D"}, true}}};

static bool isRunTime(llvm::StringRef symbol) { return symbol == "B" || symbol == "M" || symbol == "N"; }

int64_t TensorInfo::extentOf(char letter) const {
  size_t position = layout.find(letter);
  return position == std::string::npos ? 1 : type.getDimSize(position);
}

namespace {
class ShapeResolver {
public:
  ShapeResolver(const Attention &attention, const DimBindings &bindings, Diagnostics &diagnostics)
      : attention(attention), bindings(bindings), diagnostics(diagnostics) {}
  std::optional<Shapes> run();

private:
  std::optional<Shapes> resolve();
  bool findTensors();
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
  bool checkElement(const Parameter &tensor, bool mustBeFloat);
  std::optional<int64_t> extentOf(const Dim &dim) const;
  bool failed() const { return mistakes; }
  InFlightDiagnostic error(llvm::SMLoc loc) {
    mistakes = true;
    return diagnostics.error(loc);
  }

  /// The four tensors with roles.
  llvm::SmallVector<std::pair<TensorInfo *, const RoleTable *>> withRoles() {
    return {{&shapes.params[shapes.q], &kQuery},
            {&shapes.params[shapes.k], &kKey},
            {&shapes.params[shapes.v], &kValue},
            {&shapes.results[0], &kOutput}};
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
} // namespace

std::optional<Shapes> ShapeResolver::run() {
  bool elementsExist = true;
  for (const Parameter &param : attention.params)
    elementsExist &=
        checkElement(param, /*mustBeFloat=*/param.name.text == "q" || param.name.text == "k" || param.name.text == "v");
  for (const Parameter &result : attention.results)
    elementsExist &= checkElement(result, /*mustBeFloat=*/true);
  std::optional<Shapes> resolved = resolve();
  return elementsExist ? std::move(resolved) : std::nullopt;
}

std::optional<Shapes> ShapeResolver::resolve() {
  if (!findTensors())
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
// 2. Roles
//===----------------------------------------------------------------------===//

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
  check('B', "B", {Q, K, V, O});
  check('M', "M", {Q, O});
  check('H', "H", {Q, O});
  check('G', "G or H", {K, V});
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
                                << " to 2^40";
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
    else if (llvm::none_of(withRoles(), [&](auto t) { return t.first->layout.find(letter) != std::string::npos; }))
      fix(name, 1, attention.name.loc);
  }
}

/// Everything but B, M and N is a number by now, or the file cannot be
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
  report << fmt::format("{} {} no extent: only B, M and N may be left to run time", fmt::join(names, ", "),
                        names.size() == 1 ? "has" : "have");
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
  for (const auto &[name, value] : fixed)
    shapes.extents[name] = value.extent;
}

//===----------------------------------------------------------------------===//
// 6. Types
//===----------------------------------------------------------------------===//

static Type parseElementType(llvm::StringRef name, MLIRContext *context) {
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

/// The element type exists, and q, k, v and the results hold floats.
bool ShapeResolver::checkElement(const Parameter &tensor, bool mustBeFloat) {
  llvm::StringRef name = tensor.type.element.text;
  Type element = parseElementType(name, diagnostics.getContext());
  if (element && (!mustBeFloat || isa<FloatType>(element)))
    return true;
  if (element)
    diagnostics.error(tensor.type.element.loc) << "q, k, v and the results hold floats, not " << name;
  else
    diagnostics.error(tensor.type.element.loc)
        << "unknown element type '" << name << "'"
        << didYouMean(name, {"f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "bool"})
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
    if (!extent || *extent == 0)
      continue;
    if (product > kMaxExtent / *extent) {
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

std::optional<Shapes> attnc::spec::resolveShapes(const Attention &attention, const DimBindings &bindings,
                                                 Diagnostics &diagnostics) {
  return ShapeResolver(attention, bindings, diagnostics).run();
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
