// RUN: attnc-opt %s --choose-schedules -split-input-file -verify-diagnostics

#target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>
module attributes {tile.target = #target} {
func.func @size(%x: memref<?x64xf32>) {
  // expected-error @+1 {{the schedule of this attn.attention: attention.keys=48 is not possible on this target: it is one of 16, 32, 64, 128, 256}}
  attn.attention {schedule = #attn.attention_schedule<keys = 48>} q(%x "MD" : memref<?x64xf32>) k(%x "ND" : memref<?x64xf32>)
    v(%x "NE" : memref<?x64xf32>) outs("ME", %x : memref<?x64xf32>)
  return
}
}

// -----

#target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>
module attributes {tile.target = #target} {
func.func @registers(%x: memref<?x64xf32>) {
  // expected-error @+1 {{the schedule of this attn.contract: contract.rows=8 with contract.columns=64 needs more than the target's 32 vector registers: it is one of 1, 2, 3, 4, 5, 6}}
  attn.contract {schedule = #attn.contract_schedule<columns = 64, rows = 8>} lhs(%x "mk" : memref<?x64xf32>) rhs(%x "kn" : memref<?x64xf32>)
    outs("mn", %x : memref<?x64xf32>)
  return
}
}

// -----

#target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>
module attributes {tile.target = #target} {
func.func @form(%x: memref<?x64xf32>) {
  // expected-error @+1 {{the schedule of this attn.attention: there is no form 'sideways'; it is one of transposed, decode, dots, rows, unfused}}
  attn.attention {schedule = #attn.attention_schedule<form = sideways>} q(%x "MD" : memref<?x64xf32>) k(%x "ND" : memref<?x64xf32>)
    v(%x "NE" : memref<?x64xf32>) outs("ME", %x : memref<?x64xf32>)
  return
}
}

// -----

#target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576, dots = [#tile.encoding<2 x bf16>]>
module attributes {tile.target = #target} {
func.func @pairs(%x: memref<?x64xf32>) {
  // expected-error @+1 {{the schedule of this attn.attention: the form 'pairs' needs q, k and v of bf16 with an even number of neighbouring features, no lse, no query or key region, an even number of rows, and a target with dot products of bf16; here it is one of transposed, decode, dots, rows, unfused}}
  attn.attention {schedule = #attn.attention_schedule<form = transposed, few = pairs, few_queries = [1 to 2]>} q(%x "MD" : memref<?x64xf32>)
    k(%x "ND" : memref<?x64xf32>) v(%x "NE" : memref<?x64xf32>) outs("ME", %x : memref<?x64xf32>)
  return
}
}

// -----

#target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>
module attributes {tile.target = #target} {
func.func @wide(%x: memref<?x65537xf32>) {
  // expected-error @+1 {{heads of 65537 features are not compiled; the limit is 65536}}
  attn.attention q(%x "MD" : memref<?x65537xf32>) k(%x "ND" : memref<?x65537xf32>) v(%x "NE" : memref<?x65537xf32>)
    outs("ME", %x : memref<?x65537xf32>)
  return
}
}
