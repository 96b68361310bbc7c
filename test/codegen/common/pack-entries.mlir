// RUN: attnc-opt %s --outline-parallel --convert-scf-to-cf --finalize-memref-to-llvm --convert-func-to-llvm \
// RUN:   --convert-cf-to-llvm --convert-arith-to-llvm --reconcile-unrealized-casts --pack-entries | FileCheck %s
// F__run reads descriptor fields from an array of pointers; a launcher hands its captures to the runtime in a struct.

// CHECK: llvm.func @attnc_rt_parallel_for(!llvm.ptr, i64, !llvm.ptr, !llvm.ptr)
// CHECK: llvm.func internal @f__parallel__launch
// CHECK: %[[DATA:.*]] = llvm.alloca
// CHECK: %[[THUNK:.*]] = llvm.mlir.addressof @f__parallel__thunk
// CHECK: llvm.call @attnc_rt_parallel_for(%{{.*}}, %{{.*}}, %[[THUNK]], %[[DATA]])
func.func @f(%x: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = memref.dim %x, %c0 : memref<?xf32>
  scf.forall (%i) in (%n) {
    memref.store %zero, %x[%i] : memref<?xf32>
  }
  return
}
// CHECK: llvm.func internal @f__plan__body
func.func private @f__plan(%x: memref<?xf32>) -> (index, index) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  return %n, %c0 : index, index
}
// CHECK: llvm.func internal @f__parallel__thunk(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
// CHECK: llvm.func @f__run(%[[ARGS:.*]]: !llvm.ptr)
// CHECK: llvm.getelementptr %[[ARGS]][0]
// CHECK: llvm.call @f(
// CHECK: llvm.func @f__plan(%{{.*}}: !llvm.ptr)
// CHECK: llvm.call @f__plan__body(
// CHECK: llvm.extractvalue %{{.*}}[0]
// CHECK: llvm.store
// CHECK: llvm.extractvalue %{{.*}}[1]
// CHECK: llvm.store
