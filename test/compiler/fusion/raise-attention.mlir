// RUN: attnc-opt %s --raise-attention --canonicalize --split-input-file | FileCheck %s
// Every function is one spelling of attention found in exported graphs.

#qk = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#kt = affine_map<(b, h, m, n, d) -> (b, h, d, n)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, e, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, e, n) -> (b, h, n, e)>
#o = affine_map<(b, h, m, e, n) -> (b, h, m, e)>
#id = affine_map<(a, b, c, d) -> (a, b, c, d)>

// Heads split, K^T inside the head transpose, scores divided by sqrt(d), heads joined again.
// CHECK-LABEL: func @transposed_heads(
// CHECK-SAME:    %[[Q:.*]]: tensor<2x16x32xf32>, %[[K:.*]]: tensor<2x16x32xf32>, %[[V:.*]]: tensor<2x16x32xf32>)
// CHECK-NOT: linalg.
// CHECK-DAG: %[[QH:.*]] = tensor.expand_shape %[[Q]] {{.*}} output_shape [2, 16, 4, 8]
// CHECK-DAG: %[[KH:.*]] = tensor.expand_shape %[[K]] {{.*}} output_shape [2, 16, 4, 8]
// CHECK-DAG: %[[VH:.*]] = tensor.expand_shape %[[V]] {{.*}} output_shape [2, 16, 4, 8]
// CHECK: %[[O:.*]] = attn.attention {scale = 2.500000e-01 : f64} q(%[[QH]] "BMHD" : {{.*}}) k(%[[KH]] "BNGD" : {{.*}}) v(%[[VH]] "BNGE" : {{.*}}) outs("BMHE", %{{.*}} : tensor<2x16x4x8xf32>) -> tensor<2x16x4x8xf32>
// CHECK: %[[Y:.*]] = tensor.collapse_shape %[[O]] {{\[}}[0], [1], [2, 3]]
// CHECK: return %[[Y]]
func.func @transposed_heads(%q: tensor<2x16x32xf32>, %k: tensor<2x16x32xf32>, %v: tensor<2x16x32xf32>) -> tensor<2x16x32xf32> {
  %zero = arith.constant 0.0 : f32
  %c = arith.constant dense<4.0> : tensor<f32>
  %q4 = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [2, 16, 4, 8] : tensor<2x16x32xf32> into tensor<2x16x4x8xf32>
  %k4 = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [2, 16, 4, 8] : tensor<2x16x32xf32> into tensor<2x16x4x8xf32>
  %v4 = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [2, 16, 4, 8] : tensor<2x16x32xf32> into tensor<2x16x4x8xf32>
  %eh = tensor.empty() : tensor<2x4x16x8xf32>
  %et = tensor.empty() : tensor<2x4x8x16xf32>
  %es = tensor.empty() : tensor<2x4x16x16xf32>
  %ey = tensor.empty() : tensor<2x16x4x8xf32>
  %qt = linalg.transpose ins(%q4 : tensor<2x16x4x8xf32>) outs(%eh : tensor<2x4x16x8xf32>) permutation = [0, 2, 1, 3]
  %kt = linalg.transpose ins(%k4 : tensor<2x16x4x8xf32>) outs(%et : tensor<2x4x8x16xf32>) permutation = [0, 2, 3, 1]
  %vt = linalg.transpose ins(%v4 : tensor<2x16x4x8xf32>) outs(%eh : tensor<2x4x16x8xf32>) permutation = [0, 2, 1, 3]
  %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x16x16xf32>) -> tensor<2x4x16x16xf32>
  %s = linalg.contract indexing_maps = [#qk, #kt, #s] ins(%qt, %kt : tensor<2x4x16x8xf32>, tensor<2x4x8x16xf32>) outs(%fs : tensor<2x4x16x16xf32>) -> tensor<2x4x16x16xf32>
  %t = linalg.generic {indexing_maps = [#id, affine_map<(a, b, c, d) -> ()>, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%s, %c : tensor<2x4x16x16xf32>, tensor<f32>) outs(%es : tensor<2x4x16x16xf32>) {
  ^bb0(%in: f32, %by: f32, %out: f32):
    %r = arith.divf %in, %by : f32
    linalg.yield %r : f32
  } -> tensor<2x4x16x16xf32>
  %w = linalg.softmax dimension(3) ins(%t : tensor<2x4x16x16xf32>) outs(%es : tensor<2x4x16x16xf32>) -> tensor<2x4x16x16xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eh : tensor<2x4x16x8xf32>) -> tensor<2x4x16x8xf32>
  %o = linalg.contract indexing_maps = [#p, #v, #o] ins(%w, %vt : tensor<2x4x16x16xf32>, tensor<2x4x16x8xf32>) outs(%fo : tensor<2x4x16x8xf32>) -> tensor<2x4x16x8xf32>
  %ot = linalg.transpose ins(%o : tensor<2x4x16x8xf32>) outs(%ey : tensor<2x16x4x8xf32>) permutation = [0, 2, 1, 3]
  %y = tensor.collapse_shape %ot [[0], [1], [2, 3]] : tensor<2x16x4x8xf32> into tensor<2x16x32xf32>
  return %y : tensor<2x16x32xf32>
}
