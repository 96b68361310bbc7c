// RUN: attnc-opt --plan-workspace --canonicalize --cse --split-input-file %s | FileCheck %s

// %a is dead when %c is first used, and both are 16 * n bytes: they share a slot. %b is alive in between.
// CHECK-LABEL: func.func @reuse
// CHECK-SAME:    (%[[X:.*]]: memref<?x4xf32>, %[[OUT:.*]]: memref<?x4xf32>, %[[W:.*]]: memref<?xi8> {attnc.workspace})
// CHECK-DAG:     %[[N:.*]] = memref.dim %[[X]], %c0
// CHECK-DAG:     %[[BYTES:.*]] = arith.muli %[[N]], %c16
// CHECK-DAG:     %[[MORE:.*]] = arith.addi %[[BYTES]], %c63
// CHECK-DAG:     %[[SIZE:.*]] = arith.andi %[[MORE]], %c-64
// CHECK:         %[[A:.*]] = memref.view %[[W]][%c0][%[[N]]] : memref<?xi8> to memref<?x4xf32>
// CHECK:         linalg.exp ins(%[[X]] {{.*}} outs(%[[A]]
// CHECK:         %[[B:.*]] = memref.view %[[W]][%[[SIZE]]][%[[N]]] : memref<?xi8> to memref<?x4xf32>
// CHECK:         linalg.exp ins(%[[A]] {{.*}} outs(%[[B]]
// CHECK:         linalg.exp ins(%[[B]] {{.*}} outs(%[[A]]
// CHECK:         linalg.exp ins(%[[A]] {{.*}} outs(%[[OUT]]
// CHECK-NOT:     dealloc
// CHECK-LABEL: func.func private @reuse__plan
// CHECK-SAME:    (%[[PX:.*]]: memref<?x4xf32>) -> (index, index, index)
// CHECK-DAG:     %[[PN:.*]] = memref.dim %[[PX]], %c0
// CHECK-DAG:     %[[PBYTES:.*]] = arith.muli %[[PN]], %c16
// CHECK-DAG:     %[[PMORE:.*]] = arith.addi %[[PBYTES]], %c63
// CHECK-DAG:     %[[PSIZE:.*]] = arith.andi %[[PMORE]], %c-64
// CHECK-DAG:     %[[TOTAL:.*]] = arith.addi %[[PSIZE]], %[[PSIZE]]
// CHECK:         %[[WORKSPACE:.*]] = arith.select %{{.*}}, %[[TOTAL]], %c-1
// CHECK:         return %[[PN]], %c4, %[[WORKSPACE]]
func.func @reuse(%x: memref<?x4xf32>, %out: memref<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x4xf32>
  %a = memref.alloc(%n) {alignment = 64 : i64} : memref<?x4xf32>
  %b = memref.alloc(%n) {alignment = 64 : i64} : memref<?x4xf32>
  %c = memref.alloc(%n) {alignment = 64 : i64} : memref<?x4xf32>
  linalg.exp ins(%x : memref<?x4xf32>) outs(%a : memref<?x4xf32>)
  linalg.exp ins(%a : memref<?x4xf32>) outs(%b : memref<?x4xf32>)
  linalg.exp ins(%b : memref<?x4xf32>) outs(%c : memref<?x4xf32>)
  linalg.exp ins(%c : memref<?x4xf32>) outs(%out : memref<?x4xf32>)
  memref.dealloc %a : memref<?x4xf32>
  return
}
func.func private @reuse__plan(%x: memref<?x4xf32>) -> (index, index) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %n = memref.dim %x, %c0 : memref<?x4xf32>
  return %n, %c4 : index, index
}

// -----

// Static buffers: a slot grows to its largest occupant; sizes are rounded up to cache lines. A view keeps its buffer
// alive, so %b cannot share with %a.
// CHECK-LABEL: func.func @static
// CHECK-DAG:     %[[A:.*]] = memref.view %{{.*}}[%c0][] : memref<?xi8> to memref<4x4xf32>
// CHECK-DAG:     memref.view %{{.*}}[%c192][] : memref<?xi8> to memref<3xi1>
// CHECK-DAG:     memref.view %{{.*}}[%c0][] : memref<?xi8> to memref<33xf32>
// CHECK:         return
// CHECK-LABEL: func.func private @static__plan
// CHECK:         return %c256 : index
func.func @static(%x: memref<4x4xf32>, %o: memref<33xf32>) {
  %true = arith.constant true
  %a = memref.alloc() : memref<4x4xf32>
  %v = memref.collapse_shape %a [[0, 1]] : memref<4x4xf32> into memref<16xf32>
  %b = memref.alloc() : memref<3xi1>
  %c = memref.alloc() : memref<33xf32>
  linalg.exp ins(%x : memref<4x4xf32>) outs(%a : memref<4x4xf32>)
  linalg.fill ins(%true : i1) outs(%b : memref<3xi1>)
  linalg.exp ins(%v : memref<16xf32>) outs(%v : memref<16xf32>)
  linalg.exp ins(%o : memref<33xf32>) outs(%c : memref<33xf32>)
  linalg.exp ins(%c : memref<33xf32>) outs(%o : memref<33xf32>)
  return
}
func.func private @static__plan(%x: memref<4x4xf32>) {
  return
}

// -----

// Different extents cannot be compared; equal symbols can. The extent of an output is a result of the plan.
// CHECK-LABEL: func.func @symbols
// CHECK-COUNT-2: memref.view
// CHECK-LABEL: func.func private @symbols__plan
// CHECK-SAME:    (%[[X:.*]]: memref<?xf32> {{.*}}, %[[Y:.*]]: memref<?xf32>
// CHECK:         %[[M:.*]] = memref.dim %[[Y]]
// CHECK:         arith.muli %[[M]], %c8
func.func @symbols(%x: memref<?xf32> {attnc.dims = ["N"]}, %y: memref<?xf32> {attnc.dims = ["M"]}, %o: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %o, %c0 : memref<?xf32>
  %m = memref.dim %y, %c0 : memref<?xf32>
  %a = memref.alloc(%n) : memref<?xf32>
  %b = memref.alloc(%m) : memref<?xf64>
  linalg.exp ins(%o : memref<?xf32>) outs(%a : memref<?xf32>)
  linalg.exp ins(%b : memref<?xf64>) outs(%b : memref<?xf64>)
  return
}
func.func private @symbols__plan(%x: memref<?xf32> {attnc.dims = ["N"]}, %y: memref<?xf32> {attnc.dims = ["M"]}) -> index {
  %c0 = arith.constant 0 : index
  %m = memref.dim %y, %c0 : memref<?xf32>
  return %m : index
}

// -----

// Nothing to place: the argument is there all the same. Scratch of a parallel body is the body's own.
// CHECK-LABEL: func.func @none(%{{.*}}: memref<4xf32>, %{{.*}}: memref<?xi8> {attnc.workspace})
// CHECK:         memref.alloc()
// CHECK-LABEL: func.func private @none__plan(%{{.*}}: memref<4xf32>) -> index
// CHECK:         return %c0 : index
func.func @none(%x: memref<4xf32>) {
  scf.forall (%i) in (4) {
    %a = memref.alloc() : memref<4xf32>
    linalg.exp ins(%x : memref<4xf32>) outs(%a : memref<4xf32>)
  }
  return
}
func.func private @none__plan(%x: memref<4xf32>) {
  return
}

// -----

// What the header states: a constant, or the symbols it grows with, and what each part is for. The scratch of a parallel
// body is on stacks.
// CHECK: attnc.entries = [{{.*}}name = "fixed"{{.*}}workspace = {bytes = 128 : i64, plan = ["peak: 128 bytes, each part rounded up to 64", "128: plan-workspace.mlir:[[#]]"], stack = 64 : i64}
// CHECK-SAME: name = "grows"{{.*}}workspace = {grows = ["M", "N"], plan = ["peak: 4 * M * N bytes, each part rounded up to 64", "4 * M * N: plan-workspace.mlir:[[#]]"], stack = 0 : i64}
module attributes {attnc.entries = [{name = "fixed", doc = "", inputs = [], outputs = []},
                                    {name = "grows", doc = "", inputs = [], outputs = []}]} {
  func.func @fixed(%x: memref<?xf32> {attnc.dims = ["N"]}) {
    %a = memref.alloc() : memref<20xf32>
    linalg.exp ins(%a : memref<20xf32>) outs(%a : memref<20xf32>)
    scf.forall (%i) in (4) {
      %s = memref.alloca() : memref<3x2xf32>
      linalg.exp ins(%s : memref<3x2xf32>) outs(%s : memref<3x2xf32>)
    }
    return
  }
  func.func private @fixed__plan(%x: memref<?xf32> {attnc.dims = ["N"]}) {
    return
  }
  func.func @grows(%x: memref<?x?xf32> {attnc.dims = ["M", "N"]}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %m = memref.dim %x, %c0 : memref<?x?xf32>
    %n = memref.dim %x, %c1 : memref<?x?xf32>
    %a = memref.alloc(%m, %n) : memref<?x?xf32>
    linalg.exp ins(%x : memref<?x?xf32>) outs(%a : memref<?x?xf32>)
    return
  }
  func.func private @grows__plan(%x: memref<?x?xf32> {attnc.dims = ["M", "N"]}) {
    return
  }
}

// -----

// One of two buffers: both live as long as what is chosen is used, and no longer. %c takes the place of %a.
// CHECK-LABEL: func.func @either
// CHECK:         %[[A:.*]] = memref.view %{{.*}}[%c0][] : memref<?xi8> to memref<16xf32>
// CHECK:         memref.prefetch
// CHECK:         linalg.exp ins(%{{.*}}) outs(%[[A]]
func.func @either(%x: memref<16xf32>, %which: i1, %o: memref<16xf32>) {
  %c0 = arith.constant 0 : index
  %a = memref.alloc() {alignment = 64 : i64} : memref<16xf32>
  %b = memref.alloc() {alignment = 64 : i64} : memref<16xf32>
  %c = memref.alloc() {alignment = 64 : i64} : memref<16xf32>
  linalg.exp ins(%x : memref<16xf32>) outs(%a : memref<16xf32>)
  linalg.exp ins(%a : memref<16xf32>) outs(%b : memref<16xf32>)
  %one = arith.select %which, %a, %b : memref<16xf32>
  memref.prefetch %one[%c0], read, locality<2>, data : memref<16xf32>
  linalg.exp ins(%x : memref<16xf32>) outs(%c : memref<16xf32>)
  linalg.exp ins(%c : memref<16xf32>) outs(%o : memref<16xf32>)
  return
}
func.func private @either__plan(%x: memref<16xf32>) {
  return
}

// -----

// A layer has a workspace of its own, which its caller takes from its own for each call: of calls with equal extents the
// same bytes. The plan counts them once; what does not fit into 63 bits does not fit there either.
// CHECK:         plan = ["peak: 32 * N bytes, each part rounded up to 64", "16 * N: 2 calls of layer", "  16 * N: plan-workspace.mlir:[[#]]", "16 * N: plan-workspace.mlir:[[#]]"]
// CHECK-LABEL: func.func @model
// CHECK-SAME:    (%[[X:[a-z0-9]*]]: memref<?x4xf32>{{.*}}, %[[OUT:[a-z0-9]*]]: memref<?x4xf32>, %[[W:[a-z0-9]*]]: memref<?xi8> {attnc.workspace})
// CHECK:         %[[BYTES:.*]] = arith.select %{{.*}}, %{{.*}}, %c9223372036854775807
// CHECK:         %[[PART:.*]] = memref.view %[[W]][%[[AT:.*]]][%[[BYTES]]] : memref<?xi8> to memref<?xi8>
// CHECK:         call @layer(%[[X]], %[[Y:.*]], %[[PART]])
// CHECK-NEXT:    call @layer(%[[Y]], %[[OUT]], %[[PART]])
// CHECK-LABEL: func.func private @model__plan
// CHECK:         %[[LAYER:.*]] = arith.select %{{.*}}, %{{.*}}, %c9223372036854775807
// CHECK:         arith.select %{{.*}}, %{{.*}}, %c-1
// CHECK-LABEL: func.func private @layer
// CHECK-SAME:    %[[LW:[a-z0-9]*]]: memref<?xi8> {attnc.workspace}) {
// CHECK:         memref.view %[[LW]][%c0][%{{.*}}] : memref<?xi8> to memref<?x4xf32>
module attributes {attnc.entries = [{name = "model", doc = "", inputs = [], outputs = []}]} {
func.func @model(%x: memref<?x4xf32> {attnc.dims = ["N", "4"]}, %out: memref<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x4xf32>
  %a = memref.alloc(%n) {alignment = 64 : i64} : memref<?x4xf32>
  call @layer(%x, %a) : (memref<?x4xf32>, memref<?x4xf32>) -> ()
  call @layer(%a, %out) : (memref<?x4xf32>, memref<?x4xf32>) -> ()
  return
}
func.func private @model__plan(%x: memref<?x4xf32> {attnc.dims = ["N", "4"]}) -> (index, index) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %n = memref.dim %x, %c0 : memref<?x4xf32>
  return %n, %c4 : index, index
}
func.func private @layer(%x: memref<?x4xf32> {attnc.dims = ["N", "4"]}, %out: memref<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x4xf32>
  %a = memref.alloc(%n) {alignment = 64 : i64} : memref<?x4xf32>
  linalg.exp ins(%x : memref<?x4xf32>) outs(%a : memref<?x4xf32>)
  linalg.exp ins(%a : memref<?x4xf32>) outs(%out : memref<?x4xf32>)
  return
}
}
