// RUN: attnc-opt %s --choose-schedules --contract-to-tile --canonicalize --cse | FileCheck %s

// A weight becomes panels of 64 columns, the same on every target, when the artefact is written; what is done at once
// divides them. Rows and columns of the einsum may be exchanged.
module attributes {tile.target = #tile.target<lanes = 8, registers = 16, l1 = 32768, l2 = 524288>} {
// CHECK: weights.view @w.panels64_3x70 of @w at 0 strides [64, 70, 1] inside [64, 0, 1] below 70 : tensor<2x3x64xf32>
weights.data @w "w.bin" at 0 : tensor<3x70xf32>
// CHECK: weights.view @v.panels64_3x64 of @v at 0 strides [192, 1, 3] : tensor<1x3x64xf32>
weights.data @v "w.bin" at 840 : tensor<64x3xf32>
// CHECK-LABEL: func @weight
func.func @weight(%x: memref<?x3xf32>, %y: memref<?x70xf32>, %z: memref<?x64xf32>) {
  %w = tile.weight @w : memref<3x70xf32>
  %v = tile.weight @v : memref<64x3xf32>
  // CHECK: %[[W:.*]] = tile.weight @w.panels64_3x70 : memref<2x3x64xf32>
  // CHECK: scf.forall
  // CHECK: memref.subview %[[W]][%{{.*}}, 0, %{{.*}}] [1, 3, 16] [1, 1, 1] : memref<2x3x64xf32> to memref<3x16xf32, strided<[64, 1], offset: ?>>
  attn.contract lhs(%x "sk" : memref<?x3xf32>) rhs(%w "kn" : memref<3x70xf32>) outs("sn", %y : memref<?x70xf32>)
  // CHECK: tile.weight @v.panels64_3x64 : memref<1x3x64xf32>
  attn.contract lhs(%x "sk" : memref<?x3xf32>) rhs(%v "nk" : memref<64x3xf32>) outs("sn", %z : memref<?x64xf32>)
  return
}
}
