// RUN: attnc-opt %s --lower-tile=target=x86-64-v4+avx512vnni --canonicalize --cse | FileCheck %s
// Groups of four bytes. The instruction takes those of lhs without a sign.

// CHECK-LABEL: func @unsigned
// CHECK: memref.load %{{.*}} : memref<?x4xi32>
// CHECK-NOT: arith.xori
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%{{.*}}) : (vector<16xi32>, vector<64xi8>, vector<64xi8>) -> vector<16xi32>
func.func @unsigned(%x: memref<?x4xi32>, %w: memref<4x16xi32>, %y: memref<?x16xi32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  tile.contract rows(%c0 to %m) cols(%c0) k(%c16) lhs(%x : memref<?x4xi32> as <4 x ui8>) rhs(%w : memref<4x16xi32> as <4 x si8>) tail = clamp epilogue {
  ^bb0(%acc: i32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x16xi32>
    tile.yield
  } {tile_rows = 1 : i64}
  return
}

// Signed: lhs + 128, and the sums of rhs once, times -128.
// CHECK-LABEL: func @signed
// CHECK-DAG: %[[ONES:.*]] = arith.constant dense<16843009> : vector<16xi32>
// CHECK-DAG: %[[SIGNS:.*]] = arith.constant dense<-2139062144> : vector<16xi32>
// CHECK-DAG: %[[MINUS:.*]] = arith.constant dense<-128> : vector<16xi32>
// CHECK: %[[SUMS:.*]] = scf.for
// CHECK: vpdpbusd
// CHECK: %[[START:.*]] = arith.muli %[[SUMS]], %[[MINUS]]
// CHECK: scf.for
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[START]])
// CHECK: vector.load %{{.*}} : memref<?x16xi8>, vector<4xi8>
// CHECK: arith.xori %{{.*}}, %[[SIGNS]]
// CHECK: vpdpbusd
func.func @signed(%x: memref<?x16xi8>, %w: memref<4x16xi32>, %y: memref<?x16xi32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  tile.contract rows(%c0 to %m) cols(%c0) k(%c16) lhs(%x : memref<?x16xi8> as <4 x si8>) rhs(%w : memref<4x16xi32> as <4 x si8>) tail = clamp epilogue {
  ^bb0(%acc: i32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x16xi32>
    tile.yield
  } {tile_rows = 1 : i64}
  return
}
