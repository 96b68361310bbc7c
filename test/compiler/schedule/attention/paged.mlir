// Keys and values in pages: the table is tested before the first item, rows are staged page by page.
// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=transposed --attention-to-tile --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,LANES
// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=dots --attention-to-tile --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,DOTS

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// CHECK-LABEL: func @padded
// CHECK-SAME: %[[Q:.*]]: memref<?x?x2x64xf32>, %[[K:.*]]: memref<?x2x16x64xf32>, %[[T:[a-z0-9]*]]: memref<?x?xi32>, %[[V:.*]]: memref<?x2x16x64xf32>, %[[LENGTHS:.*]]: memref<?xi32>
func.func @padded(%q: memref<?x?x2x64xf32>, %k: memref<?x2x16x64xf32>, %t: memref<?x?xi32>, %v: memref<?x2x16x64xf32>, %lengths: memref<?xi32>, %o: memref<?x?x2x64xf32>) {
  // CHECK-DAG: %[[PAGES:.*]] = memref.dim %[[K]], %c0
  // The first element, of those for the keys below the length, that is no page. Heads do not matter to the mask.
  // CHECK: %[[BAD:.*]] = scf.for %[[B:.*]] = %c0 to %{{.*}} step %c1 iter_args(%{{.*}} = %c-1)
  // CHECK: memref.load %[[LENGTHS]][%[[B]]]
  // CHECK: scf.for %[[P:.*]] = %{{.*}} to %{{.*}} step %c1 iter_args
  // CHECK: %[[PAGE:.*]] = memref.load %[[T]][%[[B]], %[[P]]]
  // CHECK: arith.cmpi uge, %{{.*}}, %[[PAGES]] : index
  // CHECK: %[[EXIST:.*]] = arith.cmpi slt, %[[BAD]], %c0
  // CHECK: scf.if %[[EXIST]] {
  // CHECK-NEXT: } else {
  // CHECK: tile.bad_index 2[%[[BAD]]] = %{{.*}} of %[[PAGES]]
  // Else there are no items.
  // CHECK: %[[ITEMS:.*]] = arith.select %[[EXIST]], %{{.*}}, %c0
  // CHECK: scf.forall (%{{.*}}) in (%[[ITEMS]])
  // LANES-DAG: %[[SK:.*]] = memref.alloca() {{.*}} : memref<64x64xf32>
  // Of an item, the pages of the keys that the mask leaves to it; a table is not read beside them.
  // CHECK: %[[FIRST:.*]] = arith.divui %{{.*}}, %c16
  // CHECK: %[[LAST:.*]] = arith.divui %{{.*}}, %c16
  // CHECK: scf.for %[[NUMBER:.*]] = %{{.*}} to %{{.*}} step %c1 {
  // CHECK: %[[LOW:.*]] = arith.minsi %[[NUMBER]], %[[LAST]]
  // CHECK: %[[AT:.*]] = arith.maxsi %[[FIRST]], %[[LOW]]
  // CHECK: memref.load %[[T]][%{{.*}}, %[[AT]]]
  // CHECK: %[[ROWS:.*]] = memref.subview %[[K]][%{{.*}}, %{{.*}}, 0, 0] [1, 1, 16, 64]
  // CHECK: scf.for
  // CHECK: tile.map
  // CHECK: memref.load %[[ROWS]]
  // LANES: tile.contract {{.*}} lhs(%{{.*}} : memref<?x64xf32, strided<[64, 1]
  // DOTS: {dots}
  attn.attention q(%q "BMHD" : memref<?x?x2x64xf32>) k(%k "XGPD" : memref<?x2x16x64xf32> by %t "BT" : memref<?x?xi32>)
    v(%v "XGPE" : memref<?x2x16x64xf32> by %t "BT" : memref<?x?xi32>) captures(%lengths : memref<?xi32>)
    outs("BMHE", %o : memref<?x?x2x64xf32>) mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %l: memref<?xi32>):
      %0 = memref.load %l[%b] : memref<?xi32>
      %1 = arith.index_cast %0 : i32 to index
      %2 = arith.cmpi slt, %j, %1 : index
      attn.yield %2 : i1
    }
  return
}
}
