// RUN: attnc-opt %s --merge-functions | FileCheck %s

// Two bodies that say the same become one, and then what launches them; so does what calls those.
// CHECK: func.func private @body(
// CHECK-NOT: func.func private @same(
func.func private @body(%i: index, %x: memref<?xf32>) {
  %0 = memref.load %x[%i] : memref<?xf32>
  memref.store %0, %x[%i] : memref<?xf32>
  return
}
func.func private @same(%i: index, %y: memref<?xf32>) {
  %0 = memref.load %y[%i] : memref<?xf32>
  memref.store %0, %y[%i] : memref<?xf32>
  return
}
// CHECK: func.func private @launch(index, memref<?xf32>) attributes {attnc.launches = @body}
// CHECK-NOT: @launch_same
func.func private @launch(index, memref<?xf32>) attributes {attnc.launches = @body}
func.func private @launch_same(index, memref<?xf32>) attributes {attnc.launches = @same}

// What differs in an op, a constant or a type stays, and what nothing here names: it is called from outside.
// CHECK: func.func private @plan(
// CHECK: func.func private @other_plan(
func.func private @plan(%x: memref<?xf32>) -> index {
  %0 = arith.constant 4 : index
  return %0 : index
}
func.func private @other_plan(%x: memref<?xf32>) -> index {
  %0 = arith.constant 4 : index
  return %0 : index
}

// CHECK: func.func private @other_op(
func.func private @other_op(%i: index, %x: memref<?xf32>) {
  %0 = memref.load %x[%i] : memref<?xf32>
  %1 = arith.negf %0 : f32
  memref.store %1, %x[%i] : memref<?xf32>
  return
}
// CHECK: func.func private @other_type(
func.func private @other_type(%i: index, %x: memref<?xf64>) {
  %0 = memref.load %x[%i] : memref<?xf64>
  memref.store %0, %x[%i] : memref<?xf64>
  return
}
// CHECK: func.func private @other_order(
func.func private @other_order(%x: memref<?xf32>, %i: index) {
  %0 = memref.load %x[%i] : memref<?xf32>
  memref.store %0, %x[%i] : memref<?xf32>
  return
}

// Public functions are entries, whatever they say.
// CHECK-LABEL: func.func @main
// CHECK: call @launch(%{{.*}}, %[[X:.*]]) : (index, memref<?xf32>) -> ()
// CHECK: call @launch(%{{.*}}, %[[Y:.*]]) : (index, memref<?xf32>) -> ()
func.func @main(%n: index, %x: memref<?xf32>, %y: memref<?xf32>) {
  call @launch(%n, %x) : (index, memref<?xf32>) -> ()
  call @launch_same(%n, %y) : (index, memref<?xf32>) -> ()
  return
}
// CHECK-LABEL: func.func @main2
func.func @main2(%n: index, %x: memref<?xf32>, %y: memref<?xf32>) {
  call @launch(%n, %x) : (index, memref<?xf32>) -> ()
  call @launch_same(%n, %y) : (index, memref<?xf32>) -> ()
  return
}
