// RUN: attnc-interpret %s | FileCheck %s
// arith and math: floats in f64 whatever the type says, integers wrap exactly at their width, tensors element by element.

// The reference does not round: 1e-10 is not lost beside 1 in f32, truncf is the identity, exp(100) is finite.
// CHECK: @wide_floats: tensor<f32> 1e-10, tensor<f16> 100000, tensor<f32> 2.68812e+43
func.func @wide_floats() -> (f32, f16, f32) {
  %one = arith.constant 1.0 : f32
  %tiny = arith.constant 1.0e-10 : f32
  %sum = arith.addf %one, %tiny : f32
  %difference = arith.subf %sum, %one : f32
  %large = arith.constant 1.0e+05 : f32
  %half = arith.truncf %large : f32 to f16
  %hundred = arith.constant 1.0e+02 : f32
  %exp = math.exp %hundred : f32
  return %difference, %half, %exp : f32, f16, f32
}

// A constant keeps the value it is stored with: 0.1 in f32 is not 0.1.
// CHECK: @stored_constant: tensor<f64> 1.49012e-09
func.func @stored_constant() -> f64 {
  %stored = arith.constant 0.1 : f32
  %wide = arith.extf %stored : f32 to f64
  %exact = arith.constant 0.1 : f64
  %0 = arith.subf %wide, %exact : f64
  return %0 : f64
}

// CHECK: @wrap: tensor<i8> -56, tensor<i32> -2147483648, tensor<i8> 44, tensor<i64> 200, tensor<i64> -56
func.func @wrap() -> (i8, i32, i8, i64, i64) {
  %a = arith.constant 100 : i8
  %sum = arith.addi %a, %a : i8
  %max = arith.constant 2147483647 : i32
  %one = arith.constant 1 : i32
  %next = arith.addi %max, %one : i32
  %wide = arith.constant 300 : i32
  %low = arith.trunci %wide : i32 to i8
  %unsigned = arith.extui %sum : i8 to i64
  %signed = arith.extsi %sum : i8 to i64
  return %sum, %next, %low, %unsigned, %signed : i8, i32, i8, i64, i64
}

// CHECK: @division: tensor<i32> -3, tensor<i32> -1, tensor<i32> -4, tensor<i32> -3, tensor<i8> 124
func.func @division() -> (i32, i32, i32, i32, i8) {
  %a = arith.constant -7 : i32
  %b = arith.constant 2 : i32
  %quotient = arith.divsi %a, %b : i32
  %remainder = arith.remsi %a, %b : i32
  %floor = arith.floordivsi %a, %b : i32
  %ceil = arith.ceildivsi %a, %b : i32
  %c = arith.constant -7 : i8
  %d = arith.constant 2 : i8
  %unsigned = arith.divui %c, %d : i8
  return %quotient, %remainder, %floor, %ceil, %unsigned : i32, i32, i32, i32, i8
}

// i1 is 0 or 1 as a value, but true is -1 to signed arithmetic.
// CHECK: @booleans: tensor<i1> 1, tensor<i1> 1, tensor<i32> -1, tensor<i32> 1, tensor<f32> -1, tensor<i1> 1
func.func @booleans() -> (i1, i1, i32, i32, f32, i1) {
  %true = arith.constant true
  %false = arith.constant false
  %0 = arith.xori %true, %false : i1
  %1 = arith.ori %true, %true : i1
  %2 = arith.extsi %true : i1 to i32
  %3 = arith.extui %true : i1 to i32
  %4 = arith.sitofp %true : i1 to f32
  %5 = arith.cmpi slt, %true, %false : i1
  return %0, %1, %2, %3, %4, %5 : i1, i1, i32, i32, f32, i1
}

// Signed and unsigned orders differ.
// CHECK: @orders: tensor<i1> 1, tensor<i1> 0, tensor<i8> 1, tensor<i8> -1, tensor<i8> -1
func.func @orders() -> (i1, i1, i8, i8, i8) {
  %a = arith.constant -1 : i8
  %b = arith.constant 1 : i8
  %0 = arith.cmpi slt, %a, %b : i8
  %1 = arith.cmpi ult, %a, %b : i8
  %2 = arith.maxsi %a, %b : i8
  %3 = arith.maxui %a, %b : i8
  %4 = arith.shrsi %a, %b : i8
  return %0, %1, %2, %3, %4 : i1, i1, i8, i8, i8
}

// maximumf hands NaN on, maxnumf drops it; comparisons with NaN are false when ordered, true when unordered.
// CHECK: @nan: tensor<f32> nan, tensor<f32> 1, tensor<i1> 0, tensor<i1> 1, tensor<i1> 1, tensor<i1> 0
func.func @nan() -> (f32, f32, i1, i1, i1, i1) {
  %nan = arith.constant 0x7FC00000 : f32
  %one = arith.constant 1.0 : f32
  %0 = arith.maximumf %nan, %one : f32
  %1 = arith.maxnumf %nan, %one : f32
  %2 = arith.cmpf ole, %nan, %one : f32
  %3 = arith.cmpf ugt, %nan, %one : f32
  %4 = arith.cmpf uno, %nan, %one : f32
  %5 = arith.cmpf one, %nan, %one : f32
  return %0, %1, %2, %3, %4, %5 : f32, f32, i1, i1, i1, i1
}

// Out of range saturates and NaN gives 0.
// CHECK: @float_to_int: tensor<i32> -3, tensor<i8> 127, tensor<i8> -128, tensor<i32> 0, tensor<i8> -1
func.func @float_to_int() -> (i32, i8, i8, i32, i8) {
  %a = arith.constant -3.9 : f32
  %0 = arith.fptosi %a : f32 to i32
  %b = arith.constant 1.0e+10 : f32
  %1 = arith.fptosi %b : f32 to i8
  %c = arith.constant 0xFF800000 : f32
  %2 = arith.fptosi %c : f32 to i8
  %nan = arith.constant 0x7FC00000 : f32
  %3 = arith.fptosi %nan : f32 to i32
  %4 = arith.fptoui %b : f32 to i8
  return %0, %1, %2, %3, %4 : i32, i8, i8, i32, i8
}

// CHECK: @functions: tensor<f64> 0.842701, tensor<f64> 2, tensor<f64> -2, tensor<f64> 8, tensor<f64> 0.5, tensor<f64> 0.291313
func.func @functions() -> (f64, f64, f64, f64, f64, f64) {
  %one = arith.constant 1.0 : f64
  %0 = math.erf %one : f64
  %half = arith.constant 2.5 : f64
  %1 = math.roundeven %half : f64
  %minus = arith.constant -1.5 : f64
  %2 = math.floor %minus : f64
  %two = arith.constant 2.0 : f64
  %three = arith.constant 3.0 : f64
  %3 = math.powf %two, %three : f64
  %four = arith.constant 4.0 : f64
  %4 = math.rsqrt %four : f64
  %small = arith.constant 0.3 : f64
  %5 = math.tanh %small : f64
  return %0, %1, %2, %3, %4, %5 : f64, f64, f64, f64, f64, f64
}

// CHECK: @elementwise: tensor<2xf32> [11, -3], tensor<2xi1> [0, 1], tensor<2xf32> [1, -5]
func.func @elementwise() -> (tensor<2xf32>, tensor<2xi1>, tensor<2xf32>) {
  %a = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = arith.constant dense<[10.0, -5.0]> : tensor<2xf32>
  %0 = arith.addf %a, %b : tensor<2xf32>
  %1 = arith.cmpf ogt, %a, %b : tensor<2xf32>
  %2 = arith.select %1, %b, %a : tensor<2xi1>, tensor<2xf32>
  return %0, %1, %2 : tensor<2xf32>, tensor<2xi1>, tensor<2xf32>
}

// CHECK: @affine: tensor<index> 17, tensor<index> 3
func.func @affine() -> (index, index) {
  %a = arith.constant 7 : index
  %b = arith.constant 3 : index
  %0 = affine.apply affine_map<(d0)[s0] -> (d0 * 2 + s0)>(%a)[%b]
  %1 = affine.min affine_map<(d0, d1) -> (d0 - 1, d1)>(%a, %b)
  return %0, %1 : index, index
}
