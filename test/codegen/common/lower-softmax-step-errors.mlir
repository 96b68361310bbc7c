// RUN: attnc-opt %s --lower-tile=target=x86-64-v4+avx512bf16 -split-input-file -verify-diagnostics

// A register tile holds whole groups of rows.
func.func @odd_tile(%x: memref<?x8xf32>, %panel: memref<8x16xf32>, %n: index, %m: memref<16xf32>, %p: memref<32x16xi32>, %o: memref<64x16xf32>) {
  %c0 = arith.constant 0 : index
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    // expected-error @+1 {{weights as #tile.encoding<2 x bf16> need whole groups of rows in a register tile, which has 3}}
    tile.softmax_step %s max(%m) shift(%m) limit(%m) sum(%m) weights(%p as <2 x bf16> from %c0) scaled(%o) {unit = 1.0} : f32, memref<16xf32>, memref<32x16xi32>, memref<64x16xf32>
    tile.yield
  } {tile_rows = 3 : i64}
  return
}

// -----

// No instruction multiplies pairs of f16.
func.func @pairs_of_f16(%x: memref<?x8xf32>, %panel: memref<8x16xf32>, %n: index, %m: memref<16xf32>, %p: memref<32x16xi32>, %o: memref<64x16xf32>) {
  %c0 = arith.constant 0 : index
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    // expected-error @+1 {{weights as #tile.encoding<2 x f16> need a target that has dot products of them}}
    tile.softmax_step %s max(%m) shift(%m) limit(%m) sum(%m) weights(%p as <2 x f16> from %c0) scaled(%o) {unit = 1.0} : f32, memref<16xf32>, memref<32x16xi32>, memref<64x16xf32>
    tile.yield
  }
  return
}
