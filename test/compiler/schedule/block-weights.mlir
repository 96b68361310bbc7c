// RUN: attnc-opt %s --choose-schedules --contract-to-tile --canonicalize --cse | FileCheck %s

// A weight whose recipe scales integers of four bits by blocks stays packed: words, and a row of scales behind those of each block.
module attributes {tile.target = #tile.target<lanes = 8, registers = 16, l1 = 32768, l2 = 524288>} {
weights.data @b "w.bin" at 0 : tensor<70x2x32xi8>
weights.data @s "w.bin" at 0 : tensor<70x2xf32>
weights.bits @q of @b from 0 width 4 : tensor<70x2x32xi8>
weights.cast @f of unsigned @q : tensor<70x2x32xf32>
weights.constant @eight dense<8.0> : tensor<1xf32>
weights.view @eights of @eight at 0 strides [0, 0, 0] : tensor<70x2x32xf32>
weights.view @scales of @s at 0 strides [2, 1, 0] : tensor<70x2x32xf32>
weights.combine @less of @f, @eights by "sub" : tensor<70x2x32xf32>
weights.combine @d of @less, @scales by "mul" : tensor<70x2x32xf32>
// Two blocks, of which 60 elements are used; the other way round.
weights.view @cut of @d at 0 strides [64, 1] : tensor<70x60xf32>
weights.view @w of @cut at 0 strides [1, 60] : tensor<60x70xf32>
// CHECK: weights.offset @w.panels64_60x70_8_32.integers of @q by -8 : tensor<70x2x32xi8>
// CHECK: weights.pack @w.panels64_60x70_8_32.words of @w.panels64_60x70_8_32.integers : tensor<70x2x4xi32>
// CHECK: weights.bitcast @w.panels64_60x70_8_32.bits of @s : tensor<70x2xi32>
// CHECK: weights.view @w.panels64_60x70_8_32.wide of @w.panels64_60x70_8_32.words at 0 strides [512, 4, 1, 8] inside [64, 0, 0, 1] below 70 : tensor<2x2x4x64xi32>
// CHECK: weights.view @w.panels64_60x70_8_32.scales of @w.panels64_60x70_8_32.bits at 0 strides [128, 1, 0, 2] inside [64, 0, 0, 1] below 70 : tensor<2x2x1x64xi32>
// CHECK: weights.concat @w.panels64_60x70_8_32.blocks of [@w.panels64_60x70_8_32.wide, @w.panels64_60x70_8_32.scales] dim 2 : tensor<2x2x5x64xi32>
// CHECK: weights.view @w.panels64_60x70_8_32 of @w.panels64_60x70_8_32.blocks at 0 strides [640, 64, 1] : tensor<2x10x64xi32>
// CHECK-LABEL: func @blocks
func.func @blocks(%x: memref<?x60xf32>, %y: memref<?x70xf32>) {
  %w = tile.weight @w : memref<60x70xf32>
  // CHECK: tile.weight @w.panels64_60x70_8_32 : memref<2x10x64xi32>
  // Many rows read floats that are made once for all of them, few read the words.
  // CHECK: %[[MANY:.*]] = arith.cmpi sgt
  // CHECK: scf.if %[[MANY]]
  // CHECK: tile.map
  // CHECK: arith.shrsi
  // CHECK: arith.sitofp
  // CHECK: arith.mulf
  // CHECK: tile.contract {{.*}} rhs(%{{[^)]*}}xf32{{[^)]*}})
  // CHECK: } else {
  // CHECK: tile.contract {{.*}} k(%c60) lhs({{.*}}) rhs(%{{.*}} : memref<10x{{.*}}xi32, strided<[64, 1], offset: ?>> as <8 x si4, blocks of 32>)
  attn.contract lhs(%x "sk" : memref<?x60xf32>) rhs(%w "kn" : memref<60x70xf32>) outs("sn", %y : memref<?x70xf32>)
  return
}

// Zero points of their own leave what four bits with a sign hold, and so do five bits: floats.
weights.data @z "w.bin" at 0 : tensor<70x2xf32>
weights.view @points of @z at 0 strides [2, 1, 0] : tensor<70x2x32xf32>
weights.combine @moved of @f, @points by "sub" : tensor<70x2x32xf32>
weights.combine @e of @moved, @scales by "mul" : tensor<70x2x32xf32>
weights.view @v of @e at 0 strides [64, 1] : tensor<70x64xf32>
weights.bits @q5 of @b from 0 width 5 : tensor<70x2x32xi8>
weights.cast @f5 of unsigned @q5 : tensor<70x2x32xf32>
weights.combine @less5 of @f5, @eights by "sub" : tensor<70x2x32xf32>
weights.combine @d5 of @less5, @scales by "mul" : tensor<70x2x32xf32>
weights.view @u of @d5 at 0 strides [64, 1] : tensor<70x64xf32>
// CHECK-LABEL: func @floats
func.func @floats(%x: memref<?x64xf32>, %y: memref<?x70xf32>, %z: memref<?x70xf32>) {
  %v = tile.weight @v : memref<70x64xf32>
  %u = tile.weight @u : memref<70x64xf32>
  // CHECK: tile.weight @v.panels64_64x70t : memref<2x64x64xf32>
  attn.contract lhs(%x "sk" : memref<?x64xf32>) rhs(%v "nk" : memref<70x64xf32>) outs("sn", %y : memref<?x70xf32>)
  // CHECK: tile.weight @u.panels64_64x70t : memref<2x64x64xf32>
  attn.contract lhs(%x "sk" : memref<?x64xf32>) rhs(%u "nk" : memref<70x64xf32>) outs("sn", %z : memref<?x70xf32>)
  return
}
}
