// RUN: attnc-opt %s --lower-tile=target=x86-64-v4+avx512bf16 --canonicalize --cse | FileCheck %s
// i32 in the panel are pairs of bf16: one dot product adds two products to each f32 sum.

// bf16 side by side in lhs are read as a pair.
// CHECK-LABEL: func @in_place
// CHECK-SAME: %[[X:.*]]: memref<?x8xbf16>
func.func @in_place(%x: memref<?x8xbf16>, %w: memref<4x16xi32>, %y: memref<?x16xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  // CHECK: scf.for %[[K:.*]] = %c0 to %c4 step %c1 iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>)
  // CHECK: vector.load %{{.*}} : memref<4x16xi32>, vector<16xi32>
  // CHECK: %[[FIRST:.*]] = arith.muli %[[K]], %c2
  // CHECK: vector.load %[[X]][%{{.*}}, %[[FIRST]]] : memref<?x8xbf16>, vector<2xbf16>
  // CHECK: vector.bitcast %{{.*}} : vector<2xbf16> to vector<1xi32>
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
  tile.contract rows(%c0 to %m) cols(%c0) k(%c4) lhs(%x : memref<?x8xbf16>) rhs(%w : memref<4x16xi32>) tail = clamp epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x16xf32>
    tile.yield
  } {tile_rows = 2 : i64}
  return
}

// CHECK-LABEL: func @packed
func.func @packed(%x: memref<?x4xi32>, %w: memref<4x16xi32>, %y: memref<?x16xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  // CHECK: memref.load %{{.*}} : memref<?x4xi32>
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
  tile.contract rows(%c0 to %m) cols(%c0) k(%c4) lhs(%x : memref<?x4xi32>) rhs(%w : memref<4x16xi32>) tail = clamp epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x16xf32>
    tile.yield
  }
  return
}
