//===- Search.cpp - Which candidates to measure, and how often ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tuner/Search.h"

using namespace attnc;
using namespace attnc::tuner;
using schedule::Schedule;

std::vector<std::string> tuner::dropImpossible(Measurements &measured, const schedule::Machine &machine) {
  std::vector<std::string> names, reasons;
  for (const auto &entry : measured) {
    Schedule sizes;
    llvm::Error problem = parseSchedule(entry.first(), sizes);
    if (!problem)
      problem = checkSchedule(sizes, machine);
    if (!problem)
      continue;
    names.push_back(entry.first().str());
    reasons.push_back(llvm::toString(std::move(problem)));
  }
  for (const std::string &name : names)
    measured.erase(name);
  return reasons;
}

llvm::Expected<Choice> tuner::choose(const Measurements &measured) {
  std::optional<Summary> best;
  llvm::StringRef name;
  for (const auto &entry : measured) {
    if (entry.second.size() < kFinalRounds)
      continue;
    Summary summary = summarize(entry.second);
    // A draw must not be decided by the order of a hash table.
    bool wins = !best || std::pair(-summary.speed, entry.first()) < std::pair(-best->speed, name);
    if (summary.isFaster() && wins) {
      best = summary;
      name = entry.first();
    }
  }
  Choice choice{{}, best};
  if (llvm::Error problem = parseSchedule(name, choice.sizes))
    return llvm::createStringError("a schedule of the tuning database " + llvm::toString(std::move(problem)));
  return choice;
}

namespace {
class Searcher {
public:
  Searcher(const Space &space, const SearchHooks &hooks, Measurements &measured)
      : space(space), hooks(hooks), measured(measured) {}
  llvm::Error run();

private:
  llvm::Error runGroup(llvm::ArrayRef<Group> before, Group group, double begin, double end);
  llvm::Expected<Schedule> startOf(llvm::ArrayRef<Group> before);
  llvm::Error ensure(const Schedule &candidate, int rounds);
  bool hasLooked() const;
  void keepFastest(std::vector<Schedule> &candidates, size_t count);

  const Space &space;
  const SearchHooks &hooks;
  Measurements &measured;
};
} // namespace

/// Measures what `candidate` lacks to have `rounds` rounds.
llvm::Error Searcher::ensure(const Schedule &candidate, int rounds) {
  Rounds &have = measured[spellSchedule(candidate)];
  int lacking = rounds - static_cast<int>(have.size());
  if (lacking <= 0)
    return llvm::Error::success();
  llvm::Expected<Rounds> more = hooks.measure(candidate, lacking);
  if (!more)
    return more.takeError();
  have.insert(have.end(), more->begin(), more->end());
  return llvm::Error::success();
}

/// Something was measured, now or in an earlier search.
bool Searcher::hasLooked() const {
  return llvm::any_of(measured, [](const auto &entry) { return !entry.second.empty(); });
}

void Searcher::keepFastest(std::vector<Schedule> &candidates, size_t count) {
  auto roundsOf = [&](const Schedule &sizes) -> Rounds & { return measured[spellSchedule(sizes)]; };
  llvm::erase_if(candidates, [&](const Schedule &sizes) { return roundsOf(sizes).empty(); });
  llvm::sort(candidates, [&](const Schedule &a, const Schedule &b) {
    return summarize(roundsOf(a)).speed > summarize(roundsOf(b)).speed;
  });
  if (candidates.size() > count)
    candidates.resize(count);
}

/// The best of the groups before. Later groups do not count, so that a search that goes on later asks for the same
/// candidates again, and finds them measured.
llvm::Expected<Schedule> Searcher::startOf(llvm::ArrayRef<Group> before) {
  Measurements earlier;
  for (const auto &entry : measured) {
    Schedule sizes;
    if (llvm::Error problem = parseSchedule(entry.first(), sizes))
      return std::move(problem);
    if (forcesOnly(sizes, before))
      earlier[entry.first()] = entry.second;
  }
  llvm::Expected<Choice> best = choose(earlier);
  if (!best)
    return best.takeError();
  return best->sizes;
}

llvm::Error Searcher::runGroup(llvm::ArrayRef<Group> before, Group group, double begin, double end) {
  llvm::Expected<Schedule> start = startOf(before);
  if (!start)
    return start.takeError();
  std::vector<Schedule> candidates = propose(space, group, *start);
  for (const Schedule &candidate : candidates) {
    if (hasLooked() && hooks.spent() >= begin + 0.75 * (end - begin))
      break;
    if (llvm::Error problem = ensure(candidate, kScreenRounds))
      return problem;
  }
  keepFastest(candidates, 3);
  for (const Schedule &candidate : candidates) {
    if (hooks.spent() >= end)
      break;
    if (llvm::Error problem = ensure(candidate, kFinalRounds))
      return problem;
  }
  return llvm::Error::success();
}

llvm::Error Searcher::run() {
  std::vector<Group> groups = groupsOf(space);
  double share = 1.0 / static_cast<double>(groups.size());
  for (auto [index, group] : llvm::enumerate(groups))
    if (llvm::Error problem =
            runGroup(llvm::ArrayRef(groups).take_front(index), group, share * index, share * (index + 1)))
      return problem;
  return llvm::Error::success();
}

llvm::Error tuner::search(const Space &space, const SearchHooks &hooks, Measurements &measured) {
  return Searcher(space, hooks, measured).run();
}
