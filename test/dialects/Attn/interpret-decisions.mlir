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
