// RUN: attnc-opt %s --attention-to-tile=form=transposed --canonicalize --cse | FileCheck %s
// What a register tile of Q K^T asks for: the first block of queries of an item for K and V, the others for the queries
// of the next item and the rows of O.

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// CHECK-LABEL: func @full
// CHECK-SAME: %[[Q:[^:]*]]: {{[^,]*}}, %[[K:[^:]*]]: {{[^,]*}}, %[[V:[^:]*]]: {{[^,]*}}, %[[O:[^:]*]]:
func.func @full(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  // CHECK: scf.forall
  // CHECK: %[[NEXT:.*]] = memref.subview %[[Q]][0, 0]
  // CHECK: tile.contract {{.*}} tail =  exact
  // CHECK: memref.subview %[[K]]
  // CHECK: %[[AHEAD:.*]] = arith.addi %{{.*}}, %c8
  // CHECK: %[[KEY:.*]] = arith.minsi %[[AHEAD]]
  // CHECK: memref.cast %[[NEXT]]
  // CHECK: %[[ROWS:.*]] = arith.select %[[FIRST:[^ ,]*]], {{.*}} : memref
  // CHECK: %[[ROW:.*]] = arith.select %[[FIRST]], %[[KEY]], %{{.*}} : index
  // CHECK-COUNT-4: memref.prefetch %[[ROWS]][%[[ROW]]
  // CHECK: memref.subview %[[V]]
  // CHECK: memref.cast
  // CHECK: %[[OTHERS:.*]] = arith.select %[[FIRST]], {{.*}} : memref
  // CHECK-COUNT-4: memref.prefetch %[[OTHERS]]
  // CHECK: tile.softmax_step
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>)
  return
}
}
