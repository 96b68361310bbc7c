// RUN: attnc-opt %s --inline-layers | FileCheck %s

weights.data @l0 "w.bin" at 0 : tensor<4xf32>
weights.data @l1 "w.bin" at 16 : tensor<4xf32>
// CHECK-NOT: weights.stack
weights.stack @l of [@l0, @l1] : tensor<4xf32>

// Numbers of layers become weights and constants.
// CHECK-LABEL: func.func @model
// CHECK-DAG:   %[[W0:.*]] = attn.weight @l0
// CHECK-DAG:   %[[W1:.*]] = attn.weight @l1
// CHECK-DAG:   %[[FIVE:.*]] = arith.constant 5.000000e+00 : f32
// CHECK-DAG:   %[[SIX:.*]] = arith.constant 6.000000e+00 : f32
// CHECK:       %[[Y:.*]] = linalg.fill ins(%[[FIVE]] : f32) outs(%[[W0]]
// CHECK:       linalg.fill ins(%[[SIX]] : f32) outs(%[[W1]]
// CHECK-NOT:   @layer
func.func @model() -> (tensor<4xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = call @layer(%c0) : (index) -> tensor<4xf32>
  %1 = call @layer(%c1) : (index) -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
func.func private @layer(%layer: index) -> tensor<4xf32> {
  %w = attn.layer_weight @l[%layer] : tensor<4xf32>
  %table = arith.constant dense<[5.0, 6.0]> : tensor<2xf32>
  %c = tensor.extract %table[%layer] : tensor<2xf32>
  %y = linalg.fill ins(%c : f32) outs(%w : tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// RUN: attnc-opt %s --inline-layers --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=LOC
// An op stands where its layer's did.
// LOC-LABEL: func.func @placed
// LOC:       linalg.exp {{.*}} loc(callsite("node 'layer.1/exp'" at "call"))
func.func @placed(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c1 = arith.constant 1 : index
  %0 = call @layer_of_nodes(%c1, %x) : (index, tensor<4xf32>) -> tensor<4xf32> loc("call")
  return %0 : tensor<4xf32>
}
func.func private @layer_of_nodes(%layer: index, %x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = linalg.exp ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
      loc(fused<"layers">["node 'layer.0/exp'", "node 'layer.1/exp'"])
  return %0 : tensor<4xf32>
}
