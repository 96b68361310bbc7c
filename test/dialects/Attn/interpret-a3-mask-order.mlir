// RUN: attnc-interpret %s | FileCheck %s
// A3: allowed = mask(b, h, i, j). The score comes first, the mask second: a soft cap cannot leak a masked key.

// The cap makes every score lie in [-1, 1]; had the mask been a -inf before the cap, key 1 would weigh exp(-1).
// CHECK: @attention_a3_softcap: tensor<1x1xf32> {{\[\[}}8]]
func.func @attention_a3_softcap() -> tensor<1x1xf32> {
  %q = arith.constant dense<1.0> : tensor<1x1xf32>
  %k = arith.constant dense<[[2.0], [3.0]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[8.0], [1000.0]]> : tensor<2x1xf32>
  %init = tensor.empty() : tensor<1x1xf32>
  %o = attn.attention q(%q "MD" : tensor<1x1xf32>) k(%k "ND" : tensor<2x1xf32>) v(%v "NE" : tensor<2x1xf32>)
    outs("ME", %init : tensor<1x1xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %0 = math.tanh %s : f32
      attn.yield %0 : f32
    } mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %0 = arith.cmpi eq, %j, %i : index
      attn.yield %0 : i1
    } -> tensor<1x1xf32>
  return %o : tensor<1x1xf32>
}

// The mask reads captures: a boolean tensor says which keys of which batch take part.
// CHECK: @attention_a3_captured: tensor<2x1x1xf32> {{\[\[\[}}2]], {{\[\[}}5]]]
func.func @attention_a3_captured() -> tensor<2x1x1xf32> {
  %q = arith.constant dense<0.0> : tensor<2x1x1xf32>
  %k = arith.constant dense<0.0> : tensor<2x3x1xf32>
  %v = arith.constant dense<[[[1.0], [3.0], [9.0]], [[5.0], [6.0], [7.0]]]> : tensor<2x3x1xf32>
  %keep = arith.constant dense<[[true, true, false], [true, false, false]]> : tensor<2x3xi1>
  %init = tensor.empty() : tensor<2x1x1xf32>
  %o = attn.attention q(%q "BMD" : tensor<2x1x1xf32>) k(%k "BND" : tensor<2x3x1xf32>) v(%v "BNE" : tensor<2x3x1xf32>)
    captures(%keep : tensor<2x3xi1>) outs("BME", %init : tensor<2x1x1xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: tensor<2x3xi1>):
      %0 = tensor.extract %t[%b, %j] : tensor<2x3xi1>
      attn.yield %0 : i1
    } -> tensor<2x1x1xf32>
  return %o : tensor<2x1x1xf32>
}
