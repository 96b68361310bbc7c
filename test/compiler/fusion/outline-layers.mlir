// RUN: attnc-opt %s --outline-layers --split-input-file | FileCheck %s
// RUN: attnc-opt %s --outline-layers --split-input-file --mlir-print-op-generic | attnc-opt --split-input-file

// Three layers: the first reads an input, the others what the layer before made. Each has its weight and its factor; the
// table of all, the empty tensor and the extent are the layer's own. What is in front and behind stays.
#id = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG:   weights.stack @"l*.w" of [@l0.w, @l1.w, @l2.w] : tensor<8x8xf32>
// CHECK-LABEL: func.func @model
// CHECK-SAME:    (%[[X:.*]]: tensor<?x8xf32>
// CHECK:         %[[IN:.*]] = linalg.exp ins(%[[X]]
// CHECK:         %[[A:.*]] = call @model_layer(%c0{{.*}}, %[[IN]]) : (index, tensor<?x8xf32>) -> tensor<?x8xf32>
// CHECK:         %[[B:.*]] = call @model_layer(%c1{{.*}}, %[[A]])
// CHECK:         %[[C:.*]] = call @model_layer(%c2{{.*}}, %[[B]])
// CHECK:         linalg.log ins(%[[C]]
// CHECK-NOT:     attn.contract
// CHECK-LABEL: func.func private @model_layer
// CHECK-SAME:    (%[[LAYER:.*]]: index, %[[Y:.*]]: tensor<?x8xf32> {attnc.dims = ["S<=512", "8"]}) -> (tensor<?x8xf32> {attnc.dims = ["S<=512", "8"]})
// CHECK-DAG:     %[[W:.*]] = attn.layer_weight @"l*.w"[%[[LAYER]]] : tensor<8x8xf32>
// CHECK-DAG:     %[[B:.*]] = attn.weight @b : tensor<8xf32>
// CHECK-DAG:     %[[S:.*]] = tensor.dim %[[Y]], %c0
// CHECK:         attn.contract lhs(%[[Y]] "sk" {{.*}} rhs(%[[W]] "kn" {{.*}} captures(%[[B]]
// CHECK:         %[[TABLE:.*]] = arith.constant dense<[5.000000e-01, 2.500000e-01, 1.250000e-01]> : tensor<3xf32>
// CHECK:         %[[FACTOR:.*]] = tensor.extract %[[TABLE]][%[[LAYER]]]
// CHECK:         arith.mulf %{{.*}}, %[[FACTOR]] : f32
weights.data @l0.w "Inputs/layers.bin" at 0 : tensor<8x8xf32>
weights.data @l1.w "Inputs/layers.bin" at 256 : tensor<8x8xf32>
weights.data @l2.w "Inputs/layers.bin" at 512 : tensor<8x8xf32>
weights.data @b "Inputs/layers.bin" at 768 : tensor<8xf32>
func.func @model(%x: tensor<?x8xf32> {attnc.dims = ["S<=512", "8"]}) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %s = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%s) : tensor<?x8xf32>
  %b = attn.weight @b : tensor<8xf32>
  %f0 = arith.constant 0.5 : f32
  %f1 = arith.constant 0.25 : f32
  %f2 = arith.constant 0.125 : f32
  %in = linalg.exp ins(%x : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>

  %w0 = attn.weight @l0.w : tensor<8x8xf32>
  %p0 = attn.contract lhs(%in "sk" : tensor<?x8xf32>) rhs(%w0 "kn" : tensor<8x8xf32>) captures(%b : tensor<8xf32>) outs("sn", %e : tensor<?x8xf32>) epilogue {
  ^bb0(%v: f32, %i: index, %j: index, %bias: tensor<8xf32>):
    %0 = tensor.extract %bias[%j] : tensor<8xf32>
    %1 = arith.addf %v, %0 : f32
    attn.yield %1 : f32
  } -> tensor<?x8xf32>
  %q0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%p0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %0 = arith.mulf %v, %f0 : f32
    linalg.yield %0 : f32
  } -> tensor<?x8xf32>
  %r0 = linalg.abs ins(%q0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %t0 = linalg.sqrt ins(%r0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>

  %w1 = attn.weight @l1.w : tensor<8x8xf32>
  %p1 = attn.contract lhs(%t0 "sk" : tensor<?x8xf32>) rhs(%w1 "kn" : tensor<8x8xf32>) captures(%b : tensor<8xf32>) outs("sn", %e : tensor<?x8xf32>) epilogue {
  ^bb0(%v: f32, %i: index, %j: index, %bias: tensor<8xf32>):
    %0 = tensor.extract %bias[%j] : tensor<8xf32>
    %1 = arith.addf %v, %0 : f32
    attn.yield %1 : f32
  } -> tensor<?x8xf32>
  %q1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%p1 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %0 = arith.mulf %v, %f1 : f32
    linalg.yield %0 : f32
  } -> tensor<?x8xf32>
  %r1 = linalg.abs ins(%q1 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %t1 = linalg.sqrt ins(%r1 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>

  %w2 = attn.weight @l2.w : tensor<8x8xf32>
  %p2 = attn.contract lhs(%t1 "sk" : tensor<?x8xf32>) rhs(%w2 "kn" : tensor<8x8xf32>) captures(%b : tensor<8xf32>) outs("sn", %e : tensor<?x8xf32>) epilogue {
  ^bb0(%v: f32, %i: index, %j: index, %bias: tensor<8xf32>):
    %0 = tensor.extract %bias[%j] : tensor<8xf32>
    %1 = arith.addf %v, %0 : f32
    attn.yield %1 : f32
  } -> tensor<?x8xf32>
  %q2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%p2 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %0 = arith.mulf %v, %f2 : f32
    linalg.yield %0 : f32
  } -> tensor<?x8xf32>
  %r2 = linalg.abs ins(%q2 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %t2 = linalg.sqrt ins(%r2 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>

  %out = linalg.log ins(%t2 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %out : tensor<?x8xf32>
}

// -----

// A constant in a region that sees nothing around it is captured: two attentions in each of nine layers, of which only the
// caps differ. Without names, dimensions get some.
// CHECK-LABEL: func.func @caps
// CHECK-COUNT-9: call @caps_layer
// CHECK-LABEL: func.func private @caps_layer
// CHECK-SAME:    (%[[LAYER:.*]]: index, %[[X:.*]]: tensor<?x8xf32> {attnc.dims = ["n0", "8"]})
// CHECK:         %[[CAP:.*]] = tensor.extract %{{.*}}[%[[LAYER]]] : tensor<9xf32>
// CHECK:         attn.attention {{.*}} captures(%[[CAP]] : f32)
// CHECK:           arith.minimumf %{{.*}}, %[[IN:.*]] : f32
func.func @caps(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %s = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%s) : tensor<?x8xf32>
  %0 = attn.attention {scale = 1.0 : f64} q(%x "MD" : tensor<?x8xf32>) k(%x "ND" : tensor<?x8xf32>) v(%x "NE" : tensor<?x8xf32>) outs("ME", %e : tensor<?x8xf32>) score {
  ^bb0(%v: f32, %b: index, %h: index, %i: index, %j: index, %m: index, %n: index):
    %cap = arith.constant 1.0 : f32
    %y = arith.minimumf %v, %cap : f32
    attn.yield %y : f32
  } -> tensor<?x8xf32>
  %1 = attn.attention {scale = 1.0 : f64} q(%0 "MD" : tensor<?x8xf32>) k(%0 "ND" : tensor<?x8xf32>) v(%0 "NE" : tensor<?x8xf32>) outs("ME", %e : tensor<?x8xf32>) score {
  ^bb0(%v: f32, %b: index, %h: index, %i: index, %j: index, %m: index, %n: index):
    %cap = arith.constant 2.0 : f32
    %y = arith.minimumf %v, %cap : f32
    attn.yield %y : f32
  } -> tensor<?x8xf32>
  %2 = attn.attention {scale = 1.0 : f64} q(%1 "MD" : tensor<?x8xf32>) k(%1 "ND" : tensor<?x8xf32>) v(%1 "NE" : tensor<?x8xf32>) outs("ME", %e : tensor<?x8xf32>) score {
  ^bb0(%v: f32, %b: index, %h: index, %i: index, %j: index, %m: index, %n: index):
    %cap = arith.constant 3.0 : f32
    %y = arith.minimumf %v, %cap : f32
    attn.yield %y : f32
  } -> tensor<?x8xf32>
  %3 = attn.attention {scale = 1.0 : f64} q(%2 "MD" : tensor<?x8xf32>) k(%2 "ND" : tensor<?x8xf32>) v(%2 "NE" : tensor<?x8xf32>) outs("ME", %e : tensor<?x8xf32>) score {
  ^bb0(%v: f32, %b: index, %h: index, %i: index, %j: index, %m: index, %n: index):
    %cap = arith.constant 4.0 : f32
    %y = arith.minimumf %v, %cap : f32
    attn.yield %y : f32
  } -> tensor<?x8xf32>
  %4 = attn.attention {scale = 1.0 : f64} q(%3 "MD" : tensor<?x8xf32>) k(%3 "ND" : tensor<?x8xf32>) v(%3 "NE" : tensor<?x8xf32>) outs("ME", %e : tensor<?x8xf32>) score {
  ^bb0(%v: f32, %b: index, %h: index, %i: index, %j: index, %m: index, %n: index):
    %cap = arith.constant 5.0 : f32
    %y = arith.minimumf %v, %cap : f32
    attn.yield %y : f32
  } -> tensor<?x8xf32>
  %5 = attn.attention {scale = 1.0 : f64} q(%4 "MD" : tensor<?x8xf32>) k(%4 "ND" : tensor<?x8xf32>) v(%4 "NE" : tensor<?x8xf32>) outs("ME", %e : tensor<?x8xf32>) score {
  ^bb0(%v: f32, %b: index, %h: index, %i: index, %j: index, %m: index, %n: index):
    %cap = arith.constant 6.0 : f32
    %y = arith.minimumf %v, %cap : f32
    attn.yield %y : f32
  } -> tensor<?x8xf32>
  %6 = attn.attention {scale = 1.0 : f64} q(%5 "MD" : tensor<?x8xf32>) k(%5 "ND" : tensor<?x8xf32>) v(%5 "NE" : tensor<?x8xf32>) outs("ME", %e : tensor<?x8xf32>) score {
  ^bb0(%v: f32, %b: index, %h: index, %i: index, %j: index, %m: index, %n: index):
    %cap = arith.constant 7.0 : f32
    %y = arith.minimumf %v, %cap : f32
    attn.yield %y : f32
  } -> tensor<?x8xf32>
  %7 = attn.attention {scale = 1.0 : f64} q(%6 "MD" : tensor<?x8xf32>) k(%6 "ND" : tensor<?x8xf32>) v(%6 "NE" : tensor<?x8xf32>) outs("ME", %e : tensor<?x8xf32>) score {
  ^bb0(%v: f32, %b: index, %h: index, %i: index, %j: index, %m: index, %n: index):
    %cap = arith.constant 8.0 : f32
    %y = arith.minimumf %v, %cap : f32
    attn.yield %y : f32
  } -> tensor<?x8xf32>
  %8 = attn.attention {scale = 1.0 : f64} q(%7 "MD" : tensor<?x8xf32>) k(%7 "ND" : tensor<?x8xf32>) v(%7 "NE" : tensor<?x8xf32>) outs("ME", %e : tensor<?x8xf32>) score {
  ^bb0(%v: f32, %b: index, %h: index, %i: index, %j: index, %m: index, %n: index):
    %cap = arith.constant 9.0 : f32
    %y = arith.minimumf %v, %cap : f32
    attn.yield %y : f32
  } -> tensor<?x8xf32>
  return %8 : tensor<?x8xf32>
}

// -----

// Layers behind a tensor that is computed: its extent is no input's, and stays behind it, or is read from the input that has it.
#behind = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func.func @behind_windows
// CHECK-SAME:    (%[[X:.*]]: tensor<?x8xf32>
// CHECK:         tensor.dim %[[X]], %c0
// CHECK:         attn.windows %[[X]]
// CHECK:         call @behind_windows_layer(%c0
// CHECK:         call @behind_windows_layer(%c1
// CHECK:         call @behind_windows_layer(%c2
weights.data @behind0.w "Inputs/layers.bin" at 0 : tensor<8x8xf32>
weights.data @behind1.w "Inputs/layers.bin" at 256 : tensor<8x8xf32>
weights.data @behind2.w "Inputs/layers.bin" at 512 : tensor<8x8xf32>
weights.data @behind.b "Inputs/layers.bin" at 768 : tensor<8xf32>
func.func @behind_windows(%x: tensor<?x8xf32> {attnc.dims = ["S<=512", "8"]}) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %wide = attn.windows %x sizes [8] strides [1] dilations [1] : tensor<?x8xf32> -> tensor<?x1x8xf32>
  %s = tensor.dim %wide, %c0 : tensor<?x1x8xf32>
  %flat = tensor.collapse_shape %wide [[0, 1], [2]] : tensor<?x1x8xf32> into tensor<?x8xf32>
  %e = tensor.empty(%s) : tensor<?x8xf32>
  %b = attn.weight @behind.b : tensor<8xf32>
  %f0 = arith.constant 0.5 : f32
  %f1 = arith.constant 0.25 : f32
  %f2 = arith.constant 0.125 : f32
  %in = linalg.exp ins(%flat : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>

  %w0 = attn.weight @behind0.w : tensor<8x8xf32>
  %p0 = attn.contract lhs(%in "sk" : tensor<?x8xf32>) rhs(%w0 "kn" : tensor<8x8xf32>) captures(%b : tensor<8xf32>) outs("sn", %e : tensor<?x8xf32>) epilogue {
  ^bb0(%v: f32, %i: index, %j: index, %bias: tensor<8xf32>):
    %0 = tensor.extract %bias[%j] : tensor<8xf32>
    %1 = arith.addf %v, %0 : f32
    attn.yield %1 : f32
  } -> tensor<?x8xf32>
  %q0 = linalg.generic {indexing_maps = [#behind, #behind], iterator_types = ["parallel", "parallel"]} ins(%p0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %0 = arith.mulf %v, %f0 : f32
    linalg.yield %0 : f32
  } -> tensor<?x8xf32>
  %r0 = linalg.abs ins(%q0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %t0 = linalg.sqrt ins(%r0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>

  %w1 = attn.weight @behind1.w : tensor<8x8xf32>
  %p1 = attn.contract lhs(%t0 "sk" : tensor<?x8xf32>) rhs(%w1 "kn" : tensor<8x8xf32>) captures(%b : tensor<8xf32>) outs("sn", %e : tensor<?x8xf32>) epilogue {
  ^bb0(%v: f32, %i: index, %j: index, %bias: tensor<8xf32>):
    %0 = tensor.extract %bias[%j] : tensor<8xf32>
    %1 = arith.addf %v, %0 : f32
    attn.yield %1 : f32
  } -> tensor<?x8xf32>
  %q1 = linalg.generic {indexing_maps = [#behind, #behind], iterator_types = ["parallel", "parallel"]} ins(%p1 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %0 = arith.mulf %v, %f1 : f32
    linalg.yield %0 : f32
  } -> tensor<?x8xf32>
  %r1 = linalg.abs ins(%q1 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %t1 = linalg.sqrt ins(%r1 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>

  %w2 = attn.weight @behind2.w : tensor<8x8xf32>
  %p2 = attn.contract lhs(%t1 "sk" : tensor<?x8xf32>) rhs(%w2 "kn" : tensor<8x8xf32>) captures(%b : tensor<8xf32>) outs("sn", %e : tensor<?x8xf32>) epilogue {
  ^bb0(%v: f32, %i: index, %j: index, %bias: tensor<8xf32>):
    %0 = tensor.extract %bias[%j] : tensor<8xf32>
    %1 = arith.addf %v, %0 : f32
    attn.yield %1 : f32
  } -> tensor<?x8xf32>
  %q2 = linalg.generic {indexing_maps = [#behind, #behind], iterator_types = ["parallel", "parallel"]} ins(%p2 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %0 = arith.mulf %v, %f2 : f32
    linalg.yield %0 : f32
  } -> tensor<?x8xf32>
  %r2 = linalg.abs ins(%q2 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %t2 = linalg.sqrt ins(%r2 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>

  %out = linalg.log ins(%t2 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %out : tensor<?x8xf32>
}
