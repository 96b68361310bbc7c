// RUN: attnc-opt %s --simplify-graph --cse --raise-attention --canonicalize --cse 2>&1 | FileCheck %s
// Masks and biases between Q K^T and the softmax. Values are compared by spellings.test.

// Where(mask, -inf, scores): True is masked.
// CHECK-LABEL: func @where_infinity(
// CHECK: attn.attention {scale = 2.500000e-01 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<2x1x1x7xi1>) outs("BHME", {{.*}}) mask {
// CHECK: tensor.extract
// CHECK: arith.xori
// CHECK: attn.yield
func.func @where_infinity(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %m: tensor<2x1x1x7xi1>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %f5 = arith.constant 0.25 : f32
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p4 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.mulf %i0, %f5 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %f7 = arith.constant 0xFF800000 : f32
  %g8 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, 0, 0, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%m, %g6 : tensor<2x1x1x7xi1>, tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: i1, %i1: f32, %out: f32):
    %r = arith.select %i0, %f7, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w9 = linalg.softmax dimension(3) ins(%g8 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e10 = tensor.empty() : tensor<2x4x5x6xf32>
  %z11 = linalg.fill ins(%f2 : f32) outs(%e10 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p12 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w9, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z11 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p12 : tensor<2x4x5x6xf32>
}

// Where(mask, scores, -inf): True is allowed.
// CHECK-LABEL: func @where_allowed(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<5x7xi1>) outs("BHME", {{.*}}) mask {
// CHECK: tensor.extract
// CHECK: attn.yield
func.func @where_allowed(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %m: tensor<5x7xi1>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %f5 = arith.constant 0xFF800000 : f32
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%m, %p4 : tensor<5x7xi1>, tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: i1, %i1: f32, %out: f32):
    %r = arith.select %i0, %i1, %f5 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w7 = linalg.softmax dimension(3) ins(%g6 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e8 = tensor.empty() : tensor<2x4x5x6xf32>
  %z9 = linalg.fill ins(%f2 : f32) outs(%e8 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p10 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w7, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z9 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p10 : tensor<2x4x5x6xf32>
}

// A finite fill stays a score: a row with every key filled averages V.
// CHECK-LABEL: func @where_finite(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<5x7xi1>) outs("BHME", {{.*}}) score {
// CHECK: arith.constant -3.40282347E+38
// CHECK: tensor.extract
// CHECK: arith.select
// CHECK: attn.yield
func.func @where_finite(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %m: tensor<5x7xi1>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %f5 = arith.constant -3.4028234663852886e+38 : f32
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%m, %p4 : tensor<5x7xi1>, tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: i1, %i1: f32, %out: f32):
    %r = arith.select %i0, %i1, %f5 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w7 = linalg.softmax dimension(3) ins(%g6 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e8 = tensor.empty() : tensor<2x4x5x6xf32>
  %z9 = linalg.fill ins(%f2 : f32) outs(%e8 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p10 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w7, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z9 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p10 : tensor<2x4x5x6xf32>
}

// A bias table, added first.
// CHECK-LABEL: func @additive_bias(
// CHECK: attn.attention {scale = 5.000000e-01 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<4x5x7xf32>) outs("BHME", {{.*}}) score {
// CHECK: tensor.extract
// CHECK: arith.addf
// CHECK: attn.yield
func.func @additive_bias(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %b: tensor<4x5x7xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %f5 = arith.constant 2.0 : f32
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p4 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.divf %i0, %f5 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %g7 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%b, %g6 : tensor<4x5x7xf32>, tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w8 = linalg.softmax dimension(3) ins(%g7 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e9 = tensor.empty() : tensor<2x4x5x6xf32>
  %z10 = linalg.fill ins(%f2 : f32) outs(%e9 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p11 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w8, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z10 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p11 : tensor<2x4x5x6xf32>
}

// HF: (1 - mask) * -10000 on (B, 1, 1, N) is computed again in the score instead of stored.
// CHECK-LABEL: func @additive_from_mask(
// CHECK: attn.attention {scale = 5.000000e-01 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<2x7xf32>) outs("BHME", {{.*}}) score {
// CHECK: arith.constant 1.000000e+00
// CHECK: arith.constant -1.000000e+04
// CHECK: tensor.extract
// CHECK: arith.subf
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: attn.yield
func.func @additive_from_mask(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %m: tensor<2x7xf32>) -> tensor<2x4x5x6xf32> {
  %x1 = tensor.expand_shape %m [[0], [1, 2, 3]] output_shape [2, 1, 1, 7] : tensor<2x7xf32> into tensor<2x1x1x7xf32>
  %e2 = tensor.empty() : tensor<2x4x5x7xf32>
  %f3 = arith.constant 0.0 : f32
  %z4 = linalg.fill ins(%f3 : f32) outs(%e2 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p5 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z4 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %f6 = arith.constant 2.0 : f32
  %g7 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p5 : tensor<2x4x5x7xf32>) outs(%e2 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.divf %i0, %f6 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %f8 = arith.constant 1.0 : f32
  %e9 = tensor.empty() : tensor<2x1x1x7xf32>
  %g10 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%x1 : tensor<2x1x1x7xf32>) outs(%e9 : tensor<2x1x1x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.subf %f8, %i0 : f32
    linalg.yield %r : f32
  } -> tensor<2x1x1x7xf32>
  %f11 = arith.constant -10000.0 : f32
  %g12 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g10 : tensor<2x1x1x7xf32>) outs(%e9 : tensor<2x1x1x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.mulf %i0, %f11 : f32
    linalg.yield %r : f32
  } -> tensor<2x1x1x7xf32>
  %g13 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, 0, 0, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g7, %g12 : tensor<2x4x5x7xf32>, tensor<2x1x1x7xf32>) outs(%e2 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w14 = linalg.softmax dimension(3) ins(%g13 : tensor<2x4x5x7xf32>) outs(%e2 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e15 = tensor.empty() : tensor<2x4x5x6xf32>
  %z16 = linalg.fill ins(%f3 : f32) outs(%e15 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p17 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w14, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z16 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p17 : tensor<2x4x5x6xf32>
}

// torch: a boolean padding mask as 0/-inf, expanded to (B*H, 1, N): a mask that reads m[b / H, j].
// CHECK-LABEL: func @boolean_to_float(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<2x7xi1>) outs("BHME", {{.*}}) mask {
// CHECK: tensor.extract
// CHECK: arith.xori
// CHECK: attn.yield
func.func @boolean_to_float(%q: tensor<8x5x8xf32>, %k: tensor<8x7x8xf32>, %v: tensor<8x7x6xf32>, %m: tensor<2x7xi1>) -> tensor<8x5x6xf32> {
  %c1 = arith.constant dense<0.0> : tensor<2x7xf32>
  %f2 = arith.constant 0xFF800000 : f32
  %e3 = tensor.empty() : tensor<2x7xf32>
  %g4 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%m, %c1 : tensor<2x7xi1>, tensor<2x7xf32>) outs(%e3 : tensor<2x7xf32>) {
  ^bb0(%i0: i1, %i1: f32, %out: f32):
    %r = arith.select %i0, %f2, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x7xf32>
  %x5 = tensor.expand_shape %g4 [[0], [1, 2, 3]] output_shape [2, 1, 1, 7] : tensor<2x7xf32> into tensor<2x1x1x7xf32>
  %e6 = tensor.empty() : tensor<2x4x1x7xf32>
  %g7 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, 0, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%x5 : tensor<2x1x1x7xf32>) outs(%e6 : tensor<2x4x1x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    linalg.yield %i0 : f32
  } -> tensor<2x4x1x7xf32>
  %x8 = tensor.collapse_shape %g7 [[0, 1], [2], [3]] : tensor<2x4x1x7xf32> into tensor<8x1x7xf32>
  %e9 = tensor.empty() : tensor<8x5x7xf32>
  %f10 = arith.constant 0.0 : f32
  %z11 = linalg.fill ins(%f10 : f32) outs(%e9 : tensor<8x5x7xf32>) -> tensor<8x5x7xf32>
  %p12 = linalg.contract indexing_maps = [affine_map<(x, m, n, d) -> (x, m, d)>, affine_map<(x, m, n, d) -> (x, n, d)>, affine_map<(x, m, n, d) -> (x, m, n)>]
    ins(%q, %k : tensor<8x5x8xf32>, tensor<8x7x8xf32>) outs(%z11 : tensor<8x5x7xf32>) -> tensor<8x5x7xf32>
  %g13 = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (a, 0, c)>, affine_map<(a, b, c) -> (a, b, c)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%p12, %x8 : tensor<8x5x7xf32>, tensor<8x1x7xf32>) outs(%e9 : tensor<8x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<8x5x7xf32>
  %w14 = linalg.softmax dimension(2) ins(%g13 : tensor<8x5x7xf32>) outs(%e9 : tensor<8x5x7xf32>) -> tensor<8x5x7xf32>
  %e15 = tensor.empty() : tensor<8x5x6xf32>
  %z16 = linalg.fill ins(%f10 : f32) outs(%e15 : tensor<8x5x6xf32>) -> tensor<8x5x6xf32>
  %p17 = linalg.contract indexing_maps = [affine_map<(x, m, e, n) -> (x, m, n)>, affine_map<(x, m, e, n) -> (x, n, e)>, affine_map<(x, m, e, n) -> (x, m, e)>]
    ins(%w14, %v : tensor<8x5x7xf32>, tensor<8x7x6xf32>) outs(%z16 : tensor<8x5x6xf32>) -> tensor<8x5x6xf32>
  return %p17 : tensor<8x5x6xf32>
}

// A float mask and a boolean one, added before they meet the scores.
// CHECK-LABEL: func @two_masks(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<5x7xf32>, tensor<2x1x1x7xi1>) outs("BHME", {{.*}}) score {
// CHECK: tensor.extract
// CHECK: arith.addf
// CHECK: attn.yield
// CHECK: } mask {
// CHECK: tensor.extract
// CHECK: arith.xori
// CHECK: attn.yield
func.func @two_masks(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %a: tensor<5x7xf32>, %m: tensor<2x1x1x7xi1>) -> tensor<2x4x5x6xf32> {
  %c1 = arith.constant dense<0.0> : tensor<2x1x1x7xf32>
  %f2 = arith.constant 0xFF800000 : f32
  %e3 = tensor.empty() : tensor<2x1x1x7xf32>
  %g4 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%m, %c1 : tensor<2x1x1x7xi1>, tensor<2x1x1x7xf32>) outs(%e3 : tensor<2x1x1x7xf32>) {
  ^bb0(%i0: i1, %i1: f32, %out: f32):
    %r = arith.select %i0, %f2, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x1x1x7xf32>
  %e5 = tensor.empty() : tensor<2x1x5x7xf32>
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, 0, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%a, %g4 : tensor<5x7xf32>, tensor<2x1x1x7xf32>) outs(%e5 : tensor<2x1x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x1x5x7xf32>
  %e7 = tensor.empty() : tensor<2x4x5x7xf32>
  %f8 = arith.constant 0.0 : f32
  %z9 = linalg.fill ins(%f8 : f32) outs(%e7 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p10 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z9 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %g11 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, 0, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p10, %g6 : tensor<2x4x5x7xf32>, tensor<2x1x5x7xf32>) outs(%e7 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w12 = linalg.softmax dimension(3) ins(%g11 : tensor<2x4x5x7xf32>) outs(%e7 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e13 = tensor.empty() : tensor<2x4x5x6xf32>
  %z14 = linalg.fill ins(%f8 : f32) outs(%e13 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p15 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w12, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z14 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p15 : tensor<2x4x5x6xf32>
}

// Local window and padding, one Where after the other.
// CHECK-LABEL: func @two_wheres(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<2x1x1x7xi1>, tensor<5x7xi1>) outs("BHME", {{.*}}) mask {
// CHECK: tensor.extract
// CHECK: tensor.extract
// CHECK: arith.xori
// CHECK: arith.andi
// CHECK: attn.yield
func.func @two_wheres(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %a: tensor<5x7xi1>, %m: tensor<2x1x1x7xi1>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %f5 = arith.constant 0xFF800000 : f32
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%a, %p4 : tensor<5x7xi1>, tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: i1, %i1: f32, %out: f32):
    %r = arith.select %i0, %i1, %f5 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %g7 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, 0, 0, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%m, %g6 : tensor<2x1x1x7xi1>, tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: i1, %i1: f32, %out: f32):
    %r = arith.select %i0, %f5, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w8 = linalg.softmax dimension(3) ins(%g7 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e9 = tensor.empty() : tensor<2x4x5x6xf32>
  %z10 = linalg.fill ins(%f2 : f32) outs(%e9 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p11 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w8, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z10 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p11 : tensor<2x4x5x6xf32>
}

// GPT-1: w * b - 1e4 * (1 - b).
// CHECK-LABEL: func @multiplied_mask(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<5x7xf32>) outs("BHME", {{.*}}) score {
// CHECK: arith.constant 1.000000e+00
// CHECK: arith.constant 1.000000e+04
// CHECK: tensor.extract
// CHECK: arith.mulf
// CHECK: arith.subf
// CHECK: arith.mulf
// CHECK: arith.subf
// CHECK: attn.yield
func.func @multiplied_mask(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %m: tensor<5x7xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %g5 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p4, %m : tensor<2x4x5x7xf32>, tensor<5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.mulf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %f6 = arith.constant 1.0 : f32
  %e7 = tensor.empty() : tensor<5x7xf32>
  %g8 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%m : tensor<5x7xf32>) outs(%e7 : tensor<5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.subf %f6, %i0 : f32
    linalg.yield %r : f32
  } -> tensor<5x7xf32>
  %f9 = arith.constant 10000.0 : f32
  %g10 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%g8 : tensor<5x7xf32>) outs(%e7 : tensor<5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.mulf %i0, %f9 : f32
    linalg.yield %r : f32
  } -> tensor<5x7xf32>
  %g11 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g5, %g10 : tensor<2x4x5x7xf32>, tensor<5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.subf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w12 = linalg.softmax dimension(3) ins(%g11 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e13 = tensor.empty() : tensor<2x4x5x6xf32>
  %z14 = linalg.fill ins(%f2 : f32) outs(%e13 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p15 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w12, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z14 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p15 : tensor<2x4x5x6xf32>
}

// Reshape > Add > Reshape: scores of rank 3 seen as rank 4 for the mask.
// CHECK-LABEL: func @viewed_for_the_mask(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<2x1x5x7xf32>) outs("BHME", {{.*}}) score {
// CHECK: tensor.extract
// CHECK: arith.addf
// CHECK: attn.yield
func.func @viewed_for_the_mask(%q: tensor<8x5x8xf32>, %k: tensor<8x7x8xf32>, %v: tensor<8x7x6xf32>, %a: tensor<2x1x5x7xf32>) -> tensor<8x5x6xf32> {
  %e1 = tensor.empty() : tensor<8x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<8x5x7xf32>) -> tensor<8x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(x, m, n, d) -> (x, m, d)>, affine_map<(x, m, n, d) -> (x, n, d)>, affine_map<(x, m, n, d) -> (x, m, n)>]
    ins(%q, %k : tensor<8x5x8xf32>, tensor<8x7x8xf32>) outs(%z3 : tensor<8x5x7xf32>) -> tensor<8x5x7xf32>
  %x5 = tensor.expand_shape %p4 [[0, 1], [2], [3]] output_shape [2, 4, 5, 7] : tensor<8x5x7xf32> into tensor<2x4x5x7xf32>
  %e6 = tensor.empty() : tensor<2x4x5x7xf32>
  %g7 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, 0, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%x5, %a : tensor<2x4x5x7xf32>, tensor<2x1x5x7xf32>) outs(%e6 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %x8 = tensor.collapse_shape %g7 [[0, 1], [2], [3]] : tensor<2x4x5x7xf32> into tensor<8x5x7xf32>
  %w9 = linalg.softmax dimension(2) ins(%x8 : tensor<8x5x7xf32>) outs(%e1 : tensor<8x5x7xf32>) -> tensor<8x5x7xf32>
  %e10 = tensor.empty() : tensor<8x5x6xf32>
  %z11 = linalg.fill ins(%f2 : f32) outs(%e10 : tensor<8x5x6xf32>) -> tensor<8x5x6xf32>
  %p12 = linalg.contract indexing_maps = [affine_map<(x, m, e, n) -> (x, m, n)>, affine_map<(x, m, e, n) -> (x, n, e)>, affine_map<(x, m, e, n) -> (x, m, e)>]
    ins(%w9, %v : tensor<8x5x7xf32>, tensor<8x7x6xf32>) outs(%z11 : tensor<8x5x6xf32>) -> tensor<8x5x6xf32>
  return %p12 : tensor<8x5x6xf32>
}

// Range > Less: the comparison is scalar code in the mask.
// CHECK-LABEL: func @causal_from_indices(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) mask {
// CHECK: arith.cmpi sle
// CHECK: attn.yield
func.func @causal_from_indices(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<5x7xi1>
  %g2 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    outs(%e1 : tensor<5x7xi1>) {
  ^bb0(%out: i1):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %r = arith.cmpi sle, %j, %i : index
    linalg.yield %r : i1
  } -> tensor<5x7xi1>
  %e3 = tensor.empty() : tensor<2x4x5x7xf32>
  %f4 = arith.constant 0.0 : f32
  %z5 = linalg.fill ins(%f4 : f32) outs(%e3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p6 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z5 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %f7 = arith.constant 0xFF800000 : f32
  %g8 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g2, %p6 : tensor<5x7xi1>, tensor<2x4x5x7xf32>) outs(%e3 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: i1, %i1: f32, %out: f32):
    %r = arith.select %i0, %i1, %f7 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w9 = linalg.softmax dimension(3) ins(%g8 : tensor<2x4x5x7xf32>) outs(%e3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e10 = tensor.empty() : tensor<2x4x5x6xf32>
  %z11 = linalg.fill ins(%f4 : f32) outs(%e10 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p12 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w9, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z11 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p12 : tensor<2x4x5x6xf32>
}

// One causal mask for two layers: its uses are many, but it is computed from indices alone.
// CHECK-LABEL: func @mask_of_two_layers(
// CHECK-NOT: attn.attention
func.func @mask_of_two_layers(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x4x5x8xf32>) {
  %e1 = tensor.empty() : tensor<5x7xi1>
  %g2 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    outs(%e1 : tensor<5x7xi1>) {
  ^bb0(%out: i1):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %r = arith.cmpi sle, %j, %i : index
    linalg.yield %r : i1
  } -> tensor<5x7xi1>
  %g3 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%g2 : tensor<5x7xi1>) outs(%e1 : tensor<5x7xi1>) {
  ^bb0(%i0: i1, %out: i1):
    %true = arith.constant true
    %r = arith.xori %i0, %true : i1
    linalg.yield %r : i1
  } -> tensor<5x7xi1>
  %e4 = tensor.empty() : tensor<2x4x5x7xf32>
  %f5 = arith.constant 0.0 : f32
  %z6 = linalg.fill ins(%f5 : f32) outs(%e4 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p7 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z6 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %f8 = arith.constant 0xFF800000 : f32
  %g9 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g3, %p7 : tensor<5x7xi1>, tensor<2x4x5x7xf32>) outs(%e4 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: i1, %i1: f32, %out: f32):
    %r = arith.select %i0, %f8, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w10 = linalg.softmax dimension(3) ins(%g9 : tensor<2x4x5x7xf32>) outs(%e4 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e11 = tensor.empty() : tensor<2x4x5x6xf32>
  %z12 = linalg.fill ins(%f5 : f32) outs(%e11 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p13 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w10, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z12 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p14 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z6 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %g15 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g3, %p14 : tensor<5x7xi1>, tensor<2x4x5x7xf32>) outs(%e4 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: i1, %i1: f32, %out: f32):
    %r = arith.select %i0, %f8, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w16 = linalg.softmax dimension(3) ins(%g15 : tensor<2x4x5x7xf32>) outs(%e4 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e17 = tensor.empty() : tensor<2x4x5x8xf32>
  %z18 = linalg.fill ins(%f5 : f32) outs(%e17 : tensor<2x4x5x8xf32>) -> tensor<2x4x5x8xf32>
  %p19 = linalg.contract indexing_maps = [affine_map<(b, h, m, d, n) -> (b, h, m, n)>, affine_map<(b, h, m, d, n) -> (b, h, n, d)>, affine_map<(b, h, m, d, n) -> (b, h, m, d)>]
    ins(%w16, %k : tensor<2x4x5x7xf32>, tensor<2x4x7x8xf32>) outs(%z18 : tensor<2x4x5x8xf32>) -> tensor<2x4x5x8xf32>
  return %p13, %p19 : tensor<2x4x5x6xf32>, tensor<2x4x5x8xf32>
}

// ALiBi: slope[h] * j.
// CHECK-LABEL: func @linear_bias(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<4xf32>) outs("BHME", {{.*}}) score {
// CHECK: tensor.extract
// CHECK: arith.index_cast
// CHECK: arith.sitofp
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: attn.yield
func.func @linear_bias(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %slope: tensor<4xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<4x1x7xf32>
  %g2 = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a)>, affine_map<(a, b, c) -> (a, b, c)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%slope : tensor<4xf32>) outs(%e1 : tensor<4x1x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %j = linalg.index 2 : index
    %ji = arith.index_cast %j : index to i32
    %jf = arith.sitofp %ji : i32 to f32
    %r = arith.mulf %i0, %jf : f32
    linalg.yield %r : f32
  } -> tensor<4x1x7xf32>
  %e3 = tensor.empty() : tensor<2x4x5x7xf32>
  %f4 = arith.constant 0.0 : f32
  %z5 = linalg.fill ins(%f4 : f32) outs(%e3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p6 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z5 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %g7 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (b, 0, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p6, %g2 : tensor<2x4x5x7xf32>, tensor<4x1x7xf32>) outs(%e3 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w8 = linalg.softmax dimension(3) ins(%g7 : tensor<2x4x5x7xf32>) outs(%e3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e9 = tensor.empty() : tensor<2x4x5x6xf32>
  %z10 = linalg.fill ins(%f4 : f32) outs(%e9 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p11 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w8, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z10 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p11 : tensor<2x4x5x6xf32>
}

// A second product of q, added to the scores: a bias that the score reads.
// CHECK-LABEL: func @relative_positions(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<2x4x5x7xf32>) outs("BHME", {{.*}}) score {
// CHECK: tensor.extract
// CHECK: arith.addf
// CHECK: attn.yield
func.func @relative_positions(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %rel: tensor<5x7x8xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p5 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (m, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %rel : tensor<2x4x5x8xf32>, tensor<5x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p4, %p5 : tensor<2x4x5x7xf32>, tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w7 = linalg.softmax dimension(3) ins(%g6 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e8 = tensor.empty() : tensor<2x4x5x6xf32>
  %z9 = linalg.fill ins(%f2 : f32) outs(%e8 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p10 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w7, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z9 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p10 : tensor<2x4x5x6xf32>
}
