// The query heads of a kv head are rows that share one read of K and V; keys come from four streams, split over items.
// RUN: attnc-opt %s --attention-to-tile --canonicalize --cse | FileCheck %s

#decode = #attn.attention_schedule<form = decode, queries = 64, keys = 64, rows = 4, blocks = 4>
module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {

// CHECK-LABEL: func @group
// CHECK: memref.alloc() : memref<30x1x4x64xf32>
// CHECK: scf.forall
// A chunk of 1024 keys of 64 features: streams are 64 KB apart. One panel: four keys of each.
// CHECK: memref.reinterpret_cast %{{.*}}, sizes: [4, 4, 64], strides: [64, 16384, 1]
// CHECK: memref.transpose %{{.*}} (d0, d1, d2) -> (d2, d0, d1)
// CHECK: tile.contract rows(%c0 to %c4)
// CHECK: prefetch {
// CHECK: memref.prefetch %{{.*}}, read, locality<0>, data
// CHECK: {dots}
// O comes and goes for a key of each stream.
// CHECK: tile.contract rows(%c0 to %c4) cols(%{{.*}}) k(%c4) {{.*}} rhs(%{{.*}} : memref<4x16xf32
// The parts are merged by their maxima.
// CHECK: scf.if
// CHECK: scf.forall
// CHECK: arith.maximumf
func.func @group(%q: memref<?x8x1x64xf32>, %k: memref<?x2x?x64xf32>, %v: memref<?x2x?x64xf32>, %o: memref<?x8x1x64xf32>) {
  attn.attention {schedule = #decode} q(%q "BHMD" : memref<?x8x1x64xf32>) k(%k "BGND" : memref<?x2x?x64xf32>) v(%v "BGNE" : memref<?x2x?x64xf32>)
    outs("BHME", %o : memref<?x8x1x64xf32>)
  return
}

// Where the heads of a key are neighbours an item has both kv heads, and a panel one key of each stream.
// CHECK-LABEL: func @neighbours
// CHECK: memref.alloc() : memref<30x2x4x64xf32>
// CHECK: memref.reinterpret_cast %{{.*}}, sizes: [1, 4, 64]
// CHECK: tail = exact
func.func @neighbours(%q: memref<?x1x8x64xf32>, %k: memref<?x?x2x64xf32>, %v: memref<?x?x2x64xf32>, %o: memref<?x1x8x64xf32>) {
  attn.attention {schedule = #decode} q(%q "BMHD" : memref<?x1x8x64xf32>) k(%k "BNGD" : memref<?x?x2x64xf32>) v(%v "BNGE" : memref<?x?x2x64xf32>)
    outs("BMHE", %o : memref<?x1x8x64xf32>)
  return
}

// A mask that differs from head to head: a block has one query head.
// CHECK-LABEL: func @by_head
// CHECK: memref.alloc() : memref<30x1x1x64xf32>
func.func @by_head(%q: memref<?x8x1x64xf32>, %k: memref<?x2x?x64xf32>, %v: memref<?x2x?x64xf32>, %o: memref<?x8x1x64xf32>) {
  attn.attention {schedule = #decode} q(%q "BHMD" : memref<?x8x1x64xf32>) k(%k "BGND" : memref<?x2x?x64xf32>) v(%v "BGNE" : memref<?x2x?x64xf32>)
    outs("BHME", %o : memref<?x8x1x64xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %m: index, %n: index):
      %allowed = arith.cmpi ule, %h, %j : index
      attn.yield %allowed : i1
    }
  return
}
}
