// RUN: attnc-opt %s --fold-constants | FileCheck %s

#fc_row = affine_map<(i, j) -> (i)>
#fc_column = affine_map<(i, j) -> (j)>
#fc_all = affine_map<(i, j) -> (i, j)>

// A mask put together from two parts, and turned around.
// CHECK-LABEL: func @joined(
// CHECK-NEXT: %[[MASK:.*]] = arith.constant dense<{{\[}}[true, false, false], [true, true, false]]> : tensor<2x3xi1>
// CHECK-NEXT: return %[[MASK]]
func.func @joined() -> tensor<2x3xi1> {
  %a = arith.constant dense<[[false, true], [false, false]]> : tensor<2x2xi1>
  %b = arith.constant dense<true> : tensor<2x1xi1>
  %true = arith.constant true
  %e = tensor.empty() : tensor<2x3xi1>
  %0 = tensor.insert_slice %a into %e[0, 0] [2, 2] [1, 1] : tensor<2x2xi1> into tensor<2x3xi1>
  %1 = tensor.insert_slice %b into %0[0, 2] [2, 1] [1, 1] : tensor<2x1xi1> into tensor<2x3xi1>
  %2 = linalg.generic {indexing_maps = [#fc_all, #fc_all], iterator_types = ["parallel", "parallel"]} ins(%1 : tensor<2x3xi1>) outs(%e : tensor<2x3xi1>) {
  ^bb0(%x: i1, %out: i1):
    %r = arith.xori %x, %true : i1
    linalg.yield %r : i1
  } -> tensor<2x3xi1>
  return %2 : tensor<2x3xi1>
}

// Positions that are stored, compared with each other, and read inside of a body.
// CHECK-LABEL: func @compared(
// CHECK-NOT: linalg.generic
// CHECK: arith.constant dense<{{\[}}[0.000000e+00, 0xFF800000], [0.000000e+00, 0.000000e+00]]> : tensor<2x2xf32>
func.func @compared() -> tensor<2x2xf32> {
  %rows = arith.constant dense<[3, 4]> : tensor<2xi64>
  %columns = arith.constant dense<[3, 4]> : tensor<2xi64>
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<2x2xf32>
  %0 = linalg.generic {indexing_maps = [#fc_row, #fc_all], iterator_types = ["parallel", "parallel"]} ins(%rows : tensor<2xi64>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%x: i64, %out: f32):
    %j = linalg.index 1 : index
    %y = tensor.extract %columns[%j] : tensor<2xi64>
    %c = arith.cmpi sle, %y, %x : i64
    %r = arith.select %c, %zero, %ninf : f32
    linalg.yield %r : f32
  } -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

// Positions alone: scalar code already.
// CHECK-LABEL: func @positions(
// CHECK: linalg.generic
func.func @positions() -> tensor<2x2xi1> {
  %e = tensor.empty() : tensor<2x2xi1>
  %0 = linalg.generic {indexing_maps = [#fc_all], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<2x2xi1>) {
  ^bb0(%out: i1):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %r = arith.cmpi sle, %j, %i : index
    linalg.yield %r : i1
  } -> tensor<2x2xi1>
  return %0 : tensor<2x2xi1>
}

// Many values, and more than 1 KiB of them: no mask.
// CHECK-LABEL: func @large(
// CHECK: linalg.generic
func.func @large() -> tensor<100x8xi32> {
  %columns = arith.constant dense<[1, 2, 3, 4, 5, 6, 7, 8]> : tensor<8xi32>
  %e = tensor.empty() : tensor<100x8xi32>
  %0 = linalg.generic {indexing_maps = [#fc_column, #fc_all], iterator_types = ["parallel", "parallel"]} ins(%columns : tensor<8xi32>) outs(%e : tensor<100x8xi32>) {
  ^bb0(%x: i32, %out: i32):
    linalg.yield %x : i32
  } -> tensor<100x8xi32>
  return %0 : tensor<100x8xi32>
}

// An argument is no constant.
// CHECK-LABEL: func @argument(
// CHECK: linalg.generic
func.func @argument(%x: tensor<2xi32>) -> tensor<2xi1> {
  %a = arith.constant dense<[1, 2]> : tensor<2xi32>
  %e = tensor.empty() : tensor<2xi1>
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%a, %x : tensor<2xi32>, tensor<2xi32>) outs(%e : tensor<2xi1>) {
  ^bb0(%y: i32, %z: i32, %out: i1):
    %r = arith.cmpi slt, %y, %z : i32
    linalg.yield %r : i1
  } -> tensor<2xi1>
  return %0 : tensor<2xi1>
}
