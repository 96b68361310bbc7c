// RUN: attnc-opt %s --lower-tile=target=x86-64-v4 --canonicalize --cse | FileCheck %s
// Dot products along k: an accumulator for each of 16 columns, whose lanes are then summed into one vector. D = 20 is a
// vector and 4 elements more; columns that are not real repeat the last one that is.

// CHECK-LABEL: func @dots
// CHECK-SAME: %[[Q:.*]]: memref<4x20xf32>, %[[K:.*]]: memref<?x20xf32>
func.func @dots(%q: memref<4x20xf32>, %k: memref<?x20xf32>, %s: memref<4x16xf32>, %m: index, %n: index) {
  %c0 = arith.constant 0 : index
  %c20 = arith.constant 20 : index
  %rows = memref.subview %k[0, 0] [16, 20] [1, 1] : memref<?x20xf32> to memref<16x20xf32, strided<[20, 1]>>
  %kt = memref.transpose %rows (i, j) -> (j, i) : memref<16x20xf32, strided<[20, 1]>> to memref<20x16xf32, strided<[1, 20]>>
  // CHECK: scf.for
  // CHECK: %[[LAST:.*]] = arith.subi %arg4, %c1
  // CHECK-COUNT-15: arith.minsi
  // CHECK: vector.load %[[Q]]
  // CHECK-COUNT-16: math.fma
  // CHECK: vector.maskedload %[[Q]]
  // CHECK-COUNT-16: math.fma
  // CHECK-COUNT-30: vector.shuffle
  // CHECK-NOT: vector.shuffle
  // CHECK: vector.maskedstore
  tile.contract rows(%c0 to %m) cols(%c0 count %n) k(%c20) lhs(%q : memref<4x20xf32>)
    rhs(%kt : memref<20x16xf32, strided<[1, 20]>>) tail = clamp epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %s[%row, %col] : memref<4x16xf32>
    tile.yield
  } {dots, tile_rows = 1 : i64}
  return
}

// Four rows: 4 x 4 accumulators along k for four columns at a time; what each of the four times leaves is four lanes of
// every row. Rows beyond the last four are done one by one.

// CHECK-LABEL: func @four
func.func @four(%q: memref<?x32xf32>, %kt: memref<32x16xf32, strided<[1, 32]>>, %s: memref<?x16xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  // CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c4
  // CHECK:   scf.for %{{.*}} = %c0 to %c4 step %c1 {
  // CHECK:     scf.for %{{.*}} = %c0 to %c32 step %c16
  // CHECK-COUNT-5: vector.load
  // CHECK-COUNT-16: math.fma
  // CHECK-COUNT-30: vector.shuffle
  // CHECK:     vector.store {{.*}} memref<4x16xf32>
  // CHECK:   }
  // CHECK-COUNT-8: vector.shuffle
  // CHECK-NOT: vector.shuffle
  // CHECK-COUNT-4: vector.store {{.*}} memref<?x16xf32>
  // CHECK: scf.for {{.*}} step %c1
  // CHECK-COUNT-16: math.fma
  tile.contract rows(%c0 to %m) cols(%c0) k(%c32) lhs(%q : memref<?x32xf32>)
    rhs(%kt : memref<32x16xf32, strided<[1, 32]>>) tail = peel epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %s[%row, %col] : memref<?x16xf32>
    tile.yield
  } {dots, tile_rows = 4 : i64}
  return
}
