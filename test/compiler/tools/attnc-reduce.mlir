// What is left is what the script asks for: a function with an attention. Its mask, dead arithmetic and the other function go.
// RUN: attnc-reduce %s -reduction-tree='traversal-mode=0 test=%S/Inputs/has-attention.sh' 2> %t.log | FileCheck %s
// RUN: attnc-opt %s | FileCheck %s --check-prefix=BEFORE
// BEFORE: mask {
// BEFORE: func @other

// CHECK: func.func @masked
// CHECK-NOT: arith.addi
// CHECK: attn.attention
// CHECK-NOT: mask
// CHECK-NOT: func
func.func @masked(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = arith.addi %c0, %c1 : index
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %c = arith.cmpi sle, %j, %i : index
    attn.yield %c : i1
  }
  return
}

func.func @other(%x: memref<4xf32>) -> memref<4xf32> {
  return %x : memref<4xf32>
}
