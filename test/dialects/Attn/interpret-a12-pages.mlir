// RUN: attnc-interpret %s | FileCheck %s
// RUN: sed 's/\[\[1, 0, -1\]\]/[[1, 3, -1]]/' %s > %t.mlir
// RUN: not attnc-interpret %t.mlir 2>&1 | FileCheck %s --check-prefix=BAD
// Key j of sequence b is row j % P of page table[b, j / P]. Pages and elements of the table without a key that is allowed
// are not looked at: page 2 is NaN, the last element of the table is -1.

// Keys are all 0: the mean of 16 values 1 (page 1) and 4 values 6 (of page 0).
// CHECK: @pages: tensor<1x1x1xf32> {{.*}}2{{$|\]}}
// BAD: error: key 16 of sequence 0 lies in page 3 by the table of k, which has 3 pages
func.func @pages() -> tensor<1x1x1xf32> {
  %q = arith.constant dense<1.0> : tensor<1x1x1xf32>
  %zero = arith.constant dense<0.0> : tensor<2x16x1xf32>
  %one = arith.constant dense<1.0> : tensor<1x16x1xf32>
  %six = arith.constant dense<6.0> : tensor<1x16x1xf32>
  %nan = arith.constant dense<0x7FC00000> : tensor<1x16x1xf32>
  %k = tensor.concat dim(0) %zero, %nan : (tensor<2x16x1xf32>, tensor<1x16x1xf32>) -> tensor<3x16x1xf32>
  %v = tensor.concat dim(0) %six, %one, %nan : (tensor<1x16x1xf32>, tensor<1x16x1xf32>, tensor<1x16x1xf32>) -> tensor<3x16x1xf32>
  %table = arith.constant dense<[[1, 0, -1]]> : tensor<1x3xi32>
  %init = tensor.empty() : tensor<1x1x1xf32>
  %o = attn.attention q(%q "BMD" : tensor<1x1x1xf32>) k(%k "XPD" : tensor<3x16x1xf32> by %table "BT" : tensor<1x3xi32>)
    v(%v "XPE" : tensor<3x16x1xf32> by %table "BT" : tensor<1x3xi32>) outs("BME", %init : tensor<1x1x1xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %length = arith.constant 20 : index
      %c = arith.cmpi slt, %j, %length : index
      attn.yield %c : i1
    } -> tensor<1x1x1xf32>
  return %o : tensor<1x1x1xf32>
}
