// RUN: attnc-opt %s --simplify-graph --cse --raise-attention --canonicalize --cse 2>&1 | FileCheck %s
// Where the scale sits. Values are compared by spellings.test.

// Div by a scalar behind Q K^T.
// CHECK-LABEL: func @divided_scores(
// CHECK: attn.attention {scale = 2.500000e-01 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @divided_scores(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %f5 = arith.constant 4.0 : f32
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p4 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.divf %i0, %f5 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w7 = linalg.softmax dimension(3) ins(%g6 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e8 = tensor.empty() : tensor<2x4x5x6xf32>
  %z9 = linalg.fill ins(%f2 : f32) outs(%e8 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p10 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w7, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z9 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p10 : tensor<2x4x5x6xf32>
}

// The divisor is Sqrt(Constant), left in the graph by an exporter without constant folding.
// CHECK-LABEL: func @scale_in_a_tensor(
// CHECK: attn.attention {scale = 1.250000e-01 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @scale_in_a_tensor(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %c1 = arith.constant dense<64.0> : tensor<f32>
  %e2 = tensor.empty() : tensor<f32>
  %g3 = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
    ins(%c1 : tensor<f32>) outs(%e2 : tensor<f32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = math.sqrt %i0 : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %e4 = tensor.empty() : tensor<2x4x5x7xf32>
  %f5 = arith.constant 0.0 : f32
  %z6 = linalg.fill ins(%f5 : f32) outs(%e4 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p7 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z6 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %g8 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> ()>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p7, %g3 : tensor<2x4x5x7xf32>, tensor<f32>) outs(%e4 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.divf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w9 = linalg.softmax dimension(3) ins(%g8 : tensor<2x4x5x7xf32>) outs(%e4 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e10 = tensor.empty() : tensor<2x4x5x6xf32>
  %z11 = linalg.fill ins(%f5 : f32) outs(%e10 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p12 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w9, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z11 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p12 : tensor<2x4x5x6xf32>
}

// Mul on q before the product.
// CHECK-LABEL: func @scaled_query(
// CHECK: attn.attention {scale = 2.500000e-01 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @scaled_query(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %f1 = arith.constant 0.25 : f32
  %e2 = tensor.empty() : tensor<2x4x5x8xf32>
  %g3 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%q : tensor<2x4x5x8xf32>) outs(%e2 : tensor<2x4x5x8xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.mulf %i0, %f1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x8xf32>
  %e4 = tensor.empty() : tensor<2x4x5x7xf32>
  %f5 = arith.constant 0.0 : f32
  %z6 = linalg.fill ins(%f5 : f32) outs(%e4 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p7 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%g3, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z6 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %w8 = linalg.softmax dimension(3) ins(%p7 : tensor<2x4x5x7xf32>) outs(%e4 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e9 = tensor.empty() : tensor<2x4x5x6xf32>
  %z10 = linalg.fill ins(%f5 : f32) outs(%e9 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p11 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w8, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z10 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p11 : tensor<2x4x5x6xf32>
}

// Whisper: q and k each times d^-0.25, k before its transpose.
// CHECK-LABEL: func @scaled_query_and_key(
// CHECK: attn.attention {scale = 2.500000e-01 : f64} q({{.*}} "BMHD" {{.*}} k({{.*}} "BNGD" {{.*}} v({{.*}} "BNGE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @scaled_query_and_key(%q: tensor<2x5x4x8xf32>, %k: tensor<2x7x4x8xf32>, %v: tensor<2x7x4x6xf32>) -> tensor<2x4x5x6xf32> {
  %f1 = arith.constant 0.5 : f32
  %e2 = tensor.empty() : tensor<2x5x4x8xf32>
  %g3 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%q : tensor<2x5x4x8xf32>) outs(%e2 : tensor<2x5x4x8xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.mulf %i0, %f1 : f32
    linalg.yield %r : f32
  } -> tensor<2x5x4x8xf32>
  %e4 = tensor.empty() : tensor<2x4x5x8xf32>
  %t5 = linalg.transpose ins(%g3 : tensor<2x5x4x8xf32>) outs(%e4 : tensor<2x4x5x8xf32>) permutation = [0, 2, 1, 3]
  %e6 = tensor.empty() : tensor<2x7x4x8xf32>
  %g7 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%k : tensor<2x7x4x8xf32>) outs(%e6 : tensor<2x7x4x8xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.mulf %i0, %f1 : f32
    linalg.yield %r : f32
  } -> tensor<2x7x4x8xf32>
  %e8 = tensor.empty() : tensor<2x4x8x7xf32>
  %t9 = linalg.transpose ins(%g7 : tensor<2x7x4x8xf32>) outs(%e8 : tensor<2x4x8x7xf32>) permutation = [0, 2, 3, 1]
  %e10 = tensor.empty() : tensor<2x4x7x6xf32>
  %t11 = linalg.transpose ins(%v : tensor<2x7x4x6xf32>) outs(%e10 : tensor<2x4x7x6xf32>) permutation = [0, 2, 1, 3]
  %e12 = tensor.empty() : tensor<2x4x5x7xf32>
  %f13 = arith.constant 0.0 : f32
  %z14 = linalg.fill ins(%f13 : f32) outs(%e12 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p15 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, d, n)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%t5, %t9 : tensor<2x4x5x8xf32>, tensor<2x4x8x7xf32>) outs(%z14 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %w16 = linalg.softmax dimension(3) ins(%p15 : tensor<2x4x5x7xf32>) outs(%e12 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e17 = tensor.empty() : tensor<2x4x5x6xf32>
  %z18 = linalg.fill ins(%f13 : f32) outs(%e17 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p19 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w16, %t11 : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z18 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p19 : tensor<2x4x5x6xf32>
}

// An alpha, then a layer number; a multiplication by one between.
// CHECK-LABEL: func @two_factors(
// CHECK: attn.attention {scale = 1.250000e-01 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @two_factors(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
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
  %f7 = arith.constant 1.0 : f32
  %g8 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g6 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.mulf %i0, %f7 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %f9 = arith.constant 2.0 : f32
  %g10 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g8 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.divf %i0, %f9 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w11 = linalg.softmax dimension(3) ins(%g10 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e12 = tensor.empty() : tensor<2x4x5x6xf32>
  %z13 = linalg.fill ins(%f2 : f32) outs(%e12 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p14 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w11, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z13 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p14 : tensor<2x4x5x6xf32>
}

// Mul > Div(cap) > Tanh > Mul(cap): factors before the tanh are scale, the rest is score.
// CHECK-LABEL: func @soft_cap(
// CHECK: attn.attention {scale = 5.000000e-03 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) score {
// CHECK: arith.constant 5.000000e+01
// CHECK: math.tanh
// CHECK: arith.mulf
// CHECK: attn.yield
func.func @soft_cap(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
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
  %f7 = arith.constant 50.0 : f32
  %g8 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g6 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.divf %i0, %f7 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %g9 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g8 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = math.tanh %i0 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %g10 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%g9 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.mulf %i0, %f7 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w11 = linalg.softmax dimension(3) ins(%g10 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e12 = tensor.empty() : tensor<2x4x5x6xf32>
  %z13 = linalg.fill ins(%f2 : f32) outs(%e12 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p14 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w11, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z13 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p14 : tensor<2x4x5x6xf32>
}

// exp(t) per head: data, so it is read in the score.
// CHECK-LABEL: func @factor_per_head(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}captures({{.*}} : tensor<4x1x1xf32>) outs("BHME", {{.*}}) score {
// CHECK: tensor.extract
// CHECK: arith.mulf
// CHECK: attn.yield
func.func @factor_per_head(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>, %t: tensor<4x1x1xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e5 = tensor.empty() : tensor<4x1x1xf32>
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (a, b, c)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%t : tensor<4x1x1xf32>) outs(%e5 : tensor<4x1x1xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = math.exp %i0 : f32
    linalg.yield %r : f32
  } -> tensor<4x1x1xf32>
  %g7 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (b, 0, 0)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p4, %g6 : tensor<2x4x5x7xf32>, tensor<4x1x1xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.mulf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w8 = linalg.softmax dimension(3) ins(%g7 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e9 = tensor.empty() : tensor<2x4x5x6xf32>
  %z10 = linalg.fill ins(%f2 : f32) outs(%e9 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p11 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w8, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z10 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p11 : tensor<2x4x5x6xf32>
}

// x - ReduceMax(x) before the softmax is what a softmax does anyway.
// CHECK-LABEL: func @maximum_subtracted(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) -> 
func.func @maximum_subtracted(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e5 = tensor.empty() : tensor<2x4x5xf32>
  %f6 = arith.constant 0xFF800000 : f32
  %m7 = linalg.fill ins(%f6 : f32) outs(%e5 : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %m8 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%p4 : tensor<2x4x5x7xf32>) outs(%m7 : tensor<2x4x5xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.maximumf %i0, %out : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5xf32>
  %x9 = tensor.expand_shape %m8 [[0], [1], [2, 3]] output_shape [2, 4, 5, 1] : tensor<2x4x5xf32> into tensor<2x4x5x1xf32>
  %g10 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, 0)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p4, %x9 : tensor<2x4x5x7xf32>, tensor<2x4x5x1xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.subf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w11 = linalg.softmax dimension(3) ins(%g10 : tensor<2x4x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e12 = tensor.empty() : tensor<2x4x5x6xf32>
  %z13 = linalg.fill ins(%f2 : f32) outs(%e12 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p14 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w11, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z13 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p14 : tensor<2x4x5x6xf32>
}
