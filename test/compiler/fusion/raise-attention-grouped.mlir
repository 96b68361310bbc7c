// RUN: attnc-opt %s --simplify-graph --cse --raise-attention --canonicalize --cse 2>&1 | FileCheck %s
// K and V with fewer heads than Q, or with more keys than positions. Values are compared by spellings.test.

// Einsum b h i d, b j d -> b h i j: one head of K and V.
// CHECK-LABEL: func @multi_query_einsum(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BND" {{.*}} v({{.*}} "BNE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @multi_query_einsum(%q: tensor<2x4x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %w5 = linalg.softmax dimension(3) ins(%p4 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e6 = tensor.empty() : tensor<2x4x5x6xf32>
  %z7 = linalg.fill ins(%f2 : f32) outs(%e6 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w5, %v : tensor<2x4x5x7xf32>, tensor<2x7x6xf32>) outs(%z7 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p8 : tensor<2x4x5x6xf32>
}

// repeat_kv: Unsqueeze > Expand > Reshape on K and V.
// CHECK-LABEL: func @grouped_expand(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BMHD" {{.*}} k({{.*}} "BNGD" {{.*}} v({{.*}} "BNGE" {{.*}}outs("BMHE", {{.*}}) -> 
func.func @grouped_expand(%q: tensor<2x5x4x8xf32>, %k: tensor<2x7x2x8xf32>, %v: tensor<2x7x2x6xf32>) -> tensor<2x5x4x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x8xf32>
  %t2 = linalg.transpose ins(%q : tensor<2x5x4x8xf32>) outs(%e1 : tensor<2x4x5x8xf32>) permutation = [0, 2, 1, 3]
  %x3 = tensor.expand_shape %k [[0], [1], [2, 3], [4]] output_shape [2, 7, 2, 1, 8] : tensor<2x7x2x8xf32> into tensor<2x7x2x1x8xf32>
  %e4 = tensor.empty() : tensor<2x7x2x2x8xf32>
  %g5 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d, e) -> (a, b, c, 0, e)>, affine_map<(a, b, c, d, e) -> (a, b, c, d, e)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
    ins(%x3 : tensor<2x7x2x1x8xf32>) outs(%e4 : tensor<2x7x2x2x8xf32>) {
  ^bb0(%i0: f32, %out: f32):
    linalg.yield %i0 : f32
  } -> tensor<2x7x2x2x8xf32>
  %x6 = tensor.collapse_shape %g5 [[0], [1], [2, 3], [4]] : tensor<2x7x2x2x8xf32> into tensor<2x7x4x8xf32>
  %e7 = tensor.empty() : tensor<2x4x7x8xf32>
  %t8 = linalg.transpose ins(%x6 : tensor<2x7x4x8xf32>) outs(%e7 : tensor<2x4x7x8xf32>) permutation = [0, 2, 1, 3]
  %e9 = tensor.empty() : tensor<2x4x5x7xf32>
  %f10 = arith.constant 0.0 : f32
  %z11 = linalg.fill ins(%f10 : f32) outs(%e9 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p12 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%t2, %t8 : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z11 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %w13 = linalg.softmax dimension(3) ins(%p12 : tensor<2x4x5x7xf32>) outs(%e9 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %x14 = tensor.expand_shape %v [[0], [1], [2, 3], [4]] output_shape [2, 7, 2, 1, 6] : tensor<2x7x2x6xf32> into tensor<2x7x2x1x6xf32>
  %e15 = tensor.empty() : tensor<2x7x2x2x6xf32>
  %g16 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d, e) -> (a, b, c, 0, e)>, affine_map<(a, b, c, d, e) -> (a, b, c, d, e)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
    ins(%x14 : tensor<2x7x2x1x6xf32>) outs(%e15 : tensor<2x7x2x2x6xf32>) {
  ^bb0(%i0: f32, %out: f32):
    linalg.yield %i0 : f32
  } -> tensor<2x7x2x2x6xf32>
  %x17 = tensor.collapse_shape %g16 [[0], [1], [2, 3], [4]] : tensor<2x7x2x2x6xf32> into tensor<2x7x4x6xf32>
  %e18 = tensor.empty() : tensor<2x4x7x6xf32>
  %t19 = linalg.transpose ins(%x17 : tensor<2x7x4x6xf32>) outs(%e18 : tensor<2x4x7x6xf32>) permutation = [0, 2, 1, 3]
  %e20 = tensor.empty() : tensor<2x4x5x6xf32>
  %z21 = linalg.fill ins(%f10 : f32) outs(%e20 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p22 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w13, %t19 : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z21 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %e23 = tensor.empty() : tensor<2x5x4x6xf32>
  %t24 = linalg.transpose ins(%p22 : tensor<2x4x5x6xf32>) outs(%e23 : tensor<2x5x4x6xf32>) permutation = [0, 2, 1, 3]
  return %t24 : tensor<2x5x4x6xf32>
}

// Q as (B, G, H/G, M, D): the group axis is shared, the axis behind it is not in K and V.
// CHECK-LABEL: func @grouped_rank_5(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @grouped_rank_5(%q: tensor<2x2x2x5x8xf32>, %k: tensor<2x2x7x8xf32>, %v: tensor<2x2x7x6xf32>) -> tensor<2x2x2x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x2x2x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x2x2x5x7xf32>) -> tensor<2x2x2x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, g, r, m, n, d) -> (b, g, r, m, d)>, affine_map<(b, g, r, m, n, d) -> (b, g, n, d)>, affine_map<(b, g, r, m, n, d) -> (b, g, r, m, n)>]
    ins(%q, %k : tensor<2x2x2x5x8xf32>, tensor<2x2x7x8xf32>) outs(%z3 : tensor<2x2x2x5x7xf32>) -> tensor<2x2x2x5x7xf32>
  %w5 = linalg.softmax dimension(4) ins(%p4 : tensor<2x2x2x5x7xf32>) outs(%e1 : tensor<2x2x2x5x7xf32>) -> tensor<2x2x2x5x7xf32>
  %e6 = tensor.empty() : tensor<2x2x2x5x6xf32>
  %z7 = linalg.fill ins(%f2 : f32) outs(%e6 : tensor<2x2x2x5x6xf32>) -> tensor<2x2x2x5x6xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(b, g, r, m, e, n) -> (b, g, r, m, n)>, affine_map<(b, g, r, m, e, n) -> (b, g, n, e)>, affine_map<(b, g, r, m, e, n) -> (b, g, r, m, e)>]
    ins(%w5, %v : tensor<2x2x2x5x7xf32>, tensor<2x2x7x6xf32>) outs(%z7 : tensor<2x2x2x5x6xf32>) -> tensor<2x2x2x5x6xf32>
  return %p8 : tensor<2x2x2x5x6xf32>
}

// K and V repeated as a whole (h % G instead of h / (H/G)): the heads are no groups, so K and V keep their copies.
// CHECK-LABEL: func @interleaved_groups(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @interleaved_groups(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x7x8xf32>, %v: tensor<2x2x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x2x2x7x8xf32>
  %g2 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d, e) -> (a, c, d, e)>, affine_map<(a, b, c, d, e) -> (a, b, c, d, e)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
    ins(%k : tensor<2x2x7x8xf32>) outs(%e1 : tensor<2x2x2x7x8xf32>) {
  ^bb0(%i0: f32, %out: f32):
    linalg.yield %i0 : f32
  } -> tensor<2x2x2x7x8xf32>
  %x3 = tensor.collapse_shape %g2 [[0], [1, 2], [3], [4]] : tensor<2x2x2x7x8xf32> into tensor<2x4x7x8xf32>
  %e4 = tensor.empty() : tensor<2x4x5x7xf32>
  %f5 = arith.constant 0.0 : f32
  %z6 = linalg.fill ins(%f5 : f32) outs(%e4 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p7 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %x3 : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z6 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %w8 = linalg.softmax dimension(3) ins(%p7 : tensor<2x4x5x7xf32>) outs(%e4 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e9 = tensor.empty() : tensor<2x2x2x7x6xf32>
  %g10 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d, e) -> (a, c, d, e)>, affine_map<(a, b, c, d, e) -> (a, b, c, d, e)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
    ins(%v : tensor<2x2x7x6xf32>) outs(%e9 : tensor<2x2x2x7x6xf32>) {
  ^bb0(%i0: f32, %out: f32):
    linalg.yield %i0 : f32
  } -> tensor<2x2x2x7x6xf32>
  %x11 = tensor.collapse_shape %g10 [[0], [1, 2], [3], [4]] : tensor<2x2x2x7x6xf32> into tensor<2x4x7x6xf32>
  %e12 = tensor.empty() : tensor<2x4x5x6xf32>
  %z13 = linalg.fill ins(%f5 : f32) outs(%e12 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p14 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w8, %x11 : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z13 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p14 : tensor<2x4x5x6xf32>
}

// add_zero_attn: a key of zeros joined to K and V stays in the tensors.
// CHECK-LABEL: func @extra_key(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @extra_key(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %c1 = arith.constant dense<0.0> : tensor<2x4x1x8xf32>
  %j2 = tensor.concat dim(2) %k, %c1 : (tensor<2x4x7x8xf32>, tensor<2x4x1x8xf32>) -> tensor<2x4x8x8xf32>
  %e3 = tensor.empty() : tensor<2x4x5x8xf32>
  %f4 = arith.constant 0.0 : f32
  %z5 = linalg.fill ins(%f4 : f32) outs(%e3 : tensor<2x4x5x8xf32>) -> tensor<2x4x5x8xf32>
  %p6 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %j2 : tensor<2x4x5x8xf32>, tensor<2x4x8x8xf32>) outs(%z5 : tensor<2x4x5x8xf32>) -> tensor<2x4x5x8xf32>
  %w7 = linalg.softmax dimension(3) ins(%p6 : tensor<2x4x5x8xf32>) outs(%e3 : tensor<2x4x5x8xf32>) -> tensor<2x4x5x8xf32>
  %c8 = arith.constant dense<0.0> : tensor<2x4x1x6xf32>
  %j9 = tensor.concat dim(2) %v, %c8 : (tensor<2x4x7x6xf32>, tensor<2x4x1x6xf32>) -> tensor<2x4x8x6xf32>
  %e10 = tensor.empty() : tensor<2x4x5x6xf32>
  %z11 = linalg.fill ins(%f4 : f32) outs(%e10 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p12 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w7, %j9 : tensor<2x4x5x8xf32>, tensor<2x4x8x6xf32>) outs(%z11 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p12 : tensor<2x4x5x6xf32>
}
