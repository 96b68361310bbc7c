// RUN: attnc-interpret %s | FileCheck %s
// A5: a row with no allowed key, or only s' = -inf, gives output 0 and lse -inf. N = 0, M = 0 and B = 0 are legal.

// Row 0 may see no key, row 1 sees key 0, row 2 keys 0 and 1 (j < i).
// CHECK: @attention_a5_no_key: tensor<3x1xf32> {{\[\[}}0], [6], [8]], tensor<3xf32> [-inf, 0, 0.693147]
func.func @attention_a5_no_key() -> (tensor<3x1xf32>, tensor<3xf32>) {
  %q = arith.constant dense<0.0> : tensor<3x1xf32>
  %v = arith.constant dense<[[6.0], [10.0], [0x7FC00000]]> : tensor<3x1xf32>
  %init = tensor.empty() : tensor<3x1xf32>
  %lse = tensor.empty() : tensor<3xf32>
  %o:2 = attn.attention q(%q "MD" : tensor<3x1xf32>) k(%q "ND" : tensor<3x1xf32>) v(%v "NE" : tensor<3x1xf32>)
    outs("ME", %init, %lse : tensor<3x1xf32>, tensor<3xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %0 = arith.cmpi slt, %j, %i : index
      attn.yield %0 : i1
    } -> tensor<3x1xf32>, tensor<3xf32>
  return %o#0, %o#1 : tensor<3x1xf32>, tensor<3xf32>
}

// CHECK: @attention_a5_only_minus_inf: tensor<1x1xf32> {{\[\[}}0]], tensor<1xf32> [-inf]
func.func @attention_a5_only_minus_inf() -> (tensor<1x1xf32>, tensor<1xf32>) {
  %q = arith.constant dense<1.0> : tensor<1x1xf32>
  %k = arith.constant dense<0xFF800000> : tensor<2x1xf32>
  %v = arith.constant dense<[[0x7FC00000], [4.0]]> : tensor<2x1xf32>
  %init = tensor.empty() : tensor<1x1xf32>
  %lse = tensor.empty() : tensor<1xf32>
  %o:2 = attn.attention q(%q "MD" : tensor<1x1xf32>) k(%k "ND" : tensor<2x1xf32>) v(%v "NE" : tensor<2x1xf32>)
    outs("ME", %init, %lse : tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>, tensor<1xf32>
  return %o#0, %o#1 : tensor<1x1xf32>, tensor<1xf32>
}

func.func private @attend(%q: tensor<?x?x1xf32>, %k: tensor<?x?x1xf32>, %v: tensor<?x?x2xf32>)
    -> (tensor<?x?x2xf32>, tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %B = tensor.dim %q, %c0 : tensor<?x?x1xf32>
  %M = tensor.dim %q, %c1 : tensor<?x?x1xf32>
  %init = tensor.empty(%B, %M) : tensor<?x?x2xf32>
  %lse = tensor.empty(%B, %M) : tensor<?x?xf32>
  %o:2 = attn.attention q(%q "BMD" : tensor<?x?x1xf32>) k(%k "BND" : tensor<?x?x1xf32>) v(%v "BNE" : tensor<?x?x2xf32>)
    outs("BME", %init, %lse : tensor<?x?x2xf32>, tensor<?x?xf32>) -> tensor<?x?x2xf32>, tensor<?x?xf32>
  return %o#0, %o#1 : tensor<?x?x2xf32>, tensor<?x?xf32>
}

// CHECK: @attention_a5_zero_n: tensor<1x2x2xf32> {{\[\[\[}}0, 0], [0, 0]]], tensor<1x2xf32> {{\[\[}}-inf, -inf]]
func.func @attention_a5_zero_n() -> (tensor<?x?x2xf32>, tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %one = arith.constant 1.0 : f32
  %q = tensor.splat %one[%c1, %c2] : tensor<?x?x1xf32>
  %k = tensor.splat %one[%c1, %c0] : tensor<?x?x1xf32>
  %v = tensor.splat %one[%c1, %c0] : tensor<?x?x2xf32>
  %o:2 = call @attend(%q, %k, %v) : (tensor<?x?x1xf32>, tensor<?x?x1xf32>, tensor<?x?x2xf32>) -> (tensor<?x?x2xf32>, tensor<?x?xf32>)
  return %o#0, %o#1 : tensor<?x?x2xf32>, tensor<?x?xf32>
}
// CHECK: @attention_a5_zero_m: tensor<1x0x2xf32> [], tensor<1x0xf32> []
func.func @attention_a5_zero_m() -> (tensor<?x?x2xf32>, tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %one = arith.constant 1.0 : f32
  %q = tensor.splat %one[%c1, %c0] : tensor<?x?x1xf32>
  %k = tensor.splat %one[%c1, %c2] : tensor<?x?x1xf32>
  %v = tensor.splat %one[%c1, %c2] : tensor<?x?x2xf32>
  %o:2 = call @attend(%q, %k, %v) : (tensor<?x?x1xf32>, tensor<?x?x1xf32>, tensor<?x?x2xf32>) -> (tensor<?x?x2xf32>, tensor<?x?xf32>)
  return %o#0, %o#1 : tensor<?x?x2xf32>, tensor<?x?xf32>
}
// CHECK: @attention_a5_zero_b: tensor<0x2x2xf32> [], tensor<0x2xf32> []
func.func @attention_a5_zero_b() -> (tensor<?x?x2xf32>, tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %one = arith.constant 1.0 : f32
  %q = tensor.splat %one[%c0, %c2] : tensor<?x?x1xf32>
  %k = tensor.splat %one[%c0, %c2] : tensor<?x?x1xf32>
  %v = tensor.splat %one[%c0, %c2] : tensor<?x?x2xf32>
  %o:2 = call @attend(%q, %k, %v) : (tensor<?x?x1xf32>, tensor<?x?x1xf32>, tensor<?x?x2xf32>) -> (tensor<?x?x2xf32>, tensor<?x?xf32>)
  return %o#0, %o#1 : tensor<?x?x2xf32>, tensor<?x?xf32>
}
