// RUN: attnc-opt %s --outline-parallel | FileCheck %s
// The body of a parallel loop is a function over a range of items; scratch memory is per body, not per item.

// CHECK: func.func private @f__parallel(%[[BEGIN:.*]]: index, %[[END:.*]]: index, %[[X:.*]]: memref<?xf32>) {
// CHECK: %[[SCRATCH:.*]] = memref.alloca() : memref<4xf32>
// CHECK: scf.for %[[I:.*]] = %[[BEGIN]] to %[[END]]
// CHECK: memref.load %[[X]][%[[I]]]
// CHECK: memref.store %{{.*}}, %[[SCRATCH]]
// CHECK: func.func private @f__parallel__launch(!llvm.ptr, index, memref<?xf32>) attributes {attnc.launches = @f__parallel}
// CHECK: func.func @f(%[[ARG:.*]]: memref<?xf32>, %[[N:.*]]: index, %[[CONTEXT:.*]]: !llvm.ptr) attributes {attnc.ranks = array<i64: 1, -1, -1>}
// CHECK: call @f__parallel__launch(%[[CONTEXT]], %[[N]], %[[ARG]])
func.func @f(%x: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  scf.forall (%i) in (%n) {
    %scratch = memref.alloca() : memref<4xf32>
    %v = memref.load %x[%i] : memref<?xf32>
    memref.store %v, %scratch[%c0] : memref<4xf32>
  }
  return
}

// What is wrong with an input is told to the context.
// CHECK: func.func @told(%{{.*}}: index, %[[E:.*]]: index, %[[V:.*]]: index, %[[X:.*]]: index, %[[C:.*]]: !llvm.ptr)
// CHECK: %[[INPUT:.*]] = llvm.mlir.constant(2 : i64)
// CHECK: llvm.call @attnc_rt_bad_index(%[[C]], %[[INPUT]], %{{.*}}, %{{.*}}, %{{.*}}) : (!llvm.ptr, i64, i64, i64, i64) -> ()
func.func @told(%n: index, %e: index, %v: index, %x: index) {
  tile.bad_index 2[%e] = %v of %x
  return
}

// A layer gets the context too, after its own arguments, and what calls it hands it on.
// CHECK: func.func @model(%[[Y:.*]]: memref<?xf32>, %[[OUTER:.*]]: !llvm.ptr) attributes {attnc.ranks = array<i64: 1, -1>}
// CHECK: call @layer(%[[Y]], %[[OUTER]]) : (memref<?xf32>, !llvm.ptr) -> ()
// CHECK: func.func private @layer(%[[Z:.*]]: memref<?xf32>, %[[INNER:.*]]: !llvm.ptr) {
// CHECK: call @layer__parallel__launch(%[[INNER]], %{{.*}}, %[[Z]])
func.func @model(%y: memref<?xf32>) {
  call @layer(%y) : (memref<?xf32>) -> ()
  return
}
func.func private @layer(%z: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %z, %c0 : memref<?xf32>
  scf.forall (%i) in (%n) {
    %v = memref.load %z[%i] : memref<?xf32>
    %w = arith.addf %v, %v : f32
    memref.store %w, %z[%i] : memref<?xf32>
  }
  return
}

// A mark is a loop without a body, whose count is its number and one.
// CHECK-LABEL: func.func @marked
// CHECK-SAME:  %[[CONTEXT:.*]]: !llvm.ptr
// CHECK:       %[[COUNT:.*]] = llvm.mlir.constant(8 : i64) : i64
// CHECK:       %[[NULL:.*]] = llvm.mlir.zero : !llvm.ptr
// CHECK:       llvm.call @attnc_rt_parallel_for(%[[CONTEXT]], %[[COUNT]], %[[NULL]], %[[NULL]])
// CHECK-NOT:   tile.mark
func.func @marked() {
  tile.mark 7
  return
}
