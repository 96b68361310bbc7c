// RUN: attnc-opt %s --lower-tile=target=x86-64-v4 -split-input-file -verify-diagnostics

func.func @width(%x: memref<?x8xf32>, %w: memref<8x24xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{a panel of 24 columns does not fill vectors of 16 lanes}}
  tile.contract rows(%c0 to %m) cols(%c0) k(%m) lhs(%x : memref<?x8xf32>) rhs(%w : memref<8x24xf32>) tail = peel epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    tile.yield
  }
  return
}

// -----

// Weights in groups are summed by the instruction that multiplies them.
func.func @weights_in_pairs(%x: memref<?x8xf32>, %panel: memref<8x16xf32>, %n: index, %m: memref<16xf32>, %p: memref<32x16xi32>, %o: memref<64x16xf32>) {
  %c0 = arith.constant 0 : index
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    // expected-error @+1 {{weights as #tile.encoding<2 x bf16> need a target that has dot products of them}}
    tile.softmax_step %s max(%m) shift(%m) limit(%m) sum(%m) weights(%p as <2 x bf16> from %c0) scaled(%o) {unit = 1.0} : f32, memref<16xf32>, memref<32x16xi32>, memref<64x16xf32>
    tile.yield
  }
  return
}

// -----

func.func @no_vector_form(%n: index, %m: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  tile.map %c0 to %n {
  ^bb0(%j: index):
    // expected-error @+1 {{'memref.dim' has no vector form}}
    %d = memref.dim %m, %j : memref<?xf32>
    tile.yield
  }
  return
}

// -----

func.func @dots(%q: memref<6x32xf32>, %kt: memref<32x16xf32, strided<[1, 32]>>, %s: memref<6x16xf32>, %c0: index, %m: index, %k: index) {
  // expected-error @+1 {{dot products of 6 rows do not fill vectors of 16 lanes}}
  tile.contract rows(%c0 to %m) cols(%c0) k(%k) lhs(%q : memref<6x32xf32>)
    rhs(%kt : memref<32x16xf32, strided<[1, 32]>>) tail = peel epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    tile.yield
  } {dots, tile_rows = 6 : i64}
  return
}

// -----

func.func @padded(%q: memref<?x32xf32>, %qt: memref<32x20xf32>, %n: index, %d: index) {
  // expected-error @+1 {{a padded row of 20 elements does not fill vectors of 16 lanes}}
  tile.transpose %q to %qt rows(%n) cols(%d) pad {
  ^bb0(%x: f32, %i: index, %j: index):
    tile.yield %x : f32
  } : memref<?x32xf32> to memref<32x20xf32>
  return
}

// -----

func.func @branch(%x: memref<?x8xf32>, %w: memref<8x16xf32>, %y: memref<?x16xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  tile.contract rows(%c0 to %m) cols(%c0) k(%c8) lhs(%x : memref<?x8xf32>) rhs(%w : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    // expected-error @+1 {{a branch on what differs from element to element has no vector form}}
    scf.if %valid {
      memref.store %acc, %y[%row, %col] : memref<?x16xf32>
    }
    tile.yield
  }
  return
}
