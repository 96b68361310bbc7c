// RUN: attnc-interpret %s | FileCheck %s
// A9: `causal` aligns the ends (query i sees keys up to i + N - M), `causal_start` the starts (up to i). All weights
// are equal here, so a row's output is the mean of the values 0, 2, 4 ... of the keys it sees.

// M = 2 < N = 4. Ends: rows see 3 and 4 keys.
// CHECK: @attention_a9_ends_cache: tensor<2x1xf32> {{\[\[}}2], [3]]
func.func @attention_a9_ends_cache() -> tensor<2x1xf32> {
  %q = arith.constant dense<0.0> : tensor<2x1xf32>
  %k = arith.constant dense<0.0> : tensor<4x1xf32>
  %v = arith.constant dense<[[0.0], [2.0], [4.0], [6.0]]> : tensor<4x1xf32>
  %init = tensor.empty() : tensor<2x1xf32>
  %o = attn.attention q(%q "MD" : tensor<2x1xf32>) k(%k "ND" : tensor<4x1xf32>) v(%v "NE" : tensor<4x1xf32>)
    outs("ME", %init : tensor<2x1xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %d = arith.subi %N, %M : index
      %p = arith.addi %i, %d : index
      %0 = arith.cmpi sle, %j, %p : index
      attn.yield %0 : i1
    } -> tensor<2x1xf32>
  return %o : tensor<2x1xf32>
}

// Starts: rows see 1 and 2 keys.
// CHECK: @attention_a9_starts: tensor<2x1xf32> {{\[\[}}0], [1]]
func.func @attention_a9_starts() -> tensor<2x1xf32> {
  %q = arith.constant dense<0.0> : tensor<2x1xf32>
  %k = arith.constant dense<0.0> : tensor<4x1xf32>
  %v = arith.constant dense<[[0.0], [2.0], [4.0], [6.0]]> : tensor<4x1xf32>
  %init = tensor.empty() : tensor<2x1xf32>
  %o = attn.attention q(%q "MD" : tensor<2x1xf32>) k(%k "ND" : tensor<4x1xf32>) v(%v "NE" : tensor<4x1xf32>)
    outs("ME", %init : tensor<2x1xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %0 = arith.cmpi sle, %j, %i : index
      attn.yield %0 : i1
    } -> tensor<2x1xf32>
  return %o : tensor<2x1xf32>
}

// M = 3 > N = 2. Ends: i + N - M = -1, 0, 1, so row 0 sees nothing (A5), in signed arithmetic.
// CHECK: @attention_a9_ends_short: tensor<3x1xf32> {{\[\[}}0], [10], [11]]
func.func @attention_a9_ends_short() -> tensor<3x1xf32> {
  %q = arith.constant dense<0.0> : tensor<3x1xf32>
  %k = arith.constant dense<0.0> : tensor<2x1xf32>
  %v = arith.constant dense<[[10.0], [12.0]]> : tensor<2x1xf32>
  %init = tensor.empty() : tensor<3x1xf32>
  %o = attn.attention q(%q "MD" : tensor<3x1xf32>) k(%k "ND" : tensor<2x1xf32>) v(%v "NE" : tensor<2x1xf32>)
    outs("ME", %init : tensor<3x1xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %d = arith.subi %N, %M : index
      %p = arith.addi %i, %d : index
      %0 = arith.cmpi sle, %j, %p : index
      attn.yield %0 : i1
    } -> tensor<3x1xf32>
  return %o : tensor<3x1xf32>
}
