// RUN: attnc-opt %s --simplify-graph --cse --raise-attention --canonicalize --cse 2>&1 | FileCheck %s
// Spellings of the two products: einsums, merged axes, windows, transposed results. Values are compared by spellings.test.

// Einsum bhqd,bhkd->bhqk: no transpose, no scale (T5).
// CHECK-LABEL: func @einsum_bhqd(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @einsum_bhqd(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
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
  return %p8 : tensor<2x4x5x6xf32>
}

// Einsum bqhd,bkhd->bhqk: heads stay behind the sequence.
// CHECK-LABEL: func @einsum_bqhd(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BMHD" {{.*}} k({{.*}} "BNGD" {{.*}} v({{.*}} "BNGE" {{.*}}outs("BMHE", {{.*}}) -> 
func.func @einsum_bqhd(%q: tensor<2x5x4x8xf32>, %k: tensor<2x7x4x8xf32>, %v: tensor<2x7x4x6xf32>) -> tensor<2x5x4x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, m, h, d)>, affine_map<(b, h, m, n, d) -> (b, n, h, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x5x4x8xf32>, tensor<2x7x4x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %w5 = linalg.softmax dimension(3) ins(%p4 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e6 = tensor.empty() : tensor<2x5x4x6xf32>
  %z7 = linalg.fill ins(%f2 : f32) outs(%e6 : tensor<2x5x4x6xf32>) -> tensor<2x5x4x6xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(b, m, h, e, n) -> (b, h, m, n)>, affine_map<(b, m, h, e, n) -> (b, n, h, e)>, affine_map<(b, m, h, e, n) -> (b, m, h, e)>]
    ins(%w5, %v : tensor<2x4x5x7xf32>, tensor<2x7x4x6xf32>) outs(%z7 : tensor<2x5x4x6xf32>) -> tensor<2x5x4x6xf32>
  return %p8 : tensor<2x5x4x6xf32>
}

// Einsum ibnd,jbnd->bnij.
// CHECK-LABEL: func @einsum_sequence_first(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "MBHD" {{.*}} k({{.*}} "NBGD" {{.*}} v({{.*}} "NBGE" {{.*}}outs("MBHE", {{.*}}) -> 
func.func @einsum_sequence_first(%q: tensor<5x2x4x8xf32>, %k: tensor<7x2x4x8xf32>, %v: tensor<7x2x4x6xf32>) -> tensor<5x2x4x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (m, b, h, d)>, affine_map<(b, h, m, n, d) -> (n, b, h, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<5x2x4x8xf32>, tensor<7x2x4x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %w5 = linalg.softmax dimension(3) ins(%p4 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e6 = tensor.empty() : tensor<5x2x4x6xf32>
  %z7 = linalg.fill ins(%f2 : f32) outs(%e6 : tensor<5x2x4x6xf32>) -> tensor<5x2x4x6xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(m, b, h, e, n) -> (b, h, m, n)>, affine_map<(m, b, h, e, n) -> (n, b, h, e)>, affine_map<(m, b, h, e, n) -> (m, b, h, e)>]
    ins(%w5, %v : tensor<2x4x5x7xf32>, tensor<7x2x4x6xf32>) outs(%z7 : tensor<5x2x4x6xf32>) -> tensor<5x2x4x6xf32>
  return %p8 : tensor<5x2x4x6xf32>
}

// nn.MultiheadAttention: (S, B, E) viewed as (S, B*H, d), heads inside the batch axis; K transposed by [1, 2, 0].
// CHECK-LABEL: func @heads_in_batch(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "MBHD" {{.*}} k({{.*}} "NBGD" {{.*}} v({{.*}} "NBGE" {{.*}}outs("MBHE", {{.*}}) -> 
func.func @heads_in_batch(%q: tensor<?x?x32xf32> {attnc.dims = ["M", "B", "32"]}, %k: tensor<?x?x32xf32> {attnc.dims = ["N", "B", "32"]}, %v: tensor<?x?x32xf32> {attnc.dims = ["N", "B", "32"]}) -> tensor<?x?x32xf32> {
  %c0 = arith.constant 0 : index
  %M = tensor.dim %q, %c0 : tensor<?x?x32xf32>
  %c1 = arith.constant 1 : index
  %B = tensor.dim %q, %c1 : tensor<?x?x32xf32>
  %N = tensor.dim %k, %c0 : tensor<?x?x32xf32>
  %x1 = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [%M, %B, 4, 8] : tensor<?x?x32xf32> into tensor<?x?x4x8xf32>
  %c4 = arith.constant 4 : index
  %m2 = arith.muli %B, %c4 : index
  %x3 = tensor.collapse_shape %x1 [[0], [1, 2], [3]] : tensor<?x?x4x8xf32> into tensor<?x?x8xf32>
  %x4 = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [%N, %B, 4, 8] : tensor<?x?x32xf32> into tensor<?x?x4x8xf32>
  %x5 = tensor.collapse_shape %x4 [[0], [1, 2], [3]] : tensor<?x?x4x8xf32> into tensor<?x?x8xf32>
  %x6 = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [%N, %B, 4, 8] : tensor<?x?x32xf32> into tensor<?x?x4x8xf32>
  %x7 = tensor.collapse_shape %x6 [[0], [1, 2], [3]] : tensor<?x?x4x8xf32> into tensor<?x?x8xf32>
  %e8 = tensor.empty(%m2, %M) : tensor<?x?x8xf32>
  %t9 = linalg.transpose ins(%x3 : tensor<?x?x8xf32>) outs(%e8 : tensor<?x?x8xf32>) permutation = [1, 0, 2]
  %e10 = tensor.empty(%m2, %N) : tensor<?x8x?xf32>
  %t11 = linalg.transpose ins(%x5 : tensor<?x?x8xf32>) outs(%e10 : tensor<?x8x?xf32>) permutation = [1, 2, 0]
  %e12 = tensor.empty(%m2, %M, %N) : tensor<?x?x?xf32>
  %f13 = arith.constant 0.0 : f32
  %z14 = linalg.fill ins(%f13 : f32) outs(%e12 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %p15 = linalg.contract indexing_maps = [affine_map<(x, m, n, d) -> (x, m, d)>, affine_map<(x, m, n, d) -> (x, d, n)>, affine_map<(x, m, n, d) -> (x, m, n)>]
    ins(%t9, %t11 : tensor<?x?x8xf32>, tensor<?x8x?xf32>) outs(%z14 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %w16 = linalg.softmax dimension(2) ins(%p15 : tensor<?x?x?xf32>) outs(%e12 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %e17 = tensor.empty(%m2, %N) : tensor<?x?x8xf32>
  %t18 = linalg.transpose ins(%x7 : tensor<?x?x8xf32>) outs(%e17 : tensor<?x?x8xf32>) permutation = [1, 0, 2]
  %z19 = linalg.fill ins(%f13 : f32) outs(%e8 : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %p20 = linalg.contract indexing_maps = [affine_map<(x, m, e, n) -> (x, m, n)>, affine_map<(x, m, e, n) -> (x, n, e)>, affine_map<(x, m, e, n) -> (x, m, e)>]
    ins(%w16, %t18 : tensor<?x?x?xf32>, tensor<?x?x8xf32>) outs(%z19 : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %e21 = tensor.empty(%M, %m2) : tensor<?x?x8xf32>
  %t22 = linalg.transpose ins(%p20 : tensor<?x?x8xf32>) outs(%e21 : tensor<?x?x8xf32>) permutation = [1, 0, 2]
  %x23 = tensor.expand_shape %t22 [[0], [1, 2], [3]] output_shape [%M, %B, 4, 8] : tensor<?x?x8xf32> into tensor<?x?x4x8xf32>
  %x24 = tensor.collapse_shape %x23 [[0], [1], [2, 3]] : tensor<?x?x4x8xf32> into tensor<?x?x32xf32>
  return %x24 : tensor<?x?x32xf32>
}

// The same, with a result that is flattened and viewed as (M * B, 32): where heads and features join is known from the product.
// CHECK-LABEL: func @joined_through_one_dimension(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "MBHD" {{.*}} k({{.*}} "NBGD" {{.*}} v({{.*}} "NBGE" {{.*}}outs("MBHE", {{.*}}) -> 
func.func @joined_through_one_dimension(%q: tensor<?x?x32xf32> {attnc.dims = ["M", "B", "32"]}, %k: tensor<?x?x32xf32> {attnc.dims = ["N", "B", "32"]}, %v: tensor<?x?x32xf32> {attnc.dims = ["N", "B", "32"]}) -> tensor<?x32xf32> {
  %c0 = arith.constant 0 : index
  %M = tensor.dim %q, %c0 : tensor<?x?x32xf32>
  %c1 = arith.constant 1 : index
  %B = tensor.dim %q, %c1 : tensor<?x?x32xf32>
  %N = tensor.dim %k, %c0 : tensor<?x?x32xf32>
  %x1 = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [%M, %B, 4, 8] : tensor<?x?x32xf32> into tensor<?x?x4x8xf32>
  %c4 = arith.constant 4 : index
  %m2 = arith.muli %B, %c4 : index
  %x3 = tensor.collapse_shape %x1 [[0], [1, 2], [3]] : tensor<?x?x4x8xf32> into tensor<?x?x8xf32>
  %x4 = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [%N, %B, 4, 8] : tensor<?x?x32xf32> into tensor<?x?x4x8xf32>
  %x5 = tensor.collapse_shape %x4 [[0], [1, 2], [3]] : tensor<?x?x4x8xf32> into tensor<?x?x8xf32>
  %x6 = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [%N, %B, 4, 8] : tensor<?x?x32xf32> into tensor<?x?x4x8xf32>
  %x7 = tensor.collapse_shape %x6 [[0], [1, 2], [3]] : tensor<?x?x4x8xf32> into tensor<?x?x8xf32>
  %e8 = tensor.empty(%m2, %M) : tensor<?x?x8xf32>
  %t9 = linalg.transpose ins(%x3 : tensor<?x?x8xf32>) outs(%e8 : tensor<?x?x8xf32>) permutation = [1, 0, 2]
  %e10 = tensor.empty(%m2, %N) : tensor<?x8x?xf32>
  %t11 = linalg.transpose ins(%x5 : tensor<?x?x8xf32>) outs(%e10 : tensor<?x8x?xf32>) permutation = [1, 2, 0]
  %e12 = tensor.empty(%m2, %M, %N) : tensor<?x?x?xf32>
  %f13 = arith.constant 0.0 : f32
  %z14 = linalg.fill ins(%f13 : f32) outs(%e12 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %p15 = linalg.contract indexing_maps = [affine_map<(x, m, n, d) -> (x, m, d)>, affine_map<(x, m, n, d) -> (x, d, n)>, affine_map<(x, m, n, d) -> (x, m, n)>]
    ins(%t9, %t11 : tensor<?x?x8xf32>, tensor<?x8x?xf32>) outs(%z14 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %w16 = linalg.softmax dimension(2) ins(%p15 : tensor<?x?x?xf32>) outs(%e12 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %e17 = tensor.empty(%m2, %N) : tensor<?x?x8xf32>
  %t18 = linalg.transpose ins(%x7 : tensor<?x?x8xf32>) outs(%e17 : tensor<?x?x8xf32>) permutation = [1, 0, 2]
  %z19 = linalg.fill ins(%f13 : f32) outs(%e8 : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %p20 = linalg.contract indexing_maps = [affine_map<(x, m, e, n) -> (x, m, n)>, affine_map<(x, m, e, n) -> (x, n, e)>, affine_map<(x, m, e, n) -> (x, m, e)>]
    ins(%w16, %t18 : tensor<?x?x?xf32>, tensor<?x?x8xf32>) outs(%z19 : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %e21 = tensor.empty(%M, %m2) : tensor<?x?x8xf32>
  %t22 = linalg.transpose ins(%p20 : tensor<?x?x8xf32>) outs(%e21 : tensor<?x?x8xf32>) permutation = [1, 0, 2]
  %MB = arith.muli %M, %B : index
  %m23 = arith.muli %M, %m2 : index
  %c8 = arith.constant 8 : index
  %m24 = arith.muli %m23, %c8 : index
  %x25 = tensor.collapse_shape %t22 [[0, 1, 2]] : tensor<?x?x8xf32> into tensor<?xf32>
  %x26 = tensor.expand_shape %x25 [[0, 1]] output_shape [%MB, 32] : tensor<?xf32> into tensor<?x32xf32>
  return %x26 : tensor<?x32xf32>
}

// Rank 5: batch, windows, heads. Batch and windows become B together.
// CHECK-LABEL: func @windows(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @windows(%q: tensor<2x3x4x5x8xf32>, %k: tensor<2x3x4x5x8xf32>, %v: tensor<2x3x4x5x6xf32>) -> tensor<2x3x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x3x4x5x5xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x3x4x5x5xf32>) -> tensor<2x3x4x5x5xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, w, h, m, n, d) -> (b, w, h, m, d)>, affine_map<(b, w, h, m, n, d) -> (b, w, h, n, d)>, affine_map<(b, w, h, m, n, d) -> (b, w, h, m, n)>]
    ins(%q, %k : tensor<2x3x4x5x8xf32>, tensor<2x3x4x5x8xf32>) outs(%z3 : tensor<2x3x4x5x5xf32>) -> tensor<2x3x4x5x5xf32>
  %w5 = linalg.softmax dimension(4) ins(%p4 : tensor<2x3x4x5x5xf32>) outs(%e1 : tensor<2x3x4x5x5xf32>) -> tensor<2x3x4x5x5xf32>
  %e6 = tensor.empty() : tensor<2x3x4x5x6xf32>
  %z7 = linalg.fill ins(%f2 : f32) outs(%e6 : tensor<2x3x4x5x6xf32>) -> tensor<2x3x4x5x6xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(b, w, h, m, e, n) -> (b, w, h, m, n)>, affine_map<(b, w, h, m, e, n) -> (b, w, h, n, e)>, affine_map<(b, w, h, m, e, n) -> (b, w, h, m, e)>]
    ins(%w5, %v : tensor<2x3x4x5x5xf32>, tensor<2x3x4x5x6xf32>) outs(%z7 : tensor<2x3x4x5x6xf32>) -> tensor<2x3x4x5x6xf32>
  return %p8 : tensor<2x3x4x5x6xf32>
}

// K Q^T instead of Q K^T: the keys are rows, softmax over axis 2, and V comes first in the second product.
// CHECK-LABEL: func @softmax_not_last(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @softmax_not_last(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x7x5xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x7x5xf32>) -> tensor<2x4x7x5xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, n, m, d) -> (b, h, n, d)>, affine_map<(b, h, n, m, d) -> (b, h, m, d)>, affine_map<(b, h, n, m, d) -> (b, h, n, m)>]
    ins(%k, %q : tensor<2x4x7x8xf32>, tensor<2x4x5x8xf32>) outs(%z3 : tensor<2x4x7x5xf32>) -> tensor<2x4x7x5xf32>
  %w5 = linalg.softmax dimension(2) ins(%p4 : tensor<2x4x7x5xf32>) outs(%e1 : tensor<2x4x7x5xf32>) -> tensor<2x4x7x5xf32>
  %e6 = tensor.empty() : tensor<2x4x5x6xf32>
  %z7 = linalg.fill ins(%f2 : f32) outs(%e6 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, n, m)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%v, %w5 : tensor<2x4x7x6xf32>, tensor<2x4x7x5xf32>) outs(%z7 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p8 : tensor<2x4x5x6xf32>
}

// ctx @ alpha: V is transposed and stands on the left, the result is (B, H, E, M).
// CHECK-LABEL: func @values_transposed(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHEM", {{.*}}) -> 
func.func @values_transposed(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x6x5xf32> {
  %e1 = tensor.empty() : tensor<2x4x6x7xf32>
  %t2 = linalg.transpose ins(%v : tensor<2x4x7x6xf32>) outs(%e1 : tensor<2x4x6x7xf32>) permutation = [0, 1, 3, 2]
  %e3 = tensor.empty() : tensor<2x4x5x7xf32>
  %f4 = arith.constant 0.0 : f32
  %z5 = linalg.fill ins(%f4 : f32) outs(%e3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p6 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z5 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %w7 = linalg.softmax dimension(3) ins(%p6 : tensor<2x4x5x7xf32>) outs(%e3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e8 = tensor.empty() : tensor<2x4x6x5xf32>
  %z9 = linalg.fill ins(%f4 : f32) outs(%e8 : tensor<2x4x6x5xf32>) -> tensor<2x4x6x5xf32>
  %p10 = linalg.contract indexing_maps = [affine_map<(b, h, e, m, n) -> (b, h, e, n)>, affine_map<(b, h, e, m, n) -> (b, h, m, n)>, affine_map<(b, h, e, m, n) -> (b, h, e, m)>]
    ins(%t2, %w7 : tensor<2x4x6x7xf32>, tensor<2x4x5x7xf32>) outs(%z9 : tensor<2x4x6x5xf32>) -> tensor<2x4x6x5xf32>
  return %p10 : tensor<2x4x6x5xf32>
}

// No batch, no heads.
// CHECK-LABEL: func @single_head(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "MD" {{.*}} k({{.*}} "ND" {{.*}} v({{.*}} "NE" {{.*}}outs("ME", {{.*}}) -> 
func.func @single_head(%q: tensor<5x8xf32>, %k: tensor<7x8xf32>, %v: tensor<7x6xf32>) -> tensor<5x6xf32> {
  %e1 = tensor.empty() : tensor<5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<5x7xf32>) -> tensor<5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(m, n, d) -> (m, d)>, affine_map<(m, n, d) -> (n, d)>, affine_map<(m, n, d) -> (m, n)>]
    ins(%q, %k : tensor<5x8xf32>, tensor<7x8xf32>) outs(%z3 : tensor<5x7xf32>) -> tensor<5x7xf32>
  %w5 = linalg.softmax dimension(1) ins(%p4 : tensor<5x7xf32>) outs(%e1 : tensor<5x7xf32>) -> tensor<5x7xf32>
  %e6 = tensor.empty() : tensor<5x6xf32>
  %z7 = linalg.fill ins(%f2 : f32) outs(%e6 : tensor<5x6xf32>) -> tensor<5x6xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(m, e, n) -> (m, n)>, affine_map<(m, e, n) -> (n, e)>, affine_map<(m, e, n) -> (m, e)>]
    ins(%w5, %v : tensor<5x7xf32>, tensor<7x6xf32>) outs(%z7 : tensor<5x6xf32>) -> tensor<5x6xf32>
  return %p8 : tensor<5x6xf32>
}

// Softmax in f32 between products in f16: casts before and after.
// CHECK-LABEL: func @half_precision_weights(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @half_precision_weights(%q: tensor<2x4x5x8xf16>, %k: tensor<2x4x7x8xf16>, %v: tensor<2x4x7x6xf16>) -> tensor<2x4x5x6xf16> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf16>
  %f2 = arith.constant 0.0 : f16
  %z3 = linalg.fill ins(%f2 : f16) outs(%e1 : tensor<2x4x5x7xf16>) -> tensor<2x4x5x7xf16>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf16>, tensor<2x4x7x8xf16>) outs(%z3 : tensor<2x4x5x7xf16>) -> tensor<2x4x5x7xf16>
  %e5 = tensor.empty() : tensor<2x4x5x7xf32>
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p4 : tensor<2x4x5x7xf16>) outs(%e5 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f16, %out: f32):
    %r = arith.extf %i0 : f16 to f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w7 = linalg.softmax dimension(3) ins(%g6 : tensor<2x4x5x7xf32>) outs(%e5 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %g8 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%w7 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf16>) {
  ^bb0(%i0: f32, %out: f16):
    %r = arith.truncf %i0 : f32 to f16
    linalg.yield %r : f16
  } -> tensor<2x4x5x7xf16>
  %e9 = tensor.empty() : tensor<2x4x5x6xf16>
  %z10 = linalg.fill ins(%f2 : f16) outs(%e9 : tensor<2x4x5x6xf16>) -> tensor<2x4x5x6xf16>
  %p11 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%g8, %v : tensor<2x4x5x7xf16>, tensor<2x4x7x6xf16>) outs(%z10 : tensor<2x4x5x6xf16>) -> tensor<2x4x5x6xf16>
  return %p11 : tensor<2x4x5x6xf16>
}
