// RUN: attnc-interpret %s | FileCheck %s
// A1: s = scale * <q, k>; scale defaults to 1/sqrt(D).

// D = 4 and <q, k> = 0, 2 ln 3: the default scale 1/2 gives scores 0, ln 3, weights 1/4, 3/4.
// CHECK: @attention_a1_default: tensor<1x1xf32> {{\[\[}}3]]
func.func @attention_a1_default() -> tensor<1x1xf32> {
  %q = arith.constant dense<[[1.0, 0.0, 1.0, 5.0]]> : tensor<1x4xf32>
  %k = arith.constant dense<[[0.0, 7.0, 0.0, 0.0], [1.09861229, 9.0, 1.09861229, 0.0]]> : tensor<2x4xf32>
  %v = arith.constant dense<[[0.0], [4.0]]> : tensor<2x1xf32>
  %init = tensor.empty() : tensor<1x1xf32>
  %o = attn.attention q(%q "MD" : tensor<1x4xf32>) k(%k "ND" : tensor<2x4xf32>) v(%v "NE" : tensor<2x1xf32>)
    outs("ME", %init : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %o : tensor<1x1xf32>
}

// The same with scale 1: scores 0, 2 ln 3, weights 1/10, 9/10.
// CHECK: @attention_a1_explicit: tensor<1x1xf32> {{\[\[}}3.6]]
func.func @attention_a1_explicit() -> tensor<1x1xf32> {
  %q = arith.constant dense<[[1.0, 0.0, 1.0, 5.0]]> : tensor<1x4xf32>
  %k = arith.constant dense<[[0.0, 7.0, 0.0, 0.0], [1.09861229, 9.0, 1.09861229, 0.0]]> : tensor<2x4xf32>
  %v = arith.constant dense<[[0.0], [4.0]]> : tensor<2x1xf32>
  %init = tensor.empty() : tensor<1x1xf32>
  %o = attn.attention {scale = 1.0 : f64} q(%q "MD" : tensor<1x4xf32>) k(%k "ND" : tensor<2x4xf32>)
    v(%v "NE" : tensor<2x1xf32>) outs("ME", %init : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %o : tensor<1x1xf32>
}

// Zero and negative scales are legal: equal weights, and the order of the keys turned round.
// CHECK: @attention_a1_zero: tensor<1x1xf32> {{\[\[}}2]]
func.func @attention_a1_zero() -> tensor<1x1xf32> {
  %q = arith.constant dense<1.0> : tensor<1x1xf32>
  %k = arith.constant dense<[[0.0], [1.09861229]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[0.0], [4.0]]> : tensor<2x1xf32>
  %init = tensor.empty() : tensor<1x1xf32>
  %o = attn.attention {scale = 0.0 : f64} q(%q "MD" : tensor<1x1xf32>) k(%k "ND" : tensor<2x1xf32>)
    v(%v "NE" : tensor<2x1xf32>) outs("ME", %init : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %o : tensor<1x1xf32>
}
// CHECK: @attention_a1_negative: tensor<1x1xf32> {{\[\[}}1]]
func.func @attention_a1_negative() -> tensor<1x1xf32> {
  %q = arith.constant dense<1.0> : tensor<1x1xf32>
  %k = arith.constant dense<[[0.0], [1.09861229]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[0.0], [4.0]]> : tensor<2x1xf32>
  %init = tensor.empty() : tensor<1x1xf32>
  %o = attn.attention {scale = -1.0 : f64} q(%q "MD" : tensor<1x1xf32>) k(%k "ND" : tensor<2x1xf32>)
    v(%v "NE" : tensor<2x1xf32>) outs("ME", %init : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %o : tensor<1x1xf32>
}
