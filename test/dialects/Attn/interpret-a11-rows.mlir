// RUN: attnc-interpret %s | FileCheck %s
// A11: the scores are products of what the query and key regions yield; lse of one key is that product.

// query: features exchanged, times i + 1; key: divided by the sum of its squares. (4, 3) . (1, 2) / 5 = 2.
// CHECK: @attention_a11_rows: tensor<2xf32> [2, 4]
func.func @attention_a11_rows() -> tensor<2xf32> {
  %q = arith.constant dense<[[3.0, 4.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %k = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %init = tensor.empty() : tensor<2x2xf32>
  %lse = tensor.empty() : tensor<2xf32>
  %o:2 = attn.attention {scale = 1.0 : f64} q(%q "MD" : tensor<2x2xf32>) k(%k "ND" : tensor<1x2xf32>)
    v(%k "NE" : tensor<1x2xf32>) outs("ME", %init, %lse : tensor<2x2xf32>, tensor<2xf32>)
    query {
    ^bb0(%b: index, %h: index, %i: index, %d: index, %M: index, %N: index):
      %c1 = arith.constant 1 : index
      %other = arith.subi %c1, %d : index
      %x = attn.feature %other : f32
      %n = arith.addi %i, %c1 : index
      %n32 = arith.index_cast %n : index to i32
      %f = arith.sitofp %n32 : i32 to f32
      %y = arith.mulf %x, %f : f32
      attn.yield %y : f32
    } key {
    ^bb0(%b: index, %g: index, %j: index, %d: index, %M: index, %N: index):
      %squares = attn.sum {
      ^bb1(%e: index):
        %z = attn.feature %e : f32
        %zz = arith.mulf %z, %z : f32
        attn.yield %zz : f32
      } : f32
      %x = attn.feature %d : f32
      %y = arith.divf %x, %squares : f32
      attn.yield %y : f32
    } -> tensor<2x2xf32>, tensor<2xf32>
  return %o#1 : tensor<2xf32>
}

// The key region sees the key-value head g and the key j; heads 0 and 1 share g = 0. Nothing of v changes.
// CHECK: @attention_a11_heads: tensor<1x4x1xf32> {{\[\[\[}}7], [7], [9], [9]]], tensor<1x4xf32> {{\[\[}}0, 0, 10, 10]]
func.func @attention_a11_heads() -> (tensor<1x4x1xf32>, tensor<1x4xf32>) {
  %q = arith.constant dense<1.0> : tensor<1x4x1xf32>
  %v = arith.constant dense<[[[7.0], [9.0]]]> : tensor<1x2x1xf32>
  %table = arith.constant dense<[0.0, 10.0]> : tensor<2xf32>
  %init = tensor.empty() : tensor<1x4x1xf32>
  %lse = tensor.empty() : tensor<1x4xf32>
  %o:2 = attn.attention q(%q "MHD" : tensor<1x4x1xf32>) k(%v "NGD" : tensor<1x2x1xf32>)
    v(%v "NGE" : tensor<1x2x1xf32>) captures(%table : tensor<2xf32>)
    outs("MHE", %init, %lse : tensor<1x4x1xf32>, tensor<1x4xf32>)
    key {
    ^bb0(%b: index, %g: index, %j: index, %d: index, %M: index, %N: index, %t: tensor<2xf32>):
      %x = tensor.extract %t[%g] : tensor<2xf32>
      attn.yield %x : f32
    } -> tensor<1x4x1xf32>, tensor<1x4xf32>
  return %o#0, %o#1 : tensor<1x4x1xf32>, tensor<1x4xf32>
}
