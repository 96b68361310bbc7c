// RUN: attnc-interpret %s | FileCheck %s
// A8: the second result is lse = log(sum exp(s')), natural; its layout is the output's without E. f64 stays f64.

// Scores 0 and ln 3 for head 0, 0 and 0 for head 1: lse = ln 4 and ln 2. The output's layout is HEM, so lse is HM.
// CHECK: @attention_a8_lse: tensor<2x1x1xf32> {{\[\[\[}}3]], {{\[\[}}2]]], tensor<2x1xf32> {{\[\[}}1.38629], [0.693147]]
func.func @attention_a8_lse() -> (tensor<2x1x1xf32>, tensor<2x1xf32>) {
  %q = arith.constant dense<[[[1.0]], [[0.0]]]> : tensor<2x1x1xf32>
  %k = arith.constant dense<[[0.0], [1.09861229]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[0.0], [4.0]]> : tensor<2x1xf32>
  %init = tensor.empty() : tensor<2x1x1xf32>
  %lse = tensor.empty() : tensor<2x1xf32>
  %o:2 = attn.attention q(%q "HMD" : tensor<2x1x1xf32>) k(%k "ND" : tensor<2x1xf32>) v(%v "NE" : tensor<2x1xf32>)
    outs("HEM", %init, %lse : tensor<2x1x1xf32>, tensor<2x1xf32>) -> tensor<2x1x1xf32>, tensor<2x1xf32>
  return %o#0, %o#1 : tensor<2x1x1xf32>, tensor<2x1xf32>
}

// 1e200 is a number in f64. Scores 0 and 1e200: the second key alone counts, and lse says so.
// CHECK: @attention_a8_f64: tensor<1x1xf64> {{\[\[}}4]], tensor<1xf64> [1e+200]
func.func @attention_a8_f64() -> (tensor<1x1xf64>, tensor<1xf64>) {
  %q = arith.constant dense<1.0> : tensor<1x1xf64>
  %k = arith.constant dense<[[0.0], [1.0e+200]]> : tensor<2x1xf64>
  %v = arith.constant dense<[[0.0], [4.0]]> : tensor<2x1xf64>
  %init = tensor.empty() : tensor<1x1xf64>
  %lse = tensor.empty() : tensor<1xf64>
  %o:2 = attn.attention q(%q "MD" : tensor<1x1xf64>) k(%k "ND" : tensor<2x1xf64>) v(%v "NE" : tensor<2x1xf64>)
    outs("ME", %init, %lse : tensor<1x1xf64>, tensor<1xf64>)
    score {
    ^bb0(%s: f64, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      attn.yield %s : f64
    } -> tensor<1x1xf64>, tensor<1xf64>
  return %o#0, %o#1 : tensor<1x1xf64>, tensor<1xf64>
}

// bf16 in and out, the score region in f32.
// CHECK: @attention_a8_bf16: tensor<1x1xbf16> {{\[\[}}2]]
func.func @attention_a8_bf16() -> tensor<1x1xbf16> {
  %q = arith.constant dense<1.0> : tensor<1x1xbf16>
  %k = arith.constant dense<[[0.0], [1.0]]> : tensor<2x1xbf16>
  %v = arith.constant dense<[[0.0], [4.0]]> : tensor<2x1xbf16>
  %init = tensor.empty() : tensor<1x1xbf16>
  %o = attn.attention q(%q "MD" : tensor<1x1xbf16>) k(%k "ND" : tensor<2x1xbf16>) v(%v "NE" : tensor<2x1xbf16>)
    outs("ME", %init : tensor<1x1xbf16>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %0 = arith.constant 0.0 : f32
      %1 = arith.mulf %s, %0 : f32
      attn.yield %1 : f32
    } -> tensor<1x1xbf16>
  return %o : tensor<1x1xbf16>
}
