// RUN: attnc-opt %s --build-kernels | FileCheck %s

// CHECK-DAG: llvm.func @attnc_rt_launch(!llvm.ptr, !llvm.ptr, !llvm.ptr, i64, !llvm.ptr)
// CHECK-DAG: llvm.mlir.global external constant @attnc_ptx() {{.*}}: i8
// CHECK-DAG: llvm.mlir.global internal constant @f__parallel__kernel__name("f__parallel__kernel\00")
// CHECK-DAG: llvm.func internal @f__parallel({{.*}}) attributes {always_inline}

// The host hands over the addresses of count and captures.
// CHECK-LABEL: llvm.func internal @f__parallel__launch
// CHECK: %[[PARAMS:.*]] = llvm.alloca %{{.*}} x !llvm.array<2 x ptr>
// CHECK: llvm.store %arg1, %{{.*}} : i64, !llvm.ptr
// CHECK: llvm.store %arg2, %{{.*}} : !llvm.ptr, !llvm.ptr
// CHECK: %[[PTX:.*]] = llvm.mlir.addressof @attnc_ptx
// CHECK: %[[NAME:.*]] = llvm.mlir.addressof @f__parallel__kernel__name
// CHECK: llvm.call @attnc_rt_launch(%arg0, %[[PTX]], %[[NAME]], %arg1, %[[PARAMS]])

// The kernel's item is its thread's place in the grid; threads beyond the last item do nothing.
// CHECK-LABEL: llvm.func ptx_kernelcc @f__parallel__kernel(%arg0: i64, %arg1: !llvm.ptr)
// CHECK-SAME: passthrough = {{\[\[}}"nvvm.maxntid", "64"]]
// CHECK: llvm.call_intrinsic "llvm.nvvm.read.ptx.sreg.ctaid.x"
// CHECK: llvm.call_intrinsic "llvm.nvvm.read.ptx.sreg.ntid.x"
// CHECK: llvm.call_intrinsic "llvm.nvvm.read.ptx.sreg.tid.x"
// CHECK: %[[REAL:.*]] = llvm.icmp "slt" %[[ITEM:.*]], %arg0
// CHECK: llvm.cond_br %[[REAL]], ^[[WORK:.*]], ^[[EXIT:.*]]
// CHECK: ^[[WORK]]:
// CHECK: llvm.call @f__parallel(%[[ITEM]], %{{.*}}, %arg1)
llvm.func @f__parallel(%begin: i64, %end: i64, %x: !llvm.ptr) {
  llvm.return
}
llvm.func @f__parallel__launch(!llvm.ptr, i64, !llvm.ptr) attributes {attnc.launches = @f__parallel}
