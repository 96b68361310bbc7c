// RUN: attnc-opt %s | attnc-opt | FileCheck %s
// Every op of the dialect prints and parses back.

// CHECK: module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>}
module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {

// CHECK-LABEL: func @contract
func.func @contract(%x: memref<?x768xf32>, %panel: memref<768x64xf32>, %bias: memref<64xf32>, %y: memref<?x64xf32>,
                    %m: index, %n: index) {
  %c0 = arith.constant 0 : index
  %c768 = arith.constant 768 : index
  // CHECK: tile.contract rows({{.*}}) cols({{.*}} count {{.*}}) k({{.*}}) lhs({{.*}} : memref<?x768xf32>) rhs({{.*}} : memref<768x64xf32>) tail = peel init {
  // CHECK: tile.yield %{{.*}} : f32
  // CHECK: } epilogue {
  // CHECK: tile.yield
  tile.contract rows(%c0 to %m) cols(%c0 count %n) k(%c768)
    lhs(%x : memref<?x768xf32>) rhs(%panel : memref<768x64xf32>) tail = peel
    init {
    ^bb0(%row: index, %col: index):
      %0 = memref.load %bias[%col] : memref<64xf32>
      tile.yield %0 : f32
    } epilogue {
    ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
      memref.store %acc, %y[%row, %col] : memref<?x64xf32>
      tile.yield
    }
  return
}

// What operands hold: words, or elements side by side in lhs.
// CHECK-LABEL: func @encodings
// CHECK-SAME: tile.facts = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576, dots = [#tile.encoding<2 x bf16>, #tile.encoding<4 x si8>]>
func.func @encodings(%x: memref<?x768xbf16>, %panel: memref<384x64xi32>, %bytes: memref<?x192xi32>,
                     %byte_panel: memref<192x64xi32>, %halves: memref<?x768xf16>, %nibbles: memref<120x64xi32>, %y: memref<?x64xf32>, %z: memref<?x64xi32>, %m: index)
    attributes {tile.facts = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576,
                                          dots = [#tile.encoding<2 x bf16>, #tile.encoding<4 x si8>]>} {
  %c0 = arith.constant 0 : index
  %c768 = arith.constant 768 : index
  // CHECK: tile.contract {{.*}} lhs({{.*}} : memref<?x768xbf16> as <2 x bf16>) rhs({{.*}} : memref<384x64xi32> as <2 x bf16>) tail = peel epilogue
  tile.contract rows(%c0 to %m) cols(%c0) k(%c768) lhs(%x : memref<?x768xbf16> as <2 x bf16>)
    rhs(%panel : memref<384x64xi32> as <2 x bf16>) tail = peel epilogue {
    ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
      memref.store %acc, %y[%row, %col] : memref<?x64xf32>
      tile.yield
    }
  // CHECK: tile.contract {{.*}} lhs({{.*}} : memref<?x192xi32> as <4 x ui8>) rhs({{.*}} : memref<192x64xi32> as <4 x si8>) tail = peel epilogue
  // CHECK-NEXT: ^bb0(%{{.*}}: i32,
  tile.contract rows(%c0 to %m) cols(%c0) k(%c768) lhs(%bytes : memref<?x192xi32> as <4 x ui8>)
    rhs(%byte_panel : memref<192x64xi32> as <4 x si8>) tail = peel epilogue {
    ^bb0(%acc: i32, %row: index, %col: index, %valid: i1):
      memref.store %acc, %z[%row, %col] : memref<?x64xi32>
      tile.yield
    }
  // CHECK: tile.contract {{.*}} lhs({{.*}} : memref<?x768xf16>) rhs({{.*}} : memref<120x64xi32> as <8 x si4, blocks of 32>) tail = peel epilogue
  tile.contract rows(%c0 to %m) cols(%c0) k(%c768) lhs(%halves : memref<?x768xf16>)
    rhs(%nibbles : memref<120x64xi32> as <8 x si4, blocks of 32>) tail = peel epilogue {
    ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
      memref.store %acc, %y[%row, %col] : memref<?x64xf32>
      tile.yield
    }
  return
}

// Weights of a softmax step have the encoding of the operand that they become.
// CHECK-LABEL: func @softmax_step
func.func @softmax_step(%x: memref<?x8xf32>, %panel: memref<8x16xf32>, %n: index, %m: memref<16xf32>, %p: memref<64x16xf32>,
                        %pairs: memref<32x16xi32>, %o: memref<64x16xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  tile.contract rows(%c0 to %n) cols(%c0) k(%c8) lhs(%x : memref<?x8xf32>) rhs(%panel : memref<8x16xf32>) tail = clamp epilogue {
  ^bb0(%s: f32, %row: index, %col: index, %valid: i1):
    // CHECK: tile.softmax_step %{{.*}} max(%{{.*}}) shift(%{{.*}}) limit(%{{.*}}) sum(%{{.*}}) weights(%{{.*}} from %{{.*}}) scaled(%{{.*}}) {unit = 1.5{{.*}}} : f32, memref<16xf32>, memref<64x16xf32>, memref<64x16xf32>
    tile.softmax_step %s max(%m) shift(%m) limit(%m) sum(%m) weights(%p from %c0) scaled(%o) {unit = 1.5}
      : f32, memref<16xf32>, memref<64x16xf32>, memref<64x16xf32>
    // CHECK: tile.softmax_step %{{.*}} max(%{{.*}}) shift(%{{.*}}) limit(%{{.*}}) sum(%{{.*}}) weights(%{{.*}} as <2 x bf16> from %{{.*}}) scaled(%{{.*}}) {unit = 1.5{{.*}}} : f32, memref<16xf32>, memref<32x16xi32>, memref<64x16xf32>
    tile.softmax_step %s max(%m) shift(%m) limit(%m) sum(%m) weights(%pairs as <2 x bf16> from %c0) scaled(%o) {unit = 1.5}
      : f32, memref<16xf32>, memref<32x16xi32>, memref<64x16xf32>
    tile.yield
  }
  return
}

// CHECK-LABEL: func @prefetch
func.func @prefetch(%x: memref<?x64xf32>, %panel: memref<64x64xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  // CHECK: tile.contract {{.*}} epilogue {
  // CHECK: } prefetch {
  // CHECK: memref.prefetch
  tile.contract rows(%c0 to %m) cols(%c0) k(%c64)
    lhs(%x : memref<?x64xf32>) rhs(%panel : memref<64x64xf32>) tail = clamp
    epilogue {
    ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
      tile.yield
    } prefetch {
    ^bb0(%row: index):
      memref.prefetch %x[%row, %c0], read, locality<2>, data : memref<?x64xf32>
      tile.yield
    }
  return
}

// CHECK-LABEL: func @rows
func.func @rows(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) -> f32 {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  // CHECK: tile.reduce add %{{.*}} to %{{.*}} init(%{{.*}}) {
  %s = tile.reduce add %c0 to %n init(%zero) {
  ^bb0(%j: index):
    %0 = memref.load %x[%j] : memref<?xf32>
    tile.yield %0 : f32
  } : f32
  // CHECK: tile.map %{{.*}} to %{{.*}} {
  tile.map %c0 to %n {
  ^bb0(%j: index):
    memref.store %s, %y[%j] : memref<?xf32>
    tile.yield
  }
  return %s : f32
}

// CHECK-LABEL: func @transpose
func.func @transpose(%q: memref<?x64xf32>, %qt: memref<64x64xf32>, %n: index) {
  %c64 = arith.constant 64 : index
  // CHECK: tile.transpose %{{.*}} to %{{.*}} rows(%{{.*}}) cols(%{{.*}}) pad {
  // CHECK: } : memref<?x64xf32> to memref<64x64xf32>
  tile.transpose %q to %qt rows(%n) cols(%c64) pad {
  ^bb0(%x: f32, %i: index, %j: index):
    tile.yield %x : f32
  } : memref<?x64xf32> to memref<64x64xf32>
  return
}
}

// CHECK-LABEL: func @mark
func.func @mark() {
  // CHECK: tile.mark 7
  tile.mark 7
  return
}
