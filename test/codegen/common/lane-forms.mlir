// RUN: attnc-opt %s --lower-tile=target=x86-64-v4 --canonicalize --cse | FileCheck %s
// How scalar code of a region is placed on lanes.

// A comparison of the column with a uniform value: one compare of 0..15 with a clamped scalar difference.
// CHECK-LABEL: func @affine_compare
func.func @affine_compare(%x: memref<?xf32>, %n: index, %bound: index) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  // CHECK-DAG: %[[IOTA:.*]] = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]> : vector<16xi32>
  // CHECK: scf.for %[[J:.*]] =
  // CHECK: %[[D:.*]] = arith.subi %{{.*}}, %[[J]]
  // CHECK: arith.minsi %[[D]]
  // CHECK: arith.cmpi sle, %{{.*}}, %[[IOTA]] : vector<16xi32>
  // CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : vector<16xi1>, vector<16xf32>
  tile.map %c0 to %n {
  ^bb0(%j: index):
    %v = memref.load %x[%j] : memref<?xf32>
    %late = arith.cmpi sle, %bound, %j : index
    %r = arith.select %late, %v, %zero : f32
    memref.store %r, %x[%j] : memref<?xf32>
    tile.yield
  }
  return
}

// A load that does not depend on the column is one scalar; one with another stride is done lane by lane.
// CHECK-LABEL: func @loads
func.func @loads(%x: memref<?x?xf32>, %y: memref<?xf32>, %n: index, %i: index) {
  %c0 = arith.constant 0 : index
  // CHECK: scf.for %[[J:.*]] =
  // CHECK: %[[U:.*]] = memref.load %{{.*}}[%[[I:.*]], %[[I]]] : memref<?x?xf32>
  // CHECK-COUNT-16: memref.load %{{.*}}[%{{.*}}, %[[I]]] : memref<?x?xf32>
  // CHECK: vector.from_elements
  // CHECK: vector.broadcast %[[U]]
  // CHECK: vector.store
  tile.map %c0 to %n {
  ^bb0(%j: index):
    %u = memref.load %x[%i, %i] : memref<?x?xf32>
    %g = memref.load %x[%j, %i] : memref<?x?xf32>
    %s = arith.addf %u, %g : f32
    memref.store %s, %y[%j] : memref<?xf32>
    tile.yield
  }
  return
}
