// RUN: attnc-opt %s --lower-tile=target=x86-64-v4 --canonicalize --cse | FileCheck %s
// RUN: attnc-opt %s --lower-tile=target=x86-64-v3 --canonicalize --cse | FileCheck %s --check-prefix=V3

// CHECK-LABEL: func @sum
// V3-LABEL: func @sum
func.func @sum(%x: memref<?xf32>, %n: index) -> f32 {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  // CHECK: scf.for {{.*}} step %c16 iter_args({{.*}}) -> (vector<16xf32>)
  // CHECK: scf.if
  // CHECK: vector.create_mask
  // CHECK: vector.maskedload
  // CHECK: vector.shuffle
  // V3: scf.for {{.*}} step %c8 iter_args({{.*}}) -> (vector<8xf32>)
  // V3-NOT: maskedload
  // V3: scf.for {{.*}} step %c1 iter_args({{.*}}) -> (f32)
  %s = tile.reduce add %c0 to %n init(%zero) {
  ^bb0(%j: index):
    %0 = memref.load %x[%j] : memref<?xf32>
    tile.yield %0 : f32
  } : f32
  return %s : f32
}

// Lanes of the tail that are not real hold the neutral element.
// CHECK-LABEL: func @max
func.func @max(%x: memref<?xf32>, %n: index) -> f32 {
  %c0 = arith.constant 0 : index
  %low = arith.constant 0xFF800000 : f32
  // CHECK: arith.constant dense<0xFF800000> : vector<16xf32>
  // CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : vector<16xi1>, vector<16xf32>
  // CHECK: arith.maximumf
  %s = tile.reduce max %c0 to %n init(%low) {
  ^bb0(%j: index):
    %0 = memref.load %x[%j] : memref<?xf32>
    tile.yield %0 : f32
  } : f32
  return %s : f32
}
