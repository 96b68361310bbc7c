// Under a causal mask the last blocks of queries, which meet the most keys, are taken first; without a mask the first.
// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=transposed --attention-to-tile --canonicalize --cse | FileCheck %s

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// CHECK-LABEL: func @causal
// CHECK: scf.forall
// CHECK: %[[FEW:.*]] = arith.cmpi ult, %{{.*}}, %c64
// CHECK: %[[AT:.*]] = arith.remui
// CHECK: %[[PLACE:.*]] = arith.select %[[FEW]], %{{.*}}, %[[AT]]
// CHECK: %[[LAST:.*]] = arith.subi %{{.*}}, %c1
// CHECK: arith.subi %[[LAST]], %[[PLACE]]
func.func @causal(%q: memref<?x?x8x64xf32>, %k: memref<?x?x8x64xf32>, %v: memref<?x?x8x64xf32>, %o: memref<?x?x8x64xf32>) {
  attn.attention q(%q "BMHD" : memref<?x?x8x64xf32>) k(%k "BNGD" : memref<?x?x8x64xf32>)
    v(%v "BNGE" : memref<?x?x8x64xf32>) outs("BMHE", %o : memref<?x?x8x64xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %d = arith.subi %N, %M : index
    %p = arith.addi %i, %d : index
    %c = arith.cmpi sle, %j, %p : index
    attn.yield %c : i1
  }
  return
}

// A window slides: all blocks have as much to do.
// CHECK-LABEL: func @window
// CHECK: %[[FEW:.*]] = arith.cmpi ult, %{{.*}}, %c64
// CHECK: %[[AT:.*]] = arith.remui
// CHECK: %[[PLACE:.*]] = arith.select %[[FEW]], %{{.*}}, %[[AT]]
// CHECK-NOT: arith.subi
// CHECK: arith.muli %[[PLACE]]
func.func @window(%q: memref<?x?x8x64xf32>, %k: memref<?x?x8x64xf32>, %v: memref<?x?x8x64xf32>, %o: memref<?x?x8x64xf32>) {
  attn.attention q(%q "BMHD" : memref<?x?x8x64xf32>) k(%k "BNGD" : memref<?x?x8x64xf32>)
    v(%v "BNGE" : memref<?x?x8x64xf32>) outs("BMHE", %o : memref<?x?x8x64xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %c = arith.cmpi sle, %j, %i : index
    %c20 = arith.constant 20 : index
    %a = arith.subi %i, %j : index
    %w = arith.cmpi slt, %a, %c20 : index
    %r = arith.andi %c, %w : i1
    attn.yield %r : i1
  }
  return
}
}
