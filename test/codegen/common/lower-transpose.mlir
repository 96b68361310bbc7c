// RUN: attnc-opt %s --lower-tile=target=x86-64-v2 --canonicalize --cse --split-input-file | FileCheck %s
// Blocks of L x L elements through log2(L) rounds of shuffles, L = 4 here. The last block ends with the last column; rows
// that do not exist repeat the last one under `pad`.

// CHECK-LABEL: func @pack
// CHECK-SAME: %[[Q:.*]]: memref<?x10xf32>, %[[QT:.*]]: memref<10x8xf32>, %[[N:.*]]: index
func.func @pack(%q: memref<?x10xf32>, %qt: memref<10x8xf32>, %n: index) {
  %c10 = arith.constant 10 : index
  // CHECK: scf.for %[[I:.*]] = %c0 to %[[N]] step %c4
  // CHECK: scf.for %[[J:.*]] = %c0 to %c10 step %c4
  // CHECK: %[[AT:.*]] = arith.minsi %[[J]], %c6
  // CHECK: %[[LAST:.*]] = arith.subi %[[N]], %c1
  // CHECK: %[[ROW:.*]] = arith.minsi %[[I]], %[[LAST]]
  // CHECK: vector.load %[[Q]][%[[ROW]], %[[AT]]]
  // CHECK-COUNT-3: vector.load
  // CHECK-COUNT-8: vector.shuffle
  // CHECK-COUNT-4: vector.store {{.*}}%[[QT]][
  // CHECK-NOT: memref.store
  // CHECK: return
  tile.transpose %q to %qt rows(%n) cols(%c10) pad {
  ^bb0(%x: f32, %i: index, %j: index):
    tile.yield %x : f32
  } : memref<?x10xf32> to memref<10x8xf32>
  return
}

// -----

// Fewer columns than lanes are copied one by one.

// CHECK-LABEL: func @unpack
func.func @unpack(%ot: memref<10x8xf32>, %o: memref<?x10xf32>, %n: index) {
  %c10 = arith.constant 10 : index
  // CHECK: %[[FILLS:.*]] = arith.cmpi sge, %{{.*}}, %c4
  // CHECK: scf.if %[[FILLS]] {
  // CHECK: arith.minsi %{{.*}}, %c6
  // CHECK-COUNT-8: vector.shuffle
  // CHECK: } else {
  // CHECK-NOT: vector
  // CHECK: memref.store
  tile.transpose %ot to %o rows(%c10) cols(%n) {
  ^bb0(%x: f32, %i: index, %j: index):
    tile.yield %x : f32
  } : memref<10x8xf32> to memref<?x10xf32>
  return
}

// -----

// The result is rounded after the shuffles: they are of f32.

// CHECK-LABEL: func @rounded
func.func @rounded(%ot: memref<8x8xf32>, %o: memref<8x8xbf16>, %s: f32) {
  %c8 = arith.constant 8 : index
  // CHECK: arith.mulf {{.*}} : vector<4xf32>
  // CHECK: vector.shuffle {{.*}} : vector<4xf32>, vector<4xf32>
  // CHECK-NOT: vector.shuffle {{.*}} : vector<4xbf16>
  // CHECK: arith.truncf {{.*}} : vector<4xf32> to vector<4xbf16>
  // CHECK: vector.store {{.*}} vector<4xbf16>
  tile.transpose %ot to %o rows(%c8) cols(%c8) {
  ^bb0(%x: f32, %i: index, %j: index):
    %0 = arith.mulf %x, %s : f32
    %1 = arith.truncf %0 : f32 to bf16
    tile.yield %1 : bf16
  } : memref<8x8xf32> to memref<8x8xbf16>
  return
}

// -----

// Groups are shuffled as words.

// CHECK-LABEL: func @pairs
// CHECK-SAME: %[[Q:.*]]: memref<?x16xbf16>
func.func @pairs(%q: memref<?x16xbf16>, %qt: memref<8x8xi32>, %n: index) {
  %c8 = arith.constant 8 : index
  // CHECK: scf.for %[[J:.*]] = %c0 to %c8 step %c4
  // CHECK: %[[AT:.*]] = arith.minsi %[[J]], %c4
  // CHECK: %[[FIRST:.*]] = arith.muli %[[AT]], %c2
  // CHECK: %[[HALVES:.*]] = vector.load %[[Q]][%{{.*}}, %[[FIRST]]] : memref<?x16xbf16>, vector<8xbf16>
  // CHECK: vector.bitcast %[[HALVES]] : vector<8xbf16> to vector<4xi32>
  // CHECK: vector.shuffle {{.*}} : vector<4xi32>, vector<4xi32>
  // CHECK: vector.store {{.*}} memref<8x8xi32>, vector<4xi32>
  tile.transpose %q as <2 x bf16> to %qt rows(%n) cols(%c8) pad {
  ^bb0(%x: i32, %i: index, %j: index):
    tile.yield %x : i32
  } : memref<?x16xbf16> to memref<8x8xi32>
  return
}
