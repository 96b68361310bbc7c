// RUN: attnc-opt %s --attention-to-tile -split-input-file -verify-diagnostics

// expected-error @+1 {{the module has no tile.target}}
module {
}

// -----

// Lowering chooses nothing.
module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func @open(%x: memref<?x64xf32>) {
  // expected-error @+1 {{the schedule of this attn.attention: it is not complete; choose-schedules chooses what is left open}}
  attn.attention {schedule = #attn.attention_schedule<form = rows, keys = 32>} q(%x "MD" : memref<?x64xf32>) k(%x "ND" : memref<?x64xf32>)
    v(%x "NE" : memref<?x64xf32>) outs("ME", %x : memref<?x64xf32>)
  return
}
}

// -----

// A table that is computed names pages that no caller could be told of.
module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func private @layer(%x: memref<?x64xf32>, %k: memref<?x16x64xf32>, %t: memref<?xi32>) {
  // expected-error @+1 {{a table of pages must be an input of the program}}
  attn.attention {schedule = #attn.attention_schedule<form = rows, queries = 64, keys = 32, rows = 4, blocks = 4>} q(%x "MD" : memref<?x64xf32>)
    k(%k "XPD" : memref<?x16x64xf32> by %t "T" : memref<?xi32>) v(%k "XPE" : memref<?x16x64xf32> by %t "T" : memref<?xi32>) outs("ME", %x : memref<?x64xf32>)
  return
}
}
