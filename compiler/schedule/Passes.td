//===- Passes.td - The passes of schedule/, in the order they run ---------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTNC_COMPILER_SCHEDULE_PASSES_TD
#define ATTNC_COMPILER_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def ChooseSchedules : Pass<"choose-schedules", "::mlir::ModuleOp"> {
  let summary = "gives every attention and contraction a form and sizes, as an attribute that lowering obeys";
  let description = [{
    What an op's attribute says already is kept. Ops may be on tensors or memrefs.

    ```mlir
    attn.contract {schedule = #attn.contract_schedule<rows = 4>} ...
    // becomes
    attn.contract {schedule = #attn.contract_schedule<columns = 64, rows = 4, row_block = 128, pack_row_block = 1024,
                                                      sum_chunk = 256>} ...
    ```
  }];
  let options = [
    Option<"schedule", "schedule", "std::string", "", "What is forced on every op, as --schedule: attention.keys=32,...">,
    Option<"records", "records", "std::string", "",
           "What was measured to be best, the same for each op in order: attention.keys=32;contract.rows=4;...">,
    Option<"remarks", "remarks", "bool", "false", "Say which form an attention gets, and what the forms would cost">,
  ];
}

def VerifyCalls : Pass<"verify-calls", "::mlir::ModuleOp"> {
  let summary = "checkpoint: functions that others call are private, return tensors of known extents, and do not call themselves";
}

def InlineLayers : Pass<"inline-layers", "::mlir::ModuleOp"> {
  let summary = "puts what a layer computes in the place of its calls";
  let description = [{
    For targets whose code for a call is launches from one function. The weights of a layer are then known by name.

    ```mlir
    %y = call @layer(%c1, %x)           // %w = attn.layer_weight @q[%layer] in @layer
    // becomes
    %w = attn.weight @layer.1.q
    ```
  }];
  let dependentDialects = ["::attnc::attn::AttnDialect"];
}

def NumberOps : Pass<"number-ops", "::mlir::ModuleOp"> {
  let summary = "gives the ops of functions numbers, in their locations";
  let description = [{
    What an op is lowered to has its location, and so its number: `mark-ops` finds it at level tile.

    ```mlir
    %1 = linalg.exp ... loc("node 'e' (Exp)")        // becomes loc(fused<7 : i64>["node 'e' (Exp)"])
    ```
  }];
}

def MarkOps : Pass<"mark-ops", "::mlir::ModuleOp"> {
  let summary = "for profiles: tile.mark in front of what each numbered op has become";
  let description = [{
    In the functions that compute, not inside of parallel loops.

    ```mlir
    scf.forall ... {...} loc(fused<7 : i64>["node 'e' (Exp)"])
    // becomes
    tile.mark 7
    scf.forall ... {...}
    ```
  }];
  let dependentDialects = ["::attnc::tile::TileDialect"];
}

def ExactFloats : Pass<"exact-floats", "::mlir::func::FuncOp"> {
  let summary = "computes in f64 what an integer depends on, and angles";
  let description = [{
    Functions (logarithms, powers) and divisions by constants whose results decide an
    integer or a boolean are done in f64 and rounded, which makes them what the
    interpreter says they are. `attn.phase` becomes arithmetic.

    ```mlir
    %l = math.log %n : f32
    // becomes, where an integer comes out of %l:
    %w = arith.extf %n : f32 to f64
    %v = math.log %w : f64
    %l = arith.truncf %v : f64 to f32
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numExact", "exact", "Number of operations that are done in f64">];
}

def SplitPlan : Pass<"split-plan", "::mlir::ModuleOp"> {
  let summary = "gives every public function F a companion F__plan that returns the extents of F's results";
  let description = [{
    F__plan takes the same tensors and returns one index per result dimension, all
    results concatenated. Only `tensor.dim` of arguments and index arithmetic may
    remain in it: a caller learns how much memory to provide without computing
    anything. The same resolution runs on F, so that sizes of its temporaries are
    functions of argument extents too.

    ```mlir
    func.func @f(%x: tensor<?x4xf32>) -> tensor<4x?xf32> { ... }
    // becomes, beside @f:
    func.func private @f__plan(%x: tensor<?x4xf32>) -> (index, index) {
      %c0 = arith.constant 0 : index
      %c4 = arith.constant 4 : index
      %d = tensor.dim %x, %c0 : tensor<?x4xf32>
      return %c4, %d : index, index
    }
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect"];
}

def Bufferize : Pass<"bufferize", "::mlir::ModuleOp"> {
  let summary = "tensors become memrefs; results become trailing arguments that producers write in place";
  let description = [{
    Results of a public function are written to trailing memref arguments of
    identity layout. Inputs are never written and may be slices of larger tensors:
    their type is `strided<[?, .., 1], offset: ?>`, only the innermost dimension is
    without gaps.

    ```mlir
    func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32>
    // becomes
    func.func @f(%x: memref<?x4xf32, strided<[?, 1], offset: ?>>, %out: memref<?x4xf32> {attnc.result = 0 : i64})
    ```
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
  let statistics = [
    Statistic<"numCopies", "copies", "Number of copies that bufferization had to insert">,
    Statistic<"numAllocs", "allocs", "Number of temporary buffers">,
  ];
}

def ExtendInPlace : Pass<"extend-in-place", "::mlir::ModuleOp"> {
  let summary = "an input is not copied to the start of an output that begins where it does";
  let description = [{
    For caches that get rows: `present = concat(past, new)`. A caller may pass the same memory for past and the start of
    present; the row of `attnc.entries` says so (`extends`).

    ```mlir
    linalg.copy ins(%past) outs(%start_of_present)
    // becomes
    scf.if %addresses_differ { linalg.copy ins(%past) outs(%start_of_present) }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
  let statistics = [Statistic<"numSkipped", "skipped", "Copies that a caller may spare">];
}

def VerifyBuffers : Pass<"verify-buffers", "::mlir::ModuleOp"> {
  let summary = "checkpoint: no tensor is left, and only plan functions return values";
}

def AttentionToTile : Pass<"attention-to-tile", "::mlir::ModuleOp"> {
  let summary = "attn.attention on memrefs to tiles, in the form and with the sizes of its schedule";
  let description = [{
    One work item is a block of queries of one batch and head; blocks of keys on
    which the mask is nowhere true are not visited, blocks on which it is true
    everywhere run without mask code. See the file's header for the program.
  }];
  let options = [
    Option<"remarks", "remarks", "bool", "false", "Say what was proved of a mask, and what is evaluated">,
  ];
  let dependentDialects = ["::attnc::tile::TileDialect", "::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let statistics = [Statistic<"numAttentions", "num-attentions", "attention ops scheduled">];
}

def ContractToTile : Pass<"contract-to-tile", "::mlir::ModuleOp"> {
  let summary = "attn.contract on memrefs to panels and register tiles of the sizes of its schedule";
  let description = [{
    Constant right-hand sides are packed into panels at compile time, others panel
    by panel at run time. The epilogue moves into the tile.contract.
  }];
  let dependentDialects = ["::attnc::tile::TileDialect", "::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect"];
  let statistics = [Statistic<"numContractions", "num-contractions", "contractions scheduled">];
}

def LowerLinalgToTile : Pass<"lower-linalg-to-tile", "::mlir::func::FuncOp"> {
  let summary = "linalg on memrefs becomes loops over rows around tile.map and tile.reduce";
  let description = [{
    Every linalg op left gets one loop in the lanes, chosen for contiguous reads; a
    reduction with a known combiner over contiguous elements becomes
    `tile.reduce`. Neighbouring ops that walk the same rows (the steps of a layer
    norm or of a softmax) share one loop. Rows are shared among threads when the
    work may be large.

    ```mlir
    linalg.generic {indexing_maps = [(i, j) -> (i, j), (i, j) -> (i)], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<8x64xf32>) outs(%s : memref<8xf32>) { addf }
    // becomes
    scf.for %i = %c0 to %c8 step %c1 {
      %0 = memref.load %s[%i] : memref<8xf32>
      %1 = tile.reduce add %c0 to %c64 init(%0) {
      ^bb0(%j: index):
        %2 = memref.load %x[%i, %j] : memref<8x64xf32>
        tile.yield %2 : f32
      } : f32
      memref.store %1, %s[%i] : memref<8xf32>
    }
    ```
  }];
  let options = [
    Option<"grain", "grain", "int64_t", "32768",
           "Scalar operations that are worth a task of their own; less than twice as many run on one thread">,
  ];
  let statistics = [
    Statistic<"numNests", "nests", "Number of loop nests over rows">,
    Statistic<"numFused", "fused", "Number of ops that joined the nest of a neighbour">,
  ];
  let dependentDialects = ["::attnc::tile::TileDialect", "::mlir::arith::ArithDialect",
                           "::mlir::affine::AffineDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def SpillScratch : Pass<"spill-scratch", "::mlir::func::FuncOp"> {
  let summary = "scratch of parallel bodies that no thread's stack can hold comes out of the workspace";
  let description = [{
    A body may use 1 MB of stack. Where static memref.alloca's of a scf.forall add up
    to more than half of that, those above 4 KB become views of memory with a part for
    each of up to 64 slots (fewer where that is over 64 MB); a slot does its items one
    after the other.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def PlanWorkspace : Pass<"plan-workspace", "::mlir::ModuleOp"> {
  let summary = "temporaries become views into one workspace argument; the plan returns its size";
  let description = [{
    Every memref.alloc of an entry point becomes a 64-byte aligned view into a
    trailing argument. Buffers whose lifetimes do not overlap share memory where
    their sizes compare at compile time: both static, or a constant times the same
    extents. F__plan returns the bytes needed as its last result. Functions
    without temporaries have the argument too, and size 0.

    ```mlir
    %a = memref.alloc(%n) : memref<?x4xf32>
    // becomes
    %a = memref.view %workspace[%offset][%n] : memref<?xi8> to memref<?x4xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
  let statistics = [
    Statistic<"numBuffers", "buffers", "Number of temporaries">,
    Statistic<"numReused", "reused", "Number of temporaries that share memory with an earlier one">,
    Statistic<"staticBytes", "static-bytes", "Bytes of workspace that are known at compile time">,
  ];
}

def ExpandViews : Pass<"expand-views", "::mlir::func::FuncOp"> {
  let summary = "memref.expand_shape becomes memref.reinterpret_cast, whatever number of extents is dynamic";
  let description = [{
    ```mlir
    %y = memref.expand_shape %x [[0, 1]] output_shape [%b, %s] : memref<?xf32> into memref<?x?xf32>
    // becomes
    %y = memref.reinterpret_cast %x to offset: [0], sizes: [%b, %s], strides: [%s, 1]
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

#endif
