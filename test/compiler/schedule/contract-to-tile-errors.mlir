// RUN: attnc-opt %s --choose-schedules --contract-to-tile -split-input-file -verify-diagnostics

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func @f128(%x: memref<?x8xf128>, %w: memref<8x16xf128>, %y: memref<?x16xf128>) {
  // expected-error @+1 {{matrix products on 'f128' are not compiled yet; use f32}}
  attn.contract lhs(%x "mk" : memref<?x8xf128>) rhs(%w "kn" : memref<8x16xf128>) outs("mn", %y : memref<?x16xf128>)
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func @apart(%x: memref<?x8x4xf32>, %w: memref<4x8x16xf32>, %y: memref<?x16xf32>) {
  // expected-error @+1 {{the summed dimensions "kl" do not lie side by side in both operands; such a contraction is not compiled yet}}
  attn.contract lhs(%x "mkl" : memref<?x8x4xf32>) rhs(%w "lkn" : memref<4x8x16xf32>) outs("mn", %y : memref<?x16xf32>)
  return
}
}
