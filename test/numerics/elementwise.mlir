// RUN: numerics-check %s -- M=0,1,2,15,16,17,63,65,127,1003
// Broadcasts, functions, comparisons, casts and integer arithmetic on rows of 7 and on whole vectors.

#whole = affine_map<(m, n) -> (m, n)>
#column = affine_map<(m, n) -> (n)>
#row = affine_map<(m, n) -> (m)>

func.func @elementwise(%x: tensor<?x7xf32> {attnc.name = "x", attnc.dims = ["M", "7"]},
                       %y: tensor<7xf32> {attnc.name = "y", attnc.dims = ["7"]},
                       %i: tensor<?xi64> {attnc.name = "i", attnc.dims = ["M"]},
                       %k: tensor<?xi1> {attnc.name = "k", attnc.dims = ["M"]})
    -> (tensor<?x7xf32> {attnc.name = "functions", attnc.dims = ["M", "7"]},
        tensor<?x7xi1> {attnc.name = "greater", attnc.dims = ["M", "7"]},
        tensor<?x7xf32> {attnc.name = "chosen", attnc.dims = ["M", "7"]},
        tensor<?xi64> {attnc.name = "integers", attnc.dims = ["M"]},
        tensor<?xf32> {attnc.name = "cast", attnc.dims = ["M"]}) {
  %c0 = arith.constant 0 : index
  %M = tensor.dim %x, %c0 : tensor<?x7xf32>
  %whole = tensor.empty(%M) : tensor<?x7xf32>
  %flags = tensor.empty(%M) : tensor<?x7xi1>
  %ints = tensor.empty(%M) : tensor<?xi64>
  %reals = tensor.empty(%M) : tensor<?xf32>
  %functions = linalg.generic {indexing_maps = [#whole, #column, #whole], iterator_types = ["parallel", "parallel"]}
    ins(%x, %y : tensor<?x7xf32>, tensor<7xf32>) outs(%whole : tensor<?x7xf32>) {
    ^bb0(%a: f32, %c: f32, %o: f32):
      %0 = math.tanh %a : f32
      %1 = math.exp %c : f32
      %2 = math.erf %a : f32
      %3 = arith.mulf %0, %1 : f32
      %4 = arith.addf %3, %2 : f32
      %5 = math.absf %c : f32
      %6 = math.sqrt %5 : f32
      %7 = arith.maximumf %4, %6 : f32
      %8 = math.floor %a : f32
      %9 = arith.addf %7, %8 : f32
      linalg.yield %9 : f32
    } -> tensor<?x7xf32>
  %greater = linalg.generic {indexing_maps = [#whole, #column, #whole], iterator_types = ["parallel", "parallel"]}
    ins(%x, %y : tensor<?x7xf32>, tensor<7xf32>) outs(%flags : tensor<?x7xi1>) {
    ^bb0(%a: f32, %c: f32, %o: i1):
      %0 = arith.cmpf ogt, %a, %c : f32
      linalg.yield %0 : i1
    } -> tensor<?x7xi1>
  %chosen = linalg.generic {indexing_maps = [#row, #whole, #column, #whole], iterator_types = ["parallel", "parallel"]}
    ins(%k, %x, %y : tensor<?xi1>, tensor<?x7xf32>, tensor<7xf32>) outs(%whole : tensor<?x7xf32>) {
    ^bb0(%p: i1, %a: f32, %c: f32, %o: f32):
      %0 = arith.select %p, %a, %c : f32
      linalg.yield %0 : f32
    } -> tensor<?x7xf32>
  %integers = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]}
    ins(%i : tensor<?xi64>) outs(%ints : tensor<?xi64>) {
    ^bb0(%a: i64, %o: i64):
      %place = linalg.index 0 : index
      %p = arith.index_cast %place : index to i64
      %three = arith.constant 3 : i64
      %0 = arith.muli %a, %three : i64
      %1 = arith.subi %0, %p : i64
      linalg.yield %1 : i64
    } -> tensor<?xi64>
  %cast = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]}
    ins(%integers, %k : tensor<?xi64>, tensor<?xi1>) outs(%reals : tensor<?xf32>) {
    ^bb0(%a: i64, %p: i1, %o: f32):
      %0 = arith.sitofp %a : i64 to f32
      %1 = arith.uitofp %p : i1 to f32
      %2 = arith.addf %0, %1 : f32
      linalg.yield %2 : f32
    } -> tensor<?xf32>
  return %functions, %greater, %chosen, %integers, %cast
    : tensor<?x7xf32>, tensor<?x7xi1>, tensor<?x7xf32>, tensor<?xi64>, tensor<?xf32>
}
