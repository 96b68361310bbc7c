// RUN: attnc-opt %s --choose-schedules=schedule=contract.columns=12 --contract-to-tile --canonicalize --cse -split-input-file | FileCheck %s

module attributes {tile.target = #tile.target<lanes = 4, registers = 16, l1 = 32768, l2 = 524288>} {
// A constant rhs becomes zero-padded panels of 12 columns at compile time; the tail panel computes two vectors for its
// 6 real columns.
// CHECK: memref.global "private" constant @w_panels : memref<2x2x12xf32> = dense<{{.*}}[0.000000e+00, 1.000000e+00, 2.000000e+00
memref.global "private" constant @w : memref<2x18xf32> = dense<[[0.0,1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,9.0,10.0,11.0,12.0,13.0,14.0,15.0,16.0,17.0],[0.0,1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,9.0,10.0,11.0,12.0,13.0,14.0,15.0,16.0,17.0]]>
// CHECK-LABEL: func @constant
func.func @constant(%x: memref<?x2xf32>, %y: memref<?x18xf32>, %b: memref<18xf32>) {
  %w = memref.get_global @w : memref<2x18xf32>
  // CHECK: scf.forall
  // CHECK: tile.contract {{.*}} rhs(%{{.*}} : memref<2x12xf32, strided<[12, 1], offset: ?>>) tail =  peel epilogue
  // CHECK: tile.contract {{.*}} cols(%{{.*}} count %c6) {{.*}} rhs(%{{.*}} : memref<2x8xf32, strided<[12, 1], offset: ?>>)
  // CHECK: %[[B:.*]] = memref.load %{{.*}}[%{{.*}}] : memref<18xf32>
  // CHECK: arith.addf %{{.*}}, %[[B]]
  // CHECK: memref.store
  attn.contract lhs(%x "sk" : memref<?x2xf32>) rhs(%w "kn" : memref<2x18xf32>) captures(%b : memref<18xf32>)
    outs("sn", %y : memref<?x18xf32>) epilogue {
  ^bb0(%acc: f32, %s: index, %n: index, %c: memref<18xf32>):
    %0 = memref.load %c[%n] : memref<18xf32>
    %1 = arith.addf %acc, %0 : f32
    attn.yield %1 : f32
  }
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 4, registers = 16, l1 = 32768, l2 = 524288>} {
// A rhs known at run time: its panel is packed per item, in chunks; batch letters are outer items.
// CHECK-LABEL: func @batched
func.func @batched(%p: memref<?x8x?x?xf32>, %v: memref<?x8x?x16xf32>, %y: memref<?x8x?x16xf32>) {
  // CHECK: scf.forall
  // CHECK: memref.alloca() {{.*}} : memref<256x12xf32>
  // CHECK: scf.if
  // CHECK: tile.map
  // CHECK: tile.contract
  // CHECK: } else {
  attn.contract lhs(%p "bhij" : memref<?x8x?x?xf32>) rhs(%v "bhjd" : memref<?x8x?x16xf32>)
    outs("bhid", %y : memref<?x8x?x16xf32>)
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 4, registers = 16, l1 = 32768, l2 = 524288>} {
// Neighbouring letters of one role are one dimension: (b, s) rows, (h, d) columns.
// CHECK-LABEL: func @merged
func.func @merged(%x: memref<2x?x32xf32>, %w: memref<32x4x8xf32>, %y: memref<2x?x4x8xf32>) {
  // CHECK-DAG: memref.collapse_shape %{{.*}} {{\[\[}}0, 1], [2]] : memref<2x?x32xf32> into memref<?x32xf32>
  // CHECK-DAG: memref.collapse_shape %{{.*}} {{\[\[}}0], [1, 2]] : memref<32x4x8xf32> into memref<32x32xf32>
  // CHECK: scf.forall
  // CHECK: memref.store %{{.*}} : memref<?x32xf32>
  attn.contract lhs(%x "bsk" : memref<2x?x32xf32>) rhs(%w "khd" : memref<32x4x8xf32>)
    outs("bshd", %y : memref<2x?x4x8xf32>)
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 4, registers = 16, l1 = 32768, l2 = 524288>} {
// Fewer columns than a panel has: there is no whole panel, whose view of %w would run out of bounds.
// CHECK-LABEL: func @narrow
// CHECK-NOT:     scf.if
// CHECK:         tile.contract {{.*}} cols(%{{.*}} count %c3)
// CHECK-NOT:     tile.contract
func.func @narrow(%x: memref<?x2xf32>, %w: memref<2x3xf32>, %y: memref<?x3xf32>) {
  attn.contract lhs(%x "sk" : memref<?x2xf32>) rhs(%w "kn" : memref<2x3xf32>) outs("sn", %y : memref<?x3xf32>)
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 4, registers = 16, l1 = 32768, l2 = 524288>} {
// A loop over chunks of a long sum has one contraction: its first round starts from 0, its last one ends in the epilogue.
// CHECK-LABEL: func @chunks
func.func @chunks(%x: memref<?x768xf32>, %w: memref<768x12xf32>, %bias: memref<12xf32>, %y: memref<?x12xf32>) {
  // CHECK: scf.for %[[K:.*]] = %c0 to %c768 step %c256
  // CHECK: %[[FIRST:.*]] = arith.cmpi eq, %[[K]], %c0
  // CHECK: %[[LAST:.*]] = arith.cmpi sle
  // CHECK: tile.contract {{.*}} init {
  // CHECK: scf.if %[[FIRST]] -> (f32) {
  // CHECK-NEXT: scf.yield %cst
  // CHECK: } else {
  // CHECK-NEXT: memref.load
  // CHECK: epilogue {
  // CHECK: scf.if %[[LAST]] {
  // CHECK: arith.addf
  // CHECK: } else {
  // CHECK-NOT: arith.addf
  // CHECK: memref.store
  // CHECK-NOT: tile.contract
  attn.contract lhs(%x "mk" : memref<?x768xf32>) rhs(%w "kn" : memref<768x12xf32>) captures(%bias : memref<12xf32>) outs("mn", %y : memref<?x12xf32>) epilogue {
  ^bb0(%acc: f32, %m: index, %n: index, %c: memref<12xf32>):
    %0 = memref.load %c[%n] : memref<12xf32>
    %1 = arith.addf %acc, %0 : f32
    attn.yield %1 : f32
  }
  return
}
}
