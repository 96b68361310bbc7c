// RUN: attnc-opt %s --lower-tile=target=x86-64-v4 --canonicalize --cse | FileCheck %s
// What the target has no instruction for is widened to the type of the sums.

// CHECK-LABEL: func @pairs
// CHECK: vector.load %{{.*}} : memref<4x16xi32>, vector<16xi32>
// CHECK: arith.trunci %{{.*}} : vector<16xi32> to vector<16xi16>
// CHECK: arith.bitcast %{{.*}} : vector<16xi16> to vector<16xbf16>
// CHECK: arith.extf %{{.*}} : vector<16xbf16> to vector<16xf32>
// CHECK: arith.shrui
// CHECK-COUNT-2: math.fma
func.func @pairs(%x: memref<?x8xbf16>, %w: memref<4x16xi32>, %y: memref<?x16xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  tile.contract rows(%c0 to %m) cols(%c0) k(%c8) lhs(%x : memref<?x8xbf16> as <2 x bf16>) rhs(%w : memref<4x16xi32> as <2 x bf16>) tail = clamp epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x16xf32>
    tile.yield
  } {tile_rows = 1 : i64}
  return
}

// CHECK-LABEL: func @halves
// CHECK: memref.load %{{.*}} : memref<?x8xf16>
// CHECK: arith.extf %{{.*}} : vector<16xf16> to vector<16xf32>
// CHECK: math.fma
func.func @halves(%x: memref<?x8xf16>, %w: memref<8x16xf32>, %y: memref<?x16xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  tile.contract rows(%c0 to %m) cols(%c0) k(%c8) lhs(%x : memref<?x8xf16>) rhs(%w : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x16xf32>
    tile.yield
  } {tile_rows = 1 : i64}
  return
}

// Eight integers of four bits in a word.
// CHECK-LABEL: func @nibbles
// CHECK: arith.trunci %{{.*}} : vector<16xi32> to vector<16xi4>
// CHECK: arith.extsi %{{.*}} : vector<16xi4> to vector<16xi32>
// CHECK-COUNT-8: arith.muli
func.func @nibbles(%x: memref<?x2xi32>, %w: memref<2x16xi32>, %y: memref<?x16xi32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  tile.contract rows(%c0 to %m) cols(%c0) k(%c16) lhs(%x : memref<?x2xi32> as <8 x si4>) rhs(%w : memref<2x16xi32> as <8 x si4>) tail = clamp epilogue {
  ^bb0(%acc: i32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x16xi32>
    tile.yield
  } {tile_rows = 1 : i64}
  return
}

// Blocks of four words and a row of scales; lhs element by element.
// CHECK-LABEL: func @blocks
// CHECK: %[[BLOCK:.*]] = arith.divui %[[WORD:.*]], %c4
// CHECK: arith.addi %[[BLOCK]], %c1
// CHECK: %[[ROW:.*]] = arith.addi %[[WORD]], %[[BLOCK]]
// CHECK: vector.load %{{.*}}[%[[ROW]], %c0]
// CHECK: arith.sitofp %{{.*}} : vector<16xi4> to vector<16xf32>
// CHECK: arith.bitcast %{{.*}} : vector<16xi32> to vector<16xf32>
// CHECK-COUNT-8: arith.mulf
// CHECK-COUNT-8: math.fma
// CHECK: scf.if
// CHECK: arith.select
func.func @blocks(%x: memref<?x?xf32>, %w: memref<?x16xi32>, %y: memref<?x16xf32>, %m: index, %k: index) {
  %c0 = arith.constant 0 : index
  tile.contract rows(%c0 to %m) cols(%c0) k(%k) lhs(%x : memref<?x?xf32>) rhs(%w : memref<?x16xi32> as <8 x si4, blocks of 32>) tail = clamp epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x16xf32>
    tile.yield
  } {tile_rows = 1 : i64}
  return
}
