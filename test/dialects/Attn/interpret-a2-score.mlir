// RUN: attnc-interpret %s | FileCheck %s
// A2: s' = score(s, b, h, i, j): any scalar expression, which may read captured tensors and scalars.

// The score replaces s by ln(weight) with weights from a captured table, read at (h, j), times a captured scalar:
// head 0 has weights 1, 3 and head 1 has 3, 1.
// CHECK: @attention_a2_captures: tensor<2x1xf32> {{\[\[}}3], [1]]
func.func @attention_a2_captures() -> tensor<2x1xf32> {
  %q = arith.constant dense<1.0> : tensor<2x1x1xf32>
  %k = arith.constant dense<1.0> : tensor<2x2x1xf32>
  %v = arith.constant dense<[[[0.0], [4.0]], [[0.0], [4.0]]]> : tensor<2x2x1xf32>
  %table = arith.constant dense<[[1.0, 3.0], [3.0, 1.0]]> : tensor<2x2xf32>
  %factor = arith.constant 2.0 : f32
  %init = tensor.empty() : tensor<2x1x1xf32>
  %o = attn.attention q(%q "HMD" : tensor<2x1x1xf32>) k(%k "GND" : tensor<2x2x1xf32>) v(%v "GNE" : tensor<2x2x1xf32>)
    captures(%table, %factor : tensor<2x2xf32>, f32) outs("HME", %init : tensor<2x1x1xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: tensor<2x2xf32>, %f: f32):
      %0 = tensor.extract %t[%h, %j] : tensor<2x2xf32>
      %1 = arith.mulf %0, %f : f32
      %2 = math.log %1 : f32
      attn.yield %2 : f32
    } -> tensor<2x1x1xf32>
  %r = tensor.collapse_shape %o [[0, 1], [2]] : tensor<2x1x1xf32> into tensor<2x1xf32>
  return %r : tensor<2x1xf32>
}

// Every index argument arrives. Key j = M = 2 gets score 1000 * b * h * i * N, so only row b = h = i = 1 sees that key
// alone; every other row is the mean of 0, 3, 6.
// CHECK: @attention_a2_indices: tensor<8xf32> [3, 3, 3, 3, 3, 3, 3, 6]
func.func @attention_a2_indices() -> tensor<8xf32> {
  %q = arith.constant dense<0.0> : tensor<2x2x2x1xf32>
  %k = arith.constant dense<0.0> : tensor<2x2x3x1xf32>
  %v = arith.constant dense<[[[[0.0], [3.0], [6.0]], [[0.0], [3.0], [6.0]]], [[[0.0], [3.0], [6.0]], [[0.0], [3.0], [6.0]]]]> : tensor<2x2x3x1xf32>
  %init = tensor.empty() : tensor<2x2x2x1xf32>
  %o = attn.attention q(%q "BHMD" : tensor<2x2x2x1xf32>) k(%k "BGND" : tensor<2x2x3x1xf32>) v(%v "BGNE" : tensor<2x2x3x1xf32>)
    outs("BHME", %init : tensor<2x2x2x1xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %last = arith.cmpi eq, %j, %M : index
      %bh = arith.muli %b, %h : index
      %bhi = arith.muli %bh, %i : index
      %three = arith.muli %bhi, %N : index
      %int = arith.index_cast %three : index to i32
      %real = arith.sitofp %int : i32 to f32
      %thousand = arith.constant 1.0e+03 : f32
      %large = arith.mulf %real, %thousand : f32
      %0 = arith.select %last, %large, %s : f32
      attn.yield %0 : f32
    } -> tensor<2x2x2x1xf32>
  %r = tensor.collapse_shape %o [[0, 1, 2, 3]] : tensor<2x2x2x1xf32> into tensor<8xf32>
  return %r : tensor<8xf32>
}
