// Softmax over the last and over a middle dimension; poison spreads to its own row only.
func.func @softmax(%x: tensor<?x?x9xf32> {attnc.name = "x", attnc.dims = ["B", "S", "9"]})
    -> (tensor<?x?x9xf32> {attnc.name = "last", attnc.dims = ["B", "S", "9"]},
        tensor<?x?x9xf32> {attnc.name = "middle", attnc.dims = ["B", "S", "9"]}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x9xf32>
  %s = tensor.dim %x, %c1 : tensor<?x?x9xf32>
  %e = tensor.empty(%b, %s) : tensor<?x?x9xf32>
  %last = linalg.softmax dimension(2) ins(%x : tensor<?x?x9xf32>) outs(%e : tensor<?x?x9xf32>) -> tensor<?x?x9xf32>
  %middle = linalg.softmax dimension(1) ins(%x : tensor<?x?x9xf32>) outs(%e : tensor<?x?x9xf32>) -> tensor<?x?x9xf32>
  return %last, %middle : tensor<?x?x9xf32>, tensor<?x?x9xf32>
}
