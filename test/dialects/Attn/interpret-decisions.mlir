// RUN: attnc-interpret %s | FileCheck %s
// Floats that decide are rounded to their type, step by step; others are not.

// 3 ln 2 / (4 ln 2) * 8 with logarithms of f32 is 6, whatever precedes the rounding of log(16) to f32.
// CHECK-LABEL: @buckets
// CHECK-SAME: tensor<4xi64> [2, 4, 6, 8]
func.func @buckets() -> tensor<4xi64> {
  %n = arith.constant dense<[2.0, 4.0, 8.0, 16.0]> : tensor<4xf32>
  %log16 = arith.constant dense<2.77258873> : tensor<4xf32>
  %eight = arith.constant dense<8.0> : tensor<4xf32>
  %l = math.log %n : tensor<4xf32>
  %q = arith.divf %l, %log16 : tensor<4xf32>
  %x = arith.mulf %q, %eight : tensor<4xf32>
  %i = arith.fptosi %x : tensor<4xf32> to tensor<4xi64>
  return %i : tensor<4xi64>
}

// 2^24 + 1 is no f32.
// CHECK-LABEL: @comparison
// CHECK-SAME: tensor<i1> 1
func.func @comparison() -> i1 {
  %i = arith.constant 16777217 : i64
  %x = arith.sitofp %i : i64 to f32
  %c = arith.constant 1.6777216e+07 : f32
  %r = arith.cmpf oeq, %x, %c : f32
  return %r : i1
}

// -2.5 / (5 / 255) in f32 is just above -127.5, and rounds to -127. What is scaled by is found among floats: the largest
// less the smallest.
// CHECK-LABEL: @largest
// CHECK-SAME: tensor<2xi32> [-127, 102]
func.func @largest() -> tensor<2xi32> {
  %zero = arith.constant 0.0 : f32
  %steps = arith.constant 255.0 : f32
  %x = arith.constant dense<[-2.5, 2.0]> : tensor<2xf32>
  %y = arith.constant dense<[-3.0, 2.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %most = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%y : tensor<2xf32>) outs(%f : tensor<f32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %out, %in : f32
    linalg.yield %m : f32
  } -> tensor<f32>
  %least = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%y : tensor<2xf32>) outs(%f : tensor<f32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.minimumf %out, %in : f32
    linalg.yield %m : f32
  } -> tensor<f32>
  %i = tensor.empty() : tensor<2xi32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x, %most, %least : tensor<2xf32>, tensor<f32>, tensor<f32>) outs(%i : tensor<2xi32>) {
  ^bb0(%in: f32, %high: f32, %low: f32, %out: i32):
    %d = arith.subf %high, %low : f32
    %s = arith.divf %d, %steps : f32
    %q = arith.divf %in, %s : f32
    %n = math.roundeven %q : f32
    %w = arith.fptosi %n : f32 to i32
    linalg.yield %w : i32
  } -> tensor<2xi32>
  return %r : tensor<2xi32>
}

// CHECK-LABEL: @undecided
// CHECK-SAME: tensor<f32> 1.67772e+07
func.func @undecided() -> f32 {
  %i = arith.constant 16777217 : i64
  %x = arith.sitofp %i : i64 to f32
  return %x : f32
}

// An angle of 10^6 less its whole turns.
// CHECK-LABEL: @phase
// CHECK-SAME: tensor<f32> -0.357564
func.func @phase() -> f32 {
  %p = arith.constant 1000000 : index
  %base = arith.constant 1.0e+04 : f32
  %a = arith.constant 0 : index
  %n = arith.constant 64 : index
  %x = attn.phase %p, %base, %a, %n : index, f32, index, index -> f32
  return %x : f32
}
