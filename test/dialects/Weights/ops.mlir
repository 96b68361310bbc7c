// RUN: attnc-opt %s | attnc-opt | FileCheck %s
// RUN: attnc-opt %s --mlir-print-op-generic | attnc-opt | FileCheck %s

// CHECK: weights.data @q "bert.onnx" at 4096 : tensor<768x70xf32>
weights.data @q "bert.onnx" at 4096 : tensor<768x70xf32>
// CHECK: weights.data @unknown : tensor<70xf32>
weights.data @unknown : tensor<70xf32>
// CHECK: weights.view @panels of @q at 0 strides [64, 70, 1] inside [64, 0, 1] below 70 : tensor<2x768x64xf32>
weights.view @panels of @q at 0 strides [64, 70, 1] inside [64, 0, 1] below 70 : tensor<2x768x64xf32>
// CHECK: weights.view @transposed of @q at 0 strides [1, 70] : tensor<70x768xf32>
weights.view @transposed of @q at 0 strides [1, 70] : tensor<70x768xf32>
// CHECK: weights.cast @half of @transposed : tensor<70x768xbf16>
weights.cast @half of @transposed : tensor<70x768xbf16>
// CHECK: weights.data @bytes "bert.onnx" at 0 : tensor<70xi8>
weights.data @bytes "bert.onnx" at 0 : tensor<70xi8>
// CHECK: weights.cast @wide of @bytes : tensor<70xi32>
weights.cast @wide of @bytes : tensor<70xi32>
// CHECK: weights.cast @natural of unsigned @bytes : tensor<70xf32>
weights.cast @natural of unsigned @bytes : tensor<70xf32>
// CHECK: weights.offset @signed of @bytes by -128 : tensor<70xi8>
weights.offset @signed of @bytes by -128 : tensor<70xi8>
// CHECK: weights.sum @sums of @bytes dim 0 : tensor<i32>
weights.sum @sums of @bytes dim 0 : tensor<i32>
// CHECK: weights.constant @eight dense<8> : tensor<1xi8>
weights.constant @eight dense<8> : tensor<1xi8>
// CHECK: weights.view @eights of @eight at 0 strides [0] : tensor<70xi8>
weights.view @eights of @eight at 0 strides [0] : tensor<70xi8>
// CHECK: weights.bits @high of @bytes from 4 width 4 : tensor<70xi8>
weights.bits @high of @bytes from 4 width 4 : tensor<70xi8>
// CHECK: weights.combine @less of @high, @eights by "sub" : tensor<70xi8>
weights.combine @less of @high, @eights by "sub" : tensor<70xi8>
// CHECK: weights.data @integers "bert.onnx" at 0 : tensor<5x16xi8>
weights.data @integers "bert.onnx" at 0 : tensor<5x16xi8>
// CHECK: weights.pack @words of @integers : tensor<5x2xi32>
weights.pack @words of @integers : tensor<5x2xi32>
// CHECK: weights.bitcast @floats of @words : tensor<5x2xf32>
weights.bitcast @floats of @words : tensor<5x2xf32>
// CHECK: weights.concat @twice of [@q, @q] dim 1 : tensor<768x140xf32>
weights.concat @twice of [@q, @q] dim 1 : tensor<768x140xf32>
// CHECK: weights.stack @layers of [@q, @q] : tensor<768x70xf32>
weights.stack @layers of [@q, @q] : tensor<768x70xf32>
// CHECK: attn.weight @half : tensor<70x768xbf16>
func.func @use() -> tensor<70x768xbf16> {
  %0 = attn.weight @half : tensor<70x768xbf16>
  return %0 : tensor<70x768xbf16>
}
// CHECK: tile.weight @panels : memref<2x768x64xf32>
func.func @lowered() -> memref<2x768x64xf32> {
  %0 = tile.weight @panels : memref<2x768x64xf32>
  return %0 : memref<2x768x64xf32>
}
// CHECK: attn.layer_weight @layers[%{{.*}}] : tensor<768x70xf32>
func.func @layer(%layer: index) -> tensor<768x70xf32> {
  %0 = attn.layer_weight @layers[%layer] : tensor<768x70xf32>
  return %0 : tensor<768x70xf32>
}
// CHECK: tile.weight @layers[%{{.*}}] : memref<768x70xf32>
func.func @lowered_layer(%layer: index) -> memref<768x70xf32> {
  %0 = tile.weight @layers[%layer] : memref<768x70xf32>
  return %0 : memref<768x70xf32>
}
