// RUN: attnc-opt %s --lower-tile=target=x86-64-v4 --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,FMA
// RUN: attnc-opt %s --lower-tile=target=x86-64-v2 --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,PLAIN
// One maximum per column decides; the common way subtracts the shift in one multiply-add where the target has it. The
// rare way is a function, key by key.

// CHECK-LABEL: func @step
// CHECK-SAME: %[[MAX:[a-z0-9]*]]: memref<16xf32>, %[[SHIFT:[a-z0-9]*]]: memref<16xf32>, %[[LIMIT:[a-z0-9]*]]: memref<16xf32>
func.func @step(%k: memref<?x8xf32>, %q: memref<8x16xf32>, %max: memref<16xf32>, %shift: memref<16xf32>,
                %limit: memref<16xf32>, %sum: memref<16xf32>, %p: memref<64x16xf32>, %o: memref<32x16xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  // CHECK: arith.cmpf ogt
  // CHECK: %[[E:.*]] = vector.load %[[LIMIT]]
  // CHECK: %[[ABOVE:.*]] = arith.cmpf ogt, %{{.*}}, %[[E]]
  // CHECK: %[[ANY:.*]] = vector.reduction <or>
  // CHECK: scf.if %[[ANY]]
  // CHECK: call @softmax_raise
  // CHECK: } else {
  // CHECK: vector.load %[[SHIFT]]
  // FMA: math.fma
  // PLAIN: arith.subf
  // PLAIN: arith.mulf
  // CHECK-NOT: softmax_raise
  // CHECK: return
  tile.contract rows(%c0 to %n) cols(%c0) k(%c8) lhs(%k : memref<?x8xf32>) rhs(%q : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    tile.softmax_step %s max(%max) shift(%shift) limit(%limit) sum(%sum) weights(%p from %c0) scaled(%o) {unit = 1.5}
      : f32, memref<16xf32>, memref<64x16xf32>, memref<32x16xf32>
    tile.yield
  }
  return
}

// Nothing is scaled where a factor is 1.
// CHECK: func private @softmax_raise
// CHECK-SAME: passthrough = ["noinline", "cold"]
// CHECK: %[[CHANGES:.*]] = arith.cmpf une, %{{.*}}, %{{.*}}
// CHECK: %[[ANY:.*]] = vector.reduction <or>, %[[CHANGES]]
// CHECK: scf.if %[[ANY]]
