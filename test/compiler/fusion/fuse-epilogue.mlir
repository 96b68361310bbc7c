// RUN: attnc-opt %s --fuse-epilogue --canonicalize --cse | FileCheck %s

// Bias first, as exporters write it, then GELU by erf: the sum has two uses inside the epilogue.
// CHECK-LABEL: func @bias_gelu(
// CHECK: attn.contract lhs({{.*}} "mk" {{.*}} rhs({{.*}} "kn" {{.*}} captures({{.*}} : tensor<64xf32>) outs("mn", {{.*}}) epilogue {
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32, %{{.*}}: index, %[[N:.*]]: index, %[[B:.*]]: tensor<64xf32>)
// CHECK: %[[BIAS:.*]] = tensor.extract %[[B]][%[[N]]]
// CHECK: %[[Y:.*]] = arith.addf %[[BIAS]], %[[ACC]]
// CHECK: math.erf
// CHECK: %[[G:.*]] = arith.mulf %[[Y]]
// CHECK: attn.yield
// CHECK-NOT: linalg.generic
func.func @bias_gelu(%x: tensor<?x32xf32> {attnc.dims = ["S", "32"]}, %w: tensor<32x64xf32>, %b: tensor<64xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %S = tensor.dim %x, %c0 : tensor<?x32xf32>
  %e1 = tensor.empty(%S) : tensor<?x64xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<?x32xf32>, tensor<32x64xf32>) outs(%z3 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %g5 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (b)>, affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%b, %p4 : tensor<64xf32>, tensor<?x64xf32>) outs(%e1 : tensor<?x64xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<?x64xf32>
  %f6 = arith.constant 1.4142135 : f32
  %g7 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%g5 : tensor<?x64xf32>) outs(%e1 : tensor<?x64xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.divf %i0, %f6 : f32
    linalg.yield %r : f32
  } -> tensor<?x64xf32>
  %g8 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%g7 : tensor<?x64xf32>) outs(%e1 : tensor<?x64xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = math.erf %i0 : f32
    linalg.yield %r : f32
  } -> tensor<?x64xf32>
  %f9 = arith.constant 1.0 : f32
  %g10 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%g8 : tensor<?x64xf32>) outs(%e1 : tensor<?x64xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.addf %i0, %f9 : f32
    linalg.yield %r : f32
  } -> tensor<?x64xf32>
  %g11 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%g5, %g10 : tensor<?x64xf32>, tensor<?x64xf32>) outs(%e1 : tensor<?x64xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.mulf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<?x64xf32>
  %f12 = arith.constant 0.5 : f32
  %g13 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%g11 : tensor<?x64xf32>) outs(%e1 : tensor<?x64xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.mulf %i0, %f12 : f32
    linalg.yield %r : f32
  } -> tensor<?x64xf32>
  return %g13 : tensor<?x64xf32>
}

// Gemm on (B*S, D) with Reshape on both sides, then bias and residual: the residual has both row axes apart, so the rows
// get two letters.
// CHECK-LABEL: func @behind_a_reshape(
// CHECK: attn.contract lhs({{.*}} "msk" {{.*}} captures({{.*}} : tensor<64xf32>, tensor<?x?x64xf32>) outs("msn"
// CHECK: arith.addf
// CHECK: tensor.extract
// CHECK: arith.addf
// CHECK: attn.yield
// CHECK-NOT: linalg.generic
func.func @behind_a_reshape(%x: tensor<?x?x32xf32> {attnc.dims = ["B", "S", "32"]}, %w: tensor<32x64xf32>, %b: tensor<64xf32>, %res: tensor<?x?x64xf32> {attnc.dims = ["B", "S", "64"]}) -> tensor<?x?x64xf32> {
  %c0 = arith.constant 0 : index
  %B = tensor.dim %x, %c0 : tensor<?x?x32xf32>
  %c1 = arith.constant 1 : index
  %S = tensor.dim %x, %c1 : tensor<?x?x32xf32>
  %m1 = arith.muli %B, %S : index
  %x2 = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x32xf32> into tensor<?x32xf32>
  %e3 = tensor.empty(%m1) : tensor<?x64xf32>
  %f4 = arith.constant 0.0 : f32
  %z5 = linalg.fill ins(%f4 : f32) outs(%e3 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %p6 = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x2, %w : tensor<?x32xf32>, tensor<32x64xf32>) outs(%z5 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %g7 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%p6, %b : tensor<?x64xf32>, tensor<64xf32>) outs(%e3 : tensor<?x64xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<?x64xf32>
  %x8 = tensor.expand_shape %g7 [[0, 1], [2]] output_shape [%B, %S, 64] : tensor<?x64xf32> into tensor<?x?x64xf32>
  %e9 = tensor.empty(%B, %S) : tensor<?x?x64xf32>
  %g10 = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (a, b, c)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x8, %res : tensor<?x?x64xf32>, tensor<?x?x64xf32>) outs(%e9 : tensor<?x?x64xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<?x?x64xf32>
  return %g10 : tensor<?x?x64xf32>
}

// Transposes of both operands and of the result become letters.
// CHECK-LABEL: func @transposes(
// CHECK-NOT: linalg.transpose
// CHECK: attn.contract lhs({{.*}} "km" {{.*}} rhs({{.*}} "nk" {{.*}} outs("nm", {{.*}}) -> tensor<64x?xf32>
func.func @transposes(%x: tensor<32x?xf32> {attnc.dims = ["32", "S"]}, %w: tensor<64x32xf32>) -> tensor<64x?xf32> {
  %c1 = arith.constant 1 : index
  %S = tensor.dim %x, %c1 : tensor<32x?xf32>
  %e1 = tensor.empty(%S) : tensor<?x32xf32>
  %t2 = linalg.transpose ins(%x : tensor<32x?xf32>) outs(%e1 : tensor<?x32xf32>) permutation = [1, 0]
  %e3 = tensor.empty() : tensor<32x64xf32>
  %t4 = linalg.transpose ins(%w : tensor<64x32xf32>) outs(%e3 : tensor<32x64xf32>) permutation = [1, 0]
  %e5 = tensor.empty(%S) : tensor<?x64xf32>
  %f6 = arith.constant 0.0 : f32
  %z7 = linalg.fill ins(%f6 : f32) outs(%e5 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %p8 = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%t2, %t4 : tensor<?x32xf32>, tensor<32x64xf32>) outs(%z7 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %e9 = tensor.empty(%S) : tensor<64x?xf32>
  %t10 = linalg.transpose ins(%p8 : tensor<?x64xf32>) outs(%e9 : tensor<64x?xf32>) permutation = [1, 0]
  return %t10 : tensor<64x?xf32>
}

// A projection whose columns are split and transposed to (B, H, S, D) writes them there.
// CHECK-LABEL: func @heads_of_a_projection(
// CHECK-NOT: linalg.transpose
// CHECK: attn.contract lhs({{.*}} "msk" {{.*}} rhs({{.*}} "kno" {{.*}} outs("mnso", {{.*}}) -> tensor<2x4x?x8xf32>
func.func @heads_of_a_projection(%x: tensor<2x?x32xf32> {attnc.dims = ["2", "S", "32"]}, %w: tensor<32x32xf32>) -> tensor<2x4x?x8xf32> {
  %c1 = arith.constant 1 : index
  %S = tensor.dim %x, %c1 : tensor<2x?x32xf32>
  %e1 = tensor.empty(%S) : tensor<2x?x32xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<2x?x32xf32>) -> tensor<2x?x32xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(b, s, n, k) -> (b, s, k)>, affine_map<(b, s, n, k) -> (k, n)>, affine_map<(b, s, n, k) -> (b, s, n)>]
    ins(%x, %w : tensor<2x?x32xf32>, tensor<32x32xf32>) outs(%z3 : tensor<2x?x32xf32>) -> tensor<2x?x32xf32>
  %x5 = tensor.expand_shape %p4 [[0], [1], [2, 3]] output_shape [2, %S, 4, 8] : tensor<2x?x32xf32> into tensor<2x?x4x8xf32>
  %e6 = tensor.empty(%S) : tensor<2x4x?x8xf32>
  %t7 = linalg.transpose ins(%x5 : tensor<2x?x4x8xf32>) outs(%e6 : tensor<2x4x?x8xf32>) permutation = [0, 2, 1, 3]
  return %t7 : tensor<2x4x?x8xf32>
}

// A product with a second use keeps its value: only what comes after both uses could be an epilogue.
// CHECK-LABEL: func @used_twice(
// CHECK: attn.contract {{.*}} outs("mn", {{.*}}) -> tensor<8x64xf32>
// CHECK: linalg.generic
func.func @used_twice(%x: tensor<8x32xf32>, %w: tensor<32x64xf32>, %b: tensor<64xf32>) -> (tensor<8x64xf32>, tensor<8x64xf32>) {
  %e1 = tensor.empty() : tensor<8x64xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<8x64xf32>) -> tensor<8x64xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<8x32xf32>, tensor<32x64xf32>) outs(%z3 : tensor<8x64xf32>) -> tensor<8x64xf32>
  %g5 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%p4, %b : tensor<8x64xf32>, tensor<64xf32>) outs(%e1 : tensor<8x64xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<8x64xf32>
  return %p4, %g5 : tensor<8x64xf32>, tensor<8x64xf32>
}

// SwiGLU: one product reads the other.
// CHECK-LABEL: func @gated(
// CHECK: attn.contract
// CHECK: attn.contract {{.*}} captures({{.*}} : tensor<8x64xf32>)
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @gated(%x: tensor<8x32xf32>, %w: tensor<32x64xf32>, %u: tensor<32x64xf32>) -> tensor<8x64xf32> {
  %e1 = tensor.empty() : tensor<8x64xf32>
  %f2 = arith.constant 0.0 : f32
  %z3 = linalg.fill ins(%f2 : f32) outs(%e1 : tensor<8x64xf32>) -> tensor<8x64xf32>
  %p4 = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<8x32xf32>, tensor<32x64xf32>) outs(%z3 : tensor<8x64xf32>) -> tensor<8x64xf32>
  %p5 = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %u : tensor<8x32xf32>, tensor<32x64xf32>) outs(%z3 : tensor<8x64xf32>) -> tensor<8x64xf32>
  %g6 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%p4 : tensor<8x64xf32>) outs(%e1 : tensor<8x64xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.subf %f2, %i0 : f32
    linalg.yield %r : f32
  } -> tensor<8x64xf32>
  %g7 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%g6 : tensor<8x64xf32>) outs(%e1 : tensor<8x64xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = math.exp %i0 : f32
    linalg.yield %r : f32
  } -> tensor<8x64xf32>
  %f8 = arith.constant 1.0 : f32
  %g9 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%g7 : tensor<8x64xf32>) outs(%e1 : tensor<8x64xf32>) {
  ^bb0(%i0: f32, %out: f32):
    %r = arith.addf %i0, %f8 : f32
    linalg.yield %r : f32
  } -> tensor<8x64xf32>
  %g10 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%p4, %g9 : tensor<8x64xf32>, tensor<8x64xf32>) outs(%e1 : tensor<8x64xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.divf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<8x64xf32>
  %g11 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%g10, %p5 : tensor<8x64xf32>, tensor<8x64xf32>) outs(%e1 : tensor<8x64xf32>) {
  ^bb0(%i0: f32, %i1: f32, %out: f32):
    %r = arith.mulf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<8x64xf32>
  return %g11 : tensor<8x64xf32>
}

// A destination that is not zero is one more capture.
// CHECK-LABEL: func @added_to(
// CHECK: attn.contract {{.*}} captures({{.*}} : tensor<8x64xf32>)
// CHECK: arith.addf
// CHECK-NOT: linalg.
func.func @added_to(%x: tensor<8x32xf32>, %w: tensor<32x64xf32>, %c: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %p1 = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<8x32xf32>, tensor<32x64xf32>) outs(%c : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %p1 : tensor<8x64xf32>
}
