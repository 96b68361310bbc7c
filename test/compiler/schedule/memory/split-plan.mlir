// RUN: attnc-opt --split-plan --split-input-file %s | FileCheck %s

// The extents of a reshape of a transpose of a sum: nothing but argument extents remains.
// CHECK-LABEL: func.func private @chain__plan
// CHECK-SAME:    (%[[X:.*]]: tensor<?x4xf32>, %[[Y:.*]]: tensor<?x4xf32>) -> (index, index, index)
// CHECK-DAG:     %[[C2:.*]] = arith.constant 2 : index
// CHECK-DAG:     %[[D:.*]] = tensor.dim %[[X]], %{{.*}}
// CHECK-NOT:     linalg
// CHECK:         return %[[C2]], %[[C2]], %[[D]] : index, index, index
func.func @chain(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> tensor<2x2x?xf32> {
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%d) : tensor<?x4xf32>
  %0 = linalg.add ins(%x, %y : tensor<?x4xf32>, tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %et = tensor.empty(%d) : tensor<4x?xf32>
  %1 = linalg.transpose ins(%0 : tensor<?x4xf32>) outs(%et : tensor<4x?xf32>) permutation = [1, 0]
  %d1 = tensor.dim %1, %c0 : tensor<4x?xf32>
  %2 = tensor.expand_shape %1 [[0, 1], [2]] output_shape [2, 2, %d] : tensor<4x?xf32> into tensor<2x2x?xf32>
  return %2 : tensor<2x2x?xf32>
}

// -----

// attn ops are transparent through their destination; equal symbols are equal extents, so B is read from %q.
// CHECK-LABEL: func.func private @attention__plan
// CHECK-SAME:    (%[[Q:.*]]: tensor<?x?x64xf32> {{.*}}, %[[K:.*]]: tensor<?x?x64xf32> {{.*}}, %{{.*}}: tensor<?x?x64xf32>
// CHECK-DAG:     %[[B:.*]] = tensor.dim %[[Q]], %c0
// CHECK-DAG:     %[[M:.*]] = tensor.dim %[[Q]], %c1
// CHECK:         return %[[B]], %[[M]], %c64 : index, index, index
func.func @attention(%q: tensor<?x?x64xf32> {attnc.dims = ["B", "M", "64"]},
                     %k: tensor<?x?x64xf32> {attnc.dims = ["B", "N", "64"]},
                     %v: tensor<?x?x64xf32> {attnc.dims = ["B", "N", "64"]}) -> tensor<?x?x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %v, %c0 : tensor<?x?x64xf32>
  %m = tensor.dim %q, %c1 : tensor<?x?x64xf32>
  %e = tensor.empty(%b, %m) : tensor<?x?x64xf32>
  %o = attn.attention q(%q "BMD" : tensor<?x?x64xf32>) k(%k "BND" : tensor<?x?x64xf32>)
    v(%v "BNE" : tensor<?x?x64xf32>) outs("BME", %e : tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
  return %o : tensor<?x?x64xf32>
}

// -----

// Several results: their extents are concatenated. Private functions are not entry points.
// CHECK-LABEL: func.func @two
// CHECK:       func.func private @two__plan(%[[X:.*]]: tensor<?xf32>) -> (index, index)
// CHECK:         %[[D:.*]] = tensor.dim %[[X]], %c0
// CHECK:         %[[TWICE:.*]] = affine.apply
// CHECK:         return %[[D]], %[[TWICE]] : index, index
// CHECK-NOT:   @helper__plan
func.func @two(%x: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<f32>) {
  %y = tensor.concat dim(0) %x, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %c = arith.constant dense<1.0> : tensor<f32>
  return %x, %y, %c : tensor<?xf32>, tensor<?xf32>, tensor<f32>
}
func.func private @helper(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}
