// RUN: attnc-opt %s --attention-to-tile -split-input-file -verify-diagnostics

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func @f16(%q: memref<?x64xf16>, %k: memref<?x64xf16>, %v: memref<?x64xf16>, %o: memref<?x64xf16>) {
  // expected-error @+1 {{attention on 'f16' is not compiled yet; use f32 for q, k, v and the output}}
  attn.attention q(%q "MD" : memref<?x64xf16>) k(%k "ND" : memref<?x64xf16>) v(%v "NE" : memref<?x64xf16>)
    outs("ME", %o : memref<?x64xf16>)
  return
}
}

// -----

// expected-error @+1 {{the module has no tile.target}}
module {
}
