// RUN: attnc-opt %s | attnc-opt | FileCheck %s
// Every op of the dialect prints and parses back.

// CHECK-LABEL: func @attention
func.func @attention(%q: tensor<?x?x16x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>,
                     %slope: tensor<16xf32>, %o: tensor<?x?x16x32xf32>, %l: tensor<?x?x16xf32>)
    -> (tensor<?x?x16x32xf32>, tensor<?x?x16xf32>) {
  // CHECK: attn.attention {scale = 1.250000e-01 : f64} q(%{{.*}} "BMHD" : tensor<?x?x16x64xf32>)
  // CHECK-SAME: k(%{{.*}} "BNGD" : tensor<?x?x4x64xf32>) v(%{{.*}} "BNGE" : tensor<?x?x4x32xf32>)
  // CHECK-SAME: captures(%{{.*}} : tensor<16xf32>)
  // CHECK-SAME: outs("BMHE", %{{.*}}, %{{.*}} : tensor<?x?x16x32xf32>, tensor<?x?x16xf32>) score {
  // CHECK: attn.yield %{{.*}} : f32
  // CHECK: } mask {
  // CHECK: attn.yield %{{.*}} : i1
  %r:2 = attn.attention {scale = 0.125 : f64}
    q(%q "BMHD" : tensor<?x?x16x64xf32>) k(%k "BNGD" : tensor<?x?x4x64xf32>) v(%v "BNGE" : tensor<?x?x4x32xf32>)
    captures(%slope : tensor<16xf32>) outs("BMHE", %o, %l : tensor<?x?x16x32xf32>, tensor<?x?x16xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: tensor<16xf32>):
      %0 = tensor.extract %t[%h] : tensor<16xf32>
      %1 = arith.addf %s, %0 : f32
      attn.yield %1 : f32
    } mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: tensor<16xf32>):
      %0 = arith.cmpi sle, %j, %i : index
      attn.yield %0 : i1
    } -> tensor<?x?x16x32xf32>, tensor<?x?x16xf32>
  return %r#0, %r#1 : tensor<?x?x16x32xf32>, tensor<?x?x16xf32>
}

// CHECK-LABEL: func @contract
func.func @contract(%x: tensor<?x32xf32>, %w: tensor<32x64xf32>, %b: tensor<64xf32>, %y: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: attn.contract lhs(%{{.*}} "sk" : tensor<?x32xf32>) rhs(%{{.*}} "kn" : tensor<32x64xf32>)
  // CHECK-SAME: captures(%{{.*}} : tensor<64xf32>) outs("sn", %{{.*}} : tensor<?x64xf32>) epilogue {
  %r = attn.contract lhs(%x "sk" : tensor<?x32xf32>) rhs(%w "kn" : tensor<32x64xf32>)
    captures(%b : tensor<64xf32>) outs("sn", %y : tensor<?x64xf32>) epilogue {
  ^bb0(%acc: f32, %s: index, %n: index, %c: tensor<64xf32>):
    %0 = tensor.extract %c[%n] : tensor<64xf32>
    %1 = arith.addf %acc, %0 : f32
    attn.yield %1 : f32
  } -> tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}

// CHECK-LABEL: func @rows_and_sink
func.func @rows_and_sink(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>, %sink: tensor<1xf32>, %o: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: attn.attention q({{.*}} outs("ME", %{{.*}} : tensor<?x64xf32>) query {
  // CHECK: %[[SUM:.*]] = attn.sum {
  // CHECK-NEXT: ^bb0(%[[E:.*]]: index):
  // CHECK-NEXT: %[[X:.*]] = attn.feature %[[E]] : f32
  // CHECK-NEXT: attn.yield %[[X]] : f32
  // CHECK-NEXT: } : f32
  // CHECK: } key {
  // CHECK: attn.feature
  // CHECK: } sink {
  // CHECK: tensor.extract
  %r = attn.attention q(%q "MD" : tensor<?x64xf32>) k(%k "ND" : tensor<?x64xf32>) v(%k "NE" : tensor<?x64xf32>)
    captures(%sink : tensor<1xf32>) outs("ME", %o : tensor<?x64xf32>)
    query {
    ^bb0(%b: index, %h: index, %i: index, %d: index, %M: index, %N: index, %t: tensor<1xf32>):
      %0 = attn.sum {
      ^bb1(%e: index):
        %x = attn.feature %e : f32
        attn.yield %x : f32
      } : f32
      attn.yield %0 : f32
    } key {
    ^bb0(%b: index, %g: index, %j: index, %d: index, %M: index, %N: index, %t: tensor<1xf32>):
      %x = attn.feature %d : f32
      %y = arith.negf %x : f32
      attn.yield %y : f32
    } sink {
    ^bb0(%b: index, %h: index, %i: index, %M: index, %N: index, %t: tensor<1xf32>):
      %0 = tensor.extract %t[%h] : tensor<1xf32>
      attn.yield %0 : f32
    } -> tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}

// CHECK-LABEL: @paged
// CHECK: k(%{{.*}} "XGPD" : tensor<?x2x16x64xf32> by %[[T:.*]] "BT" : tensor<?x?xi32>) v(%{{.*}} "XPGE" : tensor<?x16x2x32xf32> by %[[T]] "BT" : tensor<?x?xi32>) outs
func.func @paged(%q: tensor<?x?x4x64xf32>, %k: tensor<?x2x16x64xf32>, %v: tensor<?x16x2x32xf32>, %t: tensor<?x?xi32>, %o: tensor<?x?x4x32xf32>) {
  %r = attn.attention q(%q "BMHD" : tensor<?x?x4x64xf32>) k(%k "XGPD" : tensor<?x2x16x64xf32> by %t "BT" : tensor<?x?xi32>)
    v(%v "XPGE" : tensor<?x16x2x32xf32> by %t "BT" : tensor<?x?xi32>) outs("BMHE", %o : tensor<?x?x4x32xf32>) -> tensor<?x?x4x32xf32>
  return
}
