// Panels that come from four distant places, and prefetches beside each of their vectors.
// RUN: attnc-opt %s --lower-tile=target=x86-64-v4 --canonicalize --cse | FileCheck %s

// Rows 0 to 3 of the panel are the streams 0 to 3 of its first place. Few of them: no loop.
// CHECK-LABEL: func @rows
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<4x16xf32>, %[[V:[a-z0-9]+]]: memref<4x4x16xf32>, %[[AHEAD:[a-z0-9]+]]: memref<16x16xf32>
// CHECK: memref.prefetch %[[AHEAD]][%c0, %c0], read, locality<0>, data
// CHECK-NEXT: vector.load %[[V]][%c0, %c0, %c0]
// CHECK: memref.prefetch %[[AHEAD]][%c3, %c0]
// CHECK-NEXT: vector.load %[[V]][%c0, %c3, %c0]
// CHECK-NOT: scf.for
// CHECK: return
func.func @rows(%x: memref<4x16xf32>, %v: memref<4x4x16xf32>, %ahead: memref<16x16xf32>, %y: memref<4x16xf32>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  tile.contract rows(%c0 to %c4) cols(%c0) k(%c4) lhs(%x : memref<4x16xf32>) rhs(%v : memref<4x4x16xf32>) tail = exact epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<4x16xf32>
    tile.yield
  } prefetch {
  ^bb0(%k: index, %col: index):
    memref.prefetch %ahead[%k, %col], read, locality<0>, data : memref<16x16xf32>
    tile.yield
  } {tile_rows = 4 : i64}
  return
}

// Dot products of 4 rows with a key of each stream fill one vector, of bf16 that is widened: four scores of each row.
// CHECK-LABEL: func @dots
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<4x64xf32>, %[[K:[a-z0-9]+]]: memref<64x1x4xbf16
// CHECK: %[[KEYS:.*]] = memref.transpose %[[K]] {{.*}} memref<1x4x64xbf16
// CHECK: scf.for %[[D:.*]] = %c0 to %c64 step %c16
// CHECK: vector.load %[[KEYS]][%c0, %c0, %[[D]]] : {{.*}}, vector<16xbf16>
// CHECK: arith.extf
// CHECK: vector.load %[[KEYS]][%c0, %c3, %[[D]]]
// CHECK: vector.load %[[Q]][%c3, %[[D]]]
// CHECK: vector.extract_strided_slice %{{.*}} {offsets = [12], sizes = [4], strides = [1]} : vector<16xf32> to vector<4xf32>
// CHECK: vector.store %{{.*}} : memref<4x4xf32>, vector<4xf32>
func.func @dots(%q: memref<4x64xf32>, %k: memref<64x1x4xbf16, strided<[1, 64, 8192]>>, %y: memref<4x4xf32>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c64 = arith.constant 64 : index
  tile.contract rows(%c0 to %c4) cols(%c0) k(%c64) lhs(%q : memref<4x64xf32>) rhs(%k : memref<64x1x4xbf16, strided<[1, 64, 8192]>>) tail = exact epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<4x4xf32>
    tile.yield
  } {dots, tile_rows = 4 : i64}
  return
}
