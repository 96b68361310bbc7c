// RUN: attnc-opt %s --lower-weights | FileCheck %s
// RUN: printf 'aaaabbbbccccdddd' > %t.bin && sed 's|FILE|%t.bin|' %s > %t.mlir
// RUN: attnc-opt %t.mlir --lower-weights=embed | FileCheck %s --check-prefix=EMBED

// One declaration for two uses; where the code holds its weights itself, a constant.
// CHECK-DAG: weights.data @w "FILE" at 0 : tensor<2x2xf32>
// CHECK-DAG: memref.global constant @".weight.w" : memref<2x2xf32> {alignment = 64 : i64}
// EMBED-NOT: weights.
// EMBED: memref.global "private" constant @".weight.v" : memref<2xf32> = dense<[{{.*}}, {{.*}}]> {alignment = 64 : i64}
weights.data @w "FILE" at 0 : tensor<2x2xf32>
weights.view @v of @w at 1 strides [2] : tensor<2xf32>
weights.stack @layers of [@v, @v] : tensor<2xf32>
// CHECK-LABEL: func @twice
func.func @twice() -> (memref<2x2xf32>, memref<2x2xf32>, memref<2xf32>) {
  // CHECK: memref.get_global @".weight.w" : memref<2x2xf32>
  // CHECK: memref.get_global @".weight.w" : memref<2x2xf32>
  // CHECK: memref.get_global @".weight.v" : memref<2xf32>
  // CHECK-NOT: tile.weight
  %0 = tile.weight @w : memref<2x2xf32>
  %1 = tile.weight @w : memref<2x2xf32>
  %2 = tile.weight @v : memref<2xf32>
  return %0, %1, %2 : memref<2x2xf32>, memref<2x2xf32>, memref<2xf32>
}

// Layers lie 64 bytes apart.
// CHECK-LABEL: func @layer
// CHECK-SAME:  (%[[LAYER:.*]]: index)
// EMBED-LABEL: func @layer
func.func @layer(%layer: index) -> memref<2xf32> {
  // CHECK: %[[ALL:.*]] = memref.get_global @".weight.layers" : memref<128xi8>
  // CHECK: %[[PITCH:.*]] = arith.constant 64 : index
  // CHECK: %[[AT:.*]] = arith.muli %[[LAYER]], %[[PITCH]] : index
  // CHECK: memref.view %[[ALL]][%[[AT]]][] : memref<128xi8> to memref<2xf32>
  // EMBED: memref.view
  %0 = tile.weight @layers[%layer] : memref<2xf32>
  return %0 : memref<2xf32>
}
