// RUN: attnc-opt --plan-workspace --split-input-file --verify-diagnostics %s

// expected-error @below {{has no plan to tell callers the size of its workspace; run split-plan first}}
func.func @no_plan() {
  return
}

// -----

func.func @data(%x: memref<index>) {
  // expected-error @below {{the size of a temporary of 'data' does not follow from the extents of its inputs}}
  %n = memref.load %x[] : memref<index>
  %a = memref.alloc(%n) : memref<?xf32>
  linalg.exp ins(%a : memref<?xf32>) outs(%a : memref<?xf32>)
  return
}
func.func private @data__plan(%x: memref<index>) {
  return
}

// -----

func.func @nested(%x: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %c1 step %c1 {
    // expected-error @below {{a temporary is made inside a loop or branch; only those of the outermost block can be planned}}
    %a = memref.alloc() : memref<4xf32>
    linalg.exp ins(%x : memref<4xf32>) outs(%a : memref<4xf32>)
  }
  return
}
func.func private @nested__plan(%x: memref<4xf32>) {
  return
}

// -----

func.func @huge(%x: memref<4xf32>) {
  // expected-error @below {{a temporary of this size does not fit into memory}}
  %a = memref.alloc() : memref<4000000000x4000000000x4xf32>
  linalg.exp ins(%a : memref<4000000000x4000000000x4xf32>) outs(%a : memref<4000000000x4000000000x4xf32>)
  return
}
func.func private @huge__plan(%x: memref<4xf32>) {
  return
}
