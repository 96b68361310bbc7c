// RUN: attnc-opt --allow-unregistered-dialect --pass-pipeline="builtin.module(func.func(spill-scratch))" --split-input-file %s | FileCheck %s

// 1 MB does not fit the stack that is left: it comes out of memory for up to 64 slots. What is small stays.
// CHECK-LABEL: func.func @large
// CHECK:         %[[ALL:.*]] = memref.alloc() {alignment = 64 : i64} : memref<67108864xi8>
// CHECK:         %[[SLOTS:.*]] = arith.minsi %arg0, %c64
// CHECK:         scf.forall (%[[SLOT:.*]]) in (%[[SLOTS]])
// CHECK:           %[[AT:.*]] = arith.muli %[[SLOT]], %c1048576
// CHECK:           memref.view %[[ALL]][%[[AT]]][] : memref<67108864xi8> to memref<16384x16xf32>
// CHECK:           scf.for %[[ITEM:.*]] = %[[SLOT]] to %arg0 step %[[SLOTS]]
// CHECK:             memref.alloca() : memref<16xf32>
// CHECK-NOT:         memref.alloca
// CHECK:             "test.use"(%[[ITEM]],
func.func @large(%items: index) {
  scf.forall (%item) in (%items) {
    %q = memref.alloca() : memref<16384x16xf32>
    %m = memref.alloca() : memref<16xf32>
    "test.use"(%item, %q, %m) : (index, memref<16384x16xf32>, memref<16xf32>) -> ()
  }
  return
}

// -----

// CHECK-LABEL: func.func @fits
// CHECK-NOT:     memref.alloc(
// CHECK:         memref.alloca() : memref<1024x64xf32>
func.func @fits(%items: index) {
  scf.forall (%item) in (%items) {
    %q = memref.alloca() : memref<1024x64xf32>
    "test.use"(%item, %q) : (index, memref<1024x64xf32>) -> ()
  }
  return
}
