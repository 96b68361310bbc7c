// RUN: attnc-opt %s --choose-schedules --contract-to-tile --canonicalize --cse | FileCheck %s

// A weight becomes panels of 64 columns, the same on every target, when the artefact is written; what is done at once
// divides them. Rows and columns of the einsum may be exchanged.
module attributes {tile.target = #tile.target<lanes = 8, registers = 16, l1 = 32768, l2 = 524288>} {
// CHECK: weights.view @w.panels64_3x70 of @w at 0 strides [64, 70, 1] inside [64, 0, 1] below 70 : tensor<2x3x64xf32>
weights.data @w "w.bin" at 0 : tensor<3x70xf32>
// CHECK: weights.view @v.panels64_3x64t of @v at 0 strides [192, 1, 3] : tensor<1x3x64xf32>
weights.data @v "w.bin" at 840 : tensor<64x3xf32>
// CHECK-LABEL: func @weight
func.func @weight(%x: memref<?x3xf32>, %y: memref<?x70xf32>, %z: memref<?x64xf32>) {
  %w = tile.weight @w : memref<3x70xf32>
  %v = tile.weight @v : memref<64x3xf32>
  // CHECK: %[[W:.*]] = tile.weight @w.panels64_3x70 : memref<2x3x64xf32>
  // CHECK: scf.forall
  // CHECK: memref.subview %[[W]][%{{.*}}, 0, %{{.*}}] [1, 3, 16] [1, 1, 1] : memref<2x3x64xf32> to memref<3x16xf32, strided<[64, 1], offset: ?>>
  attn.contract lhs(%x "sk" : memref<?x3xf32>) rhs(%w "kn" : memref<3x70xf32>) outs("sn", %y : memref<?x70xf32>)
  // CHECK: tile.weight @v.panels64_3x64t : memref<1x3x64xf32>
  attn.contract lhs(%x "sk" : memref<?x3xf32>) rhs(%v "nk" : memref<64x3xf32>) outs("sn", %z : memref<?x64xf32>)
  return
}

// The same numbers, as they lie and transposed: two matrices.
// CHECK-DAG: weights.view @u.panels64_4x4 of @u at 0 strides [64, 4, 1] inside [64, 0, 1] below 4 : tensor<1x4x64xf32>
// CHECK-DAG: weights.view @u.panels64_4x4t of @u at 0 strides [256, 1, 4] inside [64, 0, 1] below 4 : tensor<1x4x64xf32>
weights.data @u "w.bin" at 0 : tensor<4x4xf32>
// CHECK-LABEL: func @both
func.func @both(%x: memref<?x4xf32>, %y: memref<?x4xf32>, %z: memref<?x4xf32>) {
  %u = tile.weight @u : memref<4x4xf32>
  // CHECK: tile.weight @u.panels64_4x4 :
  attn.contract lhs(%x "sk" : memref<?x4xf32>) rhs(%u "kn" : memref<4x4xf32>) outs("sn", %y : memref<?x4xf32>)
  // CHECK: tile.weight @u.panels64_4x4t :
  attn.contract lhs(%x "sk" : memref<?x4xf32>) rhs(%u "nk" : memref<4x4xf32>) outs("sn", %z : memref<?x4xf32>)
  return
}

// A weight of each layer: panels of each, and of them a stack.
// CHECK: weights.view @l0.panels64_3x64 of @l0 at 0 strides [64, 64, 1] : tensor<1x3x64xf32>
// CHECK: weights.view @l1.panels64_3x64 of @l1 at 0 strides [64, 64, 1] : tensor<1x3x64xf32>
// CHECK: weights.stack @l.panels64_3x64 of [@l0.panels64_3x64, @l1.panels64_3x64] : tensor<1x3x64xf32>
weights.data @l0 "w.bin" at 0 : tensor<3x64xf32>
weights.data @l1 "w.bin" at 768 : tensor<3x64xf32>
weights.stack @l of [@l0, @l1] : tensor<3x64xf32>
// CHECK-LABEL: func @layer
// CHECK-SAME:  (%[[LAYER:.*]]: index,
func.func @layer(%layer: index, %x: memref<?x3xf32>, %y: memref<?x64xf32>) {
  %l = tile.weight @l[%layer] : memref<3x64xf32>
  // CHECK: tile.weight @l.panels64_3x64[%[[LAYER]]] : memref<1x3x64xf32>
  attn.contract lhs(%x "sk" : memref<?x3xf32>) rhs(%l "kn" : memref<3x64xf32>) outs("sn", %y : memref<?x64xf32>)
  return
}

// Panels of f64 are half as many columns, of the same bytes; a weight that meets f64 is widened once.
// CHECK: weights.view @d.panels32_3x64 of @d at 0 strides [32, 64, 1] : tensor<2x3x32xf64>
// CHECK: weights.cast @h.f64 of @h : tensor<3x64xf64>
// CHECK: weights.view @h.f64.panels32_3x64_f64 of @h.f64 at 0 strides [32, 64, 1] : tensor<2x3x32xf64>
weights.data @d "w.bin" at 0 : tensor<3x64xf64>
weights.data @h "w.bin" at 1536 : tensor<3x64xbf16>
// CHECK-LABEL: func @double
func.func @double(%x: memref<?x3xf64>, %y: memref<?x64xf64>) {
  %d = tile.weight @d : memref<3x64xf64>
  %h = tile.weight @h : memref<3x64xbf16>
  // CHECK: tile.weight @d.panels32_3x64 : memref<2x3x32xf64>
  attn.contract lhs(%x "sk" : memref<?x3xf64>) rhs(%d "kn" : memref<3x64xf64>) outs("sn", %y : memref<?x64xf64>)
  attn.contract lhs(%x "sk" : memref<?x3xf64>) rhs(%h "kn" : memref<3x64xbf16>) outs("sn", %y : memref<?x64xf64>)
  return
}
// A panel of 16 columns of which L2 holds half: shares of the sums, the first from 0, the last with the epilogue.
// CHECK: weights.view @long.panels64_9000x64 of @long
weights.data @long "w.bin" at 0 : tensor<9000x64xf32>
// CHECK-LABEL: func @shares
// CHECK-SAME: %[[Y:[a-z0-9]*]]: memref<?x64xf32>)
func.func @shares(%x: memref<?x9000xf32>, %y: memref<?x64xf32>) {
  // CHECK: %[[W:.*]] = tile.weight @long.panels64_9000x64 : memref<1x9000x64xf32>
  %w = tile.weight @long : memref<9000x64xf32>
  // CHECK: scf.for %[[K:.*]] = %c0 to %c9000 step %c4096
  // CHECK: memref.subview %[[W]][%{{.*}}, %[[K]], %{{.*}}] [1, %[[DEPTH:.*]], 16] [1, 1, 1]
  // CHECK: tile.contract {{.*}} k(%[[DEPTH]]) {{.*}} init {
  // CHECK: memref.load %[[Y]]
  attn.contract lhs(%x "sk" : memref<?x9000xf32>) rhs(%w "kn" : memref<9000x64xf32>) outs("sn", %y : memref<?x64xf32>)
  return
}
}
