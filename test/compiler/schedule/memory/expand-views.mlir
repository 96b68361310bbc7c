// RUN: attnc-opt --pass-pipeline='builtin.module(func.func(expand-views),canonicalize)' %s | FileCheck %s
// RUN: attnc-opt --pass-pipeline='builtin.module(func.func(expand-views),expand-strided-metadata)' %s -o %t

// CHECK-LABEL: func.func @two_dynamic
// CHECK-SAME:    (%[[X:.*]]: memref<?x32xf32>, %[[B:.*]]: index, %[[S:.*]]: index)
// CHECK:         %[[STRIDE:.*]] = arith.muli %[[S]], %c32
// CHECK:         memref.reinterpret_cast %[[X]] to offset: [0], sizes: [%[[B]], %[[S]], 32], strides: [%[[STRIDE]], 32, 1]
func.func @two_dynamic(%x: memref<?x32xf32>, %b: index, %s: index) -> memref<?x?x32xf32> {
  %0 = memref.expand_shape %x [[0, 1], [2]] output_shape [%b, %s, 32] : memref<?x32xf32> into memref<?x?x32xf32>
  return %0 : memref<?x?x32xf32>
}

// CHECK-LABEL: func.func @strided
// CHECK-SAME:    (%[[X:.*]]: memref<?x?xf32, strided<[?, 1], offset: ?>>, %[[B:.*]]: index, %[[S:.*]]: index)
// CHECK:         %{{.*}}, %[[OFFSET:.*]], %{{.*}}:2, %[[STRIDES:.*]]:2 = memref.extract_strided_metadata %[[X]]
// CHECK:         memref.reinterpret_cast %[[X]] to offset: [%[[OFFSET]]], sizes: [%[[B]], %[[S]], 8], strides: [%[[STRIDES]]#0, 8, 1]
func.func @strided(%x: memref<?x?xf32, strided<[?, 1], offset: ?>>, %b: index, %s: index)
    -> memref<?x?x8xf32, strided<[?, 8, 1], offset: ?>> {
  %0 = memref.expand_shape %x [[0], [1, 2]] output_shape [%b, %s, 8]
    : memref<?x?xf32, strided<[?, 1], offset: ?>> into memref<?x?x8xf32, strided<[?, 8, 1], offset: ?>>
  return %0 : memref<?x?x8xf32, strided<[?, 8, 1], offset: ?>>
}

// CHECK-LABEL: func.func @rank_0
// CHECK:         memref.reinterpret_cast %{{.*}} to offset: [0], sizes: [1, 1], strides: [1, 1]
func.func @rank_0(%x: memref<f32>) -> memref<1x1xf32> {
  %0 = memref.expand_shape %x [] output_shape [1, 1] : memref<f32> into memref<1x1xf32>
  return %0 : memref<1x1xf32>
}
