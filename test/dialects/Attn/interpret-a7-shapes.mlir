// RUN: attnc-interpret %s | FileCheck %s
// A7: K may have another head dim than V; M and N are independent; H is a multiple of G: head h reads group h / (H/G).

// D = 2, E = 1, M = 1, N = 3; four heads on two groups. Weights are equal, so a head's output is its group's mean.
// CHECK: @attention_a7_groups: tensor<1x1x4x1xf32> {{\[\[\[\[}}2], [2], [20], [20]]]]
func.func @attention_a7_groups() -> tensor<1x1x4x1xf32> {
  %q = arith.constant dense<1.0> : tensor<1x1x4x2xf32>
  %k = arith.constant dense<1.0> : tensor<1x3x2x2xf32>
  %v = arith.constant dense<[[[[1.0], [10.0]], [[2.0], [20.0]], [[3.0], [30.0]]]]> : tensor<1x3x2x1xf32>
  %init = tensor.empty() : tensor<1x1x4x1xf32>
  %o = attn.attention q(%q "BMHD" : tensor<1x1x4x2xf32>) k(%k "BNGD" : tensor<1x3x2x2xf32>)
    v(%v "BNGE" : tensor<1x3x2x1xf32>) outs("BMHE", %init : tensor<1x1x4x1xf32>) -> tensor<1x1x4x1xf32>
  return %o : tensor<1x1x4x1xf32>
}

// No letter G at all: one group for all heads (multi-query attention).
// CHECK: @attention_a7_multi_query: tensor<1x2x1xf32> {{\[\[\[}}3], [1]]]
func.func @attention_a7_multi_query() -> tensor<1x2x1xf32> {
  %q = arith.constant dense<[[[1.0], [-1.0]]]> : tensor<1x2x1xf32>
  %k = arith.constant dense<[[0.0], [1.09861229]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[0.0], [4.0]]> : tensor<2x1xf32>
  %init = tensor.empty() : tensor<1x2x1xf32>
  %o = attn.attention q(%q "MHD" : tensor<1x2x1xf32>) k(%k "ND" : tensor<2x1xf32>) v(%v "NE" : tensor<2x1xf32>)
    outs("MHE", %init : tensor<1x2x1xf32>) -> tensor<1x2x1xf32>
  return %o : tensor<1x2x1xf32>
}
