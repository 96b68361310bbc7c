// RUN: attnc-opt %s --move-to-device --split-input-file | FileCheck %s
// The host computes extents and launches; whatever reads or writes a tensor stands in a parallel loop.

// Neighbours share one loop of one item; what they hand to each other goes with them.
// CHECK-LABEL: func.func @serial
// CHECK-NOT: memref.load
// CHECK: scf.forall (%{{.*}}) in (1) {
// CHECK: %[[S:.*]] = memref.load %{{.*}}[%c0]
// CHECK: %[[D:.*]] = arith.addf %[[S]], %[[S]]
// CHECK: memref.store %[[D]]
// CHECK: memref.store
// CHECK: }
// CHECK: scf.forall (%{{.*}}) in (%{{.*}})
func.func @serial(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s = memref.load %x[%c0] : memref<?xf32>
  %d = arith.addf %s, %s : f32
  memref.store %d, %y[%c0] : memref<?xf32>
  %more = arith.addi %n, %c1 : index
  memref.store %s, %y[%c1] : memref<?xf32>
  scf.forall (%i) in (%more) {
    memref.store %s, %y[%i] : memref<?xf32>
  }
  return
}

// -----

// A scalar argument is read again by every loop, with the arithmetic on it.
// CHECK-LABEL: func.func @scalar
// CHECK: scf.forall (%{{.*}}) in (%{{.*}}) {
// CHECK: %[[S:.*]] = memref.load %{{.*}}[]
// CHECK: %[[D:.*]] = arith.addf %[[S]], %[[S]]
// CHECK: memref.store %[[D]]
func.func @scalar(%strength: memref<f32>, %y: memref<?xf32>, %n: index) {
  %s = memref.load %strength[] : memref<f32>
  %d = arith.addf %s, %s : f32
  scf.forall (%i) in (%n) {
    memref.store %d, %y[%i] : memref<?xf32>
  }
  return
}

// -----

// A loop on the host that launches: its body is treated likewise.
// CHECK-LABEL: func.func @repeated
// CHECK: scf.for
// CHECK-NEXT: scf.forall (%{{.*}}) in (1) {
// CHECK-NEXT: memref.store
// CHECK: scf.forall
func.func @repeated(%x: memref<?xf32>, %v: f32, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    memref.store %v, %x[%i] : memref<?xf32>
    scf.forall (%j) in (%n) {
      memref.store %v, %x[%j] : memref<?xf32>
    }
  }
  return
}
