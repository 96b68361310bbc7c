//===- Profile.cpp - Where the time of a call goes ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/measure/Profile.h"
#include "compiler/tuner/Rounds.h"
#include "dialects/Common/Locations.h"
#include <fmt/format.h>
#include <numeric>
#include <set>

using namespace mlir;

namespace attnc::tool {

double ProfileRow::shareOfRoof(const Limits &limits) const {
  return seconds > 0 ? std::max(atPeak(limits), atBandwidth(limits)) / seconds : 0;
}

double Profile::rowSeconds() const {
  return std::accumulate(rows.begin(), rows.end(), 0.0,
                         [](double sum, const ProfileRow &row) { return sum + row.seconds; });
}

std::vector<ProfileRow> joinLayers(const std::vector<ProfileRow> &rows) {
  std::vector<ProfileRow> joined;
  std::map<int64_t, size_t> places;
  for (const ProfileRow &row : rows) {
    int64_t op = row.path.empty() ? -1 : row.path.back();
    auto [it, isNew] = places.try_emplace(op, joined.size());
    if (isNew) {
      joined.push_back(row);
      continue;
    }
    ProfileRow &sum = joined[it->second];
    sum.seconds += row.seconds;
    sum.work.flops += row.work.flops;
    sum.work.bytes += row.work.bytes;
    sum.work.isKnown &= row.work.isKnown;
    sum.count += row.count;
  }
  return joined;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

namespace {
/// Measures, and gives times to rows.
class Profiler {
public:
  Profiler(const ProfiledCode &code, const Tensors &inputs)
      : code(code), inputs(inputs), ops(code.module), recorder(code.callable.code.pool()) {
    code.callable.code.provideLoops(MarkRecorder::loop, &recorder);
  }
  void chooseClock();
  void makeRows();
  void measure(double budget);
  Profile finish();

private:
  struct Call {
    double seconds;
    std::vector<double> rows;
    std::vector<ProfileSpan> spans;
  };

  void addRow(const OpPath &path, ArrayRef<Operation *> joined, WorkCounter &counter);
  double plainCall();
  Call markedCall();
  void measureLimits();
  size_t rowOf(const OpPath &path);

  const ProfiledCode &code;
  const Tensors &inputs;
  MarkedOps ops;
  MarkRecorder recorder;
  double markSeconds = 0; ///< that a mark takes, which is taken off again
  BandwidthMeter memory{size_t(256) << 20};
  Profile profile;
  std::map<OpPath, size_t> places;
  std::vector<double> plain, bandwidths;
  std::map<Arithmetic, std::vector<double>> peaks;
  std::vector<Call> calls;
};
} // namespace

/// Of calls of a millisecond and more, on a busy machine, every one loses its CPU for a while; of shorter ones few do, which
/// the middle half leaves out.
void Profiler::chooseClock() {
  constexpr double kLong = 1e-3;
  if (code.callable.code.threads() == 1 && plainCall() >= kLong)
    recorder.useThreadClock();
}

void Profiler::addRow(const OpPath &path, ArrayRef<Operation *> joined, WorkCounter &counter) {
  places[path] = profile.rows.size();
  ProfileRow &row = profile.rows.emplace_back();
  row.path = path;
  row.node = placeOf(joined.back()->getLoc());
  row.work = workOf(joined, counter, code.target);
  peaks[row.work.arithmetic];
}

/// One row for each op of the function, without calls; one for those that are joined.
void Profiler::makeRows() {
  profile.rows.emplace_back().work.kind = "call";
  profile.rows.front().node = "entering, checks and sizes";
  peaks[Arithmetic::f32]; // even where nothing is known of any op
  OwningOpRef<ModuleOp> whole = withoutCalls(code.module);
  auto function = whole->lookupSymbol<func::FuncOp>(code.function);
  std::map<OpPath, Operation *> found;
  SmallVector<OpPath> inOrder;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    bool isNone = op == function || op->hasTrait<OpTrait::ConstantLike>();
    OpPath path = isNone ? OpPath() : pathOf(op->getLoc());
    if (!path.empty() && found.try_emplace(path, op).second)
      inOrder.push_back(path);
  });
  std::map<int64_t, std::vector<int64_t>> groups; // by who stands for them
  std::set<int64_t> others;
  for (const std::vector<int64_t> &group : code.joined) {
    groups[group.back()] = group;
    others.insert(group.begin(), std::prev(group.end()));
  }
  WorkCounter counter(function, inputs);
  for (const OpPath &path : inOrder) {
    if (others.contains(path.back()) && !groups.contains(path.back()))
      continue;
    SmallVector<Operation *> joined;
    for (OpPath member = path; int64_t number : groups[path.back()]) {
      member.back() = number;
      if (auto op = found.find(member); op != found.end() && op->first != path)
        joined.push_back(op->second);
    }
    joined.push_back(found[path]);
    addRow(path, joined, counter);
  }
}

/// That of the op; of a call, and of what nobody knows, the row of the call itself.
size_t Profiler::rowOf(const OpPath &path) {
  auto found = places.find(path);
  return found == places.end() ? 0 : found->second;
}

Profiler::Call Profiler::markedCall() {
  recorder.begin(/*isWanted=*/true);
  code.callable.code.call(inputs, code.callable.outputs);
  recorder.end();
  Call call{recorder.seconds(), std::vector<double>(profile.rows.size(), 0.0), {}};
  std::vector<OpPath> paths = ops.follow(recorder.marks());
  double at = recorder.start();
  size_t row = 0;
  for (size_t i = 0; i <= paths.size(); ++i) {
    double next = i < paths.size() ? recorder.marks()[i].at : recorder.stop();
    call.rows[row] += std::max(next - at - (i < paths.size() ? markSeconds : 0), 0.0);
    if (i)
      call.spans.push_back({paths[i - 1], at - recorder.start(), next - at});
    at = next;
    row = i < paths.size() ? rowOf(paths[i]) : 0;
  }
  return call;
}

double Profiler::plainCall() {
  recorder.begin(/*isWanted=*/false);
  code.callable.code.call(inputs, code.callable.outputs);
  recorder.end();
  return recorder.seconds();
}

void Profiler::measureLimits() {
  int threads = code.callable.code.threads();
  bandwidths.push_back(memory.measure(threads));
  for (auto &[arithmetic, rates] : peaks)
    rates.push_back(measureFlops(code.target.vectorBits, arithmetic, threads));
  markSeconds = recorder.cost();
}

/// Rounds of calls of 20 ms, or 200 of them, between measurements of the limits; at least 5 rounds.
void Profiler::measure(double budget) {
  double begin = wallSeconds(), elapsed = 0;
  size_t rounds = 0;
  do {
    measureLimits();
    plainCall(); // the bandwidth's burst has emptied the caches
    double start = wallSeconds();
    for (int call = 0; call < 200 && wallSeconds() - start < 0.02; ++call) {
      plain.push_back(plainCall());
      calls.push_back(markedCall());
    }
    elapsed = wallSeconds() - begin;
    drawProgress(std::min(elapsed / budget, static_cast<double>(++rounds) / 5), fmt::format("{} calls", calls.size()));
  } while (rounds < 5 || elapsed < budget);
  drawProgress(1, "");
}

Profile Profiler::finish() {
  auto median = [](std::vector<double> values) { return tuner::quantile(std::move(values), 0.5); };
  llvm::sort(calls, [](const Call &a, const Call &b) { return a.seconds < b.seconds; });
  size_t first = calls.size() / 4, last = calls.size() - first;
  for (size_t i = first; i < last; ++i)
    for (auto [row, seconds] : llvm::zip(profile.rows, calls[i].rows))
      row.seconds += seconds / static_cast<double>(last - first);
  profile.spans = std::move(calls[calls.size() / 2].spans);
  profile.calls = calls.size();
  profile.isThreadTime = recorder.usesThreadClock();
  profile.callSeconds = median(plain);
  profile.limits.bandwidth = median(bandwidths);
  for (auto &[arithmetic, rates] : peaks)
    profile.limits.gflops[arithmetic] = median(rates);
  return std::move(profile);
}

std::optional<Profile> profileCalls(const ProfiledCode &code, const Tensors &inputs, double seconds) {
  Profiler profiler(code, inputs);
  if (code.callable.code.call(inputs, code.callable.outputs)) // what is wrong with the inputs is said once
    return std::nullopt;
  profiler.chooseClock();
  profiler.makeRows();
  profiler.measure(seconds);
  return profiler.finish();
}

} // namespace attnc::tool
