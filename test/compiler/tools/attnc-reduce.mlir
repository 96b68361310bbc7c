// What is left is what the question is about: an attention. Its mask, its neighbours, dead arithmetic, weights, the other
// function and the extents go.
// RUN: attnc-reduce %s --test='attnc-opt {}' --shows=attn.attention 2> %t.log | FileCheck %s
// RUN: FileCheck %s --check-prefix=LOG --input-file=%t.log
// RUN: attnc-opt %s | FileCheck %s --check-prefix=BEFORE
// BEFORE: mask {
// BEFORE: func @other

// CHECK:      module {
// CHECK-NEXT:   func.func @masked(%{{.*}}: memref<?x1xf32>, %{{.*}}: memref<?x1xf32>, %{{.*}}: memref<?x1xf32>, %{{.*}}: memref<?x1xf32>) {
// CHECK-NEXT:     attn.attention
// CHECK-NEXT:     return
// CHECK-NEXT:   }
// CHECK-NEXT: }
// LOG: ops are left after {{[0-9]+}} runs

// Something must be wrong to begin with.
// RUN: not attnc-reduce %s --test='attnc-opt {}' 2>&1 | FileCheck %s --check-prefix=NOTHING
// NOTHING: error: 'attnc-opt {}' succeeds: say with --shows what is wrong with its output
// RUN: not attnc-reduce %s --test='attnc-opt {}' --shows=nonsense 2>&1 | FileCheck %s --check-prefix=ELSE
// ELSE: error: 'attnc-opt {}' does not print 'nonsense'; it prints:
module attributes {attnc.note = "nothing"} {
  func.func @masked(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) -> tensor<2x3xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %0 = arith.addi %c0, %c1 : index
    %weights = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
    %1 = arith.mulf %weights, %weights : tensor<2x3xf32>
    %less = arith.cmpi slt, %0, %c1 : index
    %2 = scf.if %less -> (tensor<2x3xf32>) {
      scf.yield %1 : tensor<2x3xf32>
    } else {
      scf.yield %weights : tensor<2x3xf32>
    }
    attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
      outs("ME", %o : memref<?x64xf32>) mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %c = arith.cmpi sle, %j, %i : index
      attn.yield %c : i1
    }
    return %2 : tensor<2x3xf32>
  }

  func.func @other(%x: memref<4xf32>) -> memref<4xf32> {
    return %x : memref<4xf32>
  }
}
