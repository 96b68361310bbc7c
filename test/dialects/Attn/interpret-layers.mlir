// RUN: printf 'abcdefgh' > %t.bin && sed 's|FILE|%t.bin|' %s > %t.mlir
// RUN: attnc-interpret %t.mlir | FileCheck %s
// RUN: attnc-opt %t.mlir --canonicalize | FileCheck %s --check-prefix=CANONICAL

// A layer reads the weight of its number; where that is known, the weight itself.
weights.data @a "FILE" at 0 : tensor<2xi8>
weights.data @b "FILE" at 4 : tensor<2xi8>
weights.stack @layers of [@a, @b] : tensor<2xi8>

// CHECK: @model: tensor<2xi8> [97, 98], tensor<2xi8> [101, 102], tensor<2xi8> [101, 102]
// CANONICAL: func.func @model
// CANONICAL: attn.weight @b : tensor<2xi8>
func.func @model() -> (tensor<2xi8>, tensor<2xi8>, tensor<2xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = call @layer(%c0) : (index) -> tensor<2xi8>
  %1 = call @layer(%c1) : (index) -> tensor<2xi8>
  %2 = attn.layer_weight @layers[%c1] : tensor<2xi8>
  return %0, %1, %2 : tensor<2xi8>, tensor<2xi8>, tensor<2xi8>
}
// CANONICAL: func.func private @layer
// CANONICAL: attn.layer_weight @layers[%{{.*}}] : tensor<2xi8>
func.func private @layer(%layer: index) -> tensor<2xi8> {
  %0 = attn.layer_weight @layers[%layer] : tensor<2xi8>
  return %0 : tensor<2xi8>
}
