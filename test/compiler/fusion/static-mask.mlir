// RUN: attnc-opt %s --simplify-graph --cse --raise-attention --canonicalize --cse 2>&1 | FileCheck %s
// Masks that are constants. Values are compared by spellings.test.

// A causal mask stored as 0 and -inf: a comparison.
// CHECK-LABEL: func @constant_causal(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) mask {
// CHECK: arith.cmpi sle
// CHECK: attn.yield
func.func @constant_causal(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %c5 = arith.constant dense<[[[[0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000]]]]> : tensor<1x1x5x7xf32>
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (0, 0, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p4, %c5 : tensor<2x4x5x7xf32>, tensor<1x1x5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
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

// The same with aligned ends, as booleans that are true where a key is masked.
// CHECK-LABEL: func @constant_causal_ends(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) mask {
// CHECK: arith.addi
// CHECK: arith.cmpi sle
// CHECK: attn.yield
func.func @constant_causal_ends(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %c1 = arith.constant dense<[[false, false, false, true, true, true, true], [false, false, false, false, true, true, true], [false, false, false, false, false, true, true], [false, false, false, false, false, false, true], [false, false, false, false, false, false, false]]> : tensor<5x7xi1>
  %e2 = tensor.empty() : tensor<2x4x5x7xf32>
  %f3 = arith.constant 0.0 : f32
  %z4 = linalg.fill ins(%f3 : f32) outs(%e2 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p5 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z4 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %f6 = arith.constant 0xFF800000 : f32
  %g7 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%c1, %p5 : tensor<5x7xi1>, tensor<2x4x5x7xf32>) outs(%e2 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: i1, %i1: f32, %out: f32):
    %r = arith.select %i0, %f6, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w8 = linalg.softmax dimension(3) ins(%g7 : tensor<2x4x5x7xf32>) outs(%e2 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e9 = tensor.empty() : tensor<2x4x5x6xf32>
  %z10 = linalg.fill ins(%f3 : f32) outs(%e9 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p11 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w8, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z10 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p11 : tensor<2x4x5x6xf32>
}

// A band: two comparisons.
// CHECK-LABEL: func @constant_window(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) mask {
// CHECK: arith.addi
// CHECK: arith.cmpi sle
// CHECK: arith.addi
// CHECK: arith.cmpi sge
// CHECK: arith.andi
// CHECK: attn.yield
func.func @constant_window(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %c1 = arith.constant dense<[[true, true, true, false, false, false, false], [true, true, true, true, false, false, false], [false, true, true, true, true, false, false], [false, false, true, true, true, true, false], [false, false, false, true, true, true, true]]> : tensor<5x7xi1>
  %e2 = tensor.empty() : tensor<2x4x5x7xf32>
  %f3 = arith.constant 0.0 : f32
  %z4 = linalg.fill ins(%f3 : f32) outs(%e2 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p5 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z4 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %f6 = arith.constant 0xFF800000 : f32
  %g7 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%c1, %p5 : tensor<5x7xi1>, tensor<2x4x5x7xf32>) outs(%e2 : tensor<2x4x5x7xf32>) {
  ^bb0(%i0: i1, %i1: f32, %out: f32):
    %r = arith.select %i0, %i1, %f6 : f32
    linalg.yield %r : f32
  } -> tensor<2x4x5x7xf32>
  %w8 = linalg.softmax dimension(3) ins(%g7 : tensor<2x4x5x7xf32>) outs(%e2 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %e9 = tensor.empty() : tensor<2x4x5x6xf32>
  %z10 = linalg.fill ins(%f3 : f32) outs(%e9 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  %p11 = linalg.contract indexing_maps = [affine_map<(b, h, m, e, n) -> (b, h, m, n)>, affine_map<(b, h, m, e, n) -> (b, h, n, e)>, affine_map<(b, h, m, e, n) -> (b, h, m, e)>]
    ins(%w8, %v : tensor<2x4x5x7xf32>, tensor<2x4x7x6xf32>) outs(%z10 : tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %p11 : tensor<2x4x5x6xf32>
}

// Filled with -10000: a comparison in the score.
// CHECK-LABEL: func @constant_finite(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) score {
// CHECK: arith.constant -1.000000e+04
// CHECK: arith.constant 0.000000e+00
// CHECK: arith.cmpi sle
// CHECK: arith.select
// CHECK: arith.addf
// CHECK: attn.yield
func.func @constant_finite(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %c5 = arith.constant dense<[[0.0, -10000.0, -10000.0, -10000.0, -10000.0, -10000.0, -10000.0], [0.0, 0.0, -10000.0, -10000.0, -10000.0, -10000.0, -10000.0], [0.0, 0.0, 0.0, -10000.0, -10000.0, -10000.0, -10000.0], [0.0, 0.0, 0.0, 0.0, -10000.0, -10000.0, -10000.0], [0.0, 0.0, 0.0, 0.0, 0.0, -10000.0, -10000.0]]> : tensor<5x7xf32>
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p4, %c5 : tensor<2x4x5x7xf32>, tensor<5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
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

// Blocks: positions divided by their size.
// CHECK-LABEL: func @constant_blocks(
// CHECK: attn.attention {scale = 1.000000e+00 : f64} q({{.*}} "BHMD" {{.*}} k({{.*}} "BGND" {{.*}} v({{.*}} "BGNE" {{.*}}outs("BHME", {{.*}}) mask {
// CHECK-COUNT-2: arith.floordivsi
// CHECK: arith.cmpi
// CHECK: attn.yield
func.func @constant_blocks(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x7x8xf32>, %v: tensor<2x4x7x6xf32>) -> tensor<2x4x5x6xf32> {
  %e1 = tensor.empty() : tensor<2x4x5x7xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>, affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
    ins(%q, %k : tensor<2x4x5x8xf32>, tensor<2x4x7x8xf32>) outs(%z3 : tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %c5 = arith.constant dense<[[0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0xFF800000, 0xFF800000, 0xFF800000, 0.0, 0.0, 0.0, 0xFF800000], [0xFF800000, 0xFF800000, 0xFF800000, 0.0, 0.0, 0.0, 0xFF800000]]> : tensor<5x7xf32>
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%p4, %c5 : tensor<2x4x5x7xf32>, tensor<5x7xf32>) outs(%e1 : tensor<2x4x5x7xf32>) {
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
