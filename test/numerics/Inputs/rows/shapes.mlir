// Transposes, slices, concatenation, padding and reshapes.
func.func @shapes(%x: tensor<?x?x12xf32> {attnc.name = "x", attnc.dims = ["B", "S", "12"]},
                  %k: tensor<?x3xi64> {attnc.name = "k", attnc.dims = ["S", "3"]})
    -> (tensor<?x4x?x3xf32> {attnc.name = "heads", attnc.dims = ["B", "4", "S", "3"]},
        tensor<12x?x?xf32> {attnc.name = "reversed", attnc.dims = ["12", "S", "B"]},
        tensor<?x?x17xf32> {attnc.name = "joined", attnc.dims = ["B", "S", "17"]},
        tensor<3x?xi64> {attnc.name = "kt", attnc.dims = ["3", "?"]}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.5 : f32
  %seven = arith.constant 7 : i64
  %b = tensor.dim %x, %c0 : tensor<?x?x12xf32>
  %s = tensor.dim %x, %c1 : tensor<?x?x12xf32>
  %split = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [%b, %s, 4, 3]
    : tensor<?x?x12xf32> into tensor<?x?x4x3xf32>
  %eh = tensor.empty(%b, %s) : tensor<?x4x?x3xf32>
  %heads = linalg.transpose ins(%split : tensor<?x?x4x3xf32>) outs(%eh : tensor<?x4x?x3xf32>) permutation = [0, 2, 1, 3]
  %er = tensor.empty(%s, %b) : tensor<12x?x?xf32>
  %reversed = linalg.transpose ins(%x : tensor<?x?x12xf32>) outs(%er : tensor<12x?x?xf32>) permutation = [2, 1, 0]
  %slice = tensor.extract_slice %x[0, 0, 1] [%b, %s, 3] [1, 1, 4] : tensor<?x?x12xf32> to tensor<?x?x3xf32>
  %padded = tensor.pad %slice low[0, 0, 1] high[0, 0, 1] {
  ^bb0(%i: index, %j: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<?x?x3xf32> to tensor<?x?x5xf32>
  %joined = tensor.concat dim(2) %x, %padded : (tensor<?x?x12xf32>, tensor<?x?x5xf32>) -> tensor<?x?x17xf32>
  %longer = arith.addi %s, %c2 : index
  %kp = tensor.pad %k low[0, 0] high[2, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %seven : i64
  } : tensor<?x3xi64> to tensor<?x3xi64>
  %ek = tensor.empty(%longer) : tensor<3x?xi64>
  %kt = linalg.transpose ins(%kp : tensor<?x3xi64>) outs(%ek : tensor<3x?xi64>) permutation = [1, 0]
  return %heads, %reversed, %joined, %kt : tensor<?x4x?x3xf32>, tensor<12x?x?xf32>, tensor<?x?x17xf32>, tensor<3x?xi64>
}
