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
