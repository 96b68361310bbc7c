// RUN: attnc-opt %s --choose-schedules --contract-to-tile -split-input-file -verify-diagnostics

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func @f128(%x: memref<?x8xf128>, %w: memref<8x16xf128>, %y: memref<?x16xf128>) {
  // expected-error @+1 {{matrix products on 'f128' are not compiled yet; use f32}}
  attn.contract lhs(%x "mk" : memref<?x8xf128>) rhs(%w "kn" : memref<8x16xf128>) outs("mn", %y : memref<?x16xf128>)
  return
}
}
