// RUN: attnc-interpret %s | FileCheck %s
// attn.contract: out[o] = epilogue(sum over contracted letters of lhs * rhs, o, captures).

// CHECK: @matmul: tensor<2x2xf32> {{\[\[}}1, 2], [7, 10]]
func.func @matmul() -> tensor<2x2xf32> {
  %a = arith.constant dense<[[1.0, 0.0], [1.0, 2.0]]> : tensor<2x2xf32>
  %b = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %init = tensor.empty() : tensor<2x2xf32>
  %r = attn.contract lhs(%a "mk" : tensor<2x2xf32>) rhs(%b "kn" : tensor<2x2xf32>) outs("mn", %init : tensor<2x2xf32>)
    -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// Letters in any order, a batch letter, and an output in transposed order.
// CHECK: @batch: tensor<2x2x1xf32> {{\[\[\[}}5], [11]], {{\[\[}}300], [400]]]
func.func @batch() -> tensor<2x2x1xf32> {
  %a = arith.constant dense<[[[1.0, 2.0]], [[10.0, 0.0]]]> : tensor<2x1x2xf32>
  %b = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0]], [[30.0, 0.0], [40.0, 0.0]]]> : tensor<2x2x2xf32>
  %init = tensor.empty() : tensor<2x2x1xf32>
  %r = attn.contract lhs(%a "bmk" : tensor<2x1x2xf32>) rhs(%b "bnk" : tensor<2x2x2xf32>)
    outs("bnm", %init : tensor<2x2x1xf32>) -> tensor<2x2x1xf32>
  return %r : tensor<2x2x1xf32>
}

// Bias by column, then ReLU; the epilogue knows its place: 100 * row is added last.
// CHECK: @epilogue: tensor<2x2xf32> {{\[\[}}0, 22], [115, 130]]
func.func @epilogue() -> tensor<2x2xf32> {
  %a = arith.constant dense<[[1.0, 0.0], [1.0, 2.0]]> : tensor<2x2xf32>
  %b = arith.constant dense<[[1.0, 2.0], [8.0, 4.0]]> : tensor<2x2xf32>
  %bias = arith.constant dense<[-2.0, 20.0]> : tensor<2xf32>
  %init = tensor.empty() : tensor<2x2xf32>
  %r = attn.contract lhs(%a "mk" : tensor<2x2xf32>) rhs(%b "kn" : tensor<2x2xf32>)
    captures(%bias : tensor<2xf32>) outs("mn", %init : tensor<2x2xf32>) epilogue {
    ^bb0(%acc: f32, %m: index, %n: index, %c: tensor<2xf32>):
      %0 = tensor.extract %c[%n] : tensor<2xf32>
      %1 = arith.addf %acc, %0 : f32
      %zero = arith.constant 0.0 : f32
      %2 = arith.maximumf %1, %zero : f32
      %row = arith.index_cast %m : index to i64
      %real = arith.sitofp %row : i64 to f32
      %hundred = arith.constant 1.0e+02 : f32
      %3 = arith.mulf %real, %hundred : f32
      %4 = arith.addf %2, %3 : f32
      attn.yield %4 : f32
    } -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// The empty sum is 0 and still passes through the epilogue.
// CHECK: @empty_sum: tensor<1x2xf32> {{\[\[}}1, 1]]
func.func @empty_sum() -> tensor<1x2xf32> {
  %a = arith.constant dense<> : tensor<1x0xf32>
  %b = arith.constant dense<> : tensor<0x2xf32>
  %init = tensor.empty() : tensor<1x2xf32>
  %r = attn.contract lhs(%a "mk" : tensor<1x0xf32>) rhs(%b "kn" : tensor<0x2xf32>) outs("mn", %init : tensor<1x2xf32>)
    epilogue {
    ^bb0(%acc: f32, %m: index, %n: index):
      %0 = math.exp %acc : f32
      attn.yield %0 : f32
    } -> tensor<1x2xf32>
  return %r : tensor<1x2xf32>
}
