// RUN: numerics-check %s -- B=0,1,2 M=0,1,15,16,17,130 N=1,2,15,16,17,63,64,65,300
// Softmax and its sums over rows of any length: the named op, then the four steps that exporters write.

func.func @softmax(%x: tensor<?x?x?xf32> {attnc.name = "x", attnc.dims = ["B", "M", "N"]})
    -> (tensor<?x?x?xf32> {attnc.name = "y", attnc.dims = ["B", "M", "N"]},
        tensor<?x?x?xf32> {attnc.name = "z", attnc.dims = ["B", "M", "N"]},
        tensor<?x?xf32> {attnc.name = "sum", attnc.dims = ["B", "M"]}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %B = tensor.dim %x, %c0 : tensor<?x?x?xf32>
  %M = tensor.dim %x, %c1 : tensor<?x?x?xf32>
  %N = tensor.dim %x, %c2 : tensor<?x?x?xf32>
  %whole = tensor.empty(%B, %M, %N) : tensor<?x?x?xf32>
  %rows = tensor.empty(%B, %M) : tensor<?x?xf32>
  %y = linalg.softmax dimension(2) ins(%x : tensor<?x?x?xf32>) outs(%whole : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>

  %max0 = linalg.fill ins(%low : f32) outs(%rows : tensor<?x?xf32>) -> tensor<?x?xf32>
  %max = linalg.reduce {arith.maximumf} ins(%x : tensor<?x?x?xf32>) outs(%max0 : tensor<?x?xf32>) dimensions = [2]
  %e = linalg.generic
    {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>, affine_map<(b, m, n) -> (b, m, n)>],
     iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x, %max : tensor<?x?x?xf32>, tensor<?x?xf32>) outs(%whole : tensor<?x?x?xf32>) {
    ^bb0(%a: f32, %m: f32, %o: f32):
      %0 = arith.subf %a, %m : f32
      %1 = math.exp %0 : f32
      linalg.yield %1 : f32
    } -> tensor<?x?x?xf32>
  %sum0 = linalg.fill ins(%zero : f32) outs(%rows : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.reduce {arith.addf} ins(%e : tensor<?x?x?xf32>) outs(%sum0 : tensor<?x?xf32>) dimensions = [2]
  %z = linalg.generic
    {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m)>, affine_map<(b, m, n) -> (b, m, n)>],
     iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%e, %sum : tensor<?x?x?xf32>, tensor<?x?xf32>) outs(%whole : tensor<?x?x?xf32>) {
    ^bb0(%a: f32, %s: f32, %o: f32):
      %0 = arith.divf %a, %s : f32
      linalg.yield %0 : f32
    } -> tensor<?x?x?xf32>
  return %y, %z, %sum : tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?xf32>
}
