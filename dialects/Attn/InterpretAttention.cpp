//===- InterpretAttention.cpp - attn ops: what attention is ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rules A1-A12 of AttnOps.td, each beside the lines that compute it. A9 has
// no line: which end a causal mask aligns is written in the mask region, which
// is why the region is given M and N.
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/AttnOps.h"
#include "dialects/Attn/ErrorBound.h"
#include "dialects/Attn/InterpreterImpl.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace attnc::attn;
using namespace attnc::attn::interpreter;

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

namespace {
/// An operand seen through its layout: one stride per letter, 0 for a letter
/// that is absent.
struct View {
  StringRef layout;
  SmallVector<int64_t> shape, strides;

  View(StringRef layout, const RefTensor &tensor) : layout(layout), shape(tensor.shape), strides(tensor.strides()) {}

  int64_t stride(char letter) const {
    size_t d = layout.find(letter);
    return d == StringRef::npos ? 0 : strides[d];
  }
};

/// The extent of each letter over several operands.
struct Extents {
  std::map<char, std::pair<int64_t, Type>> known;

  /// Fails, after a diagnostic, where a letter has another extent than before.
  bool add(Operation *op, StringRef layout, const RefTensor &tensor) {
    for (auto [letter, extent] : llvm::zip(layout, tensor.shape)) {
      auto [it, inserted] = known.try_emplace(letter, extent, tensor.type());
      if (inserted || it->second.first == extent)
        continue;
      op->emitError() << "dimension " << StringRef(&letter, 1) << " is " << it->second.first << " in "
                      << it->second.second << " and " << extent << " in " << tensor.type();
      return false;
    }
    return true;
  }
  /// A letter that no layout names has extent 1.
  int64_t operator[](char letter) const {
    auto it = known.find(letter);
    return it == known.end() ? 1 : it->second.first;
  }
};

/// A region with arguments: first those of the op, then the captures.
struct BoundRegion {
  Program program;
  SmallVector<Slot> arguments;
  SmallVector<Move> captures;
  Slot row = 0; // query and key: the row that attn.feature reads

  bool exists() const { return !arguments.empty(); }
};
} // namespace

static BoundRegion compileRegion(Compiler &compiler, mlir::Region &region, OperandRange captures) {
  if (region.empty())
    return {};
  Block &block = region.front();
  SmallVector<Move> moves = compiler.moves(captures, block.getArguments().take_back(captures.size()));
  compiler.row = compiler.scratch(/*tensor=*/true);
  return {compiler.compile(block), compiler.slots(block.getArguments()), std::move(moves), compiler.row};
}

//===----------------------------------------------------------------------===//
// attention
//===----------------------------------------------------------------------===//

namespace {
/// A table of the pages that rows of K or V lie in; without one they lie in no pages.
struct PageTable {
  StringRef name; // of whose rows
  std::string layout;
  Slot slot = 0;

  bool exists() const { return !layout.empty(); }
};

struct Attention {
  Operation *op;
  std::string qLayout, kLayout, vLayout, oLayout, lseLayout;
  PageTable kTable, vTable;
  Slot q, k, v;
  SmallVector<Slot> inits, results;
  double scale;
  BoundRegion score, mask, query, key, sink;

  bool run(Frame &frame) const;
};

/// One run: the tensors, and the row under way.
class AttentionRun {
public:
  AttentionRun(const Attention &what, Frame &frame, const Extents &extents);
  bool run();
  std::vector<RefTensor> outputs;
  /// How far compiled code may be off, or is expected to be off at most; empty unless that is wanted.
  std::vector<RefTensor> bounds;
  bool isProved = false; // that the bounds hold

private:
  void boundRow(int64_t b, int64_t h, int64_t i, double lse);
  double magnitude(double raw, double s, ArrayRef<double> key) const;
  bool row(int64_t b, int64_t h, int64_t i);
  bool scores(int64_t b, int64_t h, int64_t i);
  bool allowed(bool &result);
  bool score(double &s);
  bool transformed(const BoundRegion &region, const RefTensor &from, int64_t offset, int64_t step,
                   ArrayRef<int64_t> place, std::vector<double> &row);
  bool findRow(const PageTable &table, const View &view, int64_t b, int64_t g, int64_t j, int64_t &offset);
  bool keyRow(int64_t b, int64_t g, int64_t j);
  void enter(const BoundRegion &region, unsigned first, ArrayRef<int64_t> indices);

  const Attention &what;
  Frame &frame;
  const RefTensor &q, &k, &v;
  View qView, kView, vView, oView, lseView;
  int64_t B, M, N, H, G, D, E;
  /// The allowed keys of the row and their scores.
  std::vector<std::pair<int64_t, double>> keys;
  /// The row of queries, and the rows of keys of (b, g) that were needed so far (A11).
  std::vector<double> queryRow;
  std::vector<std::vector<double>> keyRows;
  /// Where the row of V of each allowed key of (b, g) begins.
  std::vector<int64_t> valueRows;
  std::pair<int64_t, int64_t> keyRowsOf{-1, -1};
  /// Of the row under way.
  RowMagnitudes magnitudes;
  std::optional<RoundingModel> rounding;
};
} // namespace

AttentionRun::AttentionRun(const Attention &what, Frame &frame, const Extents &extents)
    : what(what), frame(frame), q(frame.tensor(what.q)), k(frame.tensor(what.k)), v(frame.tensor(what.v)),
      qView(what.qLayout, q), kView(what.kLayout, k), vView(what.vLayout, v),
      oView(what.oLayout, frame.tensor(what.inits.front())),
      // Without an lse result this view is never used.
      lseView(what.lseLayout, frame.tensor(what.inits.back())), B(extents['B']), M(extents['M']),
      N(what.kTable.exists() ? extents['T'] * extents['P'] : extents['N']), H(extents['H']), G(extents['G']),
      D(extents['D']), E(extents['E']) {
  for (Slot init : what.inits)
    outputs.emplace_back(frame.tensor(init).elementType, frame.tensor(init).shape);
  auto attention = cast<AttentionOp>(what.op);
  if (!frame.bounds)
    return;
  isProved = hasErrorBound(attention);
  rounding.emplace(attention, frame.bounds->bf16Dots);
  for (const RefTensor &output : outputs)
    bounds.emplace_back(Float64Type::get(output.elementType.getContext()), output.shape);
}

/// The key that is no key (A10).
static constexpr int64_t kSink = -1;

/// <q, k>
static double dot(ArrayRef<double> q, ArrayRef<double> k) {
  double sum = 0;
  for (auto [x, y] : llvm::zip_equal(q, k))
    sum += x * y;
  return sum;
}

/// |scale| sum_d |q_d k_d| + |s' - s|
double AttentionRun::magnitude(double raw, double s, ArrayRef<double> key) const {
  double products = 0;
  for (auto [x, y] : llvm::zip_equal(queryRow, key))
    products += std::abs(x * y);
  return std::abs(what.scale) * products + std::abs(s - raw);
}

/// The bounds of row (b, h, i), whose weights `keys` holds, not yet divided by their sum.
void AttentionRun::boundRow(int64_t b, int64_t h, int64_t i, double lse) {
  double sum = 0;
  for (auto [j, weight] : keys)
    sum += weight;
  magnitudes.keys = keys.size();
  if (!isProved) {
    magnitudes.products *= kEstimateSlack;
    magnitudes.scores *= kEstimateSlack;
  }
  int64_t o = b * oView.stride('B') + i * oView.stride('M') + h * oView.stride('H');
  for (int64_t e = 0; e < E; ++e) {
    double weighted = 0, largest = 0;
    for (auto [j, weight] : keys) {
      if (j == kSink)
        continue;
      double value = std::abs(v.floats[valueRows[j] + e * vView.stride('E')]);
      weighted += weight / sum * value;
      largest = std::max(largest, value);
    }
    int64_t place = o + e * oView.stride('E');
    bounds[0].floats[place] = rounding->outputBound(magnitudes, outputs[0].floats[place], weighted, largest);
  }
  if (outputs.size() == 2)
    bounds[1].floats[b * lseView.stride('B') + i * lseView.stride('M') + h * lseView.stride('H')] =
        rounding->lseBound(magnitudes, lse);
}

/// Sets the index arguments of a region, of which the first is argument
/// `first`.
void AttentionRun::enter(const BoundRegion &region, unsigned first, ArrayRef<int64_t> indices) {
  for (auto [n, index] : llvm::enumerate(indices))
    frame.integer(region.arguments[first + n]) = index;
}

/// A11: `row` = what `region` makes of the row at `offset` of `from`; `place` is b h i (b g j for a key). Without a
/// region the row itself.
bool AttentionRun::transformed(const BoundRegion &region, const RefTensor &from, int64_t offset, int64_t step,
                               ArrayRef<int64_t> place, std::vector<double> &row) {
  row.resize(D);
  for (int64_t d = 0; d < D; ++d)
    row[d] = from.floats[offset + d * step];
  if (!region.exists())
    return true;
  RefTensor stored(from.elementType, {D});
  stored.floats = row;
  frame.tensors[region.row] = std::make_shared<const RefTensor>(std::move(stored));
  for (int64_t d = 0; d < D; ++d) {
    enter(region, 0, {place[0], place[1], place[2], d, M, N});
    if (!region.program.run(frame))
      return false;
    row[d] = frame.real(region.program.results[0]);
  }
  return true;
}

/// A12: `offset` becomes where row j of (b, g) of K or V begins: row j % P of page table[b, j / P].
bool AttentionRun::findRow(const PageTable &table, const View &view, int64_t b, int64_t g, int64_t j, int64_t &offset) {
  if (!table.exists()) {
    offset = b * view.stride('B') + g * view.stride('G') + j * view.stride('N');
    return true;
  }
  const RefTensor &pages = frame.tensor(table.slot);
  View tableView(table.layout, pages);
  int64_t keysOfPage = view.shape[view.layout.find('P')], number = view.shape[view.layout.find('X')];
  int64_t page = pages.ints[b * tableView.stride('B') + j / keysOfPage * tableView.stride('T')];
  if (page < 0 || page >= number) {
    what.op->emitError() << "key " << j << " of sequence " << b << " lies in page " << page << " by the table of "
                         << table.name << ", which has " << number << " pages";
    return false;
  }
  offset = page * view.stride('X') + g * view.stride('G') + j % keysOfPage * view.stride('P');
  return true;
}

/// Makes keyRows[j] the row of key j of (b, g), and finds that of V.
bool AttentionRun::keyRow(int64_t b, int64_t g, int64_t j) {
  if (keyRowsOf != std::pair(b, g)) {
    keyRows.assign(N, {});
    valueRows.assign(N, 0);
    keyRowsOf = {b, g};
  }
  int64_t offset = 0;
  return !keyRows[j].empty() ||
         (findRow(what.kTable, kView, b, g, j, offset) && findRow(what.vTable, vView, b, g, j, valueRows[j]) &&
          transformed(what.key, k, offset, kView.stride('D'), {b, g, j}, keyRows[j]));
}

/// Collects the allowed keys of row (b, h, i) and their scores.
bool AttentionRun::scores(int64_t b, int64_t h, int64_t i) {
  keys.clear();
  magnitudes = {D, 0, 0, 0};
  int64_t g = H == 0 ? 0 : h / (H / G); // A7: H/G query heads share a kv head
  int64_t qOffset = b * qView.stride('B') + i * qView.stride('M') + h * qView.stride('H');
  if (N > 0 && !transformed(what.query, q, qOffset, qView.stride('D'), {b, h, i}, queryRow))
    return false;
  for (int64_t j = 0; j < N; ++j) {
    int64_t indices[] = {b, h, i, j, M, N};
    if (what.mask.exists()) { // A3: the mask sees indices and captures, never
                              // the score
      enter(what.mask, 0, indices);
      if (!what.mask.program.run(frame))
        return false;
      bool isAllowed = frame.integer(what.mask.program.results[0]);
      if (frame.bounds) {
        ++frame.bounds->pairs;
        frame.bounds->allowedPairs += isAllowed;
      }
      if (!isAllowed)
        continue; // A4: what K and V hold for this key is never looked at
    }
    if (!keyRow(b, g, j))
      return false;
    double raw = what.scale * dot(queryRow, keyRows[j]), s = raw; // A1
    if (what.score.exists()) {                                    // A2
      frame.real(what.score.arguments[0]) = s;
      enter(what.score, 1, indices);
      if (!what.score.program.run(frame))
        return false;
      s = frame.real(what.score.program.results[0]);
    }
    if (s == -INFINITY) // A4: weight exp(-inf) = 0, whatever V holds
      continue;
    keys.emplace_back(j, s);
    if (rounding)
      magnitudes.products = std::max(magnitudes.products, magnitude(raw, s, keyRows[j]));
  }
  if (what.sink.exists()) { // A10: one key more, which no mask hides
    enter(what.sink, 0, {b, h, i, M, N});
    if (!what.sink.program.run(frame))
      return false;
    if (double s = frame.real(what.sink.program.results[0]); s != -INFINITY)
      keys.emplace_back(kSink, s);
  }
  return true;
}

bool AttentionRun::row(int64_t b, int64_t h, int64_t i) {
  if (!scores(b, h, i))
    return false;
  // A4: weight of key j = exp(s_j - max) / sum. A6: a NaN or +inf among the
  // scores makes the sum NaN, and with it this row's output and lse; other rows
  // have their own sum.
  double max = -INFINITY, sum = 0;
  for (auto [j, s] : keys) {
    max = std::max(max, s);
    magnitudes.scores = std::max(magnitudes.scores, std::abs(s));
  }
  for (auto &[j, s] : keys)
    sum += s = std::exp(s - max);
  // A5: without keys every output stays 0 and lse is -inf.
  double *o = outputs[0].floats.data() + b * oView.stride('B') + i * oView.stride('M') + h * oView.stride('H');
  for (auto [j, weight] : keys) {
    for (int64_t e = 0; e < E; ++e) { // A7: V has a head dim of its own
      // A10: the sink's value is 0.
      double value = j == kSink ? 0 : v.floats[valueRows[j] + e * vView.stride('E')];
      o[e * oView.stride('E')] += weight / sum * value;
    }
  }
  double lse = keys.empty() ? -INFINITY : max + std::log(sum); // A8: log(sum_j exp(s_j)), natural
  if (outputs.size() == 2)
    outputs[1].floats[b * lseView.stride('B') + i * lseView.stride('M') + h * lseView.stride('H')] = lse;
  if (rounding)
    boundRow(b, h, i, lse);
  return true;
}

bool AttentionRun::run() {
  for (const BoundRegion *region : {&what.score, &what.mask, &what.query, &what.key, &what.sink})
    apply(region->captures, frame);
  for (int64_t b = 0; b < B; ++b)
    for (int64_t h = 0; h < H; ++h)
      for (int64_t i = 0; i < M; ++i)
        if (!row(b, h, i))
          return false;
  return true;
}

bool Attention::run(Frame &frame) const {
  Extents extents;
  SmallVector<std::pair<StringRef, Slot>> operands{{qLayout, q}, {kLayout, k}, {vLayout, v}, {oLayout, inits.front()}};
  for (const PageTable *table : {&kTable, &vTable})
    if (table->exists())
      operands.emplace_back(table->layout, table->slot);
  for (auto [layout, slot] : operands)
    if (!extents.add(op, layout, frame.tensor(slot)))
      return false;
  if (inits.size() == 2 && !extents.add(op, lseLayout, frame.tensor(inits[1])))
    return false;
  AttentionRun run(*this, frame, extents);
  if (!run.run())
    return false;
  for (auto [n, slot] : llvm::enumerate(results))
    if (!define(frame, op->getResult(n), slot, std::move(run.outputs[n])))
      return false;
  for (auto [result, bound] : llvm::zip(op->getResults(), run.bounds))
    (run.isProved ? frame.bounds->known : frame.bounds->estimated)[result] = std::move(bound);
  return true;
}

static PageTable tableOf(Compiler &compiler, StringRef name, Value table, std::optional<StringRef> layout) {
  return table ? PageTable{name, layout->str(), compiler.slot(table)} : PageTable{name, {}};
}

static void compileAttentionOp(Compiler &compiler, AttentionOp op) {
  Attention attention{op,
                      op.getQLayout().str(),
                      op.getKLayout().str(),
                      op.getVLayout().str(),
                      op.getOLayout().str(),
                      op.getLseLayout(),
                      tableOf(compiler, "k", op.getKTable(), op.getKTableLayout()),
                      tableOf(compiler, "v", op.getVTable(), op.getVTableLayout()),
                      compiler.slot(op.getQ()),
                      compiler.slot(op.getK()),
                      compiler.slot(op.getV()),
                      compiler.slots(op.getInits()),
                      compiler.slots(op->getResults()),
                      op.getScaleValue(),
                      compileRegion(compiler, op.getScore(), op.getCaptures()),
                      compileRegion(compiler, op.getMask(), op.getCaptures()),
                      compileRegion(compiler, op.getQuery(), op.getCaptures()),
                      compileRegion(compiler, op.getKey(), op.getCaptures()),
                      compileRegion(compiler, op.getSink(), op.getCaptures())};
  compiler.push([attention = std::move(attention)](Frame &frame) { return attention.run(frame); });
}

/// The feature of the row under way, which Attention::run has put into its slot.
static void compileFeature(Compiler &compiler, FeatureOp op) {
  Slot row = compiler.row, position = compiler.slot(op.getPosition()), result = compiler.slot(op.getResult());
  compiler.push([op, row, position, result](Frame &frame) {
    ArrayRef<double> features = frame.tensor(row).floats;
    int64_t d = frame.integer(position);
    if (d < 0 || d >= static_cast<int64_t>(features.size())) {
      op->emitError() << "feature " << d << " of a row with " << features.size();
      return false;
    }
    frame.real(result) = features[d];
    return true;
  });
}

static void compileSum(Compiler &compiler, SumOp op) {
  Slot row = compiler.row, result = compiler.slot(op.getResult());
  Slot position = compiler.slot(op.getBody().getArgument(0));
  Program body = compiler.compile(op.getBody().front());
  compiler.push([=, body = std::move(body)](Frame &frame) {
    double sum = 0;
    for (int64_t d = 0, e = frame.tensor(row).shape[0]; d < e; ++d) {
      frame.integer(position) = d;
      if (!body.run(frame))
        return false;
      sum += frame.real(body.results[0]);
    }
    frame.real(result) = sum;
    return true;
  });
}

/// position * base^(-numerator / denominator), less its whole turns.
static long double phaseOf(long double position, long double base, long double numerator, long double denominator) {
  constexpr long double kTurn = 6.283185307179586476925286766559L;
  return std::remainder(position * std::pow(base, -numerator / denominator), kTurn);
}

static void compilePhase(Compiler &compiler, PhaseOp op) {
  struct Number {
    Slot slot;
    bool isReal;
    long double get(Frame &frame) const {
      return isReal ? static_cast<long double>(frame.real(slot)) : static_cast<long double>(frame.integer(slot));
    }
  };
  SmallVector<Number> in;
  for (Value operand : op->getOperands())
    in.push_back({compiler.slot(operand), isReal(operand.getType())});
  Slot out = compiler.slot(op.getResult());
  bool rounds = compiler.deciding.contains(op.getResult());
  auto type = cast<FloatType>(op.getType());
  compiler.push([=](Frame &frame) {
    auto phase = static_cast<double>(phaseOf(in[0].get(frame), in[1].get(frame), in[2].get(frame), in[3].get(frame)));
    frame.real(out) = rounds ? roundTo(type, phase) : phase;
    return true;
  });
}

//===----------------------------------------------------------------------===//
// contract
//===----------------------------------------------------------------------===//

namespace {
/// out[o] = epilogue(sum over contracted letters of lhs * rhs, o, captures...)
struct Contraction {
  Operation *op;
  std::string lhsLayout, rhsLayout, outLayout;
  Slot lhs, rhs, init;
  SmallVector<Slot> results;
  BoundRegion epilogue;
  double disturbance; // of the sums

  bool run(Frame &frame) const;
};
} // namespace

/// The letters that are summed: those of lhs (and so of rhs) that out lacks.
static std::string contracted(StringRef lhs, StringRef out) {
  std::string letters;
  llvm::copy_if(lhs, std::back_inserter(letters), [&](char letter) { return !out.contains(letter); });
  return letters;
}

static Cursor cursorOver(StringRef letters, const View &view) {
  Cursor cursor;
  for (char letter : letters)
    cursor.strides.push_back(view.stride(letter));
  return cursor;
}

/// The elements as reals; `copy` holds them if they are integers.
static ArrayRef<double> realsOf(const RefTensor &tensor, std::vector<double> &copy) {
  if (tensor.isFloat())
    return tensor.floats;
  copy.assign(tensor.ints.begin(), tensor.ints.end());
  return copy;
}

static int64_t wrapTo32(double sum) { return static_cast<int32_t>(static_cast<int64_t>(sum)); }

bool Contraction::run(Frame &frame) const {
  const RefTensor &a = frame.tensor(lhs), &b = frame.tensor(rhs), &destination = frame.tensor(init);
  Extents extents;
  if (!extents.add(op, lhsLayout, a) || !extents.add(op, rhsLayout, b) || !extents.add(op, outLayout, destination))
    return false;
  apply(epilogue.captures, frame);
  std::string inner = contracted(lhsLayout, outLayout);
  SmallVector<int64_t> trips = llvm::map_to_vector(inner, [&](char letter) { return extents[letter]; });
  View aView(lhsLayout, a), bView(rhsLayout, b);
  std::vector<double> aCopy, bCopy;
  ArrayRef<double> left = realsOf(a, aCopy), right = realsOf(b, bCopy);
  RefTensor out(destination.elementType, destination.shape);
  Cursor outer[] = {cursorOver(outLayout, aView), cursorOver(outLayout, bView), {out.strides()}};
  bool ok = walk(out.shape, outer, [&](ArrayRef<int64_t> place) {
    Cursor pair[] = {cursorOver(inner, aView), cursorOver(inner, bView)};
    double value = 0; // also the value of the empty sum
    walk(trips, pair, [&](ArrayRef<int64_t>) {
      value += left[outer[0].offset + pair[0].offset] * right[outer[1].offset + pair[1].offset];
      if (disturbance)
        value = disturb(frame, value, disturbance);
      return true;
    });
    if (epilogue.exists()) {
      if (a.isFloat())
        frame.real(epilogue.arguments[0]) = value;
      else
        frame.integer(epilogue.arguments[0]) = wrapTo32(value);
      for (auto [slot, index] : llvm::zip(ArrayRef<Slot>(epilogue.arguments).drop_front(), place))
        frame.integer(slot) = index;
      if (!epilogue.program.run(frame))
        return false;
      Slot yielded = epilogue.program.results[0];
      value = out.isFloat() ? frame.real(yielded) : static_cast<double>(frame.integer(yielded));
    }
    if (out.isFloat())
      out.floats[outer[2].offset] = value;
    else
      out.ints[outer[2].offset] = wrapTo32(value);
    return true;
  });
  return ok && (results.empty() || define(frame, op->getResult(0), results[0], std::move(out)));
}

static void compileContract(Compiler &compiler, ContractOp op) {
  Contraction contraction{op,
                          op.getLhsLayout().str(),
                          op.getRhsLayout().str(),
                          op.getOutLayout().str(),
                          compiler.slot(op.getLhs()),
                          compiler.slot(op.getRhs()),
                          compiler.slot(op.getInit()),
                          compiler.slots(op->getResults()),
                          compileRegion(compiler, op.getEpilogue(), op.getCaptures()),
                          getElementTypeOrSelf(op.getLhs()).isInteger() ? 0 : compiler.session.disturbance};
  compiler.push([contraction = std::move(contraction)](Frame &frame) { return contraction.run(frame); });
}

bool interpreter::compileAttention(Compiler &compiler, Operation *op) {
  return TypeSwitch<Operation *, bool>(op)
      .Case([&](AttentionOp op) { return compileAttentionOp(compiler, op), true; })
      .Case([&](ContractOp op) { return compileContract(compiler, op), true; })
      .Case([&](FeatureOp op) { return compileFeature(compiler, op), true; })
      .Case([&](SumOp op) { return compileSum(compiler, op), true; })
      .Case([&](PhaseOp op) { return compilePhase(compiler, op), true; })
      .Default([](Operation *) { return false; });
}
