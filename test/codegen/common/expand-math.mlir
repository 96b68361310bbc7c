// RUN: attnc-opt %s --expand-math=target=x86-64-v4 | FileCheck %s
// RUN: attnc-opt %s --expand-math=target=x86-64-v2 | FileCheck %s --check-prefix=NOFMA
// Nothing that would become a call of libm is left.

// CHECK-LABEL: func @f
// NOFMA-LABEL: func @f
func.func @f(%x: vector<4xf32>) -> vector<4xf32> {
  // CHECK-NOT: math.{{exp|tanh|erf|log|powf}}
  // CHECK: math.fma
  // NOFMA-NOT: math.{{exp|tanh|erf|log|powf|fma}}
  // NOFMA: arith.mulf
  %0 = math.exp %x : vector<4xf32>
  %1 = math.tanh %0 : vector<4xf32>
  %2 = math.erf %1 : vector<4xf32>
  %3 = math.log %2 : vector<4xf32>
  %4 = math.exp2 %3 : vector<4xf32>
  %5 = math.log2 %4 : vector<4xf32>
  %6 = math.sin %5 : vector<4xf32>
  %7 = math.powf %6, %x : vector<4xf32>
  return %7 : vector<4xf32>
}

// CHECK-LABEL: func @divide_by_constant
func.func @divide_by_constant(%x: vector<4xf32>) -> vector<4xf32> {
  // CHECK: %[[C:.*]] = arith.constant dense<2.500000e-01> : vector<4xf32>
  // CHECK: arith.mulf %{{.*}}, %[[C]]
  %c = arith.constant dense<4.0> : vector<4xf32>
  %0 = arith.divf %x, %c : vector<4xf32>
  return %0 : vector<4xf32>
}

// Any other reciprocal is rounded: 41 * (1 / 41) is below 1, and what rounds it down would see 0.
// CHECK-LABEL: func @divide_by_41
func.func @divide_by_41(%x: vector<4xf32>) -> (vector<4xf32>, vector<4xf32>) {
  // CHECK: %[[EXACT:.*]] = arith.divf
  // CHECK: %[[NEAR:.*]] = arith.mulf
  // CHECK: return %[[EXACT]], %[[NEAR]]
  %c = arith.constant dense<41.0> : vector<4xf32>
  %0 = arith.divf %x, %c : vector<4xf32>
  %1 = arith.divf %x, %c fastmath<arcp> : vector<4xf32>
  return %0, %1 : vector<4xf32>, vector<4xf32>
}

// erf is off by more than the product: GELU as exporters write it.
// CHECK-LABEL: func @gelu
func.func @gelu(%x: vector<16xf32>) -> vector<16xf32> {
  // CHECK-NOT: arith.divf
  // CHECK: return
  %c = arith.constant dense<1.41421354> : vector<16xf32>
  %0 = arith.divf %x, %c : vector<16xf32>
  %1 = math.erf %0 : vector<16xf32>
  return %1 : vector<16xf32>
}

// Native vectors get the form of ours, with the target's 2^t.
// CHECK-LABEL: func @erf
func.func @erf(%x: vector<16xf32>) -> vector<16xf32> {
  // CHECK-NOT: arith.divf
  // CHECK: llvm.x86.avx512.mask.scalef.ps.512
  // CHECK: math.copysign
  // CHECK: arith.select
  %0 = math.erf %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// Only a 2^x that may be approximate (afn) gets the target's: 2^x of an integer is exact otherwise.
// CHECK-LABEL: func @exp2
func.func @exp2(%x: vector<16xf32>, %y: f32) -> (vector<16xf32>, f32, vector<16xf32>) {
  // CHECK-COUNT-2: llvm.x86.avx512.mask.scalef.ps.512
  // CHECK-NOT: llvm.x86.avx512.mask.scalef.ps.512
  // CHECK: return
  %0 = math.exp2 %x fastmath<afn> : vector<16xf32>
  %1 = math.exp2 %y fastmath<afn> : f32
  %2 = math.exp2 %x : vector<16xf32>
  return %0, %1, %2 : vector<16xf32>, f32, vector<16xf32>
}
