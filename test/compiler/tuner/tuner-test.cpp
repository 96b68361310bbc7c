//===- tuner-test.cpp - Proposing, searching, remembering -----------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tuner/Database.h"
#include "dialects/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include <fstream>
#include <gmock/gmock.h>
#include <set>
#include <sqlite3.h>
#include <thread>

using namespace attnc;
using namespace attnc::tuner;
using schedule::Schedule;
using testing::HasSubstr;

static const schedule::Machine kWide{16, 32, 32 << 10, 1 << 20}, kNarrow{4, 16, 32 << 10, 256 << 10};

/// An attention of 64 features; a product with a weight, and one without.
static Space attentionOn(const schedule::Machine &machine) {
  return {machine, {{64, 64}}, false, false, {schedule::formNumber("transposed"), schedule::formNumber("dots")}};
}
static Space weightOn(const schedule::Machine &machine) { return {machine, {}, true}; }
static Space productOn(const schedule::Machine &machine) { return {machine, {}, false, true}; }

static std::string text(llvm::Error error) { return llvm::toString(std::move(error)); }

/// `count` rounds in which a candidate is `speed` times as fast as the default.
static Rounds roundsAt(double speed, int count) { return Rounds(static_cast<size_t>(count), {1.0, 1.0 / speed}); }

//===----------------------------------------------------------------------===//
// Rounds
//===----------------------------------------------------------------------===//

TEST(Rounds, QuantilesInterpolate) {
  EXPECT_DOUBLE_EQ(quantile({3, 1, 2}, 0.5), 2);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0.25), 1.75);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.9), 7);
}

TEST(Rounds, SpeedIsTheMedianOfRatios) {
  Summary summary = summarize({{2, 1}, {30, 10}, {4, 1}}); // a slow neighbour in the second round slows both
  EXPECT_DOUBLE_EQ(summary.speed, 3);
  EXPECT_DOUBLE_EQ(summary.low, 2.5);
  EXPECT_TRUE(summary.isFaster());
}

TEST(Rounds, NoiseIsNotSpeed) {
  EXPECT_FALSE(summarize(roundsAt(1.005, 11)).isFaster());
  EXPECT_FALSE(summarize({{1.1, 1}, {1.1, 1}, {0.9, 1}, {0.8, 1}, {1.1, 1}}).isFaster()); // faster in 3 of 5 only
}

//===----------------------------------------------------------------------===//
// Space
//===----------------------------------------------------------------------===//

TEST(Space, EveryProposalIsPossibleAndNew) {
  for (const schedule::Machine &machine : {kWide, kNarrow})
    for (const Space &space : {attentionOn(machine), weightOn(machine), productOn(machine)})
      for (Group group : groupsOf(space)) {
        std::vector<Schedule> found = propose(space, group, {});
        EXPECT_GE(found.size(), 2u);
        std::set<std::string> names;
        for (const Schedule &sizes : found) {
          EXPECT_EQ(text(checkSchedule(sizes, machine)), "");
          EXPECT_NE(fillSchedule(sizes, machine, 64, 64), fillSchedule({}, machine, 64, 64)) << spellSchedule(sizes);
          EXPECT_TRUE(names.insert(spellSchedule(sizes)).second);
        }
      }
}

TEST(Space, GroupsFollowTheOp) {
  EXPECT_TRUE(groupsOf({kWide, {}}).empty());
  EXPECT_EQ(groupsOf(attentionOn(kWide)).size(), 3u);
  for (const Schedule &sizes : propose(productOn(kWide), Group::ContractBlocks, {}))
    EXPECT_EQ(sizes.contractRowBlock, 0) << "no weights to pack: nothing to choose";
}

TEST(Space, WideHeadsGetNarrowTiles) {
  for (const Schedule &sizes : propose({kNarrow, {{2048, 2048}}}, Group::AttentionTile, {}))
    EXPECT_LE((2048 + 2048) * sizes.attentionQueries * 4, kNarrow.l2 / 2);
}

TEST(Space, StartsFromTheWinner) {
  Schedule start;
  start.attentionRows = 8;
  for (const Schedule &sizes : propose(weightOn(kWide), Group::ContractTile, start))
    EXPECT_EQ(sizes.attentionRows, 8);
}

//===----------------------------------------------------------------------===//
// OpKey
//===----------------------------------------------------------------------===//

namespace {
/// The keys of the ops of a function on tensors.
struct Parsed {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<OpKey> keys;

  explicit Parsed(const std::string &body) {
    context.loadDialect<attn::AttnDialect, mlir::arith::ArithDialect, mlir::func::FuncDialect,
                        mlir::tensor::TensorDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(body, &context);
    for (const ScheduledOp &op : scheduledOps(*module))
      keys.push_back(op.key);
  }
};
} // namespace

/// An attention of `m` queries, `n` keys and `d` features, with a mask.
static std::string attention(const std::string &m, const std::string &n, const std::string &d,
                             const std::string &predicate = "sle", const std::string &attributes = "") {
  std::string q = "tensor<" + m + "x" + d + "xf32>", k = "tensor<" + n + "x" + d + "xf32>";
  return "func.func @f(%q: " + q + ", %k: " + k + ", %o: " + q + ") -> " + q + " {\n%0 = attn.attention " + attributes +
         R"( q(%q "MD" : )" + q + R"() k(%k "ND" : )" + k + R"() v(%k "NE" : )" + k + R"() outs("ME", %o : )" + q +
         ") mask {\n^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):\n%c = arith.cmpi " +
         predicate + ", %j, %i : index\nattn.yield %c : i1\n} -> " + q + "\nreturn %0 : " + q + "\n}\n";
}

static OpKey keyOf(const std::string &text) {
  Parsed parsed(text);
  return parsed.keys.size() == 1 ? parsed.keys.front() : OpKey();
}

TEST(OpKey, HoldsWhatIsComputedAndHowLarge) {
  OpKey open = keyOf(attention("?", "?", "64")), bound = keyOf(attention("500", "12", "64"));
  EXPECT_EQ(open.hash.size(), 32u);
  EXPECT_EQ(open.hash, bound.hash) << "extents are no part of it";
  EXPECT_EQ(open.extents, "B=1,G=1,H=1");
  EXPECT_EQ(bound.extents, "B=1,G=1,H=1,M=512,N=12");
  EXPECT_EQ(keyOf(attention("512", "12", "64")), bound) << "of one class";
  EXPECT_NE(keyOf(attention("?", "?", "32")).hash, open.hash) << "features are";
  EXPECT_NE(keyOf(attention("?", "?", "64", "slt")).hash, open.hash) << "the mask is";
  EXPECT_NE(keyOf(attention("?", "?", "64", "sle", "{scale = 1.0 : f64}")).hash, open.hash);
  EXPECT_EQ(keyOf(attention("?", "?", "64", "sle", "{schedule = #attn.attention_schedule<keys = 32>}")).hash, open.hash)
      << "how it is computed is not";
}

TEST(OpKey, LettersOfProductsAreNames) {
  auto product = [](const char *lhs, const char *rhs, const char *out) {
    return std::string("func.func @f(%x: tensor<?x40xf32>, %w: tensor<40x40xf32>) -> tensor<?x40xf32> {\n") +
           "%0 = attn.contract lhs(%x \"" + lhs + "\" : tensor<?x40xf32>) rhs(%w \"" + rhs +
           "\" : tensor<40x40xf32>) outs(\"" + out + "\", %x : tensor<?x40xf32>) -> tensor<?x40xf32>\n" +
           "return %0 : tensor<?x40xf32>\n}\n";
  };
  OpKey key = keyOf(product("mk", "kn", "mn"));
  EXPECT_EQ(key.extents, "b=64,c=64");
  EXPECT_EQ(key, keyOf(product("sd", "de", "se")));
  EXPECT_NE(key.hash, keyOf(product("mk", "nk", "mn")).hash) << "a transposed operand";
}

TEST(OpKey, Classes) {
  for (auto [extent, last] : {std::pair(0, 0), {1, 1}, {16, 16}, {17, 32}, {32, 32}, {33, 64}, {2048, 2048}})
    EXPECT_EQ(classOf(extent), last);
}

//===----------------------------------------------------------------------===//
// Search
//===----------------------------------------------------------------------===//

namespace {
/// A machine on which 128 keys and 8 rows are good, and nothing else matters.
struct Simulated {
  int measured = 0;
  double time = 0;
  SearchHooks hooks() {
    return {[this](const Schedule &sizes, int rounds) -> llvm::Expected<Rounds> {
              ++measured;
              return roundsAt(1 + (sizes.attentionKeys == 128 ? 0.2 : -0.1) + (sizes.attentionRows == 8 ? 0.1 : 0),
                              rounds);
            },
            [this] { return time; }};
  }
};
} // namespace

TEST(Search, FindsTheFastest) {
  Simulated machine;
  Measurements measured;
  ASSERT_EQ(text(tuner::search(attentionOn(kWide), machine.hooks(), measured)), "");
  Choice choice = llvm::cantFail(choose(measured));
  EXPECT_EQ(choice.sizes.attentionKeys, 128);
  EXPECT_EQ(choice.sizes.attentionRows, 8);
  ASSERT_TRUE(choice.summary);
  EXPECT_NEAR(choice.summary->speed, 1.3, 1e-9);
  EXPECT_EQ(choice.summary->rounds, kFinalRounds);
}

TEST(Search, GoesOnWhereItStopped) {
  Simulated machine;
  Measurements measured;
  Space space = attentionOn(kWide);
  ASSERT_EQ(text(tuner::search(space, machine.hooks(), measured)), "");
  EXPECT_GT(machine.measured, 10);
  machine.measured = 0;
  ASSERT_EQ(text(tuner::search(space, machine.hooks(), measured)), "");
  EXPECT_EQ(machine.measured, 0);
}

TEST(Search, ImpossibleSchedulesAreLeftOut) {
  Measurements measured;
  for (const char *candidate :
       {"attention.keys=64", "attention.keys=7", "attention.keys=-64", "attention.keys=999999999999",
        "attention.queries=64,attention.rows=8", "attention.form=sideways", "nonsense", "a=1,a=2"})
    measured[candidate] = roundsAt(9, kFinalRounds);
  EXPECT_EQ(dropImpossible(measured, kWide).size(), 7u);
  EXPECT_EQ(measured.size(), 1u);
  EXPECT_EQ(llvm::cantFail(choose(measured)).sizes.attentionKeys, 64);
}

TEST(Search, HeedsTheBudget) {
  Simulated machine;
  Measurements measured;
  machine.time = 1;
  ASSERT_EQ(text(tuner::search(attentionOn(kWide), machine.hooks(), measured)), "");
  EXPECT_EQ(machine.measured, 1); // something, however slow the machine
  EXPECT_FALSE(llvm::cantFail(choose(measured)).summary);
  ASSERT_EQ(text(tuner::search(attentionOn(kWide), machine.hooks(), measured)), "");
  EXPECT_EQ(machine.measured, 1);
}

TEST(Search, ErrorsEndIt) {
  Measurements measured;
  SearchHooks hooks{
      [](const Schedule &, int) -> llvm::Expected<Rounds> { return llvm::createStringError("full disk"); },
      [] { return 0.0; }};
  EXPECT_EQ(text(tuner::search(attentionOn(kWide), hooks, measured)), "full disk");
}

TEST(Search, WrongCandidatesAreOut) {
  Measurements measured;
  SearchHooks hooks{[](const Schedule &, int) -> llvm::Expected<Rounds> { return Rounds(); }, [] { return 0.0; }};
  ASSERT_EQ(text(tuner::search(attentionOn(kWide), hooks, measured)), "");
  EXPECT_EQ(llvm::cantFail(choose(measured)).sizes, Schedule());
}

TEST(Choose, AFirstLookDecidesNothing) {
  Measurements measured;
  measured["attention.keys=32"] = roundsAt(9, kScreenRounds);
  EXPECT_FALSE(llvm::cantFail(choose(measured)).summary);
  measured["attention.keys=32"] = roundsAt(9, kFinalRounds);
  EXPECT_EQ(llvm::cantFail(choose(measured)).sizes.attentionKeys, 32);
  measured["attention.kegs=32"] = roundsAt(10, kFinalRounds);
  EXPECT_THAT(text(choose(measured).takeError()), HasSubstr("did you mean 'attention.keys'?"));
}

//===----------------------------------------------------------------------===//
// Database
//===----------------------------------------------------------------------===//

static Workload workload(std::string extents, int threads = 1) {
  return {{"0123", std::move(extents)}, "x86-64-v4", "a machine", "attnc 1", threads};
}

/// A path in the test's folder at which nothing is.
static std::string fresh(const std::string &name) {
  (void)llvm::sys::fs::remove(name);
  return name;
}

static void executeSql(const std::string &path, const char *sql) {
  sqlite3 *handle;
  ASSERT_EQ(sqlite3_open(path.c_str(), &handle), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
  sqlite3_close(handle);
}

TEST(Database, Remembers) {
  std::string path = fresh("folder/remembers.db");
  {
    auto database = llvm::cantFail(Database::open(path));
    ASSERT_EQ(text(database->add(workload("M=1"), "attention.keys=32", {{2, 1}, {3, 1}}, "x.attn")), "");
    ASSERT_EQ(text(database->add(workload("M=1"), "attention.keys=32", {{4, 1}}, "x.attn")), "");
    ASSERT_EQ(text(database->add(workload("M=2"), "attention.keys=64", {{5, 1}}, "x.attn")), "");
  }
  auto database = llvm::cantFail(Database::open(path));
  Measurements found = llvm::cantFail(database->measurements(workload("M=1")));
  ASSERT_EQ(found.size(), 1u);
  ASSERT_EQ(found["attention.keys=32"].size(), 3u);
  EXPECT_EQ(found["attention.keys=32"][1].baseline, 3);
  EXPECT_TRUE(llvm::cantFail(database->measurements(workload("M=1", 2))).empty());
}

TEST(Database, FindsWhatFits) {
  auto database = llvm::cantFail(Database::open(fresh("finds.db")));
  for (const Workload &known : {workload("B=1,M=1"), workload("B=1,M=2"), workload("B=1,M=3", 4)})
    ASSERT_EQ(text(database->add(known, "", {{1, 1}}, "x.attn")), "");
  auto found = [&](int threads, const char *extents) {
    std::vector<std::string> all;
    for (const Workload &known : llvm::cantFail(database->find(workload(extents, threads))))
      all.push_back(known.op.extents);
    return all;
  };
  using Found = std::vector<std::string>;
  EXPECT_EQ(found(0, ""), (Found{"B=1,M=3", "B=1,M=2", "B=1,M=1"})) << "newest first";
  EXPECT_EQ(found(1, ""), (Found{"B=1,M=2", "B=1,M=1"}));
  EXPECT_EQ(found(0, "D=64,M=1"), (Found{"B=1,M=1"}));
  EXPECT_EQ(found(0, "B=2"), Found());
}

TEST(Database, SharedByProcesses) {
  std::string path = fresh("shared.db");
  auto one = llvm::cantFail(Database::open(path)), two = llvm::cantFail(Database::open(path));
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(text(one->add(workload("M=1"), "", {{1, 1}}, "x.attn")), "");
    ASSERT_EQ(text(two->add(workload("M=1"), "", {{1, 1}}, "x.attn")), "");
  }
  EXPECT_EQ(llvm::cantFail(one->measurements(workload("M=1")))[""].size(), 10u);
}

static std::string openError(const std::string &path) {
  auto database = Database::open(path);
  return database ? "" : text(database.takeError());
}

TEST(Database, RefusesOtherFiles) {
  std::string path = fresh("other.db");
  std::ofstream(path) << std::string(5000, 'x');
  EXPECT_THAT(openError(path), HasSubstr("file is not a database; move it away"));
  executeSql(path = fresh("foreign.db"), "CREATE TABLE t(x)");
  EXPECT_THAT(openError(path), HasSubstr("the database of another program"));
  EXPECT_THAT(openError("."), HasSubstr("unable to open"));
}

TEST(Database, RefusesNewerAndDamagedOnes) {
  std::string path = fresh("newer.db");
  ASSERT_EQ(text(llvm::cantFail(Database::open(path))->add(workload("M=1"), "", {{1, 1}}, "x.attn")), "");
  executeSql(path, "UPDATE round SET seconds = -1");
  auto damaged = llvm::cantFail(Database::open(path))->measurements(workload("M=1"));
  EXPECT_THAT(text(damaged.takeError()), HasSubstr("is damaged: a time of -1 seconds"));
  executeSql(path, "DROP TABLE round");
  auto missing = llvm::cantFail(Database::open(path))->measurements(workload("M=1"));
  EXPECT_THAT(text(missing.takeError()), HasSubstr("no such table"));
  executeSql(path, "PRAGMA user_version = 3");
  EXPECT_THAT(openError(path), HasSubstr("was written by a newer attnc (version 3; this one reads up to 2)"));
}

/// Version 1 filed by programs.
TEST(Database, SetsOldRecordsAside) {
  std::string path = fresh("old.db");
  executeSql(path, R"(
    CREATE TABLE measurement(id INTEGER PRIMARY KEY, program TEXT, dims TEXT, target TEXT, cpu TEXT, compiler TEXT,
                             threads INTEGER, schedule TEXT, source TEXT, load REAL, measured_at TEXT);
    CREATE TABLE round(measurement INTEGER, baseline REAL, seconds REAL);
    CREATE INDEX by_workload ON measurement(program, target, cpu, compiler, threads, dims);
    CREATE INDEX by_measurement ON round(measurement);
    INSERT INTO measurement(id, program, schedule) VALUES(1, '0123', 'attention.keys=32');
    INSERT INTO round VALUES(1, 2, 1);
    PRAGMA application_id = 0x61746e63; PRAGMA user_version = 1)");
  {
    auto database = llvm::cantFail(Database::open(path));
    EXPECT_TRUE(database->isOld());
    EXPECT_TRUE(llvm::cantFail(database->find(workload(""))).empty());
    ASSERT_EQ(text(database->add(workload("M=1"), "attention.keys=32", {{2, 1}}, "x.attn")), "");
  }
  auto again = llvm::cantFail(Database::open(path));
  EXPECT_FALSE(again->isOld());
  EXPECT_EQ(llvm::cantFail(again->find(workload(""))).size(), 1u);
  executeSql(path, "INSERT INTO round_of_program SELECT id, 3, 1 FROM measurement_of_program WHERE program = '0123'");
}

TEST(Database, MadeByManyAtOnce) {
  for (int round = 0; round < 20; ++round) {
    std::string path = fresh("race.db");
    (void)fresh(path + "-wal");
    (void)fresh(path + "-shm");
    std::vector<std::thread> threads;
    std::vector<std::string> errors(4);
    for (std::string &error : errors)
      threads.emplace_back([&] { error = openError(path); });
    for (std::thread &thread : threads)
      thread.join();
    EXPECT_THAT(errors, testing::Each(""));
  }
}

TEST(Database, AnEmptyFileBecomesOurs) {
  std::string path = fresh("empty.db");
  std::ofstream(path).flush();
  EXPECT_EQ(openError(path), "");
  EXPECT_EQ(openError(path), "");
}
