// RUN: attnc-opt %s --mark-ops --split-input-file | FileCheck %s

// One mark for all that an op has become; index arithmetic and reads between them have none. A call always has one.
// CHECK-NOT:   tile.joined
// CHECK-LABEL: func.func @model
// CHECK:       memref.load
// CHECK-NEXT:  tile.mark 7
// CHECK-NEXT:  scf.forall
// CHECK:       arith.muli
// CHECK-NEXT:  scf.forall
// CHECK-NOT:   tile.mark 7
// CHECK:       tile.mark 8
// CHECK-NEXT:  call @layer
// CHECK-NEXT:  tile.mark 8
// CHECK-NEXT:  call @layer
// CHECK-NEXT:  tile.mark 7
// CHECK-NEXT:  memref.copy
#seven = loc(fused<7 : i64>["node 'fc1' (MatMul)"])
#eight = loc(fused<8 : i64>["call"])
func.func @model(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %s = memref.load %x[%c0] : memref<?xf32> loc(fused<9 : i64>["read"])
  scf.forall (%i) in (%n) {
    memref.store %s, %y[%i] : memref<?xf32>
  } loc(#seven)
  %m = arith.muli %n, %n : index loc(#eight)
  scf.forall (%i) in (%m) {
    memref.store %s, %y[%i] : memref<?xf32>
  } loc(#seven)
  call @layer(%x) : (memref<?xf32>) -> () loc(#eight)
  call @layer(%y) : (memref<?xf32>) -> () loc(#eight)
  memref.copy %x, %y : memref<?xf32> to memref<?xf32> loc(#seven)
  return
}

// Branches of how one op is computed are that op; a loop of the graph has marks inside, again in each iteration.
// CHECK-LABEL: func.func private @layer
// CHECK:       tile.mark 3
// CHECK-NEXT:  scf.if
// CHECK-NOT:   tile.mark
// CHECK:       scf.for
// CHECK-NEXT:  tile.mark 4
// CHECK-NEXT:  memref.copy
// CHECK-NEXT:  tile.mark 5
// CHECK-NEXT:  memref.copy
// CHECK:       tile.mark 3
// CHECK-NEXT:  memref.copy
#three = loc(fused<3 : i64>["three"])
func.func private @layer(%x: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %b = arith.cmpi sgt, %n, %c1 : index
  scf.if %b {
    memref.copy %x, %x : memref<?xf32> to memref<?xf32> loc(#three)
  } loc(#three)
  scf.for %i = %c0 to %n step %c1 {
    memref.copy %x, %x : memref<?xf32> to memref<?xf32> loc(fused<4 : i64>["four"])
    memref.copy %x, %x : memref<?xf32> to memref<?xf32> loc(fused<5 : i64>["five"])
  } loc(fused<6 : i64>["loop"])
  memref.copy %x, %x : memref<?xf32> to memref<?xf32> loc(#three)
  return
}

// What computes no result of its own, an entry's plan, has no marks.
// CHECK-LABEL: func.func private @model__plan
// CHECK-NOT:   tile.mark
func.func private @model__plan(%x: memref<?xf32>) {
  memref.copy %x, %x : memref<?xf32> to memref<?xf32> loc(#three)
  return
}

// -----

// Ops that were joined have the number of the last.
// CHECK: module attributes {tile.joined = [array<i64: 1, 2>]}
// CHECK: tile.mark 2
func.func @joined(%x: memref<?xf32>, %n: index) {
  %z = arith.constant 0.0 : f32
  scf.forall (%i) in (%n) {
    memref.store %z, %x[%i] : memref<?xf32>
  } loc(fused[fused<1 : i64>["sum"], fused<2 : i64>["norm"]])
  return
}
