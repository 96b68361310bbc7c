//===- Symbolic.h - Extents as expressions over input dims ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A dynamic export computes its shapes at run time: Shape > Gather > Mul > Concat > Reshape. Here every such integer is
// an expression over the named extents of the inputs, kept as a polynomial in normal form,
//     2*batch*seq + 1   =   {2, [batch, seq]} + {1, []}
// so that two spellings of one extent are equal as data. What is no polynomial (min, div that does not divide,
// comparisons nobody can decide) becomes an atom: an opaque but still comparable factor.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/SumLimits.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace attnc::onnx {

/// One product: coefficient times atoms (indices into the Extents, sorted, repeats allowed).
struct Term {
  std::vector<unsigned> atoms;
  int64_t coefficient = 0;
  auto operator<=>(const Term &) const = default;
};

/// A polynomial in normal form: terms sorted by atoms, no zero coefficient. The empty sum is 0.
class Sym {
public:
  Sym() = default;
  Sym(int64_t constant) {
    if (constant)
      terms.push_back({{}, constant});
  }
  explicit Sym(std::vector<Term> normalTerms) : terms(std::move(normalTerms)) {}

  llvm::ArrayRef<Term> getTerms() const { return terms; }
  std::optional<int64_t> constant() const {
    if (terms.empty())
      return 0;
    if (terms.size() == 1 && terms[0].atoms.empty())
      return terms[0].coefficient;
    return std::nullopt;
  }
  bool isConstant(int64_t value) const { return constant() == value; }
  auto operator<=>(const Sym &) const = default;
  bool operator==(const Sym &) const = default;

private:
  std::vector<Term> terms;
};

using SymList = llvm::SmallVector<Sym>;

/// What an atom computes. Comparisons give 0 or 1; Div truncates and Mod has the sign of the dividend, as in C.
enum class AtomKind { Symbol, Add, Mul, Div, Mod, Min, Max, Equal, Less, Select };

/// Owns the atoms and does the arithmetic. Named symbols are extents, so they are at least 0.
class Extents {
public:
  /// The extent `name`, or what it was bound or unified to.
  Sym symbol(llvm::StringRef name);
  void bind(llvm::StringRef name, int64_t value) { bound[name] = value; }
  /// `a` and `b` are a symbol and another symbol or a number: from now on, `symbol()` gives the same for both. False if
  /// nothing is left to do, or if both are numbers by now.
  bool makeEqual(const Sym &a, const Sym &b);
  /// From now on a sum of symbols is known to be at most a number. False if that is no news.
  bool limit(const SumLimit &limit);
  std::optional<int64_t> limitOf(llvm::StringRef name) const { return limits.largest(name.str()); }
  /// The limits of several symbols together.
  std::vector<SumLimit> sumLimits() const { return limits.ofSums(); }
  /// The limits that would turn every min(sum of symbols, number) in `sym` into the sum, and every
  /// min(sum + 3, number) into that.
  std::vector<SumLimit> possibleLimits(const Sym &sym) const;
  /// The limit that says sym <= most, if `sym` is a sum of symbols and perhaps a number.
  std::optional<SumLimit> asLimit(const Sym &sym, int64_t most) const;
  /// The name if `sym` is one plain symbol.
  std::optional<std::string> nameOf(const Sym &sym) const;

  Sym add(const Sym &a, const Sym &b);
  Sym sub(const Sym &a, const Sym &b) { return add(a, mul(b, -1)); }
  Sym mul(const Sym &a, const Sym &b);
  Sym div(const Sym &a, const Sym &b);
  Sym mod(const Sym &a, const Sym &b);
  Sym min(const Sym &a, const Sym &b);
  Sym max(const Sym &a, const Sym &b);
  Sym equal(const Sym &a, const Sym &b);
  Sym less(const Sym &a, const Sym &b);
  Sym select(const Sym &condition, const Sym &yes, const Sym &no);
  Sym product(llvm::ArrayRef<Sym> factors);

  /// a / b when b is one term that divides every term of a.
  std::optional<Sym> divideExactly(const Sym &a, const Sym &b) const;
  /// True only when it holds for all extents; false means "not known".
  bool isNonNegative(const Sym &sym) const;

  std::string str(const Sym &sym) const;

  /// Emits `sym` as an `index` value; `symbolValue` gives the run-time extent of a symbol. Values are remembered.
  mlir::Value emit(const Sym &sym, mlir::OpBuilder &builder, mlir::Location loc,
                   llvm::function_ref<mlir::Value(llvm::StringRef)> symbolValue);
  void forgetEmitted() { emitted.clear(), emittedAtoms.clear(); }

private:
  struct Atom {
    AtomKind kind;
    std::string name;
    std::vector<Sym> operands;
    bool nonNegative = false;
    auto key() const { return std::tie(kind, name, operands); }
    bool operator<(const Atom &other) const { return key() < other.key(); }
  };
  bool isNonNegative(const Atom &atom) const;
  mlir::Value emitSum(const Sym &sym, mlir::OpBuilder &builder, mlir::Location loc);
  Sym atom(Atom atom);
  mlir::Value emitAtom(const Atom &atom, mlir::OpBuilder &builder, mlir::Location loc,
                       llvm::function_ref<mlir::Value(llvm::StringRef)> symbolValue);
  std::string str(const Atom &atom) const;

  std::vector<Atom> atoms;
  std::map<Atom, unsigned> atomIndex;
  llvm::StringMap<std::string> alias;
  llvm::StringMap<int64_t> bound;
  SumLimits limits;
  std::map<Sym, mlir::Value> emitted;
  std::map<unsigned, mlir::Value> emittedAtoms;
};

} // namespace attnc::onnx
