//===- LayerCheck.h - Compiled code against the reference, op by op -*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every value that the program computes (Probes.h) is compared with what the reference makes, in f64, of the very values
// that the program computed it from. So an op is off or not by itself, whatever came before it; and a graph that magnifies
// rounding, so that its outputs are far from those of f64, is told from a wrong program.
//
//   error    max |program - reference| / max |reference|, of one op
//   bound    a few units in the last place of the type, as for outputs; where an op is off by more, what it does to the
//            result to have the op's inputs and each sum, product and function in it off by 8 units in the last place.
//            And no more than ErrorBound.h says of an attention.
//   drift    the same error, of what the program computed from the inputs of the call against f64 from there on
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/tools/attnc/Tensors.h"
#include "compiler/tools/attnc/check/Probes.h"
#include "dialects/Attn/Interpreter.h"
#include <optional>
#include <string>

namespace attnc::tool {

/// One value of a program.
struct LayerRow {
  std::string place, op, shape;
  double error = 0, bound = 0, drift = 0;
  bool isOff = false;
  std::string why; ///< where it is off
};

/// A call that was made: `outputs` are all results, probes included.
struct LayerCall {
  mlir::func::FuncOp function; ///< with probes
  llvm::ArrayRef<Probe> probes;
  const Tensors &inputs, &outputs;
  bool bf16Dots = false;
  std::optional<double> tolerance = std::nullopt; ///< instead of bounds
};

/// What the reference makes of `inputs` takes them so.
std::vector<attn::RefTensor> argumentsFor(mlir::func::FuncOp function, const Tensors &inputs);

/// One row for each probe, in order. Nothing after an error of the reference, which is reported. `exact` becomes the f64
/// results of the call.
std::optional<std::vector<LayerRow>> compareLayers(const LayerCall &call, std::vector<attn::RefTensor> &exact);

} // namespace attnc::tool
