// RUN: attnc-interpret %s | FileCheck %s
// A4: softmax over the allowed keys only. A key that is not allowed contributes nothing, whatever its K and V hold.

// Keys 2 to 5 are masked; their K and V hold NaN, inf and -inf.
// CHECK: @attention_a4_masked: tensor<1x2xf32> {{\[\[}}3, 1]], tensor<1xf32> [1.38629]
func.func @attention_a4_masked() -> (tensor<1x2xf32>, tensor<1xf32>) {
  %q = arith.constant dense<1.0> : tensor<1x1xf32>
  %k = arith.constant dense<[[0.0], [1.09861229], [0x7FC00000], [0x7F800000], [0xFF800000], [1.0]]> : tensor<6x1xf32>
  %v = arith.constant dense<[[0.0, 4.0], [4.0, 0.0], [0x7FC00000, 1.0], [0x7F800000, 1.0], [1.0, 0xFF800000],
                             [0x7FC00000, 0x7FC00000]]> : tensor<6x2xf32>
  %init = tensor.empty() : tensor<1x2xf32>
  %lse = tensor.empty() : tensor<1xf32>
  %o:2 = attn.attention q(%q "MD" : tensor<1x1xf32>) k(%k "ND" : tensor<6x1xf32>) v(%v "NE" : tensor<6x2xf32>)
    outs("ME", %init, %lse : tensor<1x2xf32>, tensor<1xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %two = arith.constant 2 : index
      %0 = arith.cmpi ult, %j, %two : index
      attn.yield %0 : i1
    } -> tensor<1x2xf32>, tensor<1xf32>
  return %o#0, %o#1 : tensor<1x2xf32>, tensor<1xf32>
}

// An allowed key whose score is -inf has weight zero; its V is not touched either.
// CHECK: @attention_a4_minus_inf: tensor<1x1xf32> {{\[\[}}3]]
func.func @attention_a4_minus_inf() -> tensor<1x1xf32> {
  %q = arith.constant dense<1.0> : tensor<1x1xf32>
  %k = arith.constant dense<[[0.0], [1.09861229], [0xFF800000]]> : tensor<3x1xf32>
  %v = arith.constant dense<[[0.0], [4.0], [0x7FC00000]]> : tensor<3x1xf32>
  %init = tensor.empty() : tensor<1x1xf32>
  %o = attn.attention q(%q "MD" : tensor<1x1xf32>) k(%k "ND" : tensor<3x1xf32>) v(%v "NE" : tensor<3x1xf32>)
    outs("ME", %init : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %o : tensor<1x1xf32>
}

// Large scores do not overflow, and no finite number stands for -inf: a score of -1e38 is a score like any other.
// CHECK: @attention_a4_large: tensor<2x1xf32> {{\[\[}}2], [2]]
func.func @attention_a4_large() -> tensor<2x1xf32> {
  %q = arith.constant dense<[[1.0], [-1.0]]> : tensor<2x1xf32>
  %k = arith.constant dense<[[1.0e+38], [1.0e+38]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[0.0], [4.0]]> : tensor<2x1xf32>
  %init = tensor.empty() : tensor<2x1xf32>
  %o = attn.attention q(%q "MD" : tensor<2x1xf32>) k(%k "ND" : tensor<2x1xf32>) v(%v "NE" : tensor<2x1xf32>)
    outs("ME", %init : tensor<2x1xf32>) -> tensor<2x1xf32>
  return %o : tensor<2x1xf32>
}
