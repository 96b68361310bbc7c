// RUN: numerics-check %s -- B=1,2 S=2,3,17,64,65
// What only moves elements: transposes, slices, joins, splits and merges of dimensions, and their results as outputs.

func.func @shapes(%x: tensor<?x?x6xf32> {attnc.name = "x", attnc.dims = ["B", "S", "6"]},
                  %i: tensor<?x?xi64> {attnc.name = "i", attnc.dims = ["B", "S"]})
    -> (tensor<?x2x?x3xf32> {attnc.name = "heads", attnc.dims = ["B", "2", "S", "3"]},
        tensor<6x?x?xf32> {attnc.name = "reversed", attnc.dims = ["6", "S", "B"]},
        tensor<?x?x4xf32> {attnc.name = "rotated", attnc.dims = ["B", "S", "4"]},
        tensor<?x?xf32> {attnc.name = "flat", attnc.dims = ["?", "6"]},
        tensor<?x?xi64> {attnc.name = "twice", attnc.dims = ["?", "?"]},
        tensor<?x6xf32> {attnc.name = "last", attnc.dims = ["B", "6"]}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %B = tensor.dim %x, %c0 : tensor<?x?x6xf32>
  %S = tensor.dim %x, %c1 : tensor<?x?x6xf32>

  %split = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [%B, %S, 2, 3] : tensor<?x?x6xf32> into tensor<?x?x2x3xf32>
  %e0 = tensor.empty(%B, %S) : tensor<?x2x?x3xf32>
  %heads = linalg.transpose ins(%split : tensor<?x?x2x3xf32>) outs(%e0 : tensor<?x2x?x3xf32>) permutation = [0, 2, 1, 3]

  %e1 = tensor.empty(%S, %B) : tensor<6x?x?xf32>
  %reversed = linalg.transpose ins(%x : tensor<?x?x6xf32>) outs(%e1 : tensor<6x?x?xf32>) permutation = [2, 1, 0]

  %left = tensor.extract_slice %x[0, 0, 0] [%B, %S, 2] [1, 1, 1] : tensor<?x?x6xf32> to tensor<?x?x2xf32>
  %right = tensor.extract_slice %x[0, 0, 1] [%B, %S, 2] [1, 1, 2] : tensor<?x?x6xf32> to tensor<?x?x2xf32>
  %rotated = tensor.concat dim(2) %right, %left : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x4xf32>

  %merged = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x6xf32> into tensor<?x6xf32>
  %flat = tensor.cast %merged : tensor<?x6xf32> to tensor<?x?xf32>

  %twice = tensor.concat dim(1) %i, %i : (tensor<?x?xi64>, tensor<?x?xi64>) -> tensor<?x?xi64>

  %end = arith.subi %S, %c1 : index
  %last = tensor.extract_slice %x[0, %end, 0] [%B, 1, 6] [1, 1, 1] : tensor<?x?x6xf32> to tensor<?x6xf32>
  return %heads, %reversed, %rotated, %flat, %twice, %last
    : tensor<?x2x?x3xf32>, tensor<6x?x?xf32>, tensor<?x?x4xf32>, tensor<?x?xf32>, tensor<?x?xi64>, tensor<?x6xf32>
}
