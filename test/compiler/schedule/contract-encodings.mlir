// RUN: attnc-opt %s --choose-schedules --contract-to-tile --canonicalize --cse -split-input-file | FileCheck %s
// What the operands of matmuls hold, by the target's instructions.

module attributes {tile.target = #tile.target<lanes = 4, registers = 16, l1 = 32768, l2 = 524288, dots = [#tile.encoding<2 x bf16>]>} {
// Constant weights in pairs along k, 1.0 is 0x3f80 and 2.0 is 0x4000; an odd last row meets 0.
// CHECK: memref.global "private" constant @w_panels : memref<1x2x8xi32> = dense<{{\[\[\[}}1073758080, {{.*}}], [16384,
memref.global "private" constant @w : memref<3x1xbf16> = dense<[[1.0], [2.0], [2.0]]>
// CHECK-LABEL: func @constant
func.func @constant(%x: memref<?x3xbf16>, %y: memref<?x1xbf16>) {
  %w = memref.get_global @w : memref<3x1xbf16>
  // CHECK: tile.contract {{.*}} k(%c3) lhs(%{{.*}} : memref<?x3xbf16, {{.*}}> as <2 x bf16>) rhs(%{{.*}} : memref<2x4xi32, {{.*}}> as <2 x bf16>)
  // CHECK: ^bb0(%[[ACC:.*]]: f32,
  // CHECK: arith.truncf %[[ACC]] : f32 to bf16
  attn.contract lhs(%x "mk" : memref<?x3xbf16>) rhs(%w "kn" : memref<3x1xbf16>) outs("mn", %y : memref<?x1xbf16>)
  return
}

// At run time: a pair from two rows, the second of which may not exist. Sums of f32 do not fit between chunks into %y.
// CHECK-LABEL: func @packed
func.func @packed(%x: memref<?x?xbf16>, %w: memref<?x?xbf16>, %y: memref<?x?xbf16>) {
  // CHECK: %[[PANEL:.*]] = memref.alloca() {{.*}} : memref<256x8xi32>
  // CHECK: %[[PARTIAL:.*]] = memref.alloca() {{.*}} : memref<1024x8xf32>
  // CHECK: tile.map
  // CHECK: memref.load %{{.*}} : memref<?x?xbf16
  // CHECK: arith.bitcast %{{.*}} : bf16 to i16
  // CHECK: arith.shli %{{.*}}, %c16_i32
  // CHECK: arith.ori
  // CHECK: memref.store %{{.*}}, %[[PANEL]]
  // CHECK: tile.contract {{.*}} rhs(%[[PANEL]] : memref<256x8xi32> as <2 x bf16>)
  // CHECK: memref.store %{{.*}}, %[[PARTIAL]]
  attn.contract lhs(%x "mk" : memref<?x?xbf16>) rhs(%w "kn" : memref<?x?xbf16>) outs("mn", %y : memref<?x?xbf16>)
  return
}

// k is innermost in both: words as they lie, but for a last one that is not whole.
// CHECK-LABEL: func @in_place
func.func @in_place(%x: memref<?x7xbf16>, %w: memref<?x7xbf16>, %y: memref<?x?xf32>) {
  // CHECK: tile.transpose %{{.*}} as <2 x bf16> to %[[PANEL:.*]] rows(%{{.*}}) cols(%c3) pad {
  // CHECK-NEXT: ^bb0(%[[WORD:.*]]: i32, %{{.*}}: index, %{{.*}}: index):
  // CHECK-NEXT: tile.yield %[[WORD]] : i32
  // CHECK: tile.map
  // CHECK: memref.load %{{.*}}[%c6, %[[COLUMN:.*]]] : memref<7x8xbf16
  // CHECK: memref.store %{{.*}}, %[[PANEL]][%c3, %[[COLUMN]]]
  attn.contract lhs(%x "mk" : memref<?x7xbf16>) rhs(%w "nk" : memref<?x7xbf16>) outs("mn", %y : memref<?x?xf32>)
  return
}

// k is not innermost in lhs: there are no pairs to read.
// CHECK-LABEL: func @transposed
func.func @transposed(%x: memref<3x?xbf16>, %w: memref<3x?xbf16>, %y: memref<?x?xf32>) {
  // CHECK: arith.extf %{{.*}} : bf16 to f32
  // CHECK: tile.contract {{.*}} lhs(%{{.*}} : memref<?x3xbf16, strided<[1, ?]{{.*}}>>) rhs(%{{.*}} : memref<256x8xf32>) tail
  attn.contract lhs(%x "km" : memref<3x?xbf16>) rhs(%w "kn" : memref<3x?xbf16>) outs("mn", %y : memref<?x?xf32>)
  return
}

// No instruction for f16 nor for bytes: panels are of the sums' type.
// CHECK-LABEL: func @widened
func.func @widened(%x: memref<?x3xf16>, %w: memref<3x?xf16>, %y: memref<?x?xf16>) {
  // CHECK: tile.contract {{.*}} lhs(%{{.*}} : memref<?x3xf16, {{.*}}>) rhs(%{{.*}} : memref<256x8xf32>) tail
  attn.contract lhs(%x "mk" : memref<?x3xf16>) rhs(%w "kn" : memref<3x?xf16>) outs("mn", %y : memref<?x?xf16>)
  return
}

// CHECK-LABEL: func @bytes
func.func @bytes(%x: memref<?x3xi8>, %w: memref<3x?xi8>, %y: memref<?x?xf32>) {
  // CHECK: arith.extsi %{{.*}} : i8 to i32
  // CHECK: tile.contract {{.*}} lhs(%{{.*}} : memref<?x3xi8, {{.*}}> as <1 x si8>) rhs(%{{.*}} : memref<256x8xi32>) tail
  // CHECK: ^bb0(%{{.*}}: i32,
  attn.contract lhs(%x "mk" : memref<?x3xi8>) rhs(%w "kn" : memref<3x?xi8>) outs("mn", %y : memref<?x?xf32>) epilogue {
  ^bb0(%acc: i32, %m: index, %n: index):
    %0 = arith.sitofp %acc : i32 to f32
    attn.yield %0 : f32
  }
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 4, registers = 16, l1 = 32768, l2 = 524288, dots = [#tile.encoding<4 x si8>]>} {
// CHECK: memref.global "private" constant @w_panels : memref<1x2x8xi32> = dense<{{\[\[\[}}-16711935, {{.*}}], [5,
memref.global "private" constant @w : memref<5x1xi8> = dense<[[1], [-1], [0], [-1], [5]]>
// CHECK-LABEL: func @constant_bytes
func.func @constant_bytes(%x: memref<?x5xi8>, %y: memref<?x1xi32>) {
  %w = memref.get_global @w : memref<5x1xi8>
  // CHECK: tile.contract {{.*}} k(%c5) lhs(%{{.*}} as <4 x si8>) rhs(%{{.*}} as <4 x si8>)
  attn.contract lhs(%x "mk" : memref<?x5xi8>) rhs(%w "kn" : memref<5x1xi8>) outs("mn", %y : memref<?x1xi32>)
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 8, registers = 16, l1 = 32768, l2 = 524288>} {
// f64 is summed in f64: a vector of 8 lanes takes two of 16 registers, so a register tile has one and 6 rows.
// CHECK: memref.global "private" constant @w_panels : memref<1x2x8xf64> = dense<{{.*}}1.000000e+00, 0.000000e+00{{.*}}2.500000e+00
memref.global "private" constant @w : memref<2x1xf64> = dense<[[1.0], [2.5]]>
// CHECK-LABEL: func @double
func.func @double(%x: memref<?x2xf64>, %y: memref<?x1xf64>, %z: memref<?x1xf32>) {
  %w = memref.get_global @w : memref<2x1xf64>
  // CHECK: tile.contract {{.*}} rhs(%{{.*}} : memref<2x8xf64, {{.*}}>) tail = peel{{.*}} {
  // CHECK-NEXT: ^bb0(%[[ACC:.*]]: f64,
  // CHECK-NEXT: memref.store %[[ACC]]
  // CHECK: tile_rows = 6
  attn.contract lhs(%x "mk" : memref<?x2xf64>) rhs(%w "kn" : memref<2x1xf64>) outs("mn", %y : memref<?x1xf64>)
  // CHECK: tile.contract
  // CHECK: arith.truncf %{{.*}} : f64 to f32
  attn.contract lhs(%x "mk" : memref<?x2xf64>) rhs(%w "kn" : memref<2x1xf64>) outs("mn", %z : memref<?x1xf32>)
  return
}

// One f64 makes the sums f64; sums of f32 may be stored in f64.
// CHECK-LABEL: func @mixed
func.func @mixed(%x: memref<?x4xf32>, %w: memref<4x8xf64>, %v: memref<4x8xf32>, %y: memref<?x8xf64>) {
  // CHECK: tile.contract {{.*}} lhs(%{{.*}} : memref<?x4xf32{{.*}}>) rhs(%{{.*}} : memref<{{.*}}x8xf64{{.*}}>)
  // CHECK: ^bb0(%{{.*}}: f64,
  attn.contract lhs(%x "mk" : memref<?x4xf32>) rhs(%w "kn" : memref<4x8xf64>) outs("mn", %y : memref<?x8xf64>)
  // CHECK: tile.contract
  // CHECK: arith.extf %{{.*}} : f32 to f64
  attn.contract lhs(%x "mk" : memref<?x4xf32>) rhs(%v "kn" : memref<4x8xf32>) outs("mn", %y : memref<?x8xf64>)
  return
}
}

// -----

// A weight whose sums are not whole groups, by rows and by columns: zeros behind them, then panels.
module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 524288, dots = [#tile.encoding<2 x bf16>]>} {
// CHECK: weights.view @w.whole4x70 of @w at 0 strides [70, 1] inside [1, 0] below 3 : tensor<4x70xbf16>
// CHECK: weights.view @w.whole4x70.panels64_3x70_2 of @w.whole4x70 at 0 strides [64, 140, 1, 70] inside [64, 0, 1, 0] below 70 : tensor<2x2x64x2xbf16>
// CHECK: weights.view @v.whole4x64t of @v at 0 strides [3, 1] inside [0, 1] below 3 : tensor<64x4xbf16>
// CHECK: weights.view @v.whole4x64t.panels64_3x64_2t of @v.whole4x64t at 0 strides [256, 2, 4, 1] : tensor<1x2x64x2xbf16>
weights.data @w "w.bin" at 0 : tensor<3x70xbf16>
weights.data @v "w.bin" at 420 : tensor<64x3xbf16>
// CHECK-LABEL: func @odd
func.func @odd(%x: memref<?x3xbf16>, %y: memref<?x70xbf16>, %z: memref<?x64xbf16>) {
  %w = tile.weight @w : memref<3x70xbf16>
  %v = tile.weight @v : memref<64x3xbf16>
  // CHECK: tile.weight @w.whole4x70.panels64_3x70_2 : memref<2x2x64xi32>
  attn.contract lhs(%x "mk" : memref<?x3xbf16>) rhs(%w "kn" : memref<3x70xbf16>) outs("mn", %y : memref<?x70xbf16>)
  // CHECK: tile.weight @v.whole4x64t.panels64_3x64_2t : memref<1x2x64xi32>
  attn.contract lhs(%x "mk" : memref<?x3xbf16>) rhs(%v "nk" : memref<64x3xbf16>) outs("mn", %z : memref<?x64xbf16>)
  return
}
}
