// RUN: attnc-opt %s --attention-to-tile -split-input-file -verify-diagnostics

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func @f64(%q: memref<?x64xf64>, %k: memref<?x64xf64>, %v: memref<?x64xf64>, %o: memref<?x64xf64>) {
  // expected-error @+1 {{attention on f64 is not compiled yet; use f32, f16 or bf16 for q, k, v and the output}}
  attn.attention q(%q "MD" : memref<?x64xf64>) k(%k "ND" : memref<?x64xf64>) v(%v "NE" : memref<?x64xf64>)
    outs("ME", %o : memref<?x64xf64>)
  return
}
}

// -----

// expected-error @+1 {{the module has no tile.target}}
module {
}
