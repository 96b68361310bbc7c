// RUN: attnc-opt %s --lower-tile=target=x86-64-v2 --canonicalize --cse | FileCheck %s
// Blocks of L x L elements through log2(L) rounds of shuffles, L = 4 here; edges element by element; padding with zeros.

// CHECK-LABEL: func @pack
func.func @pack(%q: memref<?x10xf32>, %qt: memref<10x8xf32>, %n: index) {
  %c10 = arith.constant 10 : index
  // CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c4
  // CHECK: scf.for %{{.*}} = %c0 to %c8 step %c4
  // CHECK-COUNT-4: vector.load
  // CHECK-COUNT-8: vector.shuffle
  // CHECK-COUNT-4: vector.store
  // CHECK: memref.store %{{.*}}, %{{.*}} : memref<10x8xf32>
  // CHECK: %[[EDGE:.*]] = arith.muli %{{.*}}, %c4
  // CHECK: scf.for %{{.*}} = %{{.*}} to %[[EDGE]] step %c1
  // CHECK: memref.store %cst{{.*}}, %{{.*}} : memref<10x8xf32>
  // CHECK: scf.for %{{.*}} = %[[EDGE]] to %c8 step %c4
  // CHECK: vector.store %cst{{.*}}, %{{.*}} : memref<10x8xf32>, vector<4xf32>
  tile.transpose %q to %qt rows(%n) cols(%c10) pad {
  ^bb0(%x: f32, %i: index, %j: index):
    tile.yield %x : f32
  } : memref<?x10xf32> to memref<10x8xf32>
  return
}
