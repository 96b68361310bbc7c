// RUN: attnc-interpret %s | FileCheck %s
// A layout is a string of dimension letters in memory order. One computation, its operands held in different orders,
// gives one result: B = 1, M = 2, N = 3, H = 2, G = 1, D = 2, E = 2; the result is brought back to BMHE.

// CHECK: @bmhd: tensor<1x2x2x2xf32> [[RESULT:.*]]
func.func @bmhd() -> tensor<1x2x2x2xf32> {
  %q0 = arith.constant dense<[[[[1.0, 2.0], [-1.0, 0.5]], [[0.0, 3.0], [2.0, -2.0]]]]> : tensor<1x2x2x2xf32>
  %k0 = arith.constant dense<[[[[1.0, 0.0]], [[0.5, 1.0]], [[-1.0, 2.0]]]]> : tensor<1x3x1x2xf32>
  %v0 = arith.constant dense<[[[[1.0, 10.0]], [[2.0, 20.0]], [[4.0, 50.0]]]]> : tensor<1x3x1x2xf32>
  %init = tensor.empty() : tensor<1x2x2x2xf32>
  %o = attn.attention q(%q0 "BMHD" : tensor<1x2x2x2xf32>) k(%k0 "BNGD" : tensor<1x3x1x2xf32>)
    v(%v0 "BNGE" : tensor<1x3x1x2xf32>) outs("BMHE", %init : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  return %o : tensor<1x2x2x2xf32>
}

// CHECK: @bhmd: tensor<1x2x2x2xf32> [[RESULT]]
func.func @bhmd() -> tensor<1x2x2x2xf32> {
  %q0 = arith.constant dense<[[[[1.0, 2.0], [-1.0, 0.5]], [[0.0, 3.0], [2.0, -2.0]]]]> : tensor<1x2x2x2xf32>
  %k0 = arith.constant dense<[[[[1.0, 0.0]], [[0.5, 1.0]], [[-1.0, 2.0]]]]> : tensor<1x3x1x2xf32>
  %v0 = arith.constant dense<[[[[1.0, 10.0]], [[2.0, 20.0]], [[4.0, 50.0]]]]> : tensor<1x3x1x2xf32>
  %qe = tensor.empty() : tensor<1x2x2x2xf32>
  %qt = linalg.transpose ins(%q0 : tensor<1x2x2x2xf32>) outs(%qe : tensor<1x2x2x2xf32>) permutation = [0, 2, 1, 3]
  %ke = tensor.empty() : tensor<1x1x3x2xf32>
  %kt = linalg.transpose ins(%k0 : tensor<1x3x1x2xf32>) outs(%ke : tensor<1x1x3x2xf32>) permutation = [0, 2, 1, 3]
  %ve = tensor.empty() : tensor<1x1x3x2xf32>
  %vt = linalg.transpose ins(%v0 : tensor<1x3x1x2xf32>) outs(%ve : tensor<1x1x3x2xf32>) permutation = [0, 2, 1, 3]
  %init = tensor.empty() : tensor<1x2x2x2xf32>
  %o = attn.attention q(%qt "BHMD" : tensor<1x2x2x2xf32>) k(%kt "BGND" : tensor<1x1x3x2xf32>)
    v(%vt "BGNE" : tensor<1x1x3x2xf32>) outs("BHME", %init : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %re = tensor.empty() : tensor<1x2x2x2xf32>
  %r = linalg.transpose ins(%o : tensor<1x2x2x2xf32>) outs(%re : tensor<1x2x2x2xf32>) permutation = [0, 2, 1, 3]
  return %r : tensor<1x2x2x2xf32>
}

// CHECK: @feature_major: tensor<1x2x2x2xf32> [[RESULT]]
func.func @feature_major() -> tensor<1x2x2x2xf32> {
  %q0 = arith.constant dense<[[[[1.0, 2.0], [-1.0, 0.5]], [[0.0, 3.0], [2.0, -2.0]]]]> : tensor<1x2x2x2xf32>
  %k0 = arith.constant dense<[[[[1.0, 0.0]], [[0.5, 1.0]], [[-1.0, 2.0]]]]> : tensor<1x3x1x2xf32>
  %v0 = arith.constant dense<[[[[1.0, 10.0]], [[2.0, 20.0]], [[4.0, 50.0]]]]> : tensor<1x3x1x2xf32>
  %qe = tensor.empty() : tensor<2x2x2x1xf32>
  %qt = linalg.transpose ins(%q0 : tensor<1x2x2x2xf32>) outs(%qe : tensor<2x2x2x1xf32>) permutation = [3, 2, 1, 0]
  %ke = tensor.empty() : tensor<1x2x3x1xf32>
  %kt = linalg.transpose ins(%k0 : tensor<1x3x1x2xf32>) outs(%ke : tensor<1x2x3x1xf32>) permutation = [2, 3, 1, 0]
  %ve = tensor.empty() : tensor<3x2x1x1xf32>
  %vt = linalg.transpose ins(%v0 : tensor<1x3x1x2xf32>) outs(%ve : tensor<3x2x1x1xf32>) permutation = [1, 3, 2, 0]
  %init = tensor.empty() : tensor<2x2x1x2xf32>
  %o = attn.attention q(%qt "DHMB" : tensor<2x2x2x1xf32>) k(%kt "GDNB" : tensor<1x2x3x1xf32>)
    v(%vt "NEGB" : tensor<3x2x1x1xf32>) outs("EMBH", %init : tensor<2x2x1x2xf32>) -> tensor<2x2x1x2xf32>
  %re = tensor.empty() : tensor<1x2x2x2xf32>
  %r = linalg.transpose ins(%o : tensor<2x2x1x2xf32>) outs(%re : tensor<1x2x2x2xf32>) permutation = [2, 1, 3, 0]
  return %r : tensor<1x2x2x2xf32>
}

// CHECK: @mixed: tensor<1x2x2x2xf32> [[RESULT]]
func.func @mixed() -> tensor<1x2x2x2xf32> {
  %q0 = arith.constant dense<[[[[1.0, 2.0], [-1.0, 0.5]], [[0.0, 3.0], [2.0, -2.0]]]]> : tensor<1x2x2x2xf32>
  %k0 = arith.constant dense<[[[[1.0, 0.0]], [[0.5, 1.0]], [[-1.0, 2.0]]]]> : tensor<1x3x1x2xf32>
  %v0 = arith.constant dense<[[[[1.0, 10.0]], [[2.0, 20.0]], [[4.0, 50.0]]]]> : tensor<1x3x1x2xf32>
  %qe = tensor.empty() : tensor<2x1x2x2xf32>
  %qt = linalg.transpose ins(%q0 : tensor<1x2x2x2xf32>) outs(%qe : tensor<2x1x2x2xf32>) permutation = [1, 0, 2, 3]
  %ke = tensor.empty() : tensor<1x1x2x3xf32>
  %kt = linalg.transpose ins(%k0 : tensor<1x3x1x2xf32>) outs(%ke : tensor<1x1x2x3xf32>) permutation = [0, 2, 3, 1]
  %ve = tensor.empty() : tensor<3x1x1x2xf32>
  %vt = linalg.transpose ins(%v0 : tensor<1x3x1x2xf32>) outs(%ve : tensor<3x1x1x2xf32>) permutation = [1, 0, 2, 3]
  %init = tensor.empty() : tensor<1x2x2x2xf32>
  %o = attn.attention q(%qt "MBHD" : tensor<2x1x2x2xf32>) k(%kt "BGDN" : tensor<1x1x2x3xf32>)
    v(%vt "NBGE" : tensor<3x1x1x2xf32>) outs("BHEM", %init : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %re = tensor.empty() : tensor<1x2x2x2xf32>
  %r = linalg.transpose ins(%o : tensor<1x2x2x2xf32>) outs(%re : tensor<1x2x2x2xf32>) permutation = [0, 3, 1, 2]
  return %r : tensor<1x2x2x2xf32>
}

// CHECK: @no_batch_or_group: tensor<1x2x2x2xf32> [[RESULT]]
func.func @no_batch_or_group() -> tensor<1x2x2x2xf32> {
  %q0 = arith.constant dense<[[[[1.0, 2.0], [-1.0, 0.5]], [[0.0, 3.0], [2.0, -2.0]]]]> : tensor<1x2x2x2xf32>
  %k0 = arith.constant dense<[[[[1.0, 0.0]], [[0.5, 1.0]], [[-1.0, 2.0]]]]> : tensor<1x3x1x2xf32>
  %v0 = arith.constant dense<[[[[1.0, 10.0]], [[2.0, 20.0]], [[4.0, 50.0]]]]> : tensor<1x3x1x2xf32>
  %qe = tensor.empty() : tensor<2x2x2x1xf32>
  %qt = linalg.transpose ins(%q0 : tensor<1x2x2x2xf32>) outs(%qe : tensor<2x2x2x1xf32>) permutation = [2, 1, 3, 0]
  %qc = tensor.collapse_shape %qt [[0], [1], [2, 3]] : tensor<2x2x2x1xf32> into tensor<2x2x2xf32>
  %ke = tensor.empty() : tensor<2x3x1x1xf32>
  %kt = linalg.transpose ins(%k0 : tensor<1x3x1x2xf32>) outs(%ke : tensor<2x3x1x1xf32>) permutation = [3, 1, 0, 2]
  %kc = tensor.collapse_shape %kt [[0], [1, 2, 3]] : tensor<2x3x1x1xf32> into tensor<2x3xf32>
  %ve = tensor.empty() : tensor<2x3x1x1xf32>
  %vt = linalg.transpose ins(%v0 : tensor<1x3x1x2xf32>) outs(%ve : tensor<2x3x1x1xf32>) permutation = [3, 1, 0, 2]
  %vc = tensor.collapse_shape %vt [[0], [1, 2, 3]] : tensor<2x3x1x1xf32> into tensor<2x3xf32>
  %init = tensor.empty() : tensor<2x2x2xf32>
  %o = attn.attention q(%qc "HMD" : tensor<2x2x2xf32>) k(%kc "DN" : tensor<2x3xf32>)
    v(%vc "EN" : tensor<2x3xf32>) outs("MHE", %init : tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %x = tensor.expand_shape %o [[0, 1], [2], [3]] output_shape [1, 2, 2, 2] : tensor<2x2x2xf32> into tensor<1x2x2x2xf32>
  return %x : tensor<1x2x2x2xf32>
}
