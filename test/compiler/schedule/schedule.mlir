// Forced block sizes; what is not forced is chosen around them.
// RUN: attnc-opt %s --choose-schedules="schedule=attention.form=transposed,attention.queries=32,attention.keys=128,attention.rows=8,attention.blocks=2,contract.columns=32,contract.rows=6,contract.row-block=64,contract.pack-row-block=256,contract.sum-chunk=128" --attention-to-tile --contract-to-tile --canonicalize --cse | FileCheck %s
// RUN: attnc-opt %s --choose-schedules="schedule=attention.form=transposed,attention.rows=8,contract.rows=12" --attention-to-tile --contract-to-tile --canonicalize --cse | FileCheck %s --check-prefix=AROUND
// RUN: %exits 1 attnc-opt %s --choose-schedules="schedule=attention.keys=48" 2>&1 | FileCheck %s --check-prefix=SIZE
// RUN: %exits 1 attnc-opt %s --choose-schedules="schedule=contract.columns=64,contract.rows=8" 2>&1 | FileCheck %s --check-prefix=REGISTERS
// SIZE: error: the schedule of this attn.attention: attention.keys=48 is not possible on this target: it is one of 16, 32, 64, 128, 256
// REGISTERS: error: the schedule of this attn.contract: contract.rows=8 with contract.columns=64 needs more than the target's 32 vector registers: it is one of 1, 2, 3, 4, 5, 6

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// CHECK-LABEL: func @attention
// CHECK: memref.alloca() {{.*}} : memref<2x64x32xf32>
// CHECK: memref.alloca() {{.*}} : memref<128x32xf32>
// CHECK: scf.for {{.*}} step %c128
// CHECK: {tile_rows = 8 : i64}
// 8 rows leave registers for three vectors of queries: 8 * 3 + 3 + 1 <= 32.
// AROUND-LABEL: func @attention
// AROUND: memref.alloca() {{.*}} : memref<{{[0-9]}}x64x48xf32>
func.func @attention(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>)
  return
}

// CHECK-LABEL: func @contract
// CHECK: arith.ceildivsi %{{.*}}, %c256
// CHECK: memref.alloca() {{.*}} : memref<128x32xf32>
// CHECK: {tile_rows = 6 : i64}
// AROUND-LABEL: func @contract
// AROUND: memref.alloca() {{.*}} : memref<256x32xf32>
// AROUND: {tile_rows = 12 : i64}
func.func @contract(%x: memref<?x?xf32>, %y: memref<?x64xf32>, %z: memref<?x64xf32>) {
  attn.contract lhs(%x "mk" : memref<?x?xf32>) rhs(%y "kn" : memref<?x64xf32>) outs("mn", %z : memref<?x64xf32>)
  return
}
}
