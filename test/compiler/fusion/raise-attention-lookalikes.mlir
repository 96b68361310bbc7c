// RUN: attnc-opt %s --simplify-graph --cse --raise-attention --canonicalize --cse 2>&1 | FileCheck %s
// What looks like attention and is not, or is attention over something else. Values are compared by spellings.test.

// Heads never transposed: softmax over the heads of one position.
// CHECK-LABEL: func @heads_mixed(
// CHECK-NOT: attn.attention
func.func @heads_mixed(%x: tensor<2x5x32xf32>) -> tensor<2x5x4x8xf32> {
  %c1 = arith.constant dense<0.125> : tensor<32x32xf32>
  %e2 = tensor.empty() : tensor<2x5x32xf32>
  %f3 = arith.constant 0.0 : f32
  %z4 = linalg.fill ins(%f3 : f32) outs(%e2 : tensor<2x5x32xf32>) -> tensor<2x5x32xf32>
  %p5 = linalg.contract indexing_maps = [affine_map<(b, s, e, c) -> (b, s, c)>, affine_map<(b, s, e, c) -> (c, e)>, affine_map<(b, s, e, c) -> (b, s, e)>]
    ins(%x, %c1 : tensor<2x5x32xf32>, tensor<32x32xf32>) outs(%z4 : tensor<2x5x32xf32>) -> tensor<2x5x32xf32>
  %x6 = tensor.expand_shape %p5 [[0], [1], [2, 3]] output_shape [2, 5, 4, 8] : tensor<2x5x32xf32> into tensor<2x5x4x8xf32>
  %c7 = arith.constant dense<0.125> : tensor<32x32xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(b, s, e, c) -> (b, s, c)>, affine_map<(b, s, e, c) -> (c, e)>, affine_map<(b, s, e, c) -> (b, s, e)>]
    ins(%x, %c7 : tensor<2x5x32xf32>, tensor<32x32xf32>) outs(%z4 : tensor<2x5x32xf32>) -> tensor<2x5x32xf32>
  %x9 = tensor.expand_shape %p8 [[0], [1], [2, 3]] output_shape [2, 5, 4, 8] : tensor<2x5x32xf32> into tensor<2x5x4x8xf32>
  %c10 = arith.constant dense<0.125> : tensor<32x32xf32>
  %p11 = linalg.contract indexing_maps = [affine_map<(b, s, e, c) -> (b, s, c)>, affine_map<(b, s, e, c) -> (c, e)>, affine_map<(b, s, e, c) -> (b, s, e)>]
    ins(%x, %c10 : tensor<2x5x32xf32>, tensor<32x32xf32>) outs(%z4 : tensor<2x5x32xf32>) -> tensor<2x5x32xf32>
  %x12 = tensor.expand_shape %p11 [[0], [1], [2, 3]] output_shape [2, 5, 4, 8] : tensor<2x5x32xf32> into tensor<2x5x4x8xf32>
  %e13 = tensor.empty() : tensor<2x5x8x4xf32>
  %t14 = linalg.transpose ins(%x9 : tensor<2x5x4x8xf32>) outs(%e13 : tensor<2x5x8x4xf32>) permutation = [0, 1, 3, 2]
  %e15 = tensor.empty() : tensor<2x5x4x4xf32>
  %z16 = linalg.fill ins(%f3 : f32) outs(%e15 : tensor<2x5x4x4xf32>) -> tensor<2x5x4x4xf32>
  %p17 = linalg.contract indexing_maps = [affine_map<(b, s, h, n, d) -> (b, s, h, d)>, affine_map<(b, s, h, n, d) -> (b, s, d, n)>, affine_map<(b, s, h, n, d) -> (b, s, h, n)>]
    ins(%x6, %t14 : tensor<2x5x4x8xf32>, tensor<2x5x8x4xf32>) outs(%z16 : tensor<2x5x4x4xf32>) -> tensor<2x5x4x4xf32>
  %w18 = linalg.softmax dimension(3) ins(%p17 : tensor<2x5x4x4xf32>) outs(%e15 : tensor<2x5x4x4xf32>) -> tensor<2x5x4x4xf32>
  %e19 = tensor.empty() : tensor<2x5x4x8xf32>
  %z20 = linalg.fill ins(%f3 : f32) outs(%e19 : tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  %p21 = linalg.contract indexing_maps = [affine_map<(b, s, h, d, n) -> (b, s, h, n)>, affine_map<(b, s, h, d, n) -> (b, s, n, d)>, affine_map<(b, s, h, d, n) -> (b, s, h, d)>]
    ins(%w18, %x12 : tensor<2x5x4x4xf32>, tensor<2x5x4x8xf32>) outs(%z20 : tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  return %p21 : tensor<2x5x4x8xf32>
}

// Cross-covariance: a map of channels by channels, the sequence is summed.
// CHECK-LABEL: func @channels(
// CHECK-NOT: attn.attention
func.func @channels(%x: tensor<2x5x32xf32>) -> tensor<2x5x4x8xf32> {
  %c1 = arith.constant dense<0.125> : tensor<32x32xf32>
  %e2 = tensor.empty() : tensor<2x5x32xf32>
  %f3 = arith.constant 0.0 : f32
  %z4 = linalg.fill ins(%f3 : f32) outs(%e2 : tensor<2x5x32xf32>) -> tensor<2x5x32xf32>
  %p5 = linalg.contract indexing_maps = [affine_map<(b, s, e, c) -> (b, s, c)>, affine_map<(b, s, e, c) -> (c, e)>, affine_map<(b, s, e, c) -> (b, s, e)>]
    ins(%x, %c1 : tensor<2x5x32xf32>, tensor<32x32xf32>) outs(%z4 : tensor<2x5x32xf32>) -> tensor<2x5x32xf32>
  %x6 = tensor.expand_shape %p5 [[0], [1], [2, 3]] output_shape [2, 5, 4, 8] : tensor<2x5x32xf32> into tensor<2x5x4x8xf32>
  %c7 = arith.constant dense<0.125> : tensor<32x32xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(b, s, e, c) -> (b, s, c)>, affine_map<(b, s, e, c) -> (c, e)>, affine_map<(b, s, e, c) -> (b, s, e)>]
    ins(%x, %c7 : tensor<2x5x32xf32>, tensor<32x32xf32>) outs(%z4 : tensor<2x5x32xf32>) -> tensor<2x5x32xf32>
  %x9 = tensor.expand_shape %p8 [[0], [1], [2, 3]] output_shape [2, 5, 4, 8] : tensor<2x5x32xf32> into tensor<2x5x4x8xf32>
  %c10 = arith.constant dense<0.125> : tensor<32x32xf32>
  %p11 = linalg.contract indexing_maps = [affine_map<(b, s, e, c) -> (b, s, c)>, affine_map<(b, s, e, c) -> (c, e)>, affine_map<(b, s, e, c) -> (b, s, e)>]
    ins(%x, %c10 : tensor<2x5x32xf32>, tensor<32x32xf32>) outs(%z4 : tensor<2x5x32xf32>) -> tensor<2x5x32xf32>
  %x12 = tensor.expand_shape %p11 [[0], [1], [2, 3]] output_shape [2, 5, 4, 8] : tensor<2x5x32xf32> into tensor<2x5x4x8xf32>
  %e13 = tensor.empty() : tensor<2x4x8x8xf32>
  %z14 = linalg.fill ins(%f3 : f32) outs(%e13 : tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %p15 = linalg.contract indexing_maps = [affine_map<(b, h, d, n, s) -> (b, s, h, d)>, affine_map<(b, h, d, n, s) -> (b, s, h, n)>, affine_map<(b, h, d, n, s) -> (b, h, d, n)>]
    ins(%x6, %x9 : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) outs(%z14 : tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %w16 = linalg.softmax dimension(3) ins(%p15 : tensor<2x4x8x8xf32>) outs(%e13 : tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %e17 = tensor.empty() : tensor<2x5x4x8xf32>
  %z18 = linalg.fill ins(%f3 : f32) outs(%e17 : tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  %p19 = linalg.contract indexing_maps = [affine_map<(b, s, h, d, n) -> (b, h, d, n)>, affine_map<(b, s, h, d, n) -> (b, s, h, n)>, affine_map<(b, s, h, d, n) -> (b, s, h, d)>]
    ins(%w16, %x12 : tensor<2x4x8x8xf32>, tensor<2x5x4x8xf32>) outs(%z18 : tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  return %p19 : tensor<2x5x4x8xf32>
}

// Linformer: keys and values projected along the sequence: attention over the projected rows.
// CHECK-LABEL: func @sequence_projected(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BMHD" {{.*}} k({{.*}} "BNGD" {{.*}} v({{.*}} "BNGE" {{.*}}outs("BMHE", {{.*}}) -> 
func.func @sequence_projected(%x: tensor<2x5x32xf32>) -> tensor<2x5x4x8xf32> {
  %c1 = arith.constant dense<0.125> : tensor<32x32xf32>
  %e2 = tensor.empty() : tensor<2x5x32xf32>
  %f3 = arith.constant 0.0 : f32
  %z4 = linalg.fill ins(%f3 : f32) outs(%e2 : tensor<2x5x32xf32>) -> tensor<2x5x32xf32>
  %p5 = linalg.contract indexing_maps = [affine_map<(b, s, e, c) -> (b, s, c)>, affine_map<(b, s, e, c) -> (c, e)>, affine_map<(b, s, e, c) -> (b, s, e)>]
    ins(%x, %c1 : tensor<2x5x32xf32>, tensor<32x32xf32>) outs(%z4 : tensor<2x5x32xf32>) -> tensor<2x5x32xf32>
  %x6 = tensor.expand_shape %p5 [[0], [1], [2, 3]] output_shape [2, 5, 4, 8] : tensor<2x5x32xf32> into tensor<2x5x4x8xf32>
  %c7 = arith.constant dense<0.125> : tensor<32x32xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(b, s, e, c) -> (b, s, c)>, affine_map<(b, s, e, c) -> (c, e)>, affine_map<(b, s, e, c) -> (b, s, e)>]
    ins(%x, %c7 : tensor<2x5x32xf32>, tensor<32x32xf32>) outs(%z4 : tensor<2x5x32xf32>) -> tensor<2x5x32xf32>
  %x9 = tensor.expand_shape %p8 [[0], [1], [2, 3]] output_shape [2, 5, 4, 8] : tensor<2x5x32xf32> into tensor<2x5x4x8xf32>
  %c10 = arith.constant dense<0.125> : tensor<32x32xf32>
  %p11 = linalg.contract indexing_maps = [affine_map<(b, s, e, c) -> (b, s, c)>, affine_map<(b, s, e, c) -> (c, e)>, affine_map<(b, s, e, c) -> (b, s, e)>]
    ins(%x, %c10 : tensor<2x5x32xf32>, tensor<32x32xf32>) outs(%z4 : tensor<2x5x32xf32>) -> tensor<2x5x32xf32>
  %x12 = tensor.expand_shape %p11 [[0], [1], [2, 3]] output_shape [2, 5, 4, 8] : tensor<2x5x32xf32> into tensor<2x5x4x8xf32>
  %c13 = arith.constant dense<0.25> : tensor<5x3xf32>
  %e14 = tensor.empty() : tensor<2x3x4x8xf32>
  %z15 = linalg.fill ins(%f3 : f32) outs(%e14 : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %p16 = linalg.contract indexing_maps = [affine_map<(b, n, h, d, s) -> (b, s, h, d)>, affine_map<(b, n, h, d, s) -> (s, n)>, affine_map<(b, n, h, d, s) -> (b, n, h, d)>]
    ins(%x9, %c13 : tensor<2x5x4x8xf32>, tensor<5x3xf32>) outs(%z15 : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %p17 = linalg.contract indexing_maps = [affine_map<(b, n, h, d, s) -> (b, s, h, d)>, affine_map<(b, n, h, d, s) -> (s, n)>, affine_map<(b, n, h, d, s) -> (b, n, h, d)>]
    ins(%x12, %c13 : tensor<2x5x4x8xf32>, tensor<5x3xf32>) outs(%z15 : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %e18 = tensor.empty() : tensor<2x4x5x3xf32>
  %z19 = linalg.fill ins(%f3 : f32) outs(%e18 : tensor<2x4x5x3xf32>) -> tensor<2x4x5x3xf32>
  %p20 = linalg.contract indexing_maps = [affine_map<(b, h, s, n, d) -> (b, s, h, d)>, affine_map<(b, h, s, n, d) -> (b, n, h, d)>, affine_map<(b, h, s, n, d) -> (b, h, s, n)>]
    ins(%x6, %p16 : tensor<2x5x4x8xf32>, tensor<2x3x4x8xf32>) outs(%z19 : tensor<2x4x5x3xf32>) -> tensor<2x4x5x3xf32>
  %w21 = linalg.softmax dimension(3) ins(%p20 : tensor<2x4x5x3xf32>) outs(%e18 : tensor<2x4x5x3xf32>) -> tensor<2x4x5x3xf32>
  %e22 = tensor.empty() : tensor<2x5x4x8xf32>
  %z23 = linalg.fill ins(%f3 : f32) outs(%e22 : tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  %p24 = linalg.contract indexing_maps = [affine_map<(b, s, h, d, n) -> (b, h, s, n)>, affine_map<(b, s, h, d, n) -> (b, n, h, d)>, affine_map<(b, s, h, d, n) -> (b, s, h, d)>]
    ins(%w21, %p17 : tensor<2x4x5x3xf32>, tensor<2x3x4x8xf32>) outs(%z23 : tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  return %p24 : tensor<2x5x4x8xf32>
}

// Keys cut out of one vector (prompt tokens of an image): K has n and d together, Q has not, so n are positions.
// CHECK-LABEL: func @tokens_of_a_vector(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BMD" {{.*}} k({{.*}} "BND" {{.*}} v({{.*}} "BNE" {{.*}}outs("BME", {{.*}}) -> 
func.func @tokens_of_a_vector(%x: tensor<2x5x32xf32>, %y: tensor<2x16xf32>) -> tensor<2x5x8xf32> {
  %c1 = arith.constant dense<0.125> : tensor<16x24xf32>
  %e2 = tensor.empty() : tensor<2x24xf32>
  %f3 = arith.constant 0.0 : f32
  %z4 = linalg.fill ins(%f3 : f32) outs(%e2 : tensor<2x24xf32>) -> tensor<2x24xf32>
  %p5 = linalg.contract indexing_maps = [affine_map<(b, e, c) -> (b, c)>, affine_map<(b, e, c) -> (c, e)>, affine_map<(b, e, c) -> (b, e)>]
    ins(%y, %c1 : tensor<2x16xf32>, tensor<16x24xf32>) outs(%z4 : tensor<2x24xf32>) -> tensor<2x24xf32>
  %x6 = tensor.expand_shape %p5 [[0], [1, 2]] output_shape [2, 3, 8] : tensor<2x24xf32> into tensor<2x3x8xf32>
  %c7 = arith.constant dense<0.25> : tensor<32x8xf32>
  %e8 = tensor.empty() : tensor<2x5x8xf32>
  %z9 = linalg.fill ins(%f3 : f32) outs(%e8 : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  %p10 = linalg.contract indexing_maps = [affine_map<(b, s, e, c) -> (b, s, c)>, affine_map<(b, s, e, c) -> (c, e)>, affine_map<(b, s, e, c) -> (b, s, e)>]
    ins(%x, %c7 : tensor<2x5x32xf32>, tensor<32x8xf32>) outs(%z9 : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  %e11 = tensor.empty() : tensor<2x5x3xf32>
  %z12 = linalg.fill ins(%f3 : f32) outs(%e11 : tensor<2x5x3xf32>) -> tensor<2x5x3xf32>
  %p13 = linalg.contract indexing_maps = [affine_map<(b, s, n, d) -> (b, s, d)>, affine_map<(b, s, n, d) -> (b, n, d)>, affine_map<(b, s, n, d) -> (b, s, n)>]
    ins(%p10, %x6 : tensor<2x5x8xf32>, tensor<2x3x8xf32>) outs(%z12 : tensor<2x5x3xf32>) -> tensor<2x5x3xf32>
  %w14 = linalg.softmax dimension(2) ins(%p13 : tensor<2x5x3xf32>) outs(%e11 : tensor<2x5x3xf32>) -> tensor<2x5x3xf32>
  %p15 = linalg.contract indexing_maps = [affine_map<(b, s, d, n) -> (b, s, n)>, affine_map<(b, s, d, n) -> (b, n, d)>, affine_map<(b, s, d, n) -> (b, s, d)>]
    ins(%w14, %x6 : tensor<2x5x3xf32>, tensor<2x3x8xf32>) outs(%z9 : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  return %p15 : tensor<2x5x8xf32>
}

// Sigmoid attention: nothing is normalised.
// CHECK-LABEL: func @sigmoid(
// CHECK-NOT: attn.attention
func.func @sigmoid(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %g5 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p4 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.subf %f2, %i0 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g5 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = math.exp %i0 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %f7 = arith.constant 1.0 : f32
  %g8 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g6 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.addf %i0, %f7 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %g9 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g8 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.divf %f7, %i0 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %e10 = tensor.empty() : tensor<2x4x5x6xf32>
  %z11 = linalg.fill ins(%f2 : f32) outs(%e10 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p12 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%g9, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z11 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p12 : tensor<2x4x5x6xf32>
}

// Softmax over the queries, then a sum over the keys.
// CHECK-LABEL: func @softmax_over_queries(
// CHECK-NOT: attn.attention
func.func @softmax_over_queries(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %w5 = linalg.softmax dimension(2) ins(%p4 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e6 = tensor.empty() : tensor<2x4x5x6xf32>
  %z7 = linalg.fill ins(%f2 : f32) outs(%e6 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w5, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z7 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p8 : tensor<2x4x5x6xf32>
}

// A product over heads between Q K^T and the softmax.
// CHECK-LABEL: func @talking_heads(
// CHECK-NOT: attn.attention
func.func @talking_heads(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %w: tensor<4x4xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p5 = linalg.contract indexing_maps = [affine_map<(b, g, m, n, h) -> (b, h, m, n)>, affine_map<(b, g, m, n, h) -> (h, g)>, affine_map<(b, g, m, n, h) -> (b, g, m, n)>]
    ins(%p4, %w : tensor<2x4x5x7xf32>, tensor<4x4xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %w6 = linalg.softmax dimension(3) ins(%p5 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e7 = tensor.empty() : tensor<2x4x5x6xf32>
  %z8 = linalg.fill ins(%f2 : f32) outs(%e7 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p9 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w6, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z8 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p9 : tensor<2x4x5x6xf32>
}

// Weights multiplied by a mask behind the softmax: they no longer add up to 1.
// CHECK-LABEL: func @weights_changed(
// CHECK-NOT: attn.attention
func.func @weights_changed(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %m: tensor<5x7xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %w5 = linalg.softmax dimension(3) ins(%p4 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%w5, %m : tensor<2x4x5x7xf32>, tensor<5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.mulf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %e7 = tensor.empty() : tensor<2x4x5x6xf32>
  %z8 = linalg.fill ins(%f2 : f32) outs(%e7 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p9 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%g6, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z8 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p9 : tensor<2x4x5x6xf32>
}

// The weights are a result as well.
// CHECK-LABEL: func @weights_returned(
// CHECK-NOT: attn.attention
func.func @weights_returned(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x4x5x7xf32>) {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %w5 = linalg.softmax dimension(3) ins(%p4 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e6 = tensor.empty() : tensor<2x4x5x6xf32>
  %z7 = linalg.fill ins(%f2 : f32) outs(%e6 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w5, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z7 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p8, %w5 : tensor<2x4x5x6xf32>, tensor<2x4x5x7xf32>
}

// Additive attention: a tanh between the projections and the score.
// CHECK-LABEL: func @pointer(
// CHECK-NOT: attn.attention
func.func @pointer(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x6xf32>, %u: tensor<8xf32>) -> tensor<2x5x6xf32> {
  %x1 = tensor.expand_shape %q [[0], [1, 2], [3]] output_shape [2, 5, 1, 8] : tensor<2x5x8xf32> into tensor<2x5x1x8xf32>
  %x2 = tensor.expand_shape %k [[0], [1, 2], [3]] output_shape [2, 1, 7, 8] : tensor<2x7x8xf32> into tensor<2x1x7x8xf32>
  %e3 = tensor.empty() : tensor<2x5x7x8xf32>
  %g4 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, 0, d)>, affine_map<(a, b, c, d) -> (a, 0, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%x1, %x2 : tensor<2x5x1x8xf32>, tensor<2x1x7x8xf32>) outs(%e3 : tensor<2x5x7x8xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x5x7x8xf32>
  %g5 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g4 : tensor<2x5x7x8xf32>) outs(%e3 : tensor<2x5x7x8xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = math.tanh %i0 : f32
    linalg.yield %r : f32
  } -> tensor<2x5x7x8xf32>
  %e6 = tensor.empty() : tensor<2x5x7xf32>
  %f7 = arith.constant 0.0 : f32
  %z8 = linalg.fill ins(%f7 : f32) outs(%e6 : tensor<2x5x7xf32>) -> tensor<2x5x7xf32>
  %p9 = linalg.contract indexing_maps = [affine_map<(b, m, n, d) -> (b, m, n, d)>, affine_map<(b, m, n, d) -> (d)>, affine_map<(b, m, n, d) -> (b, m, n)>]
    ins(%g5, %u : tensor<2x5x7x8xf32>, tensor<8xf32>) outs(%z8 : tensor<2x5x7xf32>) -> tensor<2x5x7xf32>
  %w10 = linalg.softmax dimension(2) ins(%p9 : tensor<2x5x7xf32>) outs(%e6 : tensor<2x5x7xf32>) -> tensor<2x5x7xf32>
  %e11 = tensor.empty() : tensor<2x5x6xf32>
  %z12 = linalg.fill ins(%f7 : f32) outs(%e11 : tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  %p13 = linalg.contract indexing_maps = [affine_map<(b, m, e, n) -> (b, m, n)>, affine_map<(b, m, e, n) -> (b, n, e)>, affine_map<(b, m, e, n) -> (b, m, e)>]
    ins(%w10, %v : tensor<2x5x7xf32>, tensor<2x7x6xf32>) outs(%z12 : tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  return %p13 : tensor<2x5x6xf32>
}

// A softmax over the positions of a convolution kernel: no Q K^T.
// CHECK-LABEL: func @kernel_softmax(
// CHECK-NOT: attn.attention
func.func @kernel_softmax(%x: tensor<2x7x8xf32>, %w: tensor<7x5xf32>) -> tensor<2x5x8xf32> {
  %e1 = tensor.empty() : tensor<7x5xf32>
  %w2 = linalg.softmax dimension(0) ins(%w : tensor<7x5xf32>) outs(%e1 : tensor<7x5xf32>) -> tensor<7x5xf32>
  %e3 = tensor.empty() : tensor<2x5x8xf32>
  %f4 = arith.constant 0.0 : f32
  %z5 = linalg.fill ins(%f4 : f32) outs(%e3 : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  %p6 = linalg.contract indexing_maps = [affine_map<(b, m, d, n) -> (n, m)>, affine_map<(b, m, d, n) -> (b, n, d)>, affine_map<(b, m, d, n) -> (b, m, d)>]
    ins(%w2, %x : tensor<7x5xf32>, tensor<2x7x8xf32>) outs(%z5 : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  return %p6 : tensor<2x5x8xf32>
}

// The product is added to a tensor: the bias is read in the score.
// CHECK-LABEL: func @not_zero(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<2x4x5x7xf32>) outs("BHME", {{.*}}) score {
// CHECK: tensor.extract
// CHECK: arith.addf
// CHECK: attn.yield
func.func @not_zero(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %c: tensor<2x4x5x7xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%c : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %w5 = linalg.softmax dimension(3) ins(%p4 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e6 = tensor.empty() : tensor<2x4x5x6xf32>
  %z7 = linalg.fill ins(%f2 : f32) outs(%e6 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w5, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z7 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p8 : tensor<2x4x5x6xf32>
}
