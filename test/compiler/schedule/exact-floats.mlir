// RUN: attnc-opt --exact-floats %s | FileCheck %s
// What an integer comes out of is computed in f64; what is only added to a score is not.

// CHECK-LABEL: func @bucket
func.func @bucket(%q: tensor<?x4x8xf32>, %k: tensor<?x4x8xf32>, %v: tensor<?x4x8xf32>, %o: tensor<?x4x8xf32>,
                  %table: tensor<32xf32>) -> tensor<?x4x8xf32> {
  %0 = attn.attention q(%q "MHD" : tensor<?x4x8xf32>) k(%k "NGD" : tensor<?x4x8xf32>) v(%v "NGE" : tensor<?x4x8xf32>)
    captures(%table : tensor<32xf32>) outs("MHE", %o : tensor<?x4x8xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: tensor<32xf32>):
      // CHECK: %[[J:.*]] = arith.sitofp %{{.*}} : i64 to f32
      %w = arith.index_cast %j : index to i64
      %n = arith.sitofp %w : i64 to f32
      // CHECK: %[[WIDE:.*]] = arith.extf %[[J]] : f32 to f64
      // CHECK: %[[LOG:.*]] = math.log %[[WIDE]] : f64
      // CHECK: %[[L:.*]] = arith.truncf %[[LOG]] : f64 to f32
      %l = math.log %n : f32
      // CHECK: %[[LWIDE:.*]] = arith.extf %[[L]] : f32 to f64
      // CHECK: %[[QUOTIENT:.*]] = arith.divf %[[LWIDE]], %{{.*}} : f64
      // CHECK: %[[X:.*]] = arith.truncf %[[QUOTIENT]] : f64 to f32
      %c = arith.constant 2.77258873 : f32
      %x = arith.divf %l, %c : f32
      // CHECK: arith.fptosi %[[X]] : f32 to i32
      %y = arith.fptosi %x : f32 to i32
      %p = arith.index_cast %y : i32 to index
      %e = tensor.extract %t[%p] : tensor<32xf32>
      // CHECK: math.log %{{.*}} : f32
      // CHECK: arith.divf %{{.*}}, %{{.*}} : f32
      %a = math.log %e : f32
      %d = arith.divf %a, %c : f32
      %r = arith.addf %s, %d : f32
      // The score's own rounding is nobody's to say: what is compared with it stays in f32.
      // CHECK: math.exp %{{.*}} : f32
      // CHECK: arith.cmpf
      %z = math.exp %r : f32
      %f = arith.cmpf ogt, %z, %c : f32
      %g = arith.select %f, %r, %c : f32
      attn.yield %g : f32
    } -> tensor<?x4x8xf32>
  return %0 : tensor<?x4x8xf32>
}

// Through tensors, as exported graphs have it.
// CHECK-LABEL: func @tensors
func.func @tensors(%x: tensor<?xf32>, %e: tensor<?xf32>, %i: tensor<?xi64>) -> tensor<?xi64> {
  // CHECK: math.log %{{.*}} : f64
  %l = linalg.map ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) (%a: f32, %b: f32) {
    %r = math.log %a : f32
    linalg.yield %r : f32
  }
  %n = linalg.map ins(%l : tensor<?xf32>) outs(%i : tensor<?xi64>) (%a: f32, %b: i64) {
    %r = arith.fptosi %a : f32 to i64
    linalg.yield %r : i64
  }
  return %n : tensor<?xi64>
}

// CHECK-LABEL: func @phase
func.func @phase(%p: index, %n: index) -> f32 {
  // CHECK: %[[POSITION:.*]] = arith.sitofp %{{.*}} : i64 to f64
  // CHECK: math.exp2 %{{.*}} : f64
  // CHECK: arith.truncf %{{.*}} : f64 to f32
  // CHECK-NOT: attn.phase
  %c64 = arith.constant 64 : index
  %base = arith.constant 1.0e+04 : f32
  %a = attn.phase %p, %base, %n, %c64 : index, f32, index, index -> f32
  return %a : f32
}
