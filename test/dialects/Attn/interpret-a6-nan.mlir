// RUN: attnc-interpret %s | FileCheck %s
// A6: NaN or +inf in an allowed score gives NaN in that row and in no other.

// Row 0 meets NaN (q = NaN), row 1 meets +inf (inf * 1), row 2 is clean, row 3 has s = +inf and s = -inf.
// CHECK: @attention_a6_row: tensor<4x2xf32> {{\[\[}}nan, nan], [nan, nan], [2, 0], [nan, nan]], tensor<4xf32> [nan, nan, 0.693147, nan]
func.func @attention_a6_row() -> (tensor<4x2xf32>, tensor<4xf32>) {
  %q = arith.constant dense<[[0x7FC00000], [0x7F800000], [0.0], [0x7F800000]]> : tensor<4x1xf32>
  %k = arith.constant dense<[[1.0], [-1.0]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[0.0, 0.0], [4.0, 0.0]]> : tensor<2x2xf32>
  %init = tensor.empty() : tensor<4x2xf32>
  %lse = tensor.empty() : tensor<4xf32>
  %o:2 = attn.attention q(%q "MD" : tensor<4x1xf32>) k(%k "ND" : tensor<2x1xf32>) v(%v "NE" : tensor<2x2xf32>)
    outs("ME", %init, %lse : tensor<4x2xf32>, tensor<4xf32>) -> tensor<4x2xf32>, tensor<4xf32>
  return %o#0, %o#1 : tensor<4x2xf32>, tensor<4xf32>
}

// A NaN that only some rows may see (causal: key 1 holds NaN, row 0 does not see it).
// CHECK: @attention_a6_masked_for_some: tensor<2x1xf32> {{\[\[}}7], [nan]]
func.func @attention_a6_masked_for_some() -> tensor<2x1xf32> {
  %q = arith.constant dense<1.0> : tensor<2x1xf32>
  %k = arith.constant dense<[[1.0], [0x7FC00000]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[7.0], [8.0]]> : tensor<2x1xf32>
  %init = tensor.empty() : tensor<2x1xf32>
  %o = attn.attention q(%q "MD" : tensor<2x1xf32>) k(%k "ND" : tensor<2x1xf32>) v(%v "NE" : tensor<2x1xf32>)
    outs("ME", %init : tensor<2x1xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %0 = arith.cmpi sle, %j, %i : index
      attn.yield %0 : i1
    } -> tensor<2x1xf32>
  return %o : tensor<2x1xf32>
}

// A NaN in V of an allowed key spoils its feature of the row and no other feature.
// CHECK: @attention_a6_value: tensor<1x2xf32> {{\[\[}}nan, 2]]
func.func @attention_a6_value() -> tensor<1x2xf32> {
  %q = arith.constant dense<0.0> : tensor<1x1xf32>
  %k = arith.constant dense<0.0> : tensor<2x1xf32>
  %v = arith.constant dense<[[0x7FC00000, 0.0], [4.0, 4.0]]> : tensor<2x2xf32>
  %init = tensor.empty() : tensor<1x2xf32>
  %o = attn.attention q(%q "MD" : tensor<1x1xf32>) k(%k "ND" : tensor<2x1xf32>) v(%v "NE" : tensor<2x2xf32>)
    outs("ME", %init : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %o : tensor<1x2xf32>
}
