func.func @twice(%x: tensor<?xf32> {attnc.name = "x", attnc.dims = ["N"]})
    -> (tensor<?xf32> {attnc.name = "out", attnc.dims = ["N"]}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %y = linalg.add ins(%x, %x : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}
