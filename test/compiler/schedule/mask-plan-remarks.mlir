// RUN: attnc-opt %s --attention-to-tile="remarks" -split-input-file -verify-diagnostics
// What became of each mask.

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func @causal(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %c = arith.cmpi sle, %j, %i : index
    // expected-remark @+1 {{mask: key blocks follow in closed form from 1 interval; empty blocks are not visited}}
    attn.yield %c : i1
  }
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func @dilated(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %two = arith.constant 2 : index
    %zero = arith.constant 0 : index
    %d = arith.subi %i, %j : index
    %f = arith.floordivsi %d, %two : index
    %p = arith.muli %f, %two : index
    %r = arith.subi %d, %p : index
    // expected-note @+1 {{'arith.cmpi' is evaluated, block by block}}
    %c = arith.cmpi eq, %r, %zero : index
    // expected-remark @+1 {{mask: not all conditions have a closed form; they are evaluated for each block of keys}}
    attn.yield %c : i1
  }
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func @never(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %c = arith.cmpi sge, %j, %N : index
    // expected-warning @+1 {{this mask allows no key: every output is 0}}
    attn.yield %c : i1
  }
  return
}
}
