// RUN: attnc-opt %s --lower-tile=target=x86-64-v4+avx512bf16 --canonicalize --cse | FileCheck %s
// Pairs of bf16: one dot product adds two products to each f32 sum. k counts elements.

// bf16 side by side in lhs are read as a pair.
// CHECK-LABEL: func @in_place
// CHECK-SAME: %[[X:.*]]: memref<?x8xbf16>
func.func @in_place(%x: memref<?x8xbf16>, %w: memref<4x16xi32>, %y: memref<?x16xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  // CHECK: scf.for %[[K:.*]] = %c0 to %c4 step %c1 iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>)
  // CHECK: vector.load %{{.*}} : memref<4x16xi32>, vector<16xi32>
  // CHECK: %[[FIRST:.*]] = arith.muli %[[K]], %c2
  // CHECK: vector.load %[[X]][%{{.*}}, %[[FIRST]]] : memref<?x8xbf16>, vector<2xbf16>
  // CHECK: vector.bitcast %{{.*}} : vector<2xbf16> to vector<1xi32>
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
  tile.contract rows(%c0 to %m) cols(%c0) k(%c8) lhs(%x : memref<?x8xbf16> as <2 x bf16>) rhs(%w : memref<4x16xi32> as <2 x bf16>) tail = clamp epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x16xf32>
    tile.yield
  } {tile_rows = 2 : i64}
  return
}

// CHECK-LABEL: func @packed
func.func @packed(%x: memref<?x4xi32>, %w: memref<4x16xi32>, %y: memref<?x16xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  // CHECK: memref.load %{{.*}} : memref<?x4xi32>
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
  tile.contract rows(%c0 to %m) cols(%c0) k(%c8) lhs(%x : memref<?x4xi32> as <2 x bf16>) rhs(%w : memref<4x16xi32> as <2 x bf16>) tail = clamp epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x16xf32>
    tile.yield
  }
  return
}

// An odd k: the last pair of a row of lhs is put together from what there is; a row of words has it whole.
// CHECK-LABEL: func @odd
func.func @odd(%x: memref<?x?xbf16>, %w: memref<?x16xi32>, %y: memref<?x16xf32>, %m: index, %k: index) {
  %c0 = arith.constant 0 : index
  // CHECK-DAG: %[[PAIRS:.*]] = arith.divui %{{.*}}, %c2
  // CHECK-DAG: %[[REST:.*]] = arith.remui %{{.*}}, %c2
  // CHECK: scf.for %{{.*}} = %c0 to %[[PAIRS]] step %c1
  // CHECK: %[[SOME:.*]] = arith.cmpi ne, %[[REST]], %c0
  // CHECK: scf.if %[[SOME]]
  // CHECK: scf.for %[[E:.*]] = %c0 to %[[REST]] step %c1 iter_args(%{{.*}} = %c0_i32)
  // CHECK: memref.load %{{.*}} : memref<?x?xbf16>
  // CHECK: arith.ori
  // CHECK: dpbf16ps
  tile.contract rows(%c0 to %m) cols(%c0) k(%k) lhs(%x : memref<?x?xbf16> as <2 x bf16>) rhs(%w : memref<?x16xi32> as <2 x bf16>) tail = clamp epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x16xf32>
    tile.yield
  } {tile_rows = 1 : i64}
  return
}
