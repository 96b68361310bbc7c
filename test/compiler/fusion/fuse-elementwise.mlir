// RUN: attnc-opt %s --fuse-elementwise --canonicalize --cse | FileCheck %s

#x = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#unit = affine_map<(i, j) -> (i, 0)>
#col = affine_map<(i, j) -> (j)>
#i = affine_map<(i) -> (i)>

// A decomposed LayerNorm is three passes over x: sum, sum of squares, normalisation.
// CHECK-LABEL: func @layer_norm(
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.addf
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]
// CHECK: arith.divf
// CHECK-NEXT: arith.subf
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK: math.sqrt
// CHECK: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK-NOT: linalg.generic
func.func @layer_norm(%x: tensor<?x64xf32> {attnc.dims = ["S", "64"]}, %gamma: tensor<64xf32>, %beta: tensor<64xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = arith.constant 64.0 : f32
  %eps = arith.constant 1.0e-05 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x64xf32>
  %er = tensor.empty(%rows) : tensor<?xf32>
  %ex = tensor.empty(%rows) : tensor<?x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%er : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.generic {indexing_maps = [#x, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<?x64xf32>) outs(%z : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r = arith.addf %out, %in : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %mean = linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]} ins(%sum : tensor<?xf32>) outs(%er : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r = arith.divf %in, %n : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %mean2 = tensor.expand_shape %mean [[0, 1]] output_shape [%rows, 1] : tensor<?xf32> into tensor<?x1xf32>
  %d = linalg.generic {indexing_maps = [#x, #unit, #x], iterator_types = ["parallel", "parallel"]} ins(%x, %mean2 : tensor<?x64xf32>, tensor<?x1xf32>) outs(%ex : tensor<?x64xf32>) {
  ^bb0(%in: f32, %m: f32, %out: f32):
    %r = arith.subf %in, %m : f32
    linalg.yield %r : f32
  } -> tensor<?x64xf32>
  %square = linalg.generic {indexing_maps = [#x, #x], iterator_types = ["parallel", "parallel"]} ins(%d : tensor<?x64xf32>) outs(%ex : tensor<?x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r = arith.mulf %in, %in : f32
    linalg.yield %r : f32
  } -> tensor<?x64xf32>
  %squares = linalg.generic {indexing_maps = [#x, #row], iterator_types = ["parallel", "reduction"]} ins(%square : tensor<?x64xf32>) outs(%z : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r = arith.addf %out, %in : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %deviation = linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]} ins(%squares : tensor<?xf32>) outs(%er : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %q = arith.divf %in, %n : f32
    %s = arith.addf %q, %eps : f32
    %r = math.sqrt %s : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %deviation2 = tensor.expand_shape %deviation [[0, 1]] output_shape [%rows, 1] : tensor<?xf32> into tensor<?x1xf32>
  %normal = linalg.generic {indexing_maps = [#x, #unit, #x], iterator_types = ["parallel", "parallel"]} ins(%d, %deviation2 : tensor<?x64xf32>, tensor<?x1xf32>) outs(%ex : tensor<?x64xf32>) {
  ^bb0(%in: f32, %m: f32, %out: f32):
    %r = arith.divf %in, %m : f32
    linalg.yield %r : f32
  } -> tensor<?x64xf32>
  %y = linalg.generic {indexing_maps = [#x, #col, #col, #x], iterator_types = ["parallel", "parallel"]} ins(%normal, %gamma, %beta : tensor<?x64xf32>, tensor<64xf32>, tensor<64xf32>) outs(%ex : tensor<?x64xf32>) {
  ^bb0(%in: f32, %g: f32, %b: f32, %out: f32):
    %p = arith.mulf %in, %g : f32
    %r = arith.addf %p, %b : f32
    linalg.yield %r : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// An exponential with two uses is not computed twice.
// CHECK-LABEL: func @twice(
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK: linalg.generic
// CHECK-NOT: math.exp
// CHECK: return
func.func @twice(%x: tensor<8x64xf32>) -> (tensor<8x64xf32>, tensor<8xf32>) {
  %zero = arith.constant 0.0 : f32
  %er = tensor.empty() : tensor<8xf32>
  %ex = tensor.empty() : tensor<8x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
  %e = linalg.generic {indexing_maps = [#x, #x], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x64xf32>) outs(%ex : tensor<8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r = math.exp %in : f32
    linalg.yield %r : f32
  } -> tensor<8x64xf32>
  %sum = linalg.generic {indexing_maps = [#x, #row], iterator_types = ["parallel", "reduction"]} ins(%e : tensor<8x64xf32>) outs(%z : tensor<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r = arith.addf %out, %in : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  return %e, %sum : tensor<8x64xf32>, tensor<8xf32>
}
