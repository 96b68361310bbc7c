// RUN: attnc-interpret %s | FileCheck %s
// linalg ops are their indexing maps, extents and region; contractions take a shorter way to the same numbers.

// CHECK: @matmul_named: tensor<2x2xf32> {{\[\[}}101, 2], [7, 10]]
func.func @matmul_named() -> tensor<2x2xf32> {
  %a = arith.constant dense<[[1.0, 0.0], [1.0, 2.0]]> : tensor<2x2xf32>
  %b = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %c = arith.constant dense<[[100.0, 0.0], [0.0, 0.0]]> : tensor<2x2xf32>
  %r = linalg.matmul ins(%a, %b : tensor<2x2xf32>, tensor<2x2xf32>) outs(%c : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// CHECK: @contract_transposed: tensor<2x2xf32> {{\[\[}}1, 5], [3, 11]]
func.func @contract_transposed() -> tensor<2x2xf32> {
  %a = arith.constant dense<[[1.0, 0.0], [1.0, 2.0]]> : tensor<2x2xf32>
  %b = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty() : tensor<2x2xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%init : tensor<2x2xf32>) -> tensor<2x2xf32>
  %r = linalg.contract
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (n, m)>]
    ins(%a, %b : tensor<2x2xf32>, tensor<2x2xf32>) outs(%fill : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// Upstream would call this a contraction too; the exp between is not the identity. e^0 + 2 * e^0 and so on.
// CHECK: @not_quite_contraction: tensor<1xf32> [3]
func.func @not_quite_contraction() -> tensor<1xf32> {
  %a = arith.constant dense<0.0> : tensor<1x2xf32>
  %b = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %c = arith.constant dense<0.0> : tensor<1xf32>
  %r = linalg.generic
    {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (k)>, affine_map<(m, k) -> (m)>],
     iterator_types = ["parallel", "reduction"]}
    ins(%a, %b : tensor<1x2xf32>, tensor<2xf32>) outs(%c : tensor<1xf32>) {
    ^bb0(%x: f32, %y: f32, %acc: f32):
      %0 = math.exp %x : f32
      %1 = arith.mulf %0, %y : f32
      %2 = arith.addf %acc, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<1xf32>
  return %r : tensor<1xf32>
}

// Broadcasting map, an outer value, linalg.index, tensor.extract and two results.
// CHECK: @generic: tensor<2x3xf32> {{\[\[}}10, 21, 32], [13, 24, 35]], tensor<2x3xi32> {{\[\[}}5, 6, 7], [5, 6, 7]]
func.func @generic() -> (tensor<2x3xf32>, tensor<2x3xi32>) {
  %row = arith.constant dense<[10.0, 20.0, 30.0]> : tensor<3xf32>
  %table = arith.constant dense<[5, 6, 7]> : tensor<3xi32>
  %three = arith.constant 3.0 : f32
  %init = tensor.empty() : tensor<2x3xf32>
  %init2 = tensor.empty() : tensor<2x3xi32>
  %r:2 = linalg.generic
    {indexing_maps = [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
     iterator_types = ["parallel", "parallel"]}
    ins(%row : tensor<3xf32>) outs(%init, %init2 : tensor<2x3xf32>, tensor<2x3xi32>) {
    ^bb0(%x: f32, %o: f32, %p: i32):
      %i = linalg.index 0 : index
      %j = linalg.index 1 : index
      %i64 = arith.index_cast %i : index to i64
      %j64 = arith.index_cast %j : index to i64
      %if = arith.sitofp %i64 : i64 to f32
      %jf = arith.sitofp %j64 : i64 to f32
      %0 = arith.mulf %if, %three : f32
      %1 = arith.addf %0, %jf : f32
      %2 = arith.addf %1, %x : f32
      %3 = tensor.extract %table[%j] : tensor<3xi32>
      linalg.yield %2, %3 : f32, i32
    } -> (tensor<2x3xf32>, tensor<2x3xi32>)
  return %r#0, %r#1 : tensor<2x3xf32>, tensor<2x3xi32>
}

// A window: the map reaches d0 + d1, and a stride: 2 * d0.
// CHECK: @windows: tensor<3xf32> [3, 5, 7], tensor<2xf32> [1, 3]
func.func @windows() -> (tensor<3xf32>, tensor<2xf32>) {
  %x = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %kernel = arith.constant dense<1.0> : tensor<2xf32>
  %zero = arith.constant dense<0.0> : tensor<3xf32>
  %sums = linalg.conv_1d ins(%x, %kernel : tensor<4xf32>, tensor<2xf32>) outs(%zero : tensor<3xf32>) -> tensor<3xf32>
  %init = tensor.empty() : tensor<2xf32>
  %every2 = linalg.generic
    {indexing_maps = [affine_map<(i) -> (2 * i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%x : tensor<4xf32>) outs(%init : tensor<2xf32>) {
    ^bb0(%a: f32, %o: f32):
      linalg.yield %a : f32
    } -> tensor<2xf32>
  return %sums, %every2 : tensor<3xf32>, tensor<2xf32>
}

// CHECK: @named: tensor<3x2xi32> {{\[\[}}1, 4], [2, 5], [3, 6]], tensor<2xi32> [6, 15], tensor<2x2xi32> {{\[\[}}6, 15], [6, 15]], tensor<2xi32> [36, 225]
func.func @named() -> (tensor<3x2xi32>, tensor<2xi32>, tensor<2x2xi32>, tensor<2xi32>) {
  %x = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %e0 = tensor.empty() : tensor<3x2xi32>
  %transposed = linalg.transpose ins(%x : tensor<2x3xi32>) outs(%e0 : tensor<3x2xi32>) permutation = [1, 0]
  %zero = arith.constant dense<0> : tensor<2xi32>
  %sum = linalg.reduce {arith.addi} ins(%x : tensor<2x3xi32>) outs(%zero : tensor<2xi32>) dimensions = [1]
  %e1 = tensor.empty() : tensor<2x2xi32>
  %rows = linalg.broadcast ins(%sum : tensor<2xi32>) outs(%e1 : tensor<2x2xi32>) dimensions = [0]
  %e2 = tensor.empty() : tensor<2xi32>
  %squares = linalg.map {arith.muli} ins(%sum, %sum : tensor<2xi32>, tensor<2xi32>) outs(%e2 : tensor<2xi32>)
  return %transposed, %sum, %rows, %squares : tensor<3x2xi32>, tensor<2xi32>, tensor<2x2xi32>, tensor<2xi32>
}

// Softmax along either dimension; a row of -inf alone is NaN as in ONNX, and only that row.
// CHECK: @softmax: tensor<2x2xf32> {{\[\[}}0.25, 0.75], [nan, nan]], tensor<2x2xf32> {{\[\[}}1, 1], [0, 0]]
func.func @softmax() -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %x = arith.constant dense<[[0.0, 1.09861229], [0xFF800000, 0xFF800000]]> : tensor<2x2xf32>
  %init = tensor.empty() : tensor<2x2xf32>
  %r = linalg.softmax dimension(1) ins(%x : tensor<2x2xf32>) outs(%init : tensor<2x2xf32>) -> tensor<2x2xf32>
  %c = linalg.softmax dimension(0) ins(%x : tensor<2x2xf32>) outs(%init : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %r, %c : tensor<2x2xf32>, tensor<2x2xf32>
}
