// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=transposed --attention-to-tile --canonicalize --cse | FileCheck %s
// What a register tile of Q K^T asks for: the first block of queries of an item for K and V, the others for the queries
// of the next item and the rows of O.

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// CHECK-LABEL: func @full
// CHECK-SAME: %[[Q:[^:]*]]: {{[^,]*}}, %[[K:[^:]*]]: {{[^,]*}}, %[[V:[^:]*]]: {{[^,]*}}, %[[O:[^:]*]]:
func.func @full(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  // CHECK: scf.forall
  // CHECK: %[[NEXT:.*]] = memref.subview %[[Q]][0, 0]
  // First where one vector of queries meets keys alone, then where all do.
  // CHECK: tile.contract {{.*}} tail =  clamp
  // CHECK: prefetch {
  // CHECK: tile.yield
  // CHECK: memref.subview %[[K]]
  // CHECK: %[[AHEAD:.*]] = arith.addi %{{.*}}, %c8
  // CHECK: %[[LASTKEY:.*]] = arith.subi %{{.*}}, %c1
  // CHECK: memref.cast %[[NEXT]]
  // CHECK: %[[ROWS:.*]] = arith.select %[[ISFIRST:[^ ,]*]], {{.*}} : memref
  // CHECK: %[[FIRST:.*]] = arith.select %[[ISFIRST]], %[[AHEAD]], %{{.*}} : index
  // CHECK: %[[LAST:.*]] = arith.select %[[ISFIRST]], %[[LASTKEY]], %{{.*}} : index
  // CHECK: memref.subview %[[V]]
  // CHECK: %[[OTHERS:.*]] = arith.select %[[ISFIRST]], {{.*}} : memref
  // CHECK: tile.contract {{.*}} tail =  exact epilogue {
  // CHECK: tile.softmax_step
  // CHECK: } prefetch {
  // CHECK: ^bb0(%[[R:.*]]: index):
  // CHECK: %[[AT:.*]] = arith.addi %[[FIRST]], %[[R]]
  // CHECK: %[[ROW:.*]] = arith.minsi %[[AT]], %[[LAST]]
  // CHECK-COUNT-4: memref.prefetch %[[ROWS]][%[[ROW]]
  // CHECK-COUNT-4: memref.prefetch %[[OTHERS]]
  // CHECK: tile.yield
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>)
  return
}
}
