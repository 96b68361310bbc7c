// RUN: attnc-opt --bufferize --canonicalize --split-input-file %s | FileCheck %s

// The new value of %cache is written where %cache lies, and read there. The caller's output for it is not used.
// CHECK-LABEL: func.func @step
// CHECK-SAME:    (%[[CACHE:[a-z0-9]*]]: memref<?x4xf32, strided<[?, 1], offset: ?>>, %[[ROW:[a-z0-9]*]]: memref<4xf32, {{.*}}>, %[[AT:[a-z0-9]*]]: index, %[[SAME:[a-z0-9]*]]: memref<?x4xf32, {{.*}}> {attnc.inout = 0 : i64, attnc.result = 0 : i64}, %[[OUT:[a-z0-9]*]]: memref<?x4xf32, strided<[?, 1], offset: ?>> {attnc.result = 1 : i64}) {
// CHECK-NEXT:    %[[PART:.*]] = memref.subview %[[CACHE]][%[[AT]], 0] [1, 4] [1, 1]
// CHECK-NEXT:    linalg.copy ins(%[[ROW]] {{.*}} outs(%[[PART]]
// CHECK-NEXT:    linalg.exp ins(%[[CACHE]] {{.*}} outs(%[[OUT]]
// CHECK-NEXT:    return
func.func @step(%cache: tensor<?x4xf32>, %row: tensor<4xf32>, %at: index) -> (tensor<?x4xf32> {attnc.inout = 0 : i64}, tensor<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %new = tensor.insert_slice %row into %cache[%at, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<?x4xf32>
  %n = tensor.dim %cache, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %out = linalg.exp ins(%new : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %new, %out : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// What the state was before is another result: that is written first.
// CHECK-LABEL: func.func @before
// CHECK-SAME:    (%[[S:[a-z0-9]*]]: memref<4xf32, {{.*}}>, %{{.*}}, %[[OLD:[a-z0-9]*]]: memref<4xf32, {{.*}}> {attnc.result = 1 : i64}) {
// CHECK-DAG:     linalg.copy ins(%[[S]] {{.*}} outs(%[[OLD]]
// CHECK:         return
func.func @before(%s: tensor<4xf32>) -> (tensor<4xf32> {attnc.inout = 0 : i64}, tensor<4xf32>) {
  %new = linalg.exp ins(%s : tensor<4xf32>) outs(%s : tensor<4xf32>) -> tensor<4xf32>
  return %new, %s : tensor<4xf32>, tensor<4xf32>
}

// -----

// Two states are exchanged: both are read before one is written.
// CHECK-LABEL: func.func @swap
// CHECK-SAME:    (%[[A:[a-z0-9]*]]: memref<4xf32, {{[^>]*>>}}, %[[B:[a-z0-9]*]]: memref<4xf32,
// CHECK:         linalg.copy ins(%[[B]] {{.*}} outs(%[[B0:[a-z0-9_]*]]
// CHECK:         linalg.copy ins(%[[A]] {{.*}} outs(%[[A0:[a-z0-9_]*]]
// CHECK:         linalg.copy ins(%[[B0]] {{.*}} outs(%[[A]]
// CHECK:         linalg.copy ins(%[[A0]] {{.*}} outs(%[[B]]
func.func @swap(%a: tensor<4xf32>, %b: tensor<4xf32>) -> (tensor<4xf32> {attnc.inout = 0 : i64}, tensor<4xf32> {attnc.inout = 1 : i64}) {
  return %b, %a : tensor<4xf32>, tensor<4xf32>
}

// -----

// Each layer updates its part of the state of a model: no copy on the way, but one of the last result.
// CHECK-LABEL: func.func @model
// CHECK-SAME:    (%[[C0:[a-z0-9]*]]: memref<8xf32, {{[^>]*>>}}, %[[C1:[a-z0-9]*]]: memref<8xf32, {{[^>]*>>}}, %[[X:[a-z0-9]*]]:
// CHECK-NOT:     copy
// CHECK:         call @layer(%[[C0]], %[[X]]
// CHECK:         call @layer(%[[C1]], %{{.*}}, %[[LAST:[a-z0-9_]*]])
// CHECK-NEXT:    linalg.copy ins(%[[LAST]]
// CHECK-NEXT:    return
// CHECK-LABEL: func.func private @layer
// CHECK-SAME:    (%[[C:[a-z0-9]*]]: memref<8xf32,
// CHECK:         memref.store %{{.*}}, %[[C]][%c0]
func.func @model(%c0: tensor<8xf32>, %c1: tensor<8xf32>, %x: tensor<8xf32>) -> (tensor<8xf32> {attnc.inout = 0 : i64}, tensor<8xf32> {attnc.inout = 1 : i64}, tensor<8xf32>) {
  %0:2 = call @layer(%c0, %x) : (tensor<8xf32>, tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>)
  %1:2 = call @layer(%c1, %0#1) : (tensor<8xf32>, tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>)
  return %0#0, %1#0, %1#1 : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
}
func.func private @layer(%c: tensor<8xf32>, %x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %i0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %new = tensor.insert %one into %c[%i0] : tensor<8xf32>
  %y = linalg.add ins(%new, %x : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  return %new, %y : tensor<8xf32>, tensor<8xf32>
}
