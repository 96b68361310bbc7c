// RUN: attnc-opt %s --floats-as-bits=target=x86-64-v2 | FileCheck %s

// Code holds bf16 as bits where the target has no such floats; what the weights of a model are does not depend on that.
// CHECK: weights.data @w "w.bin" at 0 : tensor<4x4xbf16>
weights.data @w "w.bin" at 0 : tensor<4x4xbf16>
// CHECK: weights.cast @w.wide of @w : tensor<4x4xf32>
weights.cast @w.wide of @w : tensor<4x4xf32>
// CHECK: llvm.func @f(%{{.*}}: i16)
llvm.func @f(%x: bf16) {
  llvm.return
}
