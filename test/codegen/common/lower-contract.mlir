// RUN: attnc-opt %s --lower-tile=target=x86-64-v4 --canonicalize --cse | FileCheck %s
// A register tile is R*C separate native vectors in a loop over k; rows that do not fill a tile get smaller tiles.

// CHECK-LABEL: func @peel
// CHECK-SAME: %[[X:.*]]: memref<?x8xf32>, %[[W:.*]]: memref<8x32xf32>
func.func @peel(%x: memref<?x8xf32>, %w: memref<8x32xf32>, %y: memref<?x32xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  // CHECK: %[[REST:.*]] = arith.remui %{{.*}}, %c4
  // CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c4
  // CHECK: scf.for %[[K:.*]] = %c0 to %c8 step %c1 iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
  // CHECK: vector.load %[[W]][%[[K]], %c0] : memref<8x32xf32>, vector<16xf32>
  // CHECK: vector.load %[[W]][%[[K]], %c16]
  // CHECK: memref.load %[[X]][%{{.*}}, %[[K]]]
  // CHECK: vector.broadcast
  // CHECK-COUNT-2: math.fma
  // CHECK: arith.cmpi eq, %[[REST]], %c1
  // CHECK: arith.cmpi eq, %[[REST]], %c2
  // CHECK: arith.cmpi eq, %[[REST]], %c3
  tile.contract rows(%c0 to %m) cols(%c0) k(%c8) lhs(%x : memref<?x8xf32>) rhs(%w : memref<8x32xf32>) tail = peel epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x32xf32>
    tile.yield
  }
  return
}

// CHECK-LABEL: func @clamp
func.func @clamp(%x: memref<?x8xf32>, %w: memref<8x16xf32>, %y: memref<?x16xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  // CHECK: %[[LAST:.*]] = arith.subi %{{.*}}, %c1
  // CHECK: arith.cmpi sle, %[[ROW:.*]], %[[LAST]]
  // CHECK: arith.minsi %[[ROW]], %[[LAST]]
  // CHECK-NOT: arith.remui
  tile.contract rows(%c0 to %m) cols(%c0) k(%c8) lhs(%x : memref<?x8xf32>) rhs(%w : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    %zero = arith.constant 0.0 : f32
    %v = arith.select %valid, %acc, %zero : f32
    memref.store %v, %y[%row, %col] : memref<?x16xf32>
    tile.yield
  }
  return
}

// Loads and stores that depend on the column are limited to the real columns.
// CHECK-LABEL: func @count
func.func @count(%x: memref<4x8xf32>, %w: memref<8x16xf32>, %bias: memref<10xf32>, %y: memref<4x10xf32>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c10 = arith.constant 10 : index
  // CHECK: %[[MASK:.*]] = vector.constant_mask [10] : vector<16xi1>
  // CHECK: vector.maskedload %{{.*}}[%c0], %[[MASK]]
  // CHECK: vector.maskedstore %{{.*}}[%{{.*}}, %c0], %[[MASK]]
  tile.contract rows(%c0 to %c4) cols(%c0 count %c10) k(%c8) lhs(%x : memref<4x8xf32>) rhs(%w : memref<8x16xf32>) tail = exact epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    %b = memref.load %bias[%col] : memref<10xf32>
    %v = arith.addf %acc, %b : f32
    memref.store %v, %y[%row, %col] : memref<4x10xf32>
    tile.yield
  }
  return
}

// Rows take turns to prefetch, each before its share of the sums: code does not grow with them.
// CHECK-LABEL: func @prefetch
// CHECK-SAME: %[[X:.*]]: memref<?x10xf32>, %{{.*}}: memref<10x32xf32>, %[[NEXT:.*]]: memref<?x16xf32>
func.func @prefetch(%x: memref<?x10xf32>, %w: memref<10x32xf32>, %next: memref<?x16xf32>, %y: memref<?x32xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c10 = arith.constant 10 : index
  // CHECK: scf.for %[[FIRST:.*]] = %c0 to %{{.*}} step %c4
  // CHECK: %[[SUMS:.*]]:8 = scf.for %[[R:.*]] = %c0 to %c4 step %c1 iter_args(
  // CHECK: %[[ROW:.*]] = arith.addi %[[FIRST]], %[[R]]
  // CHECK: memref.prefetch %[[NEXT]][%[[ROW]], %c0]
  // CHECK: %[[BEGIN:.*]] = arith.muli %[[R]], %c3
  // CHECK: %[[AFTER:.*]] = arith.addi %[[BEGIN]], %c3
  // CHECK: %[[END:.*]] = arith.minsi %[[AFTER]], %c10
  // CHECK: scf.for %{{.*}} = %[[BEGIN]] to %[[END]] step %c1 iter_args(
  // CHECK-NOT: memref.prefetch
  tile.contract rows(%c0 to %m) cols(%c0) k(%c10) lhs(%x : memref<?x10xf32>) rhs(%w : memref<10x32xf32>) tail = exact epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x32xf32>
    tile.yield
  } prefetch {
  ^bb0(%row: index):
    memref.prefetch %next[%row, %c0], read, locality<2>, data : memref<?x16xf32>
    tile.yield
  }
  return
}
