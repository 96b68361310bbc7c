// RUN: attnc-opt %s --number-ops --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s

// Ops on tensors, calls and what loops of the graph hold have numbers; constants, weights, extents and bodies have none.
// CHECK-LABEL: func.func @model
// CHECK:       arith.constant dense{{.*}} loc("c")
// CHECK:       tensor.dim {{.*}} loc("dim")
// CHECK:       linalg.generic
// CHECK:       arith.addf {{.*}} loc("add")
// CHECK:       -> tensor<?xf32> loc(fused<0 : i64>["node 'add' (Add)"])
// CHECK:       call @layer{{.*}} loc(fused<1 : i64>["call"])
// CHECK:       scf.for
// CHECK:       linalg.exp {{.*}} loc(fused<3 : i64>["inner"])
// CHECK:       } loc(fused<2 : i64>["loop"])
func.func @model(%x: tensor<?xf32>, %n: index) -> tensor<?xf32> {
  %c = arith.constant dense<1.0> : tensor<4xf32> loc("c")
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %d = tensor.dim %x, %c0 : tensor<?xf32> loc("dim")
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      outs(%x : tensor<?xf32>) {
  ^bb0(%e: f32):
    %s = arith.addf %e, %e : f32 loc("add")
    linalg.yield %s : f32
  } -> tensor<?xf32> loc("node 'add' (Add)")
  %1 = call @layer(%0) : (tensor<?xf32>) -> tensor<?xf32> loc("call")
  %2 = scf.for %i = %c0 to %n step %c1 iter_args(%y = %1) -> (tensor<?xf32>) {
    %3 = linalg.exp ins(%y : tensor<?xf32>) outs(%x : tensor<?xf32>) -> tensor<?xf32> loc("inner")
    scf.yield %3 : tensor<?xf32>
  } loc("loop")
  return %2 : tensor<?xf32>
}

// Numbers are of the whole module.
// CHECK-LABEL: func.func private @layer
// CHECK:       linalg.exp {{.*}} loc(fused<4 : i64>["layer"])
func.func private @layer(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = linalg.exp ins(%x : tensor<?xf32>) outs(%x : tensor<?xf32>) -> tensor<?xf32> loc("layer")
  return %0 : tensor<?xf32>
}
