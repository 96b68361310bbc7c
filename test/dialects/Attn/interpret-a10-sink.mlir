// RUN: attnc-interpret %s | FileCheck %s
// A10: the sink is one key more, always allowed, of value 0. lse includes it.

// Keys of score 0 and a sink of score ln 2: weights 1/4, 1/4 and 2/4.
// CHECK: @attention_a10_weights: tensor<1x1xf32> {{\[\[}}3]], tensor<1xf32> [1.38629]
func.func @attention_a10_weights() -> (tensor<1x1xf32>, tensor<1xf32>) {
  %q = arith.constant dense<0.0> : tensor<1x1xf32>
  %k = arith.constant dense<0.0> : tensor<2x1xf32>
  %v = arith.constant dense<[[4.0], [8.0]]> : tensor<2x1xf32>
  %init = tensor.empty() : tensor<1x1xf32>
  %lse = tensor.empty() : tensor<1xf32>
  %o:2 = attn.attention q(%q "MD" : tensor<1x1xf32>) k(%k "ND" : tensor<2x1xf32>) v(%v "NE" : tensor<2x1xf32>)
    outs("ME", %init, %lse : tensor<1x1xf32>, tensor<1xf32>)
    sink {
    ^bb0(%b: index, %h: index, %i: index, %M: index, %N: index):
      %s = arith.constant 0.69314718 : f32
      attn.yield %s : f32
    } -> tensor<1x1xf32>, tensor<1xf32>
  return %o#0, %o#1 : tensor<1x1xf32>, tensor<1xf32>
}

// Without an allowed key: output 0, lse = sink. The mask does not hide a sink, and each query has its own; -inf is none,
// +inf and NaN are as a key's (A6).
// CHECK: @attention_a10_alone: tensor<4x1xf32> {{\[\[}}0], [0], [nan], [nan]], tensor<4xf32> [-2, -inf, nan, nan]
func.func @attention_a10_alone() -> (tensor<4x1xf32>, tensor<4xf32>) {
  %q = arith.constant dense<0.0> : tensor<4x1xf32>
  %v = arith.constant dense<0x7FC00000> : tensor<3x1xf32>
  %sinks = arith.constant dense<[-2.0, 0xFF800000, 0x7F800000, 0x7FC00000]> : tensor<4xf32>
  %init = tensor.empty() : tensor<4x1xf32>
  %lse = tensor.empty() : tensor<4xf32>
  %o:2 = attn.attention q(%q "MD" : tensor<4x1xf32>) k(%v "ND" : tensor<3x1xf32>) v(%v "NE" : tensor<3x1xf32>)
    captures(%sinks : tensor<4xf32>) outs("ME", %init, %lse : tensor<4x1xf32>, tensor<4xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: tensor<4xf32>):
      %0 = arith.constant false
      attn.yield %0 : i1
    } sink {
    ^bb0(%b: index, %h: index, %i: index, %M: index, %N: index, %t: tensor<4xf32>):
      %s = tensor.extract %t[%i] : tensor<4xf32>
      attn.yield %s : f32
    } -> tensor<4x1xf32>, tensor<4xf32>
  return %o#0, %o#1 : tensor<4x1xf32>, tensor<4xf32>
}

// A sink needs no key: N = 0.
// CHECK: @attention_a10_zero_n: tensor<1x1xf32> {{\[\[}}0]], tensor<1xf32> [5]
func.func @attention_a10_zero_n() -> (tensor<1x1xf32>, tensor<1xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %q = arith.constant dense<0.0> : tensor<1x1xf32>
  %k = tensor.splat %zero[%c0] : tensor<?x1xf32>
  %init = tensor.empty() : tensor<1x1xf32>
  %lse = tensor.empty() : tensor<1xf32>
  %o:2 = attn.attention q(%q "MD" : tensor<1x1xf32>) k(%k "ND" : tensor<?x1xf32>) v(%k "NE" : tensor<?x1xf32>)
    outs("ME", %init, %lse : tensor<1x1xf32>, tensor<1xf32>)
    sink {
    ^bb0(%b: index, %h: index, %i: index, %M: index, %N: index):
      %s = arith.constant 5.0 : f32
      attn.yield %s : f32
    } -> tensor<1x1xf32>, tensor<1xf32>
  return %o#0, %o#1 : tensor<1x1xf32>, tensor<1xf32>
}
