// RUN: attnc-opt %s --fuse-epilogue | FileCheck %s
// Sums of bytes: what is subtracted from them in i32, their scale in f32.

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#y = affine_map<(m, n, k) -> (m, n)>
#both = affine_map<(m, n) -> (m, n)>
#columns = affine_map<(m, n) -> (n)>

// CHECK-LABEL: func @scaled
// CHECK: attn.contract lhs(%{{.*}} "mk" : tensor<8x32xi8>) rhs(%{{.*}} "kn" : tensor<32x16xi8>) captures(%{{.*}} : tensor<16xi32>) outs("mn", %{{.*}} : tensor<8x16xf32>) epilogue {
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: i32, %{{.*}}: index, %[[N:.*]]: index, %[[C:.*]]: tensor<16xi32>):
// CHECK: %[[ZERO:.*]] = tensor.extract %[[C]][%[[N]]]
// CHECK: %[[SUM:.*]] = arith.subi %[[ACC]], %[[ZERO]] : i32
// CHECK: %[[REAL:.*]] = arith.sitofp %[[SUM]] : i32 to f32
// CHECK: arith.mulf %[[REAL]]
// CHECK-NOT: linalg.
func.func @scaled(%x: tensor<8x32xi8>, %w: tensor<32x16xi8>, %zeros: tensor<16xi32>) -> tensor<8x16xf32> {
  %c0 = arith.constant 0 : i32
  %scale = arith.constant 0.25 : f32
  %empty = tensor.empty() : tensor<8x16xi32>
  %reals = tensor.empty() : tensor<8x16xf32>
  %fill = linalg.fill ins(%c0 : i32) outs(%empty : tensor<8x16xi32>) -> tensor<8x16xi32>
  %0 = linalg.contract indexing_maps = [#x, #w, #y] ins(%x, %w : tensor<8x32xi8>, tensor<32x16xi8>) outs(%fill : tensor<8x16xi32>) -> tensor<8x16xi32>
  %1 = linalg.generic {indexing_maps = [#both, #columns, #both], iterator_types = ["parallel", "parallel"]}
      ins(%0, %zeros : tensor<8x16xi32>, tensor<16xi32>) outs(%empty : tensor<8x16xi32>) {
  ^bb0(%a: i32, %z: i32, %o: i32):
    %s = arith.subi %a, %z : i32
    linalg.yield %s : i32
  } -> tensor<8x16xi32>
  %2 = linalg.generic {indexing_maps = [#both, #both], iterator_types = ["parallel", "parallel"]}
      ins(%1 : tensor<8x16xi32>) outs(%reals : tensor<8x16xf32>) {
  ^bb0(%a: i32, %o: f32):
    %r = arith.sitofp %a : i32 to f32
    %s = arith.mulf %r, %scale : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  return %2 : tensor<8x16xf32>
}

// The sums themselves, shifted.
// CHECK-LABEL: func @shifted
// CHECK: attn.contract {{.*}} outs("mn", %{{.*}} : tensor<8x16xi32>) epilogue {
// CHECK: attn.yield %{{.*}} : i32
func.func @shifted(%x: tensor<8x32xi8>, %w: tensor<32x16xi8>, %zeros: tensor<16xi32>) -> tensor<8x16xi32> {
  %c0 = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<8x16xi32>
  %fill = linalg.fill ins(%c0 : i32) outs(%empty : tensor<8x16xi32>) -> tensor<8x16xi32>
  %0 = linalg.contract indexing_maps = [#x, #w, #y] ins(%x, %w : tensor<8x32xi8>, tensor<32x16xi8>) outs(%fill : tensor<8x16xi32>) -> tensor<8x16xi32>
  %1 = linalg.generic {indexing_maps = [#both, #columns, #both], iterator_types = ["parallel", "parallel"]}
      ins(%0, %zeros : tensor<8x16xi32>, tensor<16xi32>) outs(%empty : tensor<8x16xi32>) {
  ^bb0(%a: i32, %z: i32, %o: i32):
    %s = arith.subi %a, %z : i32
    linalg.yield %s : i32
  } -> tensor<8x16xi32>
  return %1 : tensor<8x16xi32>
}

// Without a sign they are others: a contraction of these stays what it is.
// CHECK-LABEL: func @unsigned
// CHECK: linalg.contract
func.func @unsigned(%x: tensor<8x32xi8>, %w: tensor<32x16xi8>) -> tensor<8x16xi32> {
  %c0 = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<8x16xi32>
  %fill = linalg.fill ins(%c0 : i32) outs(%empty : tensor<8x16xi32>) -> tensor<8x16xi32>
  %0 = linalg.contract indexing_maps = [#x, #w, #y] {cast = #linalg.type_fn<cast_unsigned>} ins(%x, %w : tensor<8x32xi8>, tensor<32x16xi8>) outs(%fill : tensor<8x16xi32>) -> tensor<8x16xi32>
  return %0 : tensor<8x16xi32>
}
