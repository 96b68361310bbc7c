// Schedules are printed as they are read, without what they leave open.
// RUN: attnc-opt %s | attnc-opt | FileCheck %s

func.func @f(%x: memref<?x64xf32>) {
  // CHECK: attn.attention {schedule = #attn.attention_schedule<form = transposed, queries = 64, keys = 32, rows = 4, blocks = 2, few = dots, few_queries = [1 to 10, 17 to 21], one_body>}
  attn.attention {schedule = #attn.attention_schedule<one_body, blocks = 2, few_queries = [1 to 10, 17 to 21], few = dots, rows = 4, keys = 32, form = transposed, queries = 64>}
    q(%x "MD" : memref<?x64xf32>) k(%x "ND" : memref<?x64xf32>) v(%x "NE" : memref<?x64xf32>) outs("ME", %x : memref<?x64xf32>)
  // CHECK: attn.contract {schedule = #attn.contract_schedule<rows = 4, sum_chunk = 64>}
  attn.contract {schedule = #attn.contract_schedule<sum_chunk = 64, rows = 4>}
    lhs(%x "mk" : memref<?x64xf32>) rhs(%x "kn" : memref<?x64xf32>) outs("mn", %x : memref<?x64xf32>)
  // CHECK: attn.contract {schedule = #attn.contract_schedule<>}
  attn.contract {schedule = #attn.contract_schedule<>}
    lhs(%x "mk" : memref<?x64xf32>) rhs(%x "kn" : memref<?x64xf32>) outs("mn", %x : memref<?x64xf32>)
  return
}
