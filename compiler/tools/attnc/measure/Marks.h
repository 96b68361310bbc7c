//===- Marks.h - When a call came to which op -------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program that is profiled (PipelineOptions::marks) asks for a loop without a body where it comes to another op. Its
// host, which is this process, takes the time:
//
//   call begins | mark 3 | mark 8 (a call of @layer) | mark 0 | mark 1 | mark 8 | mark 0 ... | call ends
//
// An op that layers have in common is named by the calls around it: [8, 0] is op 0 in the layer that call 8 calls.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "attnc/attnc.h"
#include "compiler/tools/attnc/measure/Peak.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"
#include <vector>

namespace attnc::tool {

/// Numbers of the calls around an op, and its own.
using OpPath = llvm::SmallVector<int64_t>;

/// The loops of a program, and its marks.
class MarkRecorder {
public:
  struct Mark {
    int64_t number;
    double at; ///< by the recorder's clock
  };
  explicit MarkRecorder(attnc_context *context) : context(context) {}

  /// What attnc_options::parallel_for takes, with the recorder as its user.
  static void loop(void *self, int64_t count, attnc_body body, void *data);

  /// From now on times are of the CPU that this thread has had, as other processes cannot take away; until then by the
  /// wall, which is read in a tenth of the time.
  void useThreadClock() { now = threadSeconds; }
  bool usesThreadClock() const { return now == threadSeconds; }

  /// Begins a call, and says whether its times are wanted.
  void begin(bool isWanted);
  void end();

  /// Seconds that taking the time once takes.
  double cost();

  double seconds() const { return last - first; }
  double start() const { return first; }
  double stop() const { return last; }
  llvm::ArrayRef<Mark> marks() const { return taken; }

private:
  attnc_context *context;
  double (*now)() = wallSeconds;
  std::vector<Mark> taken;
  double first = 0, last = 0;
  bool isOn = false;
};

/// What the numbers of a module at level fused stand for.
class MarkedOps {
public:
  explicit MarkedOps(mlir::ModuleOp module);
  /// The op behind each mark. A call's own path is that of the call.
  std::vector<OpPath> follow(llvm::ArrayRef<MarkRecorder::Mark> marks) const;
  bool isCall(int64_t number) const { return callees.contains(number); }
  mlir::Operation *op(int64_t number) const { return ops.lookup(number); }

private:
  llvm::DenseMap<int64_t, mlir::Operation *> ops;
  llvm::DenseMap<int64_t, mlir::Operation *> owners, callees; ///< functions: that an op stands in, that one calls
};

} // namespace attnc::tool
