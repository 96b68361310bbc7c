//===- Database.h - Every measurement that was ever made --------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One SQLite file (sqlite3 FILE .schema shows its tables). Nothing is ever
// overwritten, so an interrupted search loses nothing and goes on where it
// stopped. Several processes may use one file at a time.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tuner/OpKey.h"
#include "compiler/tuner/Search.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct sqlite3;

namespace attnc::tuner {

/// What a measurement holds for, and nothing else.
struct Workload {
  OpKey op;             ///< the op that had another schedule than the default
  std::string target;   ///< the code's target, with its features and tuning
  std::string cpu;      ///< the machine that ran it
  std::string compiler; ///< versions of attnc and LLVM
  int threads = 1;
};

class Database {
public:
  /// Opens `path`; creates it, and its folder, if need be. Errors, in words for the user: no such place, not a
  /// database, another program's, of a newer version. Of an older version: what it holds is kept aside (isOld), since it
  /// was filed by whole programs and nobody can say which op it holds for.
  static llvm::Expected<std::unique_ptr<Database>> open(const std::string &path);

  ~Database();

  /// The file has just been brought to this version.
  bool isOld() const { return old; }

  /// Keeps `rounds` of `candidate`; `source` is the file's name, for people who look into the database.
  llvm::Error add(const Workload &workload, llvm::StringRef candidate, const Rounds &rounds, llvm::StringRef source);

  /// All rounds of the workload.
  llvm::Expected<Measurements> measurements(const Workload &workload);

  /// The workloads like `like`, newest first: of any extents that agree with those that `like` knows, and of any thread
  /// count when `like.threads` is 0.
  llvm::Expected<std::vector<Workload>> find(const Workload &like);

private:
  explicit Database(std::string path) : path(std::move(path)) {}
  llvm::Error openFile();
  llvm::Error checkOwner();
  llvm::Error createTables();
  llvm::Error execute(const char *sql);
  llvm::Expected<int64_t> number(const char *sql);
  llvm::Error problem(llvm::StringRef doing);
  friend class Statement;

  std::string path;
  bool old = false;
  sqlite3 *handle = nullptr;
};

/// $XDG_CACHE_HOME/attnc/tuning.db, or ~/.cache/attnc/tuning.db.
std::string defaultDatabase();

} // namespace attnc::tuner
