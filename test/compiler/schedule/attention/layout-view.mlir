// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=dots --attention-to-tile --canonicalize --cse | FileCheck %s
// A view keeps the features and not another dimension of extent 1: its stride is 1.
module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// CHECK-LABEL: func @one_feature
// CHECK: tile.contract {{.*}} rhs(%{{.*}} : memref<1x16xf32, strided<[1, ?], offset: ?>>)
func.func @one_feature(%q: memref<?x2x1xf32>, %k: memref<?x2x1xf32, strided<[?, ?, 1], offset: ?>>, %o: memref<?x2x1xf32>) {
  attn.attention q(%q "MHD" : memref<?x2x1xf32>) k(%k "NGD" : memref<?x2x1xf32, strided<[?, ?, 1], offset: ?>>)
    v(%k "NGE" : memref<?x2x1xf32, strided<[?, ?, 1], offset: ?>>) outs("MHE", %o : memref<?x2x1xf32>)
  return
}
}
