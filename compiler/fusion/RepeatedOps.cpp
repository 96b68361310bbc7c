//===- RepeatedOps.cpp - Parts of a function that say the same ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/RepeatedOps.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace attnc::fusion {

//===----------------------------------------------------------------------===//
// Forms
//===----------------------------------------------------------------------===//

static bool isScalarConstant(Operation *op) {
  return isa<arith::ConstantOp>(op) && op->getResult(0).getType().isIntOrIndexOrFloat();
}

static bool isInside(Operation *op, Value value) {
  Operation *owner = value.getDefiningOp();
  return op->isProperAncestor(owner ? owner : value.getParentBlock()->getParentOp()) ||
         (!owner && value.getParentBlock()->getParentOp() == op);
}

SmallVector<Leaf> leavesOf(Operation *op) {
  SmallVector<Leaf> leaves;
  op->walk<WalkOrder::PreOrder>([&](Operation *inner) {
    if (inner != op && isScalarConstant(inner))
      leaves.push_back({nullptr, inner});
    for (OpOperand &operand : inner->getOpOperands())
      if (!isInside(op, operand.get()))
        leaves.push_back({&operand, nullptr});
  });
  return leaves;
}

namespace {
/// An op as numbers: what is uniqued by its address, values by when they were first seen.
class Encoder {
public:
  explicit Encoder(Operation *root) : root(root) { encode(root); }
  std::vector<uintptr_t> text;

private:
  void add(const void *pointer) { text.push_back(reinterpret_cast<uintptr_t>(pointer)); }
  void addNew(Value value) {
    known.try_emplace(value, known.size());
    add(value.getType().getAsOpaquePointer());
  }

  void encode(Operation *op) {
    add(op->getName().getAsOpaquePointer());
    bool isLeaf = op != root && isScalarConstant(op);
    add(isLeaf ? nullptr : op->getAttrDictionary().getAsOpaquePointer());
    text.push_back(op->getNumResults());
    for (Value result : op->getResults())
      addNew(result);
    text.push_back(op->getNumOperands());
    for (Value operand : op->getOperands()) {
      auto place = known.find(operand);
      text.push_back(place == known.end() ? ~uintptr_t(0) : place->second);
      add(operand.getType().getAsOpaquePointer());
    }
    for (Block *successor : op->getSuccessors())
      add(successor); // never equal
    for (Region &region : op->getRegions()) {
      text.push_back(~uintptr_t(1));
      for (Block &block : region) {
        text.push_back(block.getNumArguments());
        for (Value argument : block.getArguments())
          addNew(argument);
        for (Operation &inner : block)
          encode(&inner);
      }
    }
  }

  Operation *root;
  DenseMap<Value, uintptr_t> known;
};
} // namespace

unsigned OpForms::operator()(Operation *op) {
  return numbers.try_emplace(std::move(Encoder(op).text), numbers.size()).first->second;
}

/// Whether `op` is shared if what its operands come from is.
static bool mayBeShared(Operation *op) {
  return isa<tensor::EmptyOp, linalg::FillOp>(op) ||
         (isa<arith::ArithDialect, affine::AffineDialect>(op->getDialect()) && op->getNumResults() == 1 &&
          op->getResult(0).getType().isIntOrIndexOrFloat());
}

DenseSet<Operation *> findSharedOps(Block &block) {
  DenseSet<Operation *> shared;
  for (Operation &op : block) {
    bool isMadeOfShared = llvm::all_of(op.getOperands(), [&](Value operand) {
      Operation *owner = operand.getDefiningOp();
      return owner ? shared.contains(owner) : operand.getType().isIntOrIndexOrFloat();
    });
    auto dim = dyn_cast<tensor::DimOp>(op);
    if (op.hasTrait<OpTrait::ConstantLike>() || (dim && isa<BlockArgument>(dim.getSource())) ||
        (mayBeShared(&op) && isMadeOfShared))
      shared.insert(&op);
  }
  return shared;
}

//===----------------------------------------------------------------------===//
// Repetitions
//===----------------------------------------------------------------------===//

constexpr size_t kFewestSaved = 8;     // ops; what is less is not worth a call
constexpr size_t kLongestLayer = 4096; // ops

std::optional<std::pair<size_t, unsigned>> placeIn(Occurrence occurrence, Value value) {
  auto result = dyn_cast<OpResult>(value);
  auto *op = result ? llvm::find(occurrence, result.getOwner()) : occurrence.end();
  if (op == occurrence.end())
    return std::nullopt;
  return std::pair(static_cast<size_t>(op - occurrence.begin()), result.getResultNumber());
}

namespace {
/// The leaves of ops, which are compared many times.
class KnownLeaves {
public:
  ArrayRef<Leaf> of(Operation *op) {
    auto [place, isNew] = known.try_emplace(op);
    if (isNew) {
      SmallVector<Leaf> leaves = leavesOf(op);
      place->second.assign(leaves.begin(), leaves.end());
    }
    return place->second;
  }

private:
  llvm::DenseMap<Operation *, std::vector<Leaf>> known; // whose elements stay where they are when it grows
};
} // namespace

/// Whether values flow inside of `other` as they do inside of `first`: ops are of the same forms already.
static bool flowsAlike(Occurrence first, Occurrence other, KnownLeaves &leaves) {
  for (auto [a, b] : llvm::zip_equal(first, other)) {
    for (auto [x, y] : llvm::zip_equal(leaves.of(a), leaves.of(b)))
      if (x.use && placeIn(first, x.use->get()) != placeIn(other, y.use->get()))
        return false;
  }
  return true;
}

SmallVector<std::pair<size_t, unsigned>> resultsOf(const Repetition &repetition) {
  SmallVector<std::pair<size_t, unsigned>> results;
  for (size_t i = 0; i < repetition.period(); ++i)
    for (unsigned number = 0, e = repetition.occurrences.front()[i]->getNumResults(); number < e; ++number) {
      bool isUsed = llvm::any_of(repetition.occurrences, [&](Occurrence occurrence) {
        Block *block = occurrence.front()->getBlock();
        return llvm::any_of(occurrence[i]->getResult(number).getUsers(), [&](Operation *user) {
          Operation *top = block->findAncestorOpInBlock(*user);
          return !llvm::is_contained(occurrence, top);
        });
      });
      if (isUsed)
        results.emplace_back(i, number);
    }
  return results;
}

namespace {
/// Ops [start, start + length) of which each is of the form of that `period` later. Where length < period, the same ops
/// stand twice, with others between.
struct Run {
  size_t start, length, period;
  size_t size() const { return std::min(length, period); } // of an occurrence
  size_t times() const { return length / size(); }         // beside the first
  size_t saved() const { return times() * size(); }
};
} // namespace

static std::vector<Run> findRuns(ArrayRef<unsigned> forms) {
  std::vector<Run> runs;
  for (size_t period = 1; period <= std::min(forms.size() / 2, kLongestLayer); ++period) {
    size_t length = 0;
    for (size_t i = forms.size() - period; i-- > 0;) {
      length = forms[i] == forms[i + period] ? length + 1 : 0;
      bool ends = i == 0 || forms[i - 1] != forms[i - 1 + period];
      Run run{i, length, period};
      if (length > 0 && ends && run.saved() >= kFewestSaved)
        runs.push_back(run);
    }
  }
  llvm::sort(runs, [](const Run &a, const Run &b) { // of two the shorter layer, as long as it saves as much
    return std::tuple(b.saved(), a.period, a.start) < std::tuple(a.saved(), b.period, b.start);
  });
  return runs;
}

/// The longest repetition that starts at `start`; it has one occurrence where there is none.
static Repetition repetitionAt(ArrayRef<Operation *> sequence, const Run &run, size_t start, KnownLeaves &leaves) {
  Repetition repetition{{sequence.slice(start, run.size())}};
  for (size_t at = start + run.period; at + run.size() <= run.start + run.length + run.period; at += run.period) {
    Occurrence next = sequence.slice(at, run.size());
    if (!flowsAlike(repetition.occurrences.front(), next, leaves))
      break;
    repetition.occurrences.push_back(next);
  }
  return repetition;
}

/// The best place of `run` to start at.
static std::optional<Repetition> bestOf(ArrayRef<Operation *> sequence, const Run &run, KnownLeaves &leaves,
                                        llvm::function_ref<bool(const Repetition &)> isRejected) {
  std::optional<Repetition> best;
  size_t fewestResults = 0;
  size_t places = run.length >= run.period ? run.period : 1;
  for (size_t start = run.start; start < run.start + places; ++start) {
    Repetition repetition = repetitionAt(sequence, run, start, leaves);
    if (repetition.savedOps() < kFewestSaved || (best && repetition.savedOps() < best->savedOps()))
      continue;
    size_t results = resultsOf(repetition).size();
    bool isBetter = !best || repetition.savedOps() > best->savedOps() || results < fewestResults;
    if (isBetter && !isRejected(repetition)) {
      best = repetition;
      fewestResults = results;
    }
  }
  return best;
}

std::optional<Repetition> findRepetition(ArrayRef<Operation *> sequence,
                                         llvm::function_ref<bool(const Repetition &)> isRejected) {
  OpForms formOf;
  auto forms = llvm::map_to_vector(sequence, [&](Operation *op) { return formOf(op); });
  constexpr size_t kMostTried = 8;
  std::vector<Run> runs = findRuns(forms);
  KnownLeaves leaves;
  for (const Run &run : ArrayRef(runs).take_front(kMostTried))
    if (std::optional<Repetition> found = bestOf(sequence, run, leaves, isRejected))
      return found;
  return std::nullopt;
}

} // namespace attnc::fusion
