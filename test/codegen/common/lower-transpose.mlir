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
