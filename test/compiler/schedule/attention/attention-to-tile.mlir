// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=transposed --attention-to-tile --canonicalize --cse -split-input-file | FileCheck %s
// The streaming softmax in tile ops. Blocks that the mask empties are skipped, full ones carry no mask code.

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// CHECK-LABEL: func @causal
// CHECK-SAME: %[[Q:.*]]: memref<?x64xf32>, %[[K:.*]]: memref<?x64xf32>, %[[V:.*]]: memref<?x64xf32>, %[[O:.*]]: memref<?x64xf32>
func.func @causal(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  // Up to four blocks of queries share one walk over K and V.
  // CHECK: scf.forall
  // CHECK: %[[ALL:.*]] = memref.alloca() {{.*}} : memref<4x64x64xf32>
  // CHECK: scf.for %{{.*}} = %c0 to %[[COUNT:.*]] step %c1
  // CHECK: tile.transpose {{.*}} pad
  // Keys after the last one that the item's last query sees are not walked over.
  // CHECK: %[[LAST:.*]] = arith.minsi
  // CHECK: %[[END:.*]] = arith.addi %{{.*}}, %c1
  // CHECK: scf.for %[[N0:.*]] = %c0 to %[[END]] step %c64
  // CHECK: scf.for %[[U:.*]] = %c0 to %[[COUNT]] step %c1
  // CHECK: %[[QT:.*]] = memref.subview %[[ALL]][%[[U]], 0, 0] [1, 64, 64]
  // Some key of the block is visible to some query: n0 <= i + N - M for some i <= q1.
  // CHECK: %[[FIRST:.*]] = arith.maxsi
  // CHECK: %[[SOME:.*]] = arith.cmpi sle, %[[FIRST]], %{{.*}}
  // CHECK: scf.if %[[SOME]] {
  // Mostly empty blocks: each vector of 16 queries with its own keys.
  // CHECK: scf.for %[[VECTOR:.*]] = %c0 to %c4 step %c1
  // CHECK: memref.subview %[[QT]][0, %{{.*}}] [64, 16]
  // CHECK: tile.contract {{.*}} tail =  clamp epilogue
  // CHECK: {tile_rows = 8 : i64}
  // CHECK: scf.if %{{.*}} {
  // CHECK: tile.contract {{.*}} rhs(%[[QT]] : {{.*}}) tail =  exact epilogue
  // CHECK-NOT: arith.select {{.*}} : f32
  // CHECK: tile.softmax_step
  // CHECK: } else {
  // CHECK: tile.contract {{.*}} tail =  clamp epilogue
  // CHECK: arith.cmpi sle
  // CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : f32
  // CHECK: tile.softmax_step
  // V is searched for NaN and inf in partial blocks only.
  // CHECK: arith.cmpf uno
  // CHECK: tile.contract {{.*}} lhs(%{{.*}} : memref<64x?xf32, strided<[1, 64], offset: ?>>)
  // CHECK: tile.transpose
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %d = arith.subi %N, %M : index
    %p = arith.addi %i, %d : index
    %c = arith.cmpi sle, %j, %p : index
    attn.yield %c : i1
  }
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 8, registers = 16, l1 = 32768, l2 = 524288>} {
// 16 registers: three vectors of 8 queries. A score region gets the scaled score; the softmax step subtracts the maximum.
// CHECK-LABEL: func @score
func.func @score(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  // CHECK: memref.alloca() {{.*}} : memref<4x64x24xf32>
  // CHECK: tile.contract {{.*}} tail =  exact epilogue
  // CHECK: math.tanh
  // CHECK: tile.softmax_step %{{.*}} max(%{{.*}}) shift(%{{.*}}) limit(%{{.*}}) sum(%{{.*}}) weights(%{{.*}} from %{{.*}}) scaled(%{{.*}}, %{{.*}}, %{{.*}}) {unit = 1.442{{.*}}}
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %t = math.tanh %s : f32
    attn.yield %t : f32
  }
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// Keys and values of 16 bits are widened once for all blocks of queries that walk over them.
// CHECK-LABEL: func @bf16
func.func @bf16(%q: memref<?x64xf32>, %k: memref<?x64xbf16>, %v: memref<?x64xbf16>, %o: memref<?x64xbf16>) {
  // CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c64
  // CHECK: arith.extf %{{.*}} : bf16 to f32
  // CHECK: arith.extf %{{.*}} : bf16 to f32
  // CHECK: scf.for
  // CHECK: tile.contract {{.*}} lhs(%{{.*}} : memref<64x64xf32>)
  // CHECK: tile.transpose
  // CHECK: arith.truncf %{{.*}} : f32 to bf16
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xbf16>) v(%v "NE" : memref<?x64xbf16>)
    outs("ME", %o : memref<?x64xbf16>)
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576, dots = [#tile.encoding<2 x bf16>]>} {
// Dot products of pairs: K in place, V packed once per block of keys, P stored as pairs, the scale in the unit
// of the softmax step.
// CHECK-LABEL: func @pairs
// CHECK-SAME: %{{.*}}: memref<?x64xbf16>, %[[K:.*]]: memref<?x64xbf16>
func.func @pairs(%q: memref<?x64xbf16>, %k: memref<?x64xbf16>, %v: memref<?x64xbf16>, %o: memref<?x64xbf16>) {
  // CHECK: memref.alloca() {{.*}} : memref<4x32x64xi32>
  // CHECK: memref.alloca() {{.*}} : memref<32x64xi32>
  // CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c64
  // CHECK: arith.ori
  // CHECK: scf.for
  // CHECK: tile.contract {{.*}} k(%c64) lhs(%{{.*}} : memref<?x64xbf16, strided<[64, 1], offset: ?>> as <2 x bf16>) rhs(%{{.*}} : memref<32x64xi32{{.*}} as <2 x bf16>)
  // CHECK: tile.softmax_step %{{.*}} max({{.*}} weights(%{{.*}} as <2 x bf16> from %{{.*}}) {{.*}} {unit = 0.180{{.*}}} : f32, {{.*}} memref<32x64xi32>
  // CHECK: tile.contract {{.*}} lhs(%{{.*}} : memref<64x32xi32, strided<[1, 64]>> as <2 x bf16>) rhs(%{{.*}} : memref<32x64xi32> as <2 x bf16>)
  attn.attention {schedule = #attn.attention_schedule<form = pairs>} q(%q "MD" : memref<?x64xbf16>) k(%k "ND" : memref<?x64xbf16>) v(%v "NE" : memref<?x64xbf16>)
    outs("ME", %o : memref<?x64xbf16>)
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// A bias for every pair is transposed block by block.
// CHECK-LABEL: func @bias
// CHECK-SAME: %[[BIAS:[a-z0-9]*]]: memref<?x?xf32>) {
func.func @bias(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>, %bias: memref<?x?xf32>) {
  // CHECK: %[[ROWS:.*]] = memref.subview %[[BIAS]]
  // CHECK: tile.transpose %[[ROWS]]
  // CHECK: tile.contract {{.*}} tail =  exact epilogue
  // CHECK: %[[B:.*]] = memref.load %{{.*}} : memref<64x64xf32>
  // CHECK: %[[S:.*]] = arith.addf %{{.*}}, %[[B]] : f32
  // CHECK: tile.softmax_step %[[S]] max
  // CHECK: } prefetch {
  // CHECK: memref.prefetch %{{.*}} : memref<?x?xf32
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    captures(%bias : memref<?x?xf32>) outs("ME", %o : memref<?x64xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %m: index, %n: index, %captured: memref<?x?xf32>):
    %x = memref.load %captured[%i, %j] : memref<?x?xf32>
    %t = arith.addf %s, %x : f32
    attn.yield %t : f32
  }
  return
}
}
