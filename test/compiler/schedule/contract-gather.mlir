// RUN: attnc-opt %s --choose-schedules --contract-to-tile --canonicalize --cse | FileCheck %s

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// A convolution: positions are one row of columns, and c, k, l one sum, which panels gather; no tensor of patches is made.
// Each row of positions is copied by itself, with the sums counting on.
// CHECK-LABEL: func @convolution
// CHECK-SAME:    (%[[X:[a-z0-9]*]]: {{.*}}, %[[W:[a-z0-9]*]]: {{.*}}, %[[Y:[a-z0-9]*]]: memref<2x7x4x5xf32>)
// CHECK-NOT:   memref.alloc(
// CHECK-DAG:   %[[OUT:.*]] = memref.collapse_shape %[[Y]] {{\[\[}}0], [1], [2, 3]]
// CHECK-DAG:   %[[KERNEL:.*]] = memref.collapse_shape %[[W]] {{\[\[}}0], [1, 2, 3]]
// CHECK:       scf.forall (%[[ITEM:.*]]) in (2)
// CHECK:       %[[PANEL:.*]] = memref.alloca()
// CHECK:       scf.for %[[H:.*]] = %c0 to %c4
// CHECK:         scf.for %[[SUM:.*]] = %c0 to %c12 step %c1 iter_args(%[[C:.*]] = %c0, %[[K:.*]] = %c0, %[[L:.*]] = %c0)
// CHECK:           tile.map
// CHECK-NEXT:      ^bb0(%[[COLUMN:.*]]: index):
// CHECK:             %[[E:.*]] = memref.load %[[X]][%{{.*}}, %[[C]], %[[H]], %{{.*}}, %[[K]], %[[L]]]
// CHECK-NEXT:        memref.store %[[E]], %[[PANEL]][%[[SUM]], %[[COLUMN]]]
// CHECK:       tile.contract rows(%c0 to %c7) cols(%c0 count %c20) k(%c12)
// CHECK:         memref.store %{{.*}}, %[[OUT]]
func.func @convolution(%x: memref<2x3x4x5x2x2xf32, strided<[90, 30, 6, 1, 6, 1]>>, %w: memref<7x3x2x2xf32>, %y: memref<2x7x4x5xf32>) {
  attn.contract lhs(%x "nchwkl" : memref<2x3x4x5x2x2xf32, strided<[90, 30, 6, 1, 6, 1]>>) rhs(%w "ockl" : memref<7x3x2x2xf32>)
    outs("nohw", %y : memref<2x7x4x5xf32>)
  return
}

// Channels in the lanes: sums that do not lie side by side in lhs are copied, and rows merge then.
// CHECK-LABEL: func @channels_last
// CHECK:       %[[COPY:.*]] = memref.alloc() {{.*}} : memref<2x4x5x3x2x2xf32>
// CHECK:       linalg.generic
// CHECK:       memref.collapse_shape
// CHECK:       tile.contract rows(%c0 to %c40) cols(%c0 count %c7) k(%c12)
func.func @channels_last(%x: memref<2x3x4x5x2x2xf32, strided<[90, 30, 6, 1, 6, 1]>>, %w: memref<7x3x2x2xf32>, %y: memref<2x4x5x7xf32>) {
  attn.contract lhs(%x "nchwkl" : memref<2x3x4x5x2x2xf32, strided<[90, 30, 6, 1, 6, 1]>>) rhs(%w "ockl" : memref<7x3x2x2xf32>)
    outs("nhwo", %y : memref<2x4x5x7xf32>)
  return
}

// Rows merge although out has gaps between them: it is written row by row.
// CHECK-LABEL: func @gaps_in_out
// CHECK-SAME:    %[[Y:[a-z0-9]*]]: memref<?x?x64xf32, strided<[?, ?, 1], offset: ?>>)
// CHECK-DAG:   %[[S:.*]] = memref.dim %[[Y]], %c1
// CHECK:       memref.collapse_shape %{{.*}} {{\[\[}}0, 1], [2]]
// CHECK:       tile.contract
// CHECK:       ^bb0(%[[V:.*]]: f32, %[[ROW:.*]]: index, %[[COLUMN:.*]]: index, %{{.*}}: i1):
// CHECK-DAG:     %[[AT_S:.*]] = arith.remui %[[ROW]], %[[S]]
// CHECK-DAG:     %[[AT_B:.*]] = arith.divui %[[ROW]], %[[S]]
// CHECK:         memref.store %[[V]], %[[Y]][%[[AT_B]], %[[AT_S]], %[[COLUMN]]]
func.func @gaps_in_out(%x: memref<?x?x32xf32>, %w: memref<32x64xf32>, %y: memref<?x?x64xf32, strided<[?, ?, 1], offset: ?>>) {
  attn.contract lhs(%x "bsk" : memref<?x?x32xf32>) rhs(%w "kn" : memref<32x64xf32>)
    outs("bsn", %y : memref<?x?x64xf32, strided<[?, ?, 1], offset: ?>>)
  return
}

// Nothing merges where there are no elements: upstream does not know whether ? x 0 is 0 or ?.
// CHECK-LABEL: func @no_rows
// CHECK-NOT:   memref.collapse_shape
// CHECK:       return
func.func @no_rows(%x: memref<?x0x32xf32, strided<[?, ?, 1], offset: ?>>, %w: memref<32x64xf32>, %y: memref<?x0x64xf32, strided<[?, ?, 1], offset: ?>>) {
  attn.contract lhs(%x "bsk" : memref<?x0x32xf32, strided<[?, ?, 1], offset: ?>>) rhs(%w "kn" : memref<32x64xf32>)
    outs("bsn", %y : memref<?x0x64xf32, strided<[?, ?, 1], offset: ?>>)
  return
}

// Rows of 5 in an image with a border would be panels of 5 columns: the image is made without, and copied.
// CHECK-LABEL: func @border
// CHECK-SAME:    %[[Y:[a-z0-9]*]]: memref<2x7x4x5xf32, strided<[294, 42, 7, 1], offset: 8>>)
// CHECK:       %[[IMAGE:.*]] = memref.alloc() {{.*}} : memref<2x7x4x5xf32>
// CHECK:       %[[OUT:.*]] = memref.collapse_shape %[[IMAGE]] {{\[\[}}0], [1], [2, 3]]
// CHECK:       tile.contract rows(%c0 to %c7) cols(%c0 count %c20) k(%c64)
// CHECK:         memref.store %{{.*}}, %[[OUT]]
// CHECK:       linalg.generic {{.*}} ins(%[[IMAGE]] : memref<2x7x4x5xf32>) outs(%[[Y]]
func.func @border(%x: memref<2x64x4x5xf32>, %w: memref<7x64xf32>, %y: memref<2x7x4x5xf32, strided<[294, 42, 7, 1], offset: 8>>) {
  attn.contract lhs(%x "nkhw" : memref<2x64x4x5xf32>) rhs(%w "ok" : memref<7x64xf32>)
    outs("nohw", %y : memref<2x7x4x5xf32, strided<[294, 42, 7, 1], offset: 8>>)
  return
}

// Of few sums the copy would take longer.
// CHECK-LABEL: func @few_sums
// CHECK-NOT:   memref.alloc(
// CHECK:       tile.contract {{.*}} cols(%c0 count %c5) k(%c8)
func.func @few_sums(%x: memref<2x8x4x5xf32>, %w: memref<7x8xf32>, %y: memref<2x7x4x5xf32, strided<[294, 42, 7, 1], offset: 8>>) {
  attn.contract lhs(%x "nkhw" : memref<2x8x4x5xf32>) rhs(%w "ok" : memref<7x8xf32>)
    outs("nohw", %y : memref<2x7x4x5xf32, strided<[294, 42, 7, 1], offset: 8>>)
  return
}
}
