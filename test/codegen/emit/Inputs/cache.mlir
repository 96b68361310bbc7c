// Two entries that share a weight, and the state that their caller keeps.
#id = affine_map<(d0, d1) -> (d0, d1)>
weights.data @w "WEIGHTS" at 0 : tensor<4x512xf32>
// Row number %at of the cache becomes x w.
func.func @append(%cache: tensor<?x512xf32> {attnc.name = "cache", attnc.dims = ["N", "512"]}, %x: tensor<1x4xf32> {attnc.name = "x", attnc.dims = ["1", "4"]}, %at: tensor<i64> {attnc.name = "at", attnc.dims = []})
    -> (tensor<?x512xf32> {attnc.name = "cache", attnc.dims = ["N", "512"], attnc.inout = 0 : i64}) {
  %w = attn.weight @w : tensor<4x512xf32>
  %e = tensor.empty() : tensor<1x512xf32>
  %row = attn.contract lhs(%x "sk" : tensor<1x4xf32>) rhs(%w "kn" : tensor<4x512xf32>) outs("sn", %e : tensor<1x512xf32>) -> tensor<1x512xf32>
  %p = tensor.extract %at[] : tensor<i64>
  %i = arith.index_cast %p : i64 to index
  %new = tensor.insert_slice %row into %cache[%i, 0] [1, 512] [1, 1] : tensor<1x512xf32> into tensor<?x512xf32>
  return %new : tensor<?x512xf32>
}
// The products of x w with all rows.
func.func @look(%cache: tensor<?x512xf32> {attnc.name = "cache", attnc.dims = ["N", "512"]}, %x: tensor<1x4xf32> {attnc.name = "x", attnc.dims = ["1", "4"]})
    -> (tensor<1x?xf32> {attnc.name = "scores", attnc.dims = ["1", "N"]}) {
  %c0 = arith.constant 0 : index
  %w = attn.weight @w : tensor<4x512xf32>
  %e = tensor.empty() : tensor<1x512xf32>
  %q = attn.contract lhs(%x "sk" : tensor<1x4xf32>) rhs(%w "kn" : tensor<4x512xf32>) outs("sn", %e : tensor<1x512xf32>) -> tensor<1x512xf32>
  %n = tensor.dim %cache, %c0 : tensor<?x512xf32>
  %f = tensor.empty(%n) : tensor<1x?xf32>
  %scores = attn.contract lhs(%q "sk" : tensor<1x512xf32>) rhs(%cache "nk" : tensor<?x512xf32>) outs("sn", %f : tensor<1x?xf32>) -> tensor<1x?xf32>
  return %scores : tensor<1x?xf32>
}
