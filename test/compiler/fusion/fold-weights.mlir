// RUN: attnc-opt %s --fold-weights | FileCheck %s

weights.data @w "Inputs/weights.bin" at 0 : tensor<6x4xf32>
weights.data @b "Inputs/weights.bin" at 96 : tensor<6x2xf32>
weights.data @q "Inputs/weights.bin" at 0 : tensor<2x3xi8>

// CHECK-DAG: weights.view @w.transposed of @w at 0 strides [1, 4] : tensor<4x6xf32>
// CHECK-DAG: weights.view @w.transposed.slice of @w.transposed at 6 strides [6, 2] : tensor<2x3xf32>
// CHECK-DAG: weights.offset @q.offset of @q by -128 : tensor<2x3xi8>
// CHECK-DAG: weights.sum @q.sums of @q dim 0 : tensor<3xi32>
// CHECK-DAG: weights.cast @q.cast of unsigned @q : tensor<2x3xi32>
// CHECK-DAG: weights.cast @q.cast_2 of @q : tensor<2x3xf32>
// CHECK-DAG: weights.bits @q.bits of @q from 0 width 4 : tensor<2x3xi8>
// CHECK-DAG: weights.cast @q.cast_3 of unsigned @q.bits : tensor<2x3xf32>
// CHECK-DAG: weights.constant @q.constant_2 dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
// CHECK-DAG: weights.view @q.spread_2 of @q.constant_2 at 0 strides [1, 0] : tensor<2x3xf32>
// CHECK-DAG: weights.constant @q.constant dense<8.000000e+00> : tensor<1xf32>
// CHECK-DAG: weights.view @q.spread of @q.constant at 0 strides [0, 0] : tensor<2x3xf32>
// CHECK-DAG: weights.combine @q.combined of @q.cast_3, @q.spread by "sub" : tensor<2x3xf32>
// CHECK-DAG: weights.combine @q.combined_2 of @q.combined, @q.spread_2 by "mul" : tensor<2x3xf32>
// CHECK-LABEL: func @chain
// CHECK-NEXT: %[[W:.*]] = attn.weight @w.transposed.slice : tensor<2x3xf32>
// CHECK-NEXT: return %[[W]]
func.func @chain() -> tensor<2x3xf32> {
  %w = attn.weight @w : tensor<6x4xf32>
  %e = tensor.empty() : tensor<4x6xf32>
  %t = linalg.transpose ins(%w : tensor<6x4xf32>) outs(%e : tensor<4x6xf32>) permutation = [1, 0]
  %s = tensor.extract_slice %t[1, 0] [2, 3] [1, 2] : tensor<4x6xf32> to tensor<2x3xf32>
  return %s : tensor<2x3xf32>
}

// CHECK-LABEL: func @row
// CHECK-NEXT: attn.weight @w.slice : tensor<4xf32>
func.func @row() -> tensor<4xf32> {
  %w = attn.weight @w : tensor<6x4xf32>
  %s = tensor.extract_slice %w[5, 0] [1, 4] [1, 1] : tensor<6x4xf32> to tensor<4xf32>
  return %s : tensor<4xf32>
}

// CHECK-LABEL: func @reshape
// CHECK-NEXT: attn.weight @w.reshaped.reshaped : tensor<2x12xf32>
func.func @reshape() -> tensor<2x12xf32> {
  %w = attn.weight @w : tensor<6x4xf32>
  %c = tensor.collapse_shape %w [[0, 1]] : tensor<6x4xf32> into tensor<24xf32>
  %r = tensor.expand_shape %c [[0, 1]] output_shape [2, 12] : tensor<24xf32> into tensor<2x12xf32>
  return %r : tensor<2x12xf32>
}

// CHECK-LABEL: func @half
// CHECK-NEXT: attn.weight @w.cast : tensor<6x4xbf16>
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @half() -> tensor<6x4xbf16> {
  %w = attn.weight @w : tensor<6x4xf32>
  %e = tensor.empty() : tensor<6x4xbf16>
  %h = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<6x4xf32>) outs(%e : tensor<6x4xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<6x4xbf16>
  return %h : tensor<6x4xbf16>
}

// Bytes without a sign as bytes with one, and as wider integers.
// CHECK-LABEL: func @integers
// CHECK-NEXT: %[[A:.*]] = attn.weight @q.offset : tensor<2x3xi8>
// CHECK-NEXT: %[[B:.*]] = attn.weight @q.cast : tensor<2x3xi32>
// CHECK-NEXT: %[[C:.*]] = attn.weight @q.cast_2 : tensor<2x3xf32>
// CHECK-NEXT: return %[[A]], %[[B]], %[[C]]
func.func @integers() -> (tensor<2x3xi8>, tensor<2x3xi32>, tensor<2x3xf32>) {
  %c = arith.constant -128 : i8
  %q = attn.weight @q : tensor<2x3xi8>
  %e = tensor.empty() : tensor<2x3xi8>
  %f = tensor.empty() : tensor<2x3xi32>
  %g = tensor.empty() : tensor<2x3xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%q : tensor<2x3xi8>) outs(%e : tensor<2x3xi8>) {
  ^bb0(%in: i8, %out: i8):
    %0 = arith.addi %in, %c : i8
    linalg.yield %0 : i8
  } -> tensor<2x3xi8>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%q : tensor<2x3xi8>) outs(%f : tensor<2x3xi32>) {
  ^bb0(%in: i8, %out: i32):
    %0 = arith.extui %in : i8 to i32
    linalg.yield %0 : i32
  } -> tensor<2x3xi32>
  %d = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%q : tensor<2x3xi8>) outs(%g : tensor<2x3xf32>) {
  ^bb0(%in: i8, %out: f32):
    %0 = arith.sitofp %in : i8 to f32
    linalg.yield %0 : f32
  } -> tensor<2x3xf32>
  return %a, %b, %d : tensor<2x3xi8>, tensor<2x3xi32>, tensor<2x3xf32>
}

// Arithmetic on elements, op by op: what a weight is dequantised with.
// CHECK-LABEL: func @elements
// CHECK-NEXT: attn.weight @q.combined_2 : tensor<2x3xf32>
// CHECK-NEXT: return
func.func @elements() -> tensor<2x3xf32> {
  %c15 = arith.constant 15 : i8
  %c8 = arith.constant 8.0 : f32
  %q = attn.weight @q : tensor<2x3xi8>
  %scales = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<2x3xf32>
  %w = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1) -> (d0)>, #id], iterator_types = ["parallel", "parallel"]} ins(%q, %scales : tensor<2x3xi8>, tensor<2xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%in: i8, %scale: f32, %out: f32):
    %0 = arith.andi %in, %c15 : i8
    %1 = arith.uitofp %0 : i8 to f32
    %2 = arith.subf %1, %c8 : f32
    %3 = arith.mulf %2, %scale : f32
    linalg.yield %3 : f32
  } -> tensor<2x3xf32>
  return %w : tensor<2x3xf32>
}

// CHECK-LABEL: func @sums
// CHECK-NEXT: attn.weight @q.sums : tensor<3xi32>
func.func @sums() -> tensor<3xi32> {
  %c0 = arith.constant 0 : i32
  %q = attn.weight @q : tensor<2x3xi8>
  %e = tensor.empty() : tensor<3xi32>
  %f = linalg.fill ins(%c0 : i32) outs(%e : tensor<3xi32>) -> tensor<3xi32>
  %s = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1) -> (d1)>], iterator_types = ["reduction", "parallel"]} ins(%q : tensor<2x3xi8>) outs(%f : tensor<3xi32>) {
  ^bb0(%in: i8, %out: i32):
    %0 = arith.extsi %in : i8 to i32
    %1 = arith.addi %out, %0 : i32
    linalg.yield %1 : i32
  } -> tensor<3xi32>
  return %s : tensor<3xi32>
}

// CHECK-LABEL: func @joined
// CHECK-NEXT: attn.weight @b.joined : tensor<6x8xf32>
func.func @joined() -> tensor<6x8xf32> {
  %w = attn.weight @w : tensor<6x4xf32>
  %b = attn.weight @b : tensor<6x2xf32>
  %e = tensor.empty() : tensor<6x8xf32>
  %0 = tensor.insert_slice %b into %e[0, 0] [6, 2] [1, 1] : tensor<6x2xf32> into tensor<6x8xf32>
  %1 = tensor.insert_slice %w into %0[0, 2] [6, 4] [1, 1] : tensor<6x4xf32> into tensor<6x8xf32>
  %2 = tensor.insert_slice %b into %1[0, 6] [6, 2] [1, 1] : tensor<6x2xf32> into tensor<6x8xf32>
  return %2 : tensor<6x8xf32>
}

// A weight that would become larger stays as it is, and so does a function that recipes do not have.
// CHECK-LABEL: func @too_large
// CHECK: arith.addf
// CHECK: math.exp
func.func @too_large() -> (tensor<6x6xf32>, tensor<6x2xf32>) {
  %b = attn.weight @b : tensor<6x2xf32>
  %s = tensor.extract_slice %b[0, 0] [6, 1] [1, 1] : tensor<6x2xf32> to tensor<6xf32>
  %e = tensor.empty() : tensor<6x6xf32>
  %f = tensor.empty() : tensor<6x2xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d1)>, #id], iterator_types = ["parallel", "parallel"]} ins(%s, %s : tensor<6xf32>, tensor<6xf32>) outs(%e : tensor<6x6xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %2 = arith.addf %x, %y : f32
    linalg.yield %2 : f32
  } -> tensor<6x6xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%b : tensor<6x2xf32>) outs(%f : tensor<6x2xf32>) {
  ^bb0(%x: f32, %out: f32):
    %2 = math.exp %x : f32
    linalg.yield %2 : f32
  } -> tensor<6x2xf32>
  return %0, %1 : tensor<6x6xf32>, tensor<6x2xf32>
}

// What is not known when compiling stays, and so do gaps.
// CHECK-LABEL: func @kept
// CHECK: tensor.extract_slice
// CHECK: tensor.insert_slice
func.func @kept(%x: tensor<?xf32> {attnc.dims = ["n"]}) -> (tensor<1x4xf32>, tensor<6x8xf32>) {
  %c0 = arith.constant 0 : index
  %c6 = arith.constant 6 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %i = arith.remui %n, %c6 : index
  %w = attn.weight @w : tensor<6x4xf32>
  %s = tensor.extract_slice %w[%i, 0] [1, 4] [1, 1] : tensor<6x4xf32> to tensor<1x4xf32>
  %e = tensor.empty() : tensor<6x8xf32>
  %0 = tensor.insert_slice %w into %e[0, 4] [6, 4] [1, 1] : tensor<6x4xf32> into tensor<6x8xf32>
  return %s, %0 : tensor<1x4xf32>, tensor<6x8xf32>
}
