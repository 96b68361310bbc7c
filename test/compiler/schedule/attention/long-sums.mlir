// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=transposed --attention-to-tile --canonicalize --cse -split-input-file | FileCheck %s
// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=rows --attention-to-tile --canonicalize --cse -split-input-file | FileCheck %s
// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=unfused --attention-to-tile --canonicalize --cse -split-input-file | FileCheck %s
// O is carried to totals after 1024 keys: where there are never more, no code and no memory is for that.

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// The last visited epoch of keys is the only integer of 64 bits in memory.
// CHECK-LABEL: func @one_epoch
// CHECK-NOT: memref<1xi64>
// CHECK-LABEL: func @two_epochs
// CHECK: memref.alloca() {{.*}} : memref<1xi64>
// CHECK: arith.divui %{{.*}}, %c1024
// CHECK-LABEL: func @any_number
// CHECK: memref.alloca() {{.*}} : memref<1xi64>
// CHECK: arith.cmpi sgt, %{{.*}}, %c1024
// CHECK: arith.divui %{{.*}}, %c1024
func.func @one_epoch(%q: memref<?x64xf32>, %k: memref<1024x64xf32>, %v: memref<1024x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<1024x64xf32>) v(%v "NE" : memref<1024x64xf32>)
    outs("ME", %o : memref<?x64xf32>)
  return
}

func.func @two_epochs(%q: memref<?x64xf32>, %k: memref<1025x64xf32>, %v: memref<1025x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<1025x64xf32>) v(%v "NE" : memref<1025x64xf32>)
    outs("ME", %o : memref<?x64xf32>)
  return
}

func.func @any_number(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>)
  return
}
}
