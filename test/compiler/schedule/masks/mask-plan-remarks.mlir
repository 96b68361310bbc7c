// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=transposed --attention-to-tile=remarks -split-input-file -verify-diagnostics
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
    // expected-warning @+1 {{the mask is never true: no key is allowed and the output is 0}}
    attn.yield %c : i1
  }
  return
}
}

// -----

// Equal values of a sorted tensor lie side by side. What the other condition reads is not sorted along its last dimension.
module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// expected-note @+2 {{sorted: the ends of intervals are found in it by binary search}}
func.func @documents(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>,
                     %ids: memref<?xi32> {attnc.sorted}) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    captures(%ids : memref<?xi32>) outs("ME", %o : memref<?x64xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: memref<?xi32>):
    %x = memref.load %t[%i] : memref<?xi32>
    %y = memref.load %t[%j] : memref<?xi32>
    %c = arith.cmpi eq, %x, %y : i32
    // expected-remark @+1 {{mask: key blocks follow by binary search from 1 interval; empty blocks are not visited}}
    attn.yield %c : i1
  }
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func @columns(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>,
                   %ids: memref<?x8xi32> {attnc.sorted}) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    captures(%ids : memref<?x8xi32>) outs("ME", %o : memref<?x64xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: memref<?x8xi32>):
    %y = memref.load %t[%j, %h] : memref<?x8xi32>
    %zero = arith.constant 0 : i32
    // expected-note @+1 {{'arith.cmpi' is evaluated, block by block}}
    %c = arith.cmpi sle, %y, %zero : i32
    // expected-remark @+1 {{mask: not all conditions have a closed form; they are evaluated for each block of keys}}
    attn.yield %c : i1
  }
  return
}
}
