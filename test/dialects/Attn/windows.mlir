// RUN: attnc-opt %s | attnc-opt | FileCheck %s --check-prefix=OPS
// RUN: attnc-interpret %s | FileCheck %s
// attn.windows: result[.., p, .., w, ..] = source[.., p * stride + w * dilation, ..]

// OPS: attn.windows %{{.*}} sizes [2] strides [2] dilations [1] : tensor<5xf32> -> tensor<2x2xf32>
// CHECK: @steps: tensor<2x2xf32> {{\[\[}}1, 2], [3, 4]]
func.func @steps() -> tensor<2x2xf32> {
  %x = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0]> : tensor<5xf32>
  %w = attn.windows %x sizes [2] strides [2] dilations [1] : tensor<5xf32> -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

// Elements of a window lie apart, and windows overlap.
// CHECK: @dilated: tensor<3x2xf32> {{\[\[}}1, 3], [2, 4], [3, 5]]
func.func @dilated() -> tensor<3x2xf32> {
  %x = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0]> : tensor<5xf32>
  %w = attn.windows %x sizes [2] strides [1] dilations [2] : tensor<5xf32> -> tensor<3x2xf32>
  return %w : tensor<3x2xf32>
}

// The last two of three dimensions; the first stays.
// CHECK: @planes: tensor<2x1x2x2x2xi64> {{\[\[\[\[\[}}0, 1], [3, 4]], {{\[\[}}1, 2], [4, 5]]]], {{\[\[\[\[}}6, 7], [9, 10]], {{\[\[}}7, 8], [10, 11]]]]]
func.func @planes() -> tensor<2x1x2x2x2xi64> {
  %x = arith.constant dense<[[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]> : tensor<2x2x3xi64>
  %w = attn.windows %x sizes [2, 2] strides [1, 1] dilations [1, 1] : tensor<2x2x3xi64> -> tensor<2x1x2x2x2xi64>
  return %w : tensor<2x1x2x2x2xi64>
}

// No position where the source is smaller than a window.
// CHECK: @small: tensor<0x3xf32> []
func.func @small() -> tensor<?x3xf32> {
  %x = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %d = tensor.cast %x : tensor<2xf32> to tensor<?xf32>
  %w = attn.windows %d sizes [3] strides [1] dilations [1] : tensor<?xf32> -> tensor<?x3xf32>
  return %w : tensor<?x3xf32>
}
