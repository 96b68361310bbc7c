// RUN: not attnc-opt %s --move-to-device --split-input-file 2>&1 | FileCheck %s

func.func @steer(%x: memref<?xindex>, %y: memref<?xindex>) {
  %c0 = arith.constant 0 : index
  memref.store %c0, %x[%c0] : memref<?xindex>
  // CHECK: [[#@LINE+1]]:{{.*}}error: {{.*}}a value read from a tensor cannot decide what the host does next
  %n = memref.load %x[%c0] : memref<?xindex>
  scf.forall (%i) in (%n) {
    memref.store %i, %y[%i] : memref<?xindex>
  }
  return
}

// -----

func.func @told(%e: index, %v: index, %x: index) {
  // CHECK: [[#@LINE+1]]:{{.*}}error: {{.*}}what an input names (pages of keys, by a table) cannot be tested before the first write
  tile.bad_index 2[%e] = %v of %x
  return
}
