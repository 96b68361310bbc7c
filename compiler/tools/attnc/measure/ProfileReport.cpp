//===- ProfileReport.cpp - A profile as a table, JSON or a trace ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/measure/ProfileReport.h"
#include "llvm/Support/JSON.h"
#include <fmt/format.h>

using namespace mlir;

namespace attnc::tool {

static llvm::StringRef nameOf(Arithmetic arithmetic) {
  static constexpr llvm::StringLiteral names[] = {"f32", "f64", "bf16 dot", "int8 dot"}; // in the order of the enum
  return names[static_cast<size_t>(arithmetic)];
}

static double perSecond(double amount, const ProfileRow &row) { return row.seconds > 0 ? amount / row.seconds : 0; }

//===----------------------------------------------------------------------===//
// Table
//===----------------------------------------------------------------------===//

/// "1.23M": three digits; "-" for nothing.
static std::string spell(double value) {
  constexpr llvm::StringLiteral kUnits = " kMGTP";
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); value /= 1000)
    ++unit;
  int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return value == 0 ? "-"
         : unit     ? fmt::format("{:.{}f}{}", value, decimals, kUnits[unit])
                    : fmt::format("{:.0f}", value);
}

static constexpr char kRow[] = "{:>9} {:>6} {:>6} {:>6} {:>7} {:>6} {:>7} {:>5} {:>4}  {:<11} {}\n";

static std::string tableRow(const ProfileRow &row, const Profile &profile) {
  bool hasRoof = row.work.flops + row.work.bytes > 0 && row.work.isKnown && row.seconds > 0;
  std::string bound = row.isBoundByMemory(profile.limits) ? "memory" : "compute";
  return fmt::format(kRow, fmt::format("{:.4f}", row.seconds * 1e3),
                     fmt::format("{:.1f}%", 100 * row.seconds / profile.rowSeconds()), spell(row.work.flops),
                     spell(row.work.bytes), spell(perSecond(row.work.flops, row)),
                     spell(perSecond(row.work.bytes, row)), hasRoof ? bound : "-",
                     hasRoof ? fmt::format("{:.0f}%", 100 * row.shareOfRoof(profile.limits)) : "-",
                     row.count > 1 ? fmt::format("x{}", row.count) : "", row.work.kind, row.node);
}

void printProfileTable(llvm::raw_ostream &out, const ProfileSubject &subject, const Profile &profile, bool isEach) {
  std::vector<ProfileRow> rows = isEach ? profile.rows : joinLayers(profile.rows);
  out << fmt::format(kRow, "ms", "share", "FLOP", "bytes", "FLOP/s", "B/s", "bound", "roof", "", "op", "place");
  bool isGap = false;
  for (const ProfileRow &row : rows) {
    if (row.seconds == 0) // a view, or part of what a neighbour does
      continue;
    out << tableRow(row, profile);
    isGap |= !row.work.isKnown;
  }
  double sum = profile.rowSeconds();
  out << fmt::format("{:>9.4f} in all, {:.1f}% of the {:.4f} ms of a call without taking times ({} calls, {} {})\n",
                     sum * 1e3, 100 * sum / profile.callSeconds, profile.callSeconds * 1e3, profile.calls,
                     subject.threads, subject.threads == 1 ? "thread" : "threads");
  for (auto [arithmetic, gflops] : profile.limits.gflops)
    out << fmt::format("peak: {:.1f} GFLOP/s of {}\n", gflops, nameOf(arithmetic).str());
  out << fmt::format("peak: {:.1f} GB/s read from memory; what caches still hold may come faster, a roof above 100%\n",
                     profile.limits.bandwidth * 1e-9);
  if (isGap)
    out << "note: extents that only the run knows are not in FLOP and bytes\n";
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

/// A call's outermost layer, counted from 0, or -1.
static std::map<int64_t, int64_t> numberLayers(const Profile &profile) {
  std::map<int64_t, int64_t> layers;
  for (const ProfileRow &row : profile.rows)
    if (row.path.size() > 1)
      layers.try_emplace(row.path.front(), static_cast<int64_t>(layers.size()));
  return layers;
}

static void addWork(llvm::json::OStream &json, const ProfileRow &row, const Limits &limits) {
  json.attribute("op", row.work.kind);
  json.attribute("flops", row.work.flops);
  json.attribute("bytes", row.work.bytes);
  json.attribute("is_known", row.work.isKnown);
  json.attribute("flops_per_byte", row.work.bytes > 0 ? row.work.flops / row.work.bytes : 0);
  json.attribute("bound", row.isBoundByMemory(limits) ? "memory" : "compute");
  json.attribute("fraction_of_roof", row.shareOfRoof(limits));
  json.attribute("arithmetic", nameOf(row.work.arithmetic));
}

static void addRow(llvm::json::OStream &json, const ProfileRow &row, const Profile &profile, int64_t layer) {
  json.object([&] {
    json.attribute("place", row.node);
    if (layer >= 0)
      json.attribute("layer", layer);
    json.attribute("seconds", row.seconds);
    json.attribute("share", row.seconds / profile.rowSeconds());
    json.attribute("gflops", perSecond(row.work.flops, row) * 1e-9);
    json.attribute("bytes_per_second", perSecond(row.work.bytes, row));
    addWork(json, row, profile.limits);
  });
}

static void addSubject(llvm::json::OStream &json, const ProfileSubject &subject) {
  json.attribute("file", subject.file);
  json.attribute("entry", subject.entry);
  json.attribute("target", subject.target);
  json.attribute("machine", codegen::describeTarget(*codegen::parseTarget("host")));
  json.attribute("threads", subject.threads);
  json.attributeObject("dims", [&] {
    for (const auto &dim : subject.dims)
      json.attribute(dim.first(), dim.second);
  });
}

void printProfileJson(llvm::raw_ostream &out, const ProfileSubject &subject, const Profile &profile) {
  std::map<int64_t, int64_t> layers = numberLayers(profile);
  llvm::json::OStream json(out, 2);
  json.object([&] {
    addSubject(json, subject);
    json.attribute("calls", static_cast<int64_t>(profile.calls));
    json.attribute("clock", profile.isThreadTime ? "thread cpu time" : "wall");
    json.attribute("call_seconds", profile.callSeconds);
    json.attribute("row_seconds", profile.rowSeconds());
    json.attributeObject("peak_gflops", [&] {
      for (auto [arithmetic, gflops] : profile.limits.gflops)
        json.attribute(nameOf(arithmetic), gflops);
    });
    json.attribute("peak_bytes_per_second", profile.limits.bandwidth);
    json.attributeArray("rows", [&] {
      for (const ProfileRow &row : profile.rows)
        if (row.seconds > 0)
          addRow(json, row, profile, row.path.size() > 1 ? layers[row.path.front()] : -1);
    });
  });
  out << "\n";
}

//===----------------------------------------------------------------------===//
// Trace
//===----------------------------------------------------------------------===//

static void addSpan(llvm::json::OStream &json, llvm::StringRef name, double start, double seconds,
                    llvm::function_ref<void()> arguments) {
  json.object([&] {
    json.attribute("name", name);
    json.attribute("cat", "attnc");
    json.attribute("ph", "X"); // a complete event, in microseconds
    json.attribute("ts", start * 1e6);
    json.attribute("dur", seconds * 1e6);
    json.attribute("pid", 1);
    json.attribute("tid", 1);
    json.attributeObject("args", arguments);
  });
}

/// A layer's span ends where a span begins that is not inside of it.
static double endOfLayer(const Profile &profile, size_t call) {
  const OpPath &path = profile.spans[call].path;
  size_t last = call;
  while (last + 1 < profile.spans.size() && profile.spans[last + 1].path.size() > path.size())
    ++last;
  return profile.spans[last].start + profile.spans[last].seconds;
}

void printProfileTrace(llvm::raw_ostream &out, const ProfileSubject &subject, const Profile &profile, ModuleOp module) {
  MarkedOps ops(module);
  std::map<OpPath, const ProfileRow *> rows;
  for (const ProfileRow &row : profile.rows)
    rows[row.path] = &row;
  std::map<int64_t, int64_t> layers = numberLayers(profile);
  llvm::json::OStream json(out, 1);
  json.object([&] {
    json.attribute("displayTimeUnit", "ms");
    json.attributeObject("otherData", [&] { addSubject(json, subject); });
    json.attributeArray("traceEvents", [&] {
      for (auto [index, span] : llvm::enumerate(profile.spans)) {
        auto row = rows.find(span.path);
        if (ops.isCall(span.path.back()))
          addSpan(json, fmt::format("layer {}", layers[span.path.front()]), span.start,
                  endOfLayer(profile, index) - span.start, [] {});
        else if (row != rows.end())
          addSpan(json, row->second->node, span.start, span.seconds,
                  [&] { addWork(json, *row->second, profile.limits); });
      }
    });
  });
  out << "\n";
}

} // namespace attnc::tool
