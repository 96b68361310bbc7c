//===- Passes.td - Passes for NVIDIA GPUs ---------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTNC_CODEGEN_NVPTX_PASSES_TD
#define ATTNC_CODEGEN_NVPTX_PASSES_TD

include "mlir/Pass/PassBase.td"

def MoveToDevice : Pass<"move-to-device", "::mlir::ModuleOp"> {
  let summary = "whatever touches memory outside parallel loops becomes a parallel loop of one item";
  let description = [{
    Tensors are in the GPU's memory, and the host only computes extents and
    launches kernels. A load or store between two parallel loops is therefore
    work for a GPU thread too. Fails where the host would have to know what was
    loaded.
  }];
  let statistics = [Statistic<"numMoved", "num-moved", "loops of one item made">];
  let dependentDialects = ["::mlir::scf::SCFDialect"];
}

def BuildKernels : Pass<"build-kernels", "::mlir::ModuleOp"> {
  let summary = "a kernel for every parallel body, and launchers that start it";
  let description = [{
    The kernel finds its work item from its thread's position in the grid. The
    launcher, on the host, hands its arguments to `attnc_rt_launch`. Runs on the
    LLVM dialect.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif
