// Every combiner, over every position of the reduced dimension, and one without a known combiner.
#x = affine_map<(i, j) -> (i, j)>
#i = affine_map<(i, j) -> (i)>
func.func @reductions(%x: tensor<?x?xf32> {attnc.name = "x", attnc.dims = ["B", "S"]},
                      %k: tensor<?x?xi64> {attnc.name = "k", attnc.dims = ["B", "S"]},
                      %p: tensor<?x?xi1> {attnc.name = "p", attnc.dims = ["B", "S"]})
    -> (tensor<?xf32> {attnc.name = "sum", attnc.dims = ["B"]},
        tensor<?xf32> {attnc.name = "column_sum", attnc.dims = ["S"]},
        tensor<f32> {attnc.name = "total", attnc.dims = []},
        tensor<?xf32> {attnc.name = "max", attnc.dims = ["B"]},
        tensor<?xf32> {attnc.name = "column_min", attnc.dims = ["S"]},
        tensor<?xi64> {attnc.name = "isum", attnc.dims = ["B"]},
        tensor<i64> {attnc.name = "imax", attnc.dims = []},
        tensor<?xi1> {attnc.name = "all", attnc.dims = ["B"]},
        tensor<i1> {attnc.name = "any", attnc.dims = []},
        tensor<?xi64> {attnc.name = "argmax", attnc.dims = ["B"]}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %x, %c0 : tensor<?x?xf32>
  %s = tensor.dim %x, %c1 : tensor<?x?xf32>
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %inf = arith.divf %one, %zero : f32
  %ninf = arith.negf %inf : f32
  %izero = arith.constant 0 : i64
  %ilow = arith.constant -9223372036854775808 : i64
  %true = arith.constant true
  %false = arith.constant false
  %eb = tensor.empty(%b) : tensor<?xf32>
  %es = tensor.empty(%s) : tensor<?xf32>
  %e0 = tensor.empty() : tensor<f32>
  %ebi = tensor.empty(%b) : tensor<?xi64>
  %e0i = tensor.empty() : tensor<i64>
  %ebp = tensor.empty(%b) : tensor<?xi1>
  %e0p = tensor.empty() : tensor<i1>
  %zb = linalg.fill ins(%zero : f32) outs(%eb : tensor<?xf32>) -> tensor<?xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<?xf32>) -> tensor<?xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %lb = linalg.fill ins(%ninf : f32) outs(%eb : tensor<?xf32>) -> tensor<?xf32>
  %hs = linalg.fill ins(%inf : f32) outs(%es : tensor<?xf32>) -> tensor<?xf32>
  %zbi = linalg.fill ins(%izero : i64) outs(%ebi : tensor<?xi64>) -> tensor<?xi64>
  %l0i = linalg.fill ins(%ilow : i64) outs(%e0i : tensor<i64>) -> tensor<i64>
  %tb = linalg.fill ins(%true : i1) outs(%ebp : tensor<?xi1>) -> tensor<?xi1>
  %f0 = linalg.fill ins(%false : i1) outs(%e0p : tensor<i1>) -> tensor<i1>
  %sum = linalg.reduce {arith.addf} ins(%x : tensor<?x?xf32>) outs(%zb : tensor<?xf32>) dimensions = [1]
  %csum = linalg.reduce {arith.addf} ins(%x : tensor<?x?xf32>) outs(%zs : tensor<?xf32>) dimensions = [0]
  %total = linalg.reduce {arith.addf} ins(%x : tensor<?x?xf32>) outs(%z0 : tensor<f32>) dimensions = [0, 1]
  %max = linalg.reduce {arith.maximumf} ins(%x : tensor<?x?xf32>) outs(%lb : tensor<?xf32>) dimensions = [1]
  %cmin = linalg.reduce {arith.minimumf} ins(%x : tensor<?x?xf32>) outs(%hs : tensor<?xf32>) dimensions = [0]
  %isum = linalg.reduce {arith.addi} ins(%k : tensor<?x?xi64>) outs(%zbi : tensor<?xi64>) dimensions = [1]
  %imax = linalg.reduce {arith.maxsi} ins(%k : tensor<?x?xi64>) outs(%l0i : tensor<i64>) dimensions = [0, 1]
  %all = linalg.reduce {arith.andi} ins(%p : tensor<?x?xi1>) outs(%tb : tensor<?xi1>) dimensions = [1]
  %any = linalg.reduce {arith.ori} ins(%p : tensor<?x?xi1>) outs(%f0 : tensor<i1>) dimensions = [0, 1]
  %arg:2 = linalg.generic {indexing_maps = [#x, #i, #i], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x?xf32>) outs(%lb, %zbi : tensor<?xf32>, tensor<?xi64>) {
  ^bb0(%a: f32, %best: f32, %at: i64):
    %j = linalg.index 1 : index
    %jj = arith.index_cast %j : index to i64
    %g = arith.cmpf ogt, %a, %best : f32
    %0 = arith.select %g, %a, %best : f32
    %1 = arith.select %g, %jj, %at : i64
    linalg.yield %0, %1 : f32, i64
  } -> (tensor<?xf32>, tensor<?xi64>)
  return %sum, %csum, %total, %max, %cmin, %isum, %imax, %all, %any, %arg#1
    : tensor<?xf32>, tensor<?xf32>, tensor<f32>, tensor<?xf32>, tensor<?xf32>, tensor<?xi64>, tensor<i64>, tensor<?xi1>, tensor<i1>, tensor<?xi64>
}
