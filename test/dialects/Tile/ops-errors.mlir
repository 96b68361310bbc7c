// RUN: attnc-opt %s -split-input-file -verify-diagnostics

func.func @panel_width(%x: memref<?x8xf32>, %panel: memref<8x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{the panel rhs must have a static number of columns}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x?xf32>) tail = peel epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    tile.yield
  }
  return
}

// -----

func.func @epilogue_arguments(%x: memref<?x8xf32>, %panel: memref<8x16xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{arguments of the epilogue region must be ('f32', 'index', 'index', 'i1')}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x16xf32>) tail = peel epilogue {
  ^bb0(%acc: f32, %row: index):
    tile.yield
  }
  return
}

// -----

func.func @map_yields(%n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{the body region must yield nothing}}
  tile.map %c0 to %n {
  ^bb0(%j: index):
    tile.yield %j : index
  }
  return
}

// -----

func.func @reduce_yields(%n: index, %x: f32) -> f32 {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{the body region must yield 'f32'}}
  %s = tile.reduce add %c0 to %n init(%x) {
  ^bb0(%j: index):
    tile.yield %j : index
  } : f32
  return %s : f32
}

// -----

func.func @transpose_rank(%x: memref<?xf32>, %y: memref<?x?xf32>, %n: index) {
  // expected-error @+1 {{src and dst must have rank 2}}
  tile.transpose %x to %y rows(%n) cols(%n) {
  ^bb0(%v: f32, %i: index, %j: index):
    tile.yield %v : f32
  } : memref<?xf32> to memref<?x?xf32>
  return
}

// -----

func.func @pairs_of_floats(%x: memref<?x8xf32>, %panel: memref<4x16xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{lhs as #tile.encoding<2 x bf16> wants 'i32', or 'bf16' side by side along k}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32> as <2 x bf16>) rhs(%panel : memref<4x16xi32> as <2 x bf16>) tail = peel epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    tile.yield
  }
  return
}

// -----

func.func @pairs_apart(%x: memref<?x8xbf16, strided<[1, 8]>>, %panel: memref<4x16xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{lhs as #tile.encoding<2 x bf16> wants 'i32', or 'bf16' side by side along k}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xbf16, strided<[1, 8]>> as <2 x bf16>) rhs(%panel : memref<4x16xi32> as <2 x bf16>) tail = peel epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    tile.yield
  }
  return
}

// -----

func.func @panel_of_elements(%x: memref<?x8xbf16>, %panel: memref<8x16xbf16>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{rhs as #tile.encoding<2 x bf16> wants 'i32'}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xbf16> as <2 x bf16>) rhs(%panel : memref<8x16xbf16> as <2 x bf16>) tail = peel epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    tile.yield
  }
  return
}

// -----

func.func @groups_differ(%x: memref<?x4xi32>, %panel: memref<4x16xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{groups of 4 in lhs meet groups of 2 in rhs}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x4xi32> as <4 x ui8>) rhs(%panel : memref<4x16xi32> as <2 x bf16>) tail = peel epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    tile.yield
  }
  return
}

// -----

func.func @sums_of_bytes(%x: memref<?x8xi8>, %panel: memref<2x16xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{arguments of the epilogue region must be ('i32', 'index', 'index', 'i1')}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xi8> as <4 x ui8>) rhs(%panel : memref<2x16xi32> as <4 x si8>) tail = peel epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    tile.yield
  }
  return
}

// -----

func.func @dots_of_pairs(%x: memref<?x8xbf16>, %panel: memref<4x16xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{dot products are of operands without an encoding}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xbf16> as <2 x bf16>) rhs(%panel : memref<4x16xi32> as <2 x bf16>) tail = peel epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    tile.yield
  } {dots}
  return
}

// -----

func.func @transpose_groups(%x: memref<?x?xbf16, strided<[1, ?]>>, %y: memref<?x?xi32>, %n: index) {
  // expected-error @+1 {{src as #tile.encoding<2 x bf16> wants 'bf16' side by side}}
  tile.transpose %x as <2 x bf16> to %y rows(%n) cols(%n) {
  ^bb0(%v: i32, %i: index, %j: index):
    tile.yield %v : i32
  } : memref<?x?xbf16, strided<[1, ?]>> to memref<?x?xi32>
  return
}

// -----

func.func @scales_in_lhs(%x: memref<?x8xi32>, %panel: memref<8x16xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{blocks with a scale stand in rhs, beside a lhs that is no f64}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xi32> as <8 x si4, blocks of 32>) rhs(%panel : memref<8x16xi32> as <8 x si4>) tail = peel epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    tile.yield
  }
  return
}

// -----

func.func @part_of_a_group(%x: memref<?x8xf32>, %panel: memref<8x16xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{blocks with a scale are of whole groups of integers, not 20 in groups of 8 x 'si4'}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x16xi32> as <8 x si4, blocks of 20>) tail = peel epilogue {
  }
  return
}

// -----

func.func @no_word(%x: memref<?x8xbf16>, %panel: memref<4x16xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{3 elements of 'bf16' do not fill a word of 32 bits}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xbf16> as <3 x bf16>) rhs(%panel : memref<4x16xi32>) tail = peel epilogue {
  }
  return
}

// -----

func.func @step_outside(%s: f32, %m: memref<16xf32>, %p: memref<64x16xf32>) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{stands in the epilogue of a tile.contract only}}
  tile.softmax_step %s max(%m) shift(%m) limit(%m) sum(%m) weights(%p from %c0) scaled(%p) {unit = 1.0} : f32, memref<16xf32>, memref<64x16xf32>, memref<64x16xf32>
  return
}

// -----

func.func @step_columns(%x: memref<?x8xf32>, %panel: memref<8x16xf32>, %n: index, %m: memref<8xf32>, %p: memref<64x16xf32>) {
  %c0 = arith.constant 0 : index
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    // expected-error @+1 {{has a state for 8 columns in a contraction of 16}}
    tile.softmax_step %s max(%m) shift(%m) limit(%m) sum(%m) weights(%p from %c0) scaled(%p) {unit = 1.0} : f32, memref<8xf32>, memref<64x16xf32>, memref<64x16xf32>
    tile.yield
  }
  return
}

// -----

func.func @step_unit(%x: memref<?x8xf32>, %panel: memref<8x16xf32>, %n: index, %m: memref<16xf32>, %p: memref<64x16xf32>) {
  %c0 = arith.constant 0 : index
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    // expected-error @+1 {{unit and threshold must be positive}}
    tile.softmax_step %s max(%m) shift(%m) limit(%m) sum(%m) weights(%p from %c0) scaled(%p) {unit = -1.0} : f32, memref<16xf32>, memref<64x16xf32>, memref<64x16xf32>
    tile.yield
  }
  return
}

// -----

func.func @step_weights(%x: memref<?x8xf32>, %panel: memref<8x16xf32>, %n: index, %m: memref<16xf32>, %p: memref<64x16xf64>, %o: memref<64x16xf32>) {
  %c0 = arith.constant 0 : index
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    // expected-error @+1 {{weights of a score of 'f32' cannot be held as #tile.encoding<1 x f64>}}
    tile.softmax_step %s max(%m) shift(%m) limit(%m) sum(%m) weights(%p from %c0) scaled(%o) {unit = 1.0} : f32, memref<16xf32>, memref<64x16xf64>, memref<64x16xf32>
    tile.yield
  }
  return
}

// -----

// Words say what they hold: i32 alone is no pair of bf16.
func.func @step_words(%x: memref<?x8xf32>, %panel: memref<8x16xf32>, %n: index, %m: memref<16xf32>, %p: memref<32x16xi32>, %o: memref<64x16xf32>) {
  %c0 = arith.constant 0 : index
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    // expected-error @+1 {{weights of a score of 'f32' cannot be held as #tile.encoding<1 x i32>}}
    tile.softmax_step %s max(%m) shift(%m) limit(%m) sum(%m) weights(%p from %c0) scaled(%o) {unit = 1.0} : f32, memref<16xf32>, memref<32x16xi32>, memref<64x16xf32>
    tile.yield
  }
  return
}

// -----

func.func @step_integers(%x: memref<?x8xf32>, %panel: memref<8x16xf32>, %n: index, %m: memref<16xf32>, %p: memref<16x16xi32>, %o: memref<64x16xf32>) {
  %c0 = arith.constant 0 : index
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    // expected-error @+1 {{weights of a score of 'f32' cannot be held as #tile.encoding<4 x ui8>}}
    tile.softmax_step %s max(%m) shift(%m) limit(%m) sum(%m) weights(%p as <4 x ui8> from %c0) scaled(%o) {unit = 1.0} : f32, memref<16xf32>, memref<16x16xi32>, memref<64x16xf32>
    tile.yield
  }
  return
}

// -----

func.func @step_pairs_of_f64(%x: memref<?x8xf64>, %panel: memref<8x16xf64>, %n: index, %m: memref<16xf64>, %p: memref<32x16xi32>, %o: memref<64x16xf64>) {
  %c0 = arith.constant 0 : index
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf64>) rhs(%panel : memref<8x16xf64>) tail = clamp epilogue {
  ^bb0(%s: f64, %row: index, %col: index, %valid: i1):
    // expected-error @+1 {{weights of a score of 'f64' cannot be held as #tile.encoding<2 x bf16>}}
    tile.softmax_step %s max(%m) shift(%m) limit(%m) sum(%m) weights(%p as <2 x bf16> from %c0) scaled(%o) {unit = 1.0} : f64, memref<16xf64>, memref<32x16xi32>, memref<64x16xf64>
    tile.yield
  }
  return
}

// -----

func.func @step_unpacked(%x: memref<?x8xf32>, %panel: memref<8x16xf32>, %n: index, %m: memref<16xf32>, %p: memref<64x16xf32>, %o: memref<64x16xf32>) {
  %c0 = arith.constant 0 : index
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    // expected-error @+1 {{weights must have 16 columns of 'i32'}}
    tile.softmax_step %s max(%m) shift(%m) limit(%m) sum(%m) weights(%p as <2 x bf16> from %c0) scaled(%o) {unit = 1.0} : f32, memref<16xf32>, memref<64x16xf32>, memref<64x16xf32>
    tile.yield
  }
  return
}

// -----

func.func @empty_block(%n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{the body region must yield nothing}}
  tile.map %c0 to %n {
  ^bb0(%j: index):
  }
  return
}

// -----

func.func @prefetch_arguments(%x: memref<?x8xf32>, %panel: memref<8x16xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{arguments of the prefetch region must be ('index')}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    tile.yield
  } prefetch {
  ^bb0(%row: index, %col: index, %k: index):
    tile.yield
  }
  return
}

// -----

func.func @prefetch_dots(%x: memref<?x8xf32>, %w: memref<8x16xf32, strided<[1, 8]>>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{dot products prefetch by (k, column): their rows take no turns}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xf32>) rhs(%w : memref<8x16xf32, strided<[1, 8]>>) tail = peel epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    tile.yield
  } prefetch {
  ^bb0(%row: index):
    tile.yield
  } {dots}
  return
}

// -----

func.func @mark() {
  // expected-error @+1 {{attribute 'number' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative}}
  tile.mark -1
  return
}

// -----

func.func @streams_of_words(%x: memref<?x8xbf16>, %panel: memref<2x2x16xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{streams of rhs are of single elements}}
  tile.contract rows(%c0 to %n) cols(%c0) k(%n) lhs(%x : memref<?x8xbf16> as <2 x bf16>) rhs(%panel : memref<2x2x16xi32> as <2 x bf16>) tail = peel epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    tile.yield
  }
  return
}
