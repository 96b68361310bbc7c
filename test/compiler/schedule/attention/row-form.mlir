// Queries as rows of register tiles: with K packed, as dot products, and with all scores in memory.
// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=rows --attention-to-tile --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,ROWS
// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=dots --attention-to-tile --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,DOTS
// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=unfused --attention-to-tile --canonicalize --cse | FileCheck %s --check-prefix=UNFUSED

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// CHECK-LABEL: func @causal
// CHECK-SAME: %{{.*}}: memref<?x64xf32>, %[[K:.*]]: memref<?x64xf32>
// UNFUSED-LABEL: func @causal
func.func @causal(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x80xf32>, %o: memref<?x80xf32>) {
  // CHECK: scf.forall
  // CHECK: %[[QS:.*]] = memref.alloca() {{.*}} : memref<4x64x64xf32>
  // CHECK: %[[OS:.*]] = memref.alloca() {{.*}} : memref<4x64x80xf32>
  // ROWS: %[[P:.*]] = memref.alloca() {{.*}} : memref<64x64xf32>
  // ROWS: %[[KT:.*]] = memref.alloca() {{.*}} : memref<64x64xf32>
  // K is transposed once for all blocks of queries of the item.
  // ROWS: tile.transpose %{{.*}} to %[[KT]] {{.*}} pad
  // ROWS: tile.contract rows(%c0 to %{{.*}}) cols(%{{.*}}) k(%c64) lhs({{.*}}) rhs({{.*}}) tail =  clamp epilogue
  // A panel of the dot products is 16 rows of K, seen as columns.
  // DOTS: %[[ROWS16:.*]] = memref.subview %[[K]][%{{.*}}, 0] [16, 64]
  // DOTS: %[[PANEL:.*]] = memref.transpose %[[ROWS16]]
  // DOTS: tile.contract rows(%c0 to %{{.*}}) cols(%{{.*}} count %{{.*}}) k(%c64) lhs({{.*}}) rhs(%[[PANEL]] : memref<64x16xf32, strided<[1, 64], offset: ?>>)
  // DOTS: arith.select %{{.*}}, %{{.*}}, %{{.*}} : f32
  // DOTS: {dots}
  // The maximum of a row, then its weights and their sum in one pass.
  // CHECK: tile.reduce max
  // CHECK: scf.if
  // CHECK: math.exp2 %{{.*}} fastmath<afn>
  // CHECK: tile.reduce add
  // CHECK: %[[WEIGHT:.*]] = math.exp2
  // CHECK: memref.store %[[WEIGHT]]
  // V is a panel in place: 64 of its 80 features, then 16.
  // CHECK: tile.contract {{.*}} rhs(%{{.*}} : memref<?x64xf32, strided<[80, 1], offset: ?>>) tail =  peel epilogue
  // CHECK: tile.contract {{.*}} rhs(%{{.*}} : memref<?x16xf32, strided<[80, 1], offset: ?>>) tail =  peel epilogue

  // UNFUSED: %[[S:.*]] = memref.alloc(%{{.*}}, %{{.*}}) : memref<1x?x?xf32>
  // UNFUSED: scf.forall
  // UNFUSED: memref.subview %[[S]]
  // UNFUSED: tile.map
  // UNFUSED: tile.contract {{.*}} tail =  clamp epilogue
  // UNFUSED: tile.reduce max
  // UNFUSED-NOT: scf.if
  // UNFUSED: tile.reduce add
  // UNFUSED: tile.contract {{.*}} tail =  peel epilogue
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x80xf32>)
    outs("ME", %o : memref<?x80xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %c = arith.cmpi sle, %j, %i : index
    attn.yield %c : i1
  }
  return
}
}
