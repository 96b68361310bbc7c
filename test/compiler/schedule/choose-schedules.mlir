// How each op is computed becomes its attribute; what is written there already is kept.
// RUN: attnc-opt %s --choose-schedules | FileCheck %s
// RUN: attnc-opt %s --choose-schedules --choose-schedules=schedule=attention.keys=32 | FileCheck %s
// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=unfused,attention.keys=32,contract.rows=2 | FileCheck %s --check-prefix=FORCED
// RUN: attnc-opt %s --choose-schedules="schedule=attention.keys=128 records=attention.form=rows;;attention.keys=32" | FileCheck %s --check-prefix=RECORDS

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576, dots = [#tile.encoding<2 x bf16>]>} {
// CHECK-LABEL: func @any
// CHECK: attn.attention {schedule = #attn.attention_schedule<form = transposed, queries = 64, keys = 64, rows = 4, blocks = 4, few = decode, few_queries = [1 to 14, 17 to 27, 33 to 40, 49 to 53]>}
// FORCED-LABEL: func @any
// FORCED: #attn.attention_schedule<form = unfused, queries = 64, keys = 32, rows = 4, blocks = 4>
// What was measured for an op counts before what is forced on all.
// RECORDS-LABEL: func @any
// RECORDS: #attn.attention_schedule<form = rows, queries = 64, keys = 128, rows = 4, blocks = 4>
// RECORDS-LABEL: func @one
// RECORDS: #attn.attention_schedule<form = decode, queries = 64, keys = 128, rows = 4, blocks = 4>
// RECORDS-LABEL: func @pairs
// RECORDS: #attn.attention_schedule<form = pairs, queries = 64, keys = 32,
func.func @any(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>, %v: tensor<?x64xf32>, %o: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %0 = attn.attention q(%q "MD" : tensor<?x64xf32>) k(%k "ND" : tensor<?x64xf32>) v(%v "NE" : tensor<?x64xf32>)
    outs("ME", %o : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// The number of queries is known: one form.
// CHECK-LABEL: func @one
// CHECK: #attn.attention_schedule<form = decode, queries = 64, keys = 64, rows = 4, blocks = 4>
func.func @one(%q: tensor<1x64xf32>, %k: tensor<?x64xf32>, %v: tensor<?x64xf32>, %o: tensor<1x64xf32>) -> tensor<1x64xf32> {
  %0 = attn.attention q(%q "MD" : tensor<1x64xf32>) k(%k "ND" : tensor<?x64xf32>) v(%v "NE" : tensor<?x64xf32>)
    outs("ME", %o : tensor<1x64xf32>) -> tensor<1x64xf32>
  return %0 : tensor<1x64xf32>
}

// Pairs of bf16 where the target multiplies them.
// CHECK-LABEL: func @pairs
// CHECK: #attn.attention_schedule<form = pairs, queries = 64,
func.func @pairs(%q: tensor<?x64xbf16>, %k: tensor<?x64xbf16>, %v: tensor<?x64xbf16>, %o: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %0 = attn.attention q(%q "MD" : tensor<?x64xbf16>) k(%k "ND" : tensor<?x64xbf16>) v(%v "NE" : tensor<?x64xbf16>)
    outs("ME", %o : tensor<?x64xbf16>) -> tensor<?x64xbf16>
  return %0 : tensor<?x64xbf16>
}

// Features that lie three elements apart are no pairs.
// CHECK-LABEL: func @apart
// CHECK: #attn.attention_schedule<form = transposed,
func.func @apart(%qkv: tensor<?x64x3xbf16>, %o: tensor<?x64xbf16>, %n: index) -> tensor<?x64xbf16> {
  %q = tensor.extract_slice %qkv[0, 0, 0] [%n, 64, 1] [1, 1, 1] : tensor<?x64x3xbf16> to tensor<?x64xbf16>
  %0 = attn.attention q(%q "MD" : tensor<?x64xbf16>) k(%q "ND" : tensor<?x64xbf16>) v(%q "NE" : tensor<?x64xbf16>)
    outs("ME", %o : tensor<?x64xbf16>) -> tensor<?x64xbf16>
  return %0 : tensor<?x64xbf16>
}

// CHECK-LABEL: func @written
// CHECK: #attn.attention_schedule<form = rows, queries = 64, keys = 16, rows = 4, blocks = 4>
// CHECK: #attn.contract_schedule<columns = 64, rows = 4, row_block = 128, pack_row_block = 1024, sum_chunk = 256>
// FORCED-LABEL: func @written
// FORCED: #attn.attention_schedule<form = rows, queries = 64, keys = 16, rows = 4, blocks = 4>
// FORCED: #attn.contract_schedule<columns = 64, rows = 4, row_block = 128, pack_row_block = 1024, sum_chunk = 256>
func.func @written(%q: tensor<?x64xf32>, %o: tensor<?x64xf32>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> {
  %0 = attn.attention {schedule = #attn.attention_schedule<keys = 16, form = rows>}
    q(%q "MD" : tensor<?x64xf32>) k(%q "ND" : tensor<?x64xf32>) v(%q "NE" : tensor<?x64xf32>)
    outs("ME", %o : tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = attn.contract {schedule = #attn.contract_schedule<rows = 4>} lhs(%0 "mk" : tensor<?x64xf32>) rhs(%w "kn" : tensor<64x64xf32>)
    outs("mn", %o : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}

// A vector of f64 is two registers: half as many columns.
// CHECK-LABEL: func @double
// CHECK: #attn.contract_schedule<columns = 32, rows = 6, row_block = 512, pack_row_block = 1024, sum_chunk = 256>
func.func @double(%x: tensor<?x64xf64>, %o: tensor<?x64xf64>, %w: tensor<64x64xf64>) -> tensor<?x64xf64> {
  %0 = attn.contract lhs(%x "mk" : tensor<?x64xf64>) rhs(%w "kn" : tensor<64x64xf64>)
    outs("mn", %o : tensor<?x64xf64>) -> tensor<?x64xf64>
  return %0 : tensor<?x64xf64>
}
}
