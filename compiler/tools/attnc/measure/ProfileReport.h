//===- ProfileReport.h - A profile as a table, JSON or a trace --*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tools/attnc/measure/Profile.h"
#include "llvm/Support/raw_ostream.h"

namespace attnc::tool {

/// What was measured.
struct ProfileSubject {
  std::string file, entry, target;
  int threads;
  DimBindings dims;
};

/// For people; with `isEach` a row for every op of every layer.
void printProfileTable(llvm::raw_ostream &out, const ProfileSubject &subject, const Profile &profile, bool isEach);

/// One object, with a row for every op of every layer.
void printProfileJson(llvm::raw_ostream &out, const ProfileSubject &subject, const Profile &profile);

/// A call over time in Chrome's trace event format, which Perfetto and chrome://tracing show. `module` is the numbered one.
void printProfileTrace(llvm::raw_ostream &out, const ProfileSubject &subject, const Profile &profile,
                       mlir::ModuleOp module);

} // namespace attnc::tool
