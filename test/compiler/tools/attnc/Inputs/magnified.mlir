// 0.1 has lost all but two digits in a million and a tenth: f32 does not determine %back, however it is computed.
#all = affine_map<(i) -> (i)>
func.func @magnified(%x: tensor<8xf32> {attnc.name = "x", attnc.dims = ["8"]})
    -> (tensor<8xf32> {attnc.name = "y", attnc.dims = ["8"]}) {
  %0 = tensor.empty() : tensor<8xf32>
  %million = arith.constant 1.0e6 : f32
  %far = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%0 : tensor<8xf32>) {
  ^bb0(%e: f32, %o: f32):
    %s = arith.addf %e, %million : f32
    linalg.yield %s : f32
  } -> tensor<8xf32> loc("node 'far' (Add)")
  %back = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel"]}
      ins(%far : tensor<8xf32>) outs(%0 : tensor<8xf32>) {
  ^bb0(%e: f32, %o: f32):
    %s = arith.subf %e, %million : f32
    linalg.yield %s : f32
  } -> tensor<8xf32> loc("node 'back' (Sub)")
  %exp = linalg.exp ins(%back : tensor<8xf32>) outs(%0 : tensor<8xf32>) -> tensor<8xf32> loc("node 'exp' (Exp)")
  return %exp : tensor<8xf32>
}
