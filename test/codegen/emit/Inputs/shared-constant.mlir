// Two parallel bodies that read one constant.
#map = affine_map<(s, f) -> (s, f)>
#row = affine_map<(s, f) -> (f)>
func.func @scale(%x: tensor<?x64xf32> {attnc.name = "x", attnc.dims = ["S", "64"]},
                 %y: tensor<?x64xf32> {attnc.name = "y", attnc.dims = ["T", "64"]})
    -> (tensor<?x64xf32> {attnc.name = "a", attnc.dims = ["S", "64"]},
        tensor<?x64xf32> {attnc.name = "b", attnc.dims = ["T", "64"]}) {
  %c0 = arith.constant 0 : index
  %w = arith.constant dense<"0x000000000000803E0000003F0000403F0000803F0000A03F0000C03F0000E03F0000004000001040000020400000304000004040000050400000604000007040000080400000884000009040000098400000A0400000A8400000B0400000B8400000C0400000C8400000D0400000D8400000E0400000E8400000F0400000F84000000041000004410000084100000C4100001041000014410000184100001C4100002041000024410000284100002C4100003041000034410000384100003C4100004041000044410000484100004C4100005041000054410000584100005C4100006041000064410000684100006C4100007041000074410000784100007C41"> : tensor<64xf32>
  %S = tensor.dim %x, %c0 : tensor<?x64xf32>
  %T = tensor.dim %y, %c0 : tensor<?x64xf32>
  %outs = tensor.empty(%S) : tensor<?x64xf32>
  %outt = tensor.empty(%T) : tensor<?x64xf32>
  %a = linalg.generic {indexing_maps = [#map, #row, #map], iterator_types = ["parallel", "parallel"]}
    ins(%x, %w : tensor<?x64xf32>, tensor<64xf32>) outs(%outs : tensor<?x64xf32>) {
    ^bb0(%e: f32, %v: f32, %o: f32):
      %0 = arith.mulf %e, %v : f32
      linalg.yield %0 : f32
    } -> tensor<?x64xf32>
  %b = linalg.generic {indexing_maps = [#map, #row, #map], iterator_types = ["parallel", "parallel"]}
    ins(%y, %w : tensor<?x64xf32>, tensor<64xf32>) outs(%outt : tensor<?x64xf32>) {
    ^bb0(%e: f32, %v: f32, %o: f32):
      %0 = arith.addf %e, %v : f32
      linalg.yield %0 : f32
    } -> tensor<?x64xf32>
  return %a, %b : tensor<?x64xf32>, tensor<?x64xf32>
}
