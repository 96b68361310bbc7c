// RUN: attnc-opt %s --simplify-graph | FileCheck %s

#id = affine_map<(a, b) -> (a, b)>

// A factor computed from constants ends in the body that uses it; a factor of one disappears.
// CHECK-LABEL: func @factors(
// CHECK: %[[C:.*]] = arith.constant 8.0{{.*}} : f32
// CHECK: linalg.generic
// CHECK: %[[R:.*]] = arith.divf %{{.*}}, %[[C]]
// CHECK-NEXT: linalg.yield %[[R]]
// CHECK-NOT: linalg.generic
func.func @factors(%x: tensor<4x?xf32> {attnc.dims = ["4", "S"]}, %e: tensor<4x?xf32> {attnc.dims = ["4", "S"]}) -> tensor<4x?xf32> {
  %c = arith.constant dense<64.0> : tensor<f32>
  %one = arith.constant dense<1.0> : tensor<f32>
  %s = tensor.empty() : tensor<f32>
  %root = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []} ins(%c : tensor<f32>) outs(%s : tensor<f32>) {
  ^bb0(%in: f32, %out: f32):
    %r = math.sqrt %in : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %y = linalg.generic {indexing_maps = [#id, affine_map<(a, b) -> ()>, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %root : tensor<4x?xf32>, tensor<f32>) outs(%e : tensor<4x?xf32>) {
  ^bb0(%in: f32, %by: f32, %out: f32):
    %r = arith.divf %in, %by : f32
    linalg.yield %r : f32
  } -> tensor<4x?xf32>
  %z = linalg.generic {indexing_maps = [#id, affine_map<(a, b) -> ()>, #id], iterator_types = ["parallel", "parallel"]} ins(%y, %one : tensor<4x?xf32>, tensor<f32>) outs(%e : tensor<4x?xf32>) {
  ^bb0(%in: f32, %by: f32, %out: f32):
    %r = arith.mulf %in, %by : f32
    linalg.yield %r : f32
  } -> tensor<4x?xf32>
  return %z : tensor<4x?xf32>
}

// A product that is added to a tensor becomes a product from zero and a sum.
// CHECK-LABEL: func @destination(
// CHECK-SAME: %[[C:[a-z0-9]*]]: tensor<4x4xf32>)
// CHECK: %[[ZERO:.*]] = linalg.fill
// CHECK: %[[P:.*]] = linalg.contract {{.*}} outs(%[[ZERO]]
// CHECK: linalg.generic {{.*}} ins(%[[P]], %[[C]]
func.func @destination(%x: tensor<4x8xf32>, %w: tensor<8x4xf32>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %y = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<4x8xf32>, tensor<8x4xf32>) outs(%c : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}

// Transposes of transposes, and reshapes of reshapes.
// CHECK-LABEL: func @chains(
// CHECK-SAME: %[[X:.*]]: tensor<4x6xf32>)
// CHECK-NEXT: return %[[X]]
func.func @chains(%x: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %e = tensor.empty() : tensor<6x4xf32>
  %f = tensor.empty() : tensor<4x6xf32>
  %t = linalg.transpose ins(%x : tensor<4x6xf32>) outs(%e : tensor<6x4xf32>) permutation = [1, 0]
  %u = linalg.transpose ins(%t : tensor<6x4xf32>) outs(%f : tensor<4x6xf32>) permutation = [1, 0]
  %a = tensor.expand_shape %u [[0], [1, 2]] output_shape [4, 2, 3] : tensor<4x6xf32> into tensor<4x2x3xf32>
  %b = tensor.collapse_shape %a [[0], [1, 2]] : tensor<4x2x3xf32> into tensor<4x6xf32>
  return %b : tensor<4x6xf32>
}
