// RUN: attnc-interpret %s | FileCheck %s
// tensor ops.

// What nothing has written is NaN, so that reading it shows.
// CHECK: @empty: tensor<2xf32> [nan, nan]
func.func @empty() -> tensor<2xf32> {
  %0 = tensor.empty() : tensor<2xf32>
  return %0 : tensor<2xf32>
}

// CHECK: @elements: tensor<2xindex> [3, 2], tensor<2x2xi32> {{\[\[}}5, 5], [5, 9]], tensor<index> 2, tensor<i32> 9
func.func @elements() -> (tensor<2xindex>, tensor<2x2xi32>, index, i32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %x = arith.constant dense<0> : tensor<3x2xi32>
  %d0 = tensor.dim %x, %c0 : tensor<3x2xi32>
  %d1 = tensor.dim %x, %c1 : tensor<3x2xi32>
  %extents = tensor.from_elements %d0, %d1 : tensor<2xindex>
  %five = arith.constant 5 : i32
  %nine = arith.constant 9 : i32
  %splat = tensor.splat %five[%d1] : tensor<?x2xi32>
  %set = tensor.insert %nine into %splat[%c1, %c1] : tensor<?x2xi32>
  %cast = tensor.cast %set : tensor<?x2xi32> to tensor<2x2xi32>
  %rank = tensor.rank %x : tensor<3x2xi32>
  %got = tensor.extract %set[%c1, %c1] : tensor<?x2xi32>
  return %extents, %cast, %rank, %got : tensor<2xindex>, tensor<2x2xi32>, index, i32
}

// CHECK: @reshapes: tensor<6xi32> [1, 2, 3, 4, 5, 6], tensor<1x2x3xi32> {{\[\[\[}}1, 2, 3], [4, 5, 6]]], tensor<3x2xi32> {{\[\[}}1, 2], [3, 4], [5, 6]], tensor<3x2xi32> {{\[\[}}1, 2], [3, 4], [5, 6]]
func.func @reshapes() -> (tensor<6xi32>, tensor<1x2x3xi32>, tensor<3x2xi32>, tensor<?x2xi32>) {
  %x = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %flat = tensor.collapse_shape %x [[0, 1]] : tensor<2x3xi32> into tensor<6xi32>
  %outer = tensor.expand_shape %x [[0, 1], [2]] output_shape [1, 2, 3] : tensor<2x3xi32> into tensor<1x2x3xi32>
  %shape = arith.constant dense<[3, 2]> : tensor<2xi32>
  %by_shape = tensor.reshape %x(%shape) : (tensor<2x3xi32>, tensor<2xi32>) -> tensor<3x2xi32>
  %c3 = arith.constant 3 : index
  %unknown = tensor.cast %flat : tensor<6xi32> to tensor<?xi32>
  %dynamic = tensor.expand_shape %unknown [[0, 1]] output_shape [%c3, 2] : tensor<?xi32> into tensor<?x2xi32>
  return %flat, %outer, %by_shape, %dynamic : tensor<6xi32>, tensor<1x2x3xi32>, tensor<3x2xi32>, tensor<?x2xi32>
}

// CHECK: @slices: tensor<2x2xi32> {{\[\[}}2, 3], [8, 9]], tensor<3xi32> [2, 5, 8], tensor<3x3xi32> {{\[\[}}1, 0, 3], [4, 0, 6], [7, 0, 9]]
func.func @slices() -> (tensor<2x2xi32>, tensor<3xi32>, tensor<3x3xi32>) {
  %x = arith.constant dense<[[1, 2, 3], [4, 5, 6], [7, 8, 9]]> : tensor<3x3xi32>
  %every2 = tensor.extract_slice %x[0, 1] [2, 2] [2, 1] : tensor<3x3xi32> to tensor<2x2xi32>
  %column = tensor.extract_slice %x[0, 1] [3, 1] [1, 1] : tensor<3x3xi32> to tensor<3xi32>
  %zero = arith.constant dense<0> : tensor<3xi32>
  %put = tensor.insert_slice %zero into %x[0, 1] [3, 1] [1, 1] : tensor<3xi32> into tensor<3x3xi32>
  return %every2, %column, %put : tensor<2x2xi32>, tensor<3xi32>, tensor<3x3xi32>
}

// CHECK: @joins: tensor<2x3xi32> {{\[\[}}1, 2, 1], [3, 4, 2]], tensor<3x3xi32> {{\[\[}}10, 11, 12], [20, 1, 2], [30, 3, 4]], tensor<2x2xindex> {{\[\[}}0, 1], [10, 11]]
func.func @joins() -> (tensor<2x3xi32>, tensor<3x3xi32>, tensor<2x2xindex>) {
  %x = arith.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>
  %y = arith.constant dense<[[1], [2]]> : tensor<2x1xi32>
  %beside = tensor.concat dim(1) %x, %y : (tensor<2x2xi32>, tensor<2x1xi32>) -> tensor<2x3xi32>
  %ten = arith.constant 10 : index
  %padded = tensor.pad %x low[1, 1] high[0, 0] {
    ^bb0(%i: index, %j: index):
      %tens = arith.muli %i, %ten : index
      %0 = arith.addi %tens, %ten : index
      %1 = arith.addi %0, %j : index
      %2 = arith.index_cast %1 : index to i32
      tensor.yield %2 : i32
    } : tensor<2x2xi32> to tensor<3x3xi32>
  %made = tensor.generate {
    ^bb0(%i: index, %j: index):
      %tens = arith.muli %i, %ten : index
      %0 = arith.addi %tens, %j : index
      tensor.yield %0 : index
    } : tensor<2x2xindex>
  return %beside, %padded, %made : tensor<2x3xi32>, tensor<3x3xi32>, tensor<2x2xindex>
}

// Constants from a blob, and of narrow types.
// CHECK: @constants: tensor<2xf32> [1, 2], tensor<3xi1> [1, 0, 1], tensor<2xbf16> [1.5, 2], tensor<2xi8> [-1, 127]
func.func @constants() -> (tensor<2xf32>, tensor<3xi1>, tensor<2xbf16>, tensor<2xi8>) {
  %0 = arith.constant dense_resource<weights> : tensor<2xf32>
  %1 = arith.constant dense<[true, false, true]> : tensor<3xi1>
  %2 = arith.constant dense<[1.5, 2.0]> : tensor<2xbf16>
  %3 = arith.constant dense<[-1, 127]> : tensor<2xi8>
  return %0, %1, %2, %3 : tensor<2xf32>, tensor<3xi1>, tensor<2xbf16>, tensor<2xi8>
}
{-# dialect_resources: { builtin: { weights: "0x040000000000803F00000040" } } #-}
