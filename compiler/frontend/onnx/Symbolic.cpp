//===- Symbolic.cpp - Extents as expressions over input dims --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Symbolic.h"
#include "compiler/frontend/onnx/Integers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <set>

using namespace mlir;
using namespace attnc::onnx;

namespace {
// A hostile model can square an extent a thousand times. Beyond these bounds a result stays an unexpanded atom.
constexpr size_t kMaxTerms = 32;
constexpr size_t kMaxDegree = 16;
} // namespace

Sym Extents::atom(Atom atom) {
  auto [it, isNew] = atomIndex.try_emplace(atom, static_cast<unsigned>(atoms.size()));
  if (isNew) {
    atom.nonNegative = isNonNegative(atom);
    atoms.push_back(std::move(atom));
  }
  return Sym(std::vector<Term>{{{it->second}, 1}});
}

Sym Extents::symbol(StringRef name) {
  std::string root = name.str();
  for (auto it = alias.find(root); it != alias.end(); it = alias.find(root))
    root = it->second;
  if (auto it = bound.find(root); it != bound.end())
    return Sym(it->second);
  return atom({AtomKind::Symbol, root, {}});
}

bool Extents::makeEqual(const Sym &a, const Sym &b) {
  auto current = [&](const Sym &sym) { // what earlier calls have made of it
    std::optional<std::string> name = nameOf(sym);
    return name ? symbol(*name) : sym;
  };
  Sym x = current(a), y = current(b);
  std::optional<std::string> nameX = nameOf(x), nameY = nameOf(y);
  if (x == y || (!nameX && !nameY))
    return false;
  if (nameX && nameY)
    alias[*nameY] = *nameX; // the first name stays
  else if (nameX)
    bound[*nameX] = *y.constant();
  else
    bound[*nameY] = *x.constant();
  return true;
}

bool Extents::limit(const SumLimit &limit) {
  SumLimit current{{}, limit.most}; // what equalities have made of it
  for (const std::string &name : limit.names) {
    Sym sym = symbol(name);
    if (std::optional<std::string> root = nameOf(sym); root && !llvm::is_contained(current.names, *root))
      current.names.push_back(*root);
    else if (!sym.constant() || llvm::SubOverflow(current.most, *sym.constant(), current.most))
      return false; // the next round finds it anew
  }
  llvm::sort(current.names);
  return limits.add(current);
}

std::vector<SumLimit> Extents::possibleLimits(const Sym &sym) const {
  std::vector<SumLimit> possible;
  for (const Term &term : sym.getTerms())
    for (unsigned index : term.atoms) {
      const Atom &atom = atoms[index];
      for (const Sym &operand : atom.operands)
        llvm::append_range(possible, possibleLimits(operand));
      if (atom.kind != AtomKind::Min)
        continue;
      for (auto [a, b] : {std::pair(0, 1), std::pair(1, 0)})
        if (std::optional<int64_t> most = atom.operands[b].constant())
          if (std::optional<SumLimit> limit = asLimit(atom.operands[a], *most); limit && limit->most > 0)
            possible.push_back(*limit);
    }
  return possible;
}

std::optional<SumLimit> Extents::asLimit(const Sym &sym, int64_t most) const {
  SumLimit limit{{}, most};
  for (const Term &term : sym.getTerms()) {
    if (term.atoms.empty()) {
      if (term.coefficient < 0 || llvm::SubOverflow(most, term.coefficient, limit.most))
        return std::nullopt;
      continue;
    }
    std::optional<std::string> name = nameOf(Sym(std::vector<Term>{term}));
    if (!name)
      return std::nullopt;
    limit.names.push_back(*name);
  }
  llvm::sort(limit.names);
  return limit.names.empty() ? std::nullopt : std::optional(limit);
}

std::optional<std::string> Extents::nameOf(const Sym &sym) const {
  ArrayRef<Term> terms = sym.getTerms();
  if (terms.size() != 1 || terms[0].coefficient != 1 || terms[0].atoms.size() != 1)
    return std::nullopt;
  const Atom &atom = atoms[terms[0].atoms[0]];
  return atom.kind == AtomKind::Symbol ? std::optional(atom.name) : std::nullopt;
}

Sym Extents::add(const Sym &a, const Sym &b) {
  // Merge two sorted sums.
  std::map<std::vector<unsigned>, int64_t> sum;
  for (const Term &term : a.getTerms())
    sum[term.atoms] = term.coefficient;
  for (const Term &term : b.getTerms())
    if (llvm::AddOverflow(sum[term.atoms], term.coefficient, sum[term.atoms]))
      return atom({AtomKind::Add, "", {a, b}});
  std::vector<Term> terms;
  for (auto &[factors, coefficient] : sum)
    if (coefficient)
      terms.push_back({factors, coefficient});
  if (terms.size() > kMaxTerms)
    return atom({AtomKind::Add, "", {a, b}});
  return Sym(std::move(terms));
}

Sym Extents::mul(const Sym &a, const Sym &b) {
  if (a.getTerms().size() * b.getTerms().size() > kMaxTerms)
    return atom({AtomKind::Mul, "", {a, b}});
  std::map<std::vector<unsigned>, int64_t> sum;
  for (const Term &x : a.getTerms())
    for (const Term &y : b.getTerms()) {
      std::vector<unsigned> factors;
      std::merge(x.atoms.begin(), x.atoms.end(), y.atoms.begin(), y.atoms.end(), std::back_inserter(factors));
      int64_t product;
      if (factors.size() > kMaxDegree || llvm::MulOverflow(x.coefficient, y.coefficient, product) ||
          llvm::AddOverflow(sum[factors], product, sum[factors]))
        return atom({AtomKind::Mul, "", {a, b}});
    }
  std::vector<Term> terms;
  for (auto &[factors, coefficient] : sum)
    if (coefficient)
      terms.push_back({factors, coefficient});
  return Sym(std::move(terms));
}

Sym Extents::product(ArrayRef<Sym> factors) {
  Sym result(1);
  for (const Sym &factor : factors)
    result = mul(result, factor);
  return result;
}

std::optional<Sym> Extents::divideExactly(const Sym &a, const Sym &b) const {
  if (b.getTerms().size() != 1)
    return std::nullopt;
  const Term &divisor = b.getTerms()[0];
  if (divisor.coefficient == -1)
    return std::nullopt; // INT64_MIN / -1; nobody divides an extent by -1
  std::vector<Term> terms;
  for (const Term &term : a.getTerms()) {
    if (term.coefficient % divisor.coefficient || !llvm::includes(term.atoms, divisor.atoms))
      return std::nullopt;
    Term quotient{{}, term.coefficient / divisor.coefficient};
    std::set_difference(term.atoms.begin(), term.atoms.end(), divisor.atoms.begin(), divisor.atoms.end(),
                        std::back_inserter(quotient.atoms));
    terms.push_back(std::move(quotient));
  }
  llvm::sort(terms);
  return Sym(std::move(terms));
}

Sym Extents::div(const Sym &a, const Sym &b) {
  if (a == b && !a.constant())
    return 1; // also where x may be 0: 0 / 0 has no better answer
  if (std::optional<Sym> quotient = divideExactly(a, b))
    return *quotient;
  std::optional<int64_t> x = a.constant(), y = b.constant();
  if (x && y && *y != 0 && *y != -1)
    return *x / *y;
  return atom({AtomKind::Div, "", {a, b}});
}

Sym Extents::mod(const Sym &a, const Sym &b) {
  std::optional<int64_t> x = a.constant(), y = b.constant();
  if (x && y && *y != 0 && *y != -1)
    return *x % *y;
  if (!b.constant() || *b.constant() != 0)
    if (divideExactly(a, b))
      return 0;
  return atom({AtomKind::Mod, "", {a, b}});
}

Sym Extents::min(const Sym &a, const Sym &b) {
  if (isNonNegative(sub(b, a)))
    return a;
  if (isNonNegative(sub(a, b)))
    return b;
  return atom({AtomKind::Min, "", {a, b}});
}

Sym Extents::max(const Sym &a, const Sym &b) {
  if (isNonNegative(sub(a, b)))
    return a;
  if (isNonNegative(sub(b, a)))
    return b;
  return atom({AtomKind::Max, "", {a, b}});
}

Sym Extents::equal(const Sym &a, const Sym &b) {
  if (a == b)
    return 1;
  // a >= b + 1 or b >= a + 1 for all extents: never equal (a shape compared with -1).
  if (isNonNegative(sub(sub(a, b), 1)) || isNonNegative(sub(sub(b, a), 1)))
    return 0;
  return atom({AtomKind::Equal, "", {a, b}});
}

Sym Extents::less(const Sym &a, const Sym &b) {
  if (isNonNegative(sub(sub(b, a), 1)))
    return 1;
  if (isNonNegative(sub(a, b)))
    return 0;
  return atom({AtomKind::Less, "", {a, b}});
}

Sym Extents::select(const Sym &condition, const Sym &yes, const Sym &no) {
  if (std::optional<int64_t> known = condition.constant())
    return *known ? yes : no;
  return yes == no ? yes : atom({AtomKind::Select, "", {condition, yes, no}});
}

bool Extents::isNonNegative(const Sym &sym) const {
  // A lower bound: terms that are not negative count as 0; what extents subtract is at most what is known of their sum.
  int64_t least = 0, coefficient = 0;
  std::map<std::string, int64_t> subtracted;
  for (const Term &term : sym.getTerms()) {
    bool isNatural = llvm::all_of(term.atoms, [&](unsigned index) { return atoms[index].nonNegative; });
    if (term.atoms.empty()) {
      least = term.coefficient;
      continue;
    }
    if (term.coefficient >= 0 && isNatural)
      continue;
    const Atom &atom = atoms[term.atoms[0]];
    if (term.atoms.size() > 1 || atom.kind != AtomKind::Symbol ||
        llvm::MulOverflow(term.coefficient, int64_t(-1), coefficient))
      return false;
    subtracted[atom.name] = coefficient;
  }
  std::optional<int64_t> most = limits.largest(subtracted);
  return most && !llvm::SubOverflow(least, *most, least) && least >= 0;
}

bool Extents::isNonNegative(const Atom &atom) const {
  auto operand = [&](unsigned index) { return isNonNegative(atom.operands[index]); };
  switch (atom.kind) {
  case AtomKind::Symbol:
  case AtomKind::Equal:
  case AtomKind::Less:
    return true;
  case AtomKind::Add: // made only where arithmetic overflows or grows too large
  case AtomKind::Mul:
    return false;
  case AtomKind::Max:
    return operand(0) || operand(1);
  case AtomKind::Mod:
    return operand(0);
  case AtomKind::Div:
  case AtomKind::Min:
    return operand(0) && operand(1);
  case AtomKind::Select:
    return operand(1) && operand(2);
  }
  llvm_unreachable("all kinds are listed");
}

//===- Text ---------------------------------------------------------------===//

std::string Extents::str(const Atom &atom) const {
  static const char *const names[] = {"", "add", "mul", "div", "mod", "min", "max", "equal", "less", "select"};
  if (atom.kind == AtomKind::Symbol)
    return atom.name;
  // One level is enough in a message; a hostile chain of thousands is not printed.
  auto shallow = [&](const Sym &operand) {
    bool nested = llvm::any_of(operand.getTerms(), [&](const Term &term) {
      return llvm::any_of(term.atoms, [&](unsigned index) { return atoms[index].kind != AtomKind::Symbol; });
    });
    return nested ? std::string("...") : str(operand);
  };
  return std::string(names[static_cast<int>(atom.kind)]) + "(" +
         llvm::join(llvm::map_range(atom.operands, shallow), ", ") + ")";
}

std::string Extents::str(const Sym &sym) const {
  if (std::optional<int64_t> constant = sym.constant())
    return std::to_string(*constant);
  std::string text;
  for (const Term &term : llvm::reverse(sym.getTerms())) { // the constant term last
    if (!text.empty())
      text += " + ";
    if (term.coefficient != 1 || term.atoms.empty())
      text += std::to_string(term.coefficient) + (term.atoms.empty() ? "" : "*");
    text += llvm::join(llvm::map_range(term.atoms, [&](unsigned index) { return str(atoms[index]); }), "*");
  }
  return text;
}

//===- Emission -----------------------------------------------------------===//

Value Extents::emit(const Sym &sym, OpBuilder &builder, Location loc, function_ref<Value(StringRef)> symbolValue) {
  // An atom's operands have smaller indices than the atom: in ascending order each finds its operands emitted, and a
  // chain of thousands of atoms needs no recursion.
  std::set<unsigned> needed;
  SmallVector<unsigned> worklist;
  auto visit = [&](const Sym &operand) {
    for (const Term &term : operand.getTerms())
      for (unsigned index : term.atoms)
        if (!emittedAtoms.count(index) && needed.insert(index).second)
          worklist.push_back(index);
  };
  visit(sym);
  while (!worklist.empty())
    for (const Sym &operand : atoms[worklist.pop_back_val()].operands)
      visit(operand);
  for (unsigned index : needed)
    emittedAtoms[index] = emitAtom(atoms[index], builder, loc, symbolValue);
  return emitSum(sym, builder, loc);
}

Value Extents::emitSum(const Sym &sym, OpBuilder &builder, Location loc) {
  if (auto it = emitted.find(sym); it != emitted.end())
    return it->second;
  auto constant = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(builder, loc, value); };
  Value sum;
  for (const Term &term : llvm::reverse(sym.getTerms())) {
    Value product;
    for (unsigned index : term.atoms) {
      Value factor = emittedAtoms.at(index);
      product = product ? arith::MulIOp::create(builder, loc, product, factor).getResult() : factor;
    }
    if (!product)
      product = constant(term.coefficient);
    else if (term.coefficient != 1)
      product = arith::MulIOp::create(builder, loc, product, constant(term.coefficient));
    sum = sum ? arith::AddIOp::create(builder, loc, sum, product).getResult() : product;
  }
  return emitted[sym] = sum ? sum : constant(0);
}

Value Extents::emitAtom(const Atom &atom, OpBuilder &builder, Location loc,
                        function_ref<Value(StringRef)> symbolValue) {
  if (atom.kind == AtomKind::Symbol)
    return symbolValue(atom.name);
  SmallVector<Value> operands;
  for (const Sym &operand : atom.operands)
    operands.push_back(emitSum(operand, builder, loc));
  auto compare = [&](arith::CmpIPredicate predicate, Value a, Value b) -> Value {
    return arith::CmpIOp::create(builder, loc, predicate, a, b);
  };
  auto toIndex = [&](Value bit) -> Value {
    return arith::IndexCastUIOp::create(builder, loc, builder.getIndexType(), bit);
  };
  switch (atom.kind) {
  case AtomKind::Symbol:
    break;
  case AtomKind::Add:
    return arith::AddIOp::create(builder, loc, operands[0], operands[1]);
  case AtomKind::Mul:
    return arith::MulIOp::create(builder, loc, operands[0], operands[1]);
  case AtomKind::Div:
    return emitQuotient(builder, loc, operands[0], operands[1]);
  case AtomKind::Mod:
    return emitRemainder(builder, loc, operands[0], operands[1]);
  case AtomKind::Min:
    return arith::MinSIOp::create(builder, loc, operands[0], operands[1]);
  case AtomKind::Max:
    return arith::MaxSIOp::create(builder, loc, operands[0], operands[1]);
  case AtomKind::Equal:
    return toIndex(compare(arith::CmpIPredicate::eq, operands[0], operands[1]));
  case AtomKind::Less:
    return toIndex(compare(arith::CmpIPredicate::slt, operands[0], operands[1]));
  case AtomKind::Select: {
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    return arith::SelectOp::create(builder, loc, compare(arith::CmpIPredicate::ne, operands[0], zero), operands[1],
                                   operands[2]);
  }
  }
  llvm_unreachable("all kinds are listed");
}
