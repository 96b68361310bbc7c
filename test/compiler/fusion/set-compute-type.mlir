// RUN: attnc-opt %s --pass-pipeline='builtin.module(func.func(set-compute-type{type=bf16}))' | FileCheck %s
// RUN: attnc-opt %s --pass-pipeline='builtin.module(func.func(set-compute-type{type=bf16}),fold-weights,func.func(fuse-epilogue))' | FileCheck %s --check-prefix=FUSED
// RUN: not attnc-opt %s --pass-pipeline='builtin.module(func.func(set-compute-type{type=i8}))' 2>&1 | FileCheck %s --check-prefix=ERROR
// Operands of products and of attention in another type; sums and what stands between stay as they are.

// ERROR: no type that products compute in: 'i8' (f32, bf16, f16)

#compute_lhs = affine_map<(m, n, k) -> (m, k)>
#compute_rhs = affine_map<(m, n, k) -> (k, n)>
#compute_out = affine_map<(m, n, k) -> (m, n)>

weights.data @compute_w "Inputs/layers.bin" at 0 : tensor<4x8xf32>
// FUSED: weights.cast @compute_w.cast of @compute_w : tensor<4x8xbf16>

// The operand is converted before it is transposed: the transpose stays a view. A weight is converted by a recipe.
// CHECK-LABEL: func @product
// CHECK-SAME: (%[[X:.*]]: tensor<4x?xf32>)
// CHECK: %[[N:.*]] = linalg.generic {{.*}} ins(%[[X]] : tensor<4x?xf32>) outs(%{{.*}} : tensor<4x?xbf16>)
// CHECK: arith.truncf
// CHECK: %[[T:.*]] = linalg.generic {{.*}} ins(%[[N]] : tensor<4x?xbf16>) outs(%{{.*}} : tensor<?x4xbf16>)
// CHECK: linalg.contract {{.*}} ins(%[[T]], %{{.*}} : tensor<?x4xbf16>, tensor<4x8xbf16>) outs(%{{.*}} : tensor<?x8xf32>)
// FUSED-LABEL: func @product
// FUSED: %[[W:.*]] = attn.weight @compute_w.cast
// FUSED: attn.contract lhs(%{{.*}} "km" : tensor<4x?xbf16>) rhs(%[[W]] "kn" : tensor<4x8xbf16>) outs("mn", %{{.*}} : tensor<?x8xf32>)
func.func @product(%x: tensor<4x?xf32>) -> tensor<?x8xf32> {
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c1 : tensor<4x?xf32>
  %w = attn.weight @compute_w : tensor<4x8xf32>
  %et = tensor.empty(%m) : tensor<?x4xf32>
  %t = linalg.transpose ins(%x : tensor<4x?xf32>) outs(%et : tensor<?x4xf32>) permutation = [1, 0]
  %e = tensor.empty(%m) : tensor<?x8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = linalg.contract indexing_maps = [#compute_lhs, #compute_rhs, #compute_out] ins(%t, %w : tensor<?x4xf32>, tensor<4x8xf32>) outs(%init : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// What only products read is written in the type: by the epilogue of the product before.
// FUSED-LABEL: func @chain
// FUSED: %[[A:.*]] = attn.contract {{.*}} outs("mn", %{{.*}} : tensor<?x8xbf16>) epilogue
// FUSED: arith.maximumf
// FUSED: arith.truncf
// FUSED: attn.contract lhs(%[[A]] "mk" : tensor<?x8xbf16>)
func.func @chain(%x: tensor<?x4xf32>, %v: tensor<4x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%m) : tensor<?x8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = linalg.contract indexing_maps = [#compute_lhs, #compute_rhs, #compute_out] ins(%x, %v : tensor<?x4xf32>, tensor<4x8xf32>) outs(%init : tensor<?x8xf32>) -> tensor<?x8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %a, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<?x8xf32>
  %z = linalg.contract indexing_maps = [#compute_lhs, #compute_rhs, #compute_out] ins(%r, %w : tensor<?x8xf32>, tensor<8x8xf32>) outs(%init : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// A tensor that others read too is made as it was, and converted once.
// CHECK-LABEL: func @twice
// CHECK: %[[N:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<8x8xbf16>)
// CHECK-NOT: truncf {{.*}} truncf
// CHECK: linalg.contract {{.*}} ins(%[[N]], %[[N]] : tensor<8x8xbf16>, tensor<8x8xbf16>)
// CHECK: return %{{.*}}, %{{.*}} : tensor<8x8xf32>, tensor<8x8xf32>
func.func @twice(%x: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %y = linalg.contract indexing_maps = [#compute_lhs, #compute_rhs, #compute_out] ins(%x, %x : tensor<8x8xf32>, tensor<8x8xf32>) outs(%init : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %x, %y : tensor<8x8xf32>, tensor<8x8xf32>
}

// The output of an attention that only a product reads.
// CHECK-LABEL: func @attention
// CHECK: %[[O:.*]] = attn.attention {{.*}}tensor<1x?x8xbf16>{{.*}} -> tensor<1x?x8xbf16>
// CHECK: linalg.contract {{.*}} ins(%[[O]], %{{.*}} : tensor<1x?x8xbf16>, tensor<8x8xbf16>) outs(%{{.*}} : tensor<1x?x8xf32>)
func.func @attention(%q: tensor<1x?x8xf32>, %w: tensor<8x8xf32>) -> tensor<1x?x8xf32> {
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %q, %c1 : tensor<1x?x8xf32>
  %e = tensor.empty(%m) : tensor<1x?x8xf32>
  %o = attn.attention q(%q "BMD" : tensor<1x?x8xf32>) k(%q "BND" : tensor<1x?x8xf32>) v(%q "BNE" : tensor<1x?x8xf32>) outs("BME", %e : tensor<1x?x8xf32>) -> tensor<1x?x8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x?x8xf32>) -> tensor<1x?x8xf32>
  %y = linalg.contract indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (k, n)>, affine_map<(b, m, n, k) -> (b, m, n)>] ins(%o, %w : tensor<1x?x8xf32>, tensor<8x8xf32>) outs(%init : tensor<1x?x8xf32>) -> tensor<1x?x8xf32>
  return %y : tensor<1x?x8xf32>
}

// What sums in f64 stays as it is.
// CHECK-LABEL: func @double
// CHECK-NOT: bf16
// CHECK: linalg.contract {{.*}} tensor<8x8xf64>) outs(%{{.*}} : tensor<8x8xf64>)
func.func @double(%x: tensor<8x8xf64>) -> tensor<8x8xf64> {
  %zero = arith.constant 0.0 : f64
  %e = tensor.empty() : tensor<8x8xf64>
  %init = linalg.fill ins(%zero : f64) outs(%e : tensor<8x8xf64>) -> tensor<8x8xf64>
  %y = linalg.contract indexing_maps = [#compute_lhs, #compute_rhs, #compute_out] ins(%x, %x : tensor<8x8xf64>, tensor<8x8xf64>) outs(%init : tensor<8x8xf64>) -> tensor<8x8xf64>
  return %y : tensor<8x8xf64>
}
