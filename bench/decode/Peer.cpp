//===- Peer.cpp - Another implementation, in a process --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "bench/decode/Peer.h"
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace decode;

Peer::Peer(const std::string &command) {
  std::signal(SIGPIPE, SIG_IGN); // a peer that died says so by the end of its answers
  int down[2], up[2];
  if (pipe2(down, O_CLOEXEC) || pipe2(up, O_CLOEXEC) || (process = fork()) < 0) {
    text = "cannot start a process";
    return;
  }
  if (process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); // also while it is stopped
    dup2(down[0], 0), dup2(up[1], 1);
    execl("/bin/sh", "sh", "-c", ("exec " + command).c_str(), nullptr);
    _exit(127);
  }
  close(down[0]), close(up[1]);
  requests = fdopen(down[1], "w"), answers = fdopen(up[0], "r");
  std::string line = readLine();
  ready = line.rfind("ready", 0) == 0;
  text = ready ? line.substr(std::min(line.size(), size_t(6))) : line.empty() ? "ended without a word" : line;
  if (ready)
    pause();
}

/// Threads that wait for work spin, some for a tenth of a second: they would do so in the turns of others.
void Peer::pause() { kill(process, SIGSTOP); }

Peer::~Peer() {
  if (process <= 0)
    return;
  kill(process, SIGCONT);
  fclose(requests), fclose(answers);
  waitpid(process, nullptr, 0);
}

std::string Peer::readLine() {
  char *line = nullptr;
  size_t capacity = 0;
  ssize_t length = getline(&line, &capacity, answers);
  std::string result(line ? line : "", length > 0 ? static_cast<size_t>(length) : 0);
  free(line);
  while (!result.empty() && result.back() == '\n')
    result.pop_back();
  return result;
}

double Peer::time(int threads) {
  kill(process, SIGCONT);
  fputs("1\n", requests), fflush(requests);
  std::string line = readLine();
  pause();
  double wall, cpu;
  if (std::sscanf(line.c_str(), "%lf %lf", &wall, &cpu) != 2) {
    std::fprintf(stderr, "decode-bench: error: a peer ended in the middle: %s\n", line.c_str());
    std::exit(1);
  }
  return threads == 1 ? std::min(wall, cpu) : wall;
}
