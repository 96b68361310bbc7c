//===- Database.cpp - Every measurement that was ever made ----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tuner/Database.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <sqlite3.h>

using namespace attnc;
using namespace attnc::tuner;

constexpr int kApplication = 0x61746e63; // "atnc", in the file's header
constexpr int kSchema = 2;               // PRAGMA user_version
constexpr int kBusyMilliseconds = 10000; // another process writes for a few milliseconds at a time

constexpr char kTables[] = R"(
  CREATE TABLE IF NOT EXISTS measurement(
    id INTEGER PRIMARY KEY,
    op TEXT NOT NULL, extents TEXT NOT NULL,          -- what the op computes (OpKey.h), and how large
    target TEXT NOT NULL, cpu TEXT NOT NULL, compiler TEXT NOT NULL,
    threads INTEGER NOT NULL,
    schedule TEXT NOT NULL,                           -- what differs from the default, of this op alone
    source TEXT NOT NULL, load REAL,                  -- the file, and the machine's load average: for people
    measured_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
  CREATE TABLE IF NOT EXISTS round(
    measurement INTEGER NOT NULL REFERENCES measurement(id),
    baseline REAL NOT NULL, seconds REAL NOT NULL);   -- of one call of the program: the default's, and this schedule's
  CREATE INDEX IF NOT EXISTS by_workload ON measurement(op, target, cpu, compiler, threads, extents);
  CREATE INDEX IF NOT EXISTS by_measurement ON round(measurement);
)";

// Version 1 filed by whole programs. Its tables stay, for people.
constexpr char kSetAside[] = R"(
  DROP INDEX by_workload; DROP INDEX by_measurement;
  ALTER TABLE measurement RENAME TO measurement_of_program; ALTER TABLE round RENAME TO round_of_program;
)";

static llvm::Error error(const std::string &text) {
  return llvm::make_error<llvm::StringError>(text, llvm::inconvertibleErrorCode());
}

namespace attnc::tuner {
/// A prepared statement. An error of preparing shows when it is stepped.
class Statement {
public:
  Statement(Database &database, const char *sql) : database(database) {
    sqlite3_prepare_v2(database.handle, sql, -1, &handle, nullptr);
  }
  ~Statement() { sqlite3_finalize(handle); }

  Statement &bind(llvm::StringRef text) {
    sqlite3_bind_text(handle, ++bound, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Statement &bind(int64_t value) { return sqlite3_bind_int64(handle, ++bound, value), *this; }
  Statement &bind(double value) { return sqlite3_bind_double(handle, ++bound, value), *this; }
  Statement &bind(const Workload &workload) {
    return bind(workload.op.hash).bind(workload.target).bind(workload.cpu).bind(workload.compiler);
  }

  /// Whether there is a row.
  llvm::Expected<bool> step() {
    int code = handle ? sqlite3_step(handle) : SQLITE_ERROR;
    if (code == SQLITE_ROW || code == SQLITE_DONE)
      return code == SQLITE_ROW;
    return database.problem("use");
  }

  std::string text(int column) {
    auto *bytes = reinterpret_cast<const char *>(sqlite3_column_text(handle, column));
    return bytes ? std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(handle, column))) : "";
  }
  double real(int column) { return sqlite3_column_double(handle, column); }
  int64_t integer(int column) { return sqlite3_column_int64(handle, column); }

private:
  Database &database;
  sqlite3_stmt *handle = nullptr;
  int bound = 0;
};
} // namespace attnc::tuner

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

llvm::Error Database::problem(llvm::StringRef doing) {
  int code = sqlite3_errcode(handle);
  bool damaged = code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
  return error(fmt::format("cannot {} the tuning database '{}': {}{}", doing.str(), path, sqlite3_errmsg(handle),
                           damaged ? "; move it away, or name another with --db" : ""));
}

llvm::Error Database::execute(const char *sql) {
  return sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) == SQLITE_OK ? llvm::Error::success() : problem("use");
}

llvm::Expected<int64_t> Database::number(const char *sql) {
  Statement statement(*this, sql);
  llvm::Expected<bool> row = statement.step();
  if (!row)
    return row.takeError();
  return *row ? statement.integer(0) : 0;
}

llvm::Error Database::openFile() {
  llvm::StringRef folder = llvm::sys::path::parent_path(path);
  if (std::error_code failed = folder.empty() ? std::error_code() : llvm::sys::fs::create_directories(folder))
    return error(fmt::format("cannot make the folder of '{}': {}", path, failed.message()));
  if (sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) != SQLITE_OK)
    return problem("open");
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  // A file from elsewhere must not run code of its own.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  return llvm::Error::success();
}

/// Ours, of a version we know, or new and empty.
llvm::Error Database::checkOwner() {
  auto application = number("PRAGMA application_id");
  if (!application)
    return application.takeError();
  auto version = number("PRAGMA user_version"), tables = number("SELECT count(*) FROM sqlite_schema");
  if (!version || !tables)
    return llvm::joinErrors(version.takeError(), tables.takeError());
  if (*application != kApplication && (*tables > 0 || *version > 0 || *application > 0))
    return error(fmt::format("'{}' is the database of another program; name another file with --db", path));
  if (*version > kSchema)
    return error(fmt::format("'{}' was written by a newer attnc (version {}; this one reads up to {}); name another "
                             "file with --db, or use that attnc",
                             path, *version, kSchema));
  return llvm::Error::success();
}

/// Two processes may get here at once: the second waits, and finds everything there.
llvm::Error Database::createTables() {
  // Readers beside a writer. Where that cannot be had, as while another process looks into the file, they wait.
  llvm::consumeError(execute("PRAGMA journal_mode = WAL"));
  if (llvm::Error failed = execute("BEGIN IMMEDIATE"))
    return failed;
  llvm::Error failed = checkOwner();
  llvm::Expected<int64_t> version = number("PRAGMA user_version");
  if (!failed)
    failed = version.takeError();
  if (!failed && (old = *version == 1))
    failed = execute(kSetAside);
  if (!failed)
    failed = execute(kTables);
  if (!failed)
    failed = execute(
        fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT", kApplication, kSchema).c_str());
  if (failed)
    llvm::consumeError(execute("ROLLBACK"));
  return failed;
}

llvm::Expected<std::unique_ptr<Database>> Database::open(const std::string &path) {
  std::unique_ptr<Database> database(new Database(path));
  if (llvm::Error failed = database->openFile())
    return std::move(failed);
  // One view of the file: another process may be making it ours right now.
  if (llvm::Error failed = database->execute("BEGIN"))
    return std::move(failed);
  if (llvm::Error failed = database->checkOwner())
    return std::move(failed);
  auto version = database->number("PRAGMA user_version");
  if (!version)
    return version.takeError();
  if (llvm::Error failed = database->execute("COMMIT"))
    return std::move(failed);
  if (*version < kSchema)
    if (llvm::Error failed = database->createTables())
      return std::move(failed);
  return database;
}

Database::~Database() { sqlite3_close(handle); }

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

static double loadAverage() {
  double load;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

llvm::Error Database::add(const Workload &workload, llvm::StringRef candidate, const Rounds &rounds,
                          llvm::StringRef source) {
  if (llvm::Error failed = execute("BEGIN IMMEDIATE"))
    return failed;
  Statement insert(*this, "INSERT INTO measurement(op, target, cpu, compiler, threads, extents, schedule, source, "
                          "load) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(workload).bind(int64_t(workload.threads)).bind(workload.op.extents).bind(candidate).bind(source);
  llvm::Error failed = insert.bind(loadAverage()).step().takeError();
  int64_t id = sqlite3_last_insert_rowid(handle);
  for (const Round &round : rounds) {
    if (failed)
      break;
    Statement row(*this, "INSERT INTO round VALUES(?, ?, ?)");
    failed = row.bind(id).bind(round.baseline).bind(round.seconds).step().takeError();
  }
  if (!failed)
    return execute("COMMIT");
  llvm::consumeError(execute("ROLLBACK"));
  return failed;
}

llvm::Expected<Measurements> Database::measurements(const Workload &workload) {
  Statement rows(*this, "SELECT schedule, baseline, seconds FROM measurement JOIN round ON measurement = id WHERE "
                        "op = ? AND target = ? AND cpu = ? AND compiler = ? AND threads = ? AND extents = ?");
  rows.bind(workload).bind(int64_t(workload.threads)).bind(workload.op.extents);
  Measurements found;
  for (;;) {
    llvm::Expected<bool> row = rows.step();
    if (!row)
      return row.takeError();
    if (!*row)
      return found;
    Round round{rows.real(1), rows.real(2)};
    if (!(std::isnormal(round.baseline) && std::isnormal(round.seconds) && round.baseline > 0 && round.seconds > 0))
      return error(
          fmt::format("the tuning database '{}' is damaged: a time of {} seconds; move it away, or name another "
                      "with --db",
                      path, round.seconds));
    found[rows.text(0)].push_back(round);
  }
}

/// No letter has one extent in `text` and another in `other`.
static bool agree(llvm::StringRef text, llvm::StringRef other) {
  llvm::StringMap<llvm::StringRef> extents;
  for (llvm::StringRef part : llvm::split(text, ','))
    extents.insert(part.split('='));
  return llvm::all_of(llvm::split(other, ','), [&](llvm::StringRef part) {
    auto [letter, extent] = part.split('=');
    auto it = extents.find(letter);
    return it == extents.end() || it->second == extent;
  });
}

llvm::Expected<std::vector<Workload>> Database::find(const Workload &like) {
  Statement rows(*this, "SELECT extents, threads FROM measurement WHERE op = ? AND target = ? AND cpu = ? AND "
                        "compiler = ? AND (threads = ?5 OR ?5 = 0) GROUP BY extents, threads ORDER BY max(id) DESC");
  rows.bind(like).bind(int64_t(like.threads));
  std::vector<Workload> found;
  for (;;) {
    llvm::Expected<bool> row = rows.step();
    if (!row)
      return row.takeError();
    if (!*row)
      return found;
    Workload workload = like;
    workload.op.extents = rows.text(0);
    workload.threads = static_cast<int>(rows.integer(1));
    if (agree(workload.op.extents, like.op.extents))
      found.push_back(std::move(workload));
  }
}

std::string tuner::defaultDatabase() {
  llvm::SmallString<128> path;
  if (!llvm::sys::path::cache_directory(path))
    llvm::sys::path::system_temp_directory(/*erasedOnReboot=*/false, path);
  llvm::sys::path::append(path, "attnc", "tuning.db");
  return path.str().str();
}
