//===- Progress.cpp - What attnc is doing, on a terminal ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/Progress.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace attnc::tool {

using namespace std::chrono_literals;

//===----------------------------------------------------------------------===//
// The terminal
//===----------------------------------------------------------------------===//

/// Of the terminal, and of what stands on it.
static std::recursive_mutex terminal;
static std::atomic<bool> isDrawn = false;
static bool isForbidden = false;

static void write(llvm::StringRef text) { (void)!::write(STDERR_FILENO, text.data(), text.size()); }

/// Columns of the terminal; a longer line would leave its beginning behind.
static size_t columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// Shows `line`; with `terminal` locked.
static void draw(std::string line) {
  if (isForbidden)
    return;
  line.resize(std::min(line.size(), columns() - 1));
  isDrawn = true;
  write("\r\x1b[K" + line);
}

/// Takes the line away; with `terminal` locked.
static void erase() {
  if (isDrawn.exchange(false))
    write("\r\x1b[K");
}

namespace {
/// Takes the line away when the user ends the process, then lets the signal do what it did before.
struct Interrupt {
  int number;
  struct sigaction before;
};
} // namespace
static Interrupt interrupts[] = {{SIGINT, {}}, {SIGTERM, {}}, {SIGHUP, {}}};

static void eraseAndEnd(int number) {
  if (isDrawn)
    write("\r\x1b[K");
  for (Interrupt &interrupt : interrupts)
    sigaction(interrupt.number, &interrupt.before, nullptr);
  raise(number);
}

/// Whoever handles a signal already, or ignores it, goes on doing so.
static void eraseOnInterrupt() {
  struct sigaction action{};
  action.sa_handler = eraseAndEnd;
  for (Interrupt &interrupt : interrupts) {
    sigaction(interrupt.number, &action, &interrupt.before);
    if (interrupt.before.sa_handler == SIG_IGN)
      sigaction(interrupt.number, &interrupt.before, nullptr);
  }
}

ProgressHidden::ProgressHidden() : lock(terminal) { erase(); }

void ProgressHidden::forever() { isForbidden = true; }

bool canShowProgress() {
  const char *kind = std::getenv("TERM");
  return isatty(STDERR_FILENO) && kind && *kind && llvm::StringRef(kind) != "dumb";
}

std::string progressBar(double done) {
  constexpr int width = 30;
  int full = static_cast<int>(std::clamp(done, 0.0, 1.0) * width);
  return fmt::format("[{:<{}}]", std::string(static_cast<size_t>(full), '#'), width);
}

/// Time left is told when some of the work has been seen.
static std::string progressLine(llvm::StringRef step, double done, double seconds) {
  std::string left = done < 0.1 ? "" : fmt::format(", {:.0f} s left", seconds * (1 - done) / done);
  return fmt::format("  {} {:.0f}% {}{}", progressBar(done), 100 * done, step.str(), left);
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// Of a step by its name, which may go on with a target's.
static double costOf(llvm::StringRef step) {
  return llvm::StringSwitch<double>(step)
      .Case("import", 3)
      .Case("fused", 1)
      .StartsWith("tile", 10)
      .StartsWith("outline", 3)
      .StartsWith("code", 180) // "codegen" where assembly is made
      .StartsWith("llvm-dialect", 60)
      .Case("optimize", 20)
      .Case("link", 5)
      .Default(0.1);
}

Progress::Progress(bool isShown) : isShown(isShown), current{"", 0}, start(Clock::now()) {
  plan({"import", "fused", "tile", "outline", "code", "link", "write"});
}

void Progress::plan(llvm::ArrayRef<llvm::StringRef> steps) {
  ProgressHidden hidden;
  toCome.clear();
  for (llvm::StringRef step : steps)
    toCome.push_back({step.str(), costOf(step)});
}

Progress::~Progress() {
  if (!painter.joinable())
    return;
  {
    ProgressHidden hidden;
    isOver = true;
  }
  changed.notify_one();
  painter.join();
}

void Progress::begin(llvm::StringRef name) {
  if (!isShown)
    return;
  ProgressHidden hidden;
  current = {name.str(), costOf(name)};
  share = 0;
  // Of several targets, each has steps of its own: who follows the first one was not planned, and makes the way longer.
  auto planned = llvm::find_if(toCome, [&](const Step &step) { return name.starts_with(step.name); });
  if (planned != toCome.end()) {
    current.cost = planned->cost;
    toCome.erase(planned);
  }
  if (!painter.joinable()) {
    eraseOnInterrupt();
    painter = std::thread([this] { run(); });
  }
  changed.notify_one();
}

void Progress::end() {
  if (!isShown)
    return;
  ProgressHidden hidden;
  spent += std::exchange(current, {"", 0}).cost;
}

void Progress::advance(double done) {
  std::lock_guard lock(terminal);
  share = std::max(share, done);
}

void Progress::expect(llvm::StringRef name, double cost) {
  std::lock_guard lock(terminal);
  for (Step &step : toCome)
    if (step.name == name)
      step.cost = cost;
}

void Progress::restart() {
  ProgressHidden hidden;
  plan({"tile", "outline", "code", "link"});
  spent = mostShown = 0;
  start = Clock::now();
}

/// Of all steps, how much is done.
double Progress::fraction() const {
  double all = spent + current.cost;
  for (const Step &step : toCome)
    all += step.cost;
  return (spent + share * current.cost) / all;
}

/// Draws the line ten times a second while there is a step, from 0.3 s on.
void Progress::run() {
  std::unique_lock lock(terminal);
  while (!isOver) {
    if (current.name.empty()) {
      changed.wait(lock, [&] { return isOver || !current.name.empty(); });
      continue;
    }
    double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (seconds >= 0.3) {
      mostShown = std::max(mostShown, fraction());
      draw(progressLine(current.name, mostShown, seconds));
    }
    changed.wait_for(lock, 100ms, [&] { return isOver; });
  }
}

} // namespace attnc::tool
