//===- Passes.td - Passes shared by all targets ---------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTNC_CODEGEN_COMMON_PASSES_TD
#define ATTNC_CODEGEN_COMMON_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerTile : Pass<"lower-tile", "::mlir::ModuleOp"> {
  let summary = "tile ops to loops of native-width vector operations";
  let description = [{
    Replaces every op of the tile dialect by scf, vector, arith and memref of the
    target's vector width. Nothing of the tile dialect is left.
  }];
  let options = [Option<"target", "target", "std::string", "\"host\"", "target name, as in attnc --target">];
  let statistics = [Statistic<"numContractions", "num-contractions", "contractions lowered">];
  let dependentDialects = ["::mlir::vector::VectorDialect", "::mlir::scf::SCFDialect", "::mlir::math::MathDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def LowerWeights : Pass<"lower-weights", "::mlir::ModuleOp"> {
  let summary = "tile.weight to globals";
  let description = [{
    The globals are declarations, `.weight.NAME`: the weights of all targets are laid out and written by codegen/emit.
    With `embed` they are constants of this very code.
  }];
  let options = [Option<"embed", "embed", "bool", "false", "give the globals their numbers">];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def OutlineParallel : Pass<"outline-parallel", "::mlir::ModuleOp"> {
  let summary = "scf.forall to a body function and a call of the runtime's parallel-for";
  let description = [{
    Every public function gets a trailing `!llvm.ptr` argument, the context that
    the runtime wants back. Each `scf.forall` becomes a private function over a
    range of items and a call of `attnc_rt_parallel_for`. Globals are captured, so that
    layers have one body for their different weights; with `sink-globals` the body names
    them itself: a GPU has them at other addresses than the host.
  }];
  let options = [Option<"sinkGlobals", "sink-globals", "bool", "false", "bodies name the globals that they read">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::func::FuncDialect", "::mlir::scf::SCFDialect"];
}

def MergeFunctions : Pass<"merge-functions", "::mlir::ModuleOp"> {
  let summary = "private functions that say the same become one";
  let description = [{
    Code and compile time follow the number of different layers of a model, not that of its layers.
  }];
}

def ExpandMath : Pass<"expand-math", "::mlir::ModuleOp"> {
  let summary = "transcendental functions to polynomials";
  let description = [{
    Upstream's approximations where they are within a few ulps in f32, arithmetic in
    f64 elsewhere, for scalars and vectors, so that no code calls libm; erf on native
    vectors by a faster form of our own. Where
    the target has no fused multiply-add, it becomes two operations: it would be a
    call too.
  }];
  let options = [Option<"target", "target", "std::string", "\"host\"", "target name, as in attnc --target">];
  let dependentDialects = ["::mlir::vector::VectorDialect", "::mlir::math::MathDialect", "::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect"];
}

def ExpandConversions : Pass<"expand-conversions", "::mlir::ModuleOp"> {
  let summary = "conversions between floats that the target has no instruction for, to integer arithmetic";
  let description = [{
    Conversions among f16, bf16, f32, f64 and integers round once, to nearest, and
    call no function. The file's header has the formulas.
  }];
  let options = [Option<"target", "target", "std::string", "\"host\"", "target name, as in attnc --target">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def FloatsAsBits : Pass<"floats-as-bits", "::mlir::ModuleOp"> {
  let summary = "f16 and bf16 as integers of 16 bits, where the target has no such floats";
  let description = [{
    On the LLVM dialect, after expand-conversions: what is left of them is moved and
    not computed with, and LLVM would convert single ones by calling functions.
  }];
  let options = [Option<"target", "target", "std::string", "\"host\"", "target name, as in attnc --target">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def PackEntries : Pass<"pack-entries", "::mlir::ModuleOp"> {
  let summary = "adds F__run and F__plan, which take their arguments as an array of pointers";
  let description = [{
    The artefact's calling convention: argument i of `void F__run(void **args)`
    points to a memref descriptor (or, for the context, to the pointer itself);
    `F__plan` takes the inputs' descriptors and a pointer to the int64_t results.
    Runs on the LLVM dialect, after the functions F and F__plan with C wrappers
    have been lowered.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif
