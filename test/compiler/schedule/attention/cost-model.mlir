// Which form is chosen: a branch on M (17 queries leave most of a second vector idle), or none where M is known. The figures are those of CostModel.cpp.
// RUN: attnc-opt %s --choose-schedules --attention-to-tile --canonicalize | FileCheck %s
// RUN: attnc-opt %s --choose-schedules=remarks -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// CHECK-LABEL: func @any
// CHECK: %[[ABOVE:.*]] = arith.subi %[[M:.*]], %c1
// CHECK: %[[LOW:.*]] = arith.cmpi ule, %[[ABOVE]], %c13
// CHECK: arith.subi %[[M]], %c17
// CHECK: %[[HIGH:.*]] = arith.cmpi ule, %{{.*}}, %c10
// CHECK: arith.ori %[[LOW]], %[[HIGH]]
// CHECK: scf.if %{{.*}} {
// CHECK: dots
// CHECK: } else {
// CHECK: tile.softmax_step
// REMARK: remark: form: decode for 1 to 14, 17 to 27, 33 to 40, 49 to 53 queries of a head, transposed for other numbers; cycles for each key with 14 queries: transposed 142, decode 135, dots 186, rows 181
func.func @any(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>)
  return
}

// REMARK: remark: form: decode; cycles for each key with 1 queries: transposed 142, decode 10, dots 13,
// CHECK-LABEL: func @one
// CHECK-NOT: tile.softmax_step
// CHECK: dots
// CHECK-NOT: tile.softmax_step
func.func @one(%q: memref<1x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<1x64xf32>) {
  attn.attention q(%q "MD" : memref<1x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<1x64xf32>)
  return
}

// REMARK: remark: form: transposed; cycles for each key with 64 queries: transposed 568,
// CHECK-LABEL: func @many
// CHECK-NOT: dots
// CHECK: tile.softmax_step
// CHECK-NOT: dots
func.func @many(%q: memref<128x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<128x64xf32>) {
  attn.attention q(%q "MD" : memref<128x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<128x64xf32>)
  return
}
}
