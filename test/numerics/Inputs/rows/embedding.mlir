// A table read by ids, plus positions; then the causal mask of a where.
func.func @embedding(%ids: tensor<?x?xi64> {attnc.name = "ids", attnc.dims = ["B", "S"]},
                     %table: tensor<5x20xf32> {attnc.name = "table", attnc.dims = ["5", "20"]},
                     %keep: tensor<?xi1> {attnc.name = "keep", attnc.dims = ["S"]})
    -> (tensor<?x?x20xf32> {attnc.name = "y", attnc.dims = ["B", "S", "20"]},
        tensor<?x?xi1> {attnc.name = "mask", attnc.dims = ["S", "S"]}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %ids, %c0 : tensor<?x?xi64>
  %s = tensor.dim %ids, %c1 : tensor<?x?xi64>
  %e = tensor.empty(%b, %s) : tensor<?x?x20xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, s, e) -> (b, s)>, affine_map<(b, s, e) -> (b, s, e)>],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%ids : tensor<?x?xi64>) outs(%e : tensor<?x?x20xf32>) {
  ^bb0(%id: i64, %o: f32):
    %row = arith.index_cast %id : i64 to index
    %column = linalg.index 2 : index
    %position = linalg.index 1 : index
    %0 = tensor.extract %table[%row, %column] : tensor<5x20xf32>
    %p = arith.index_cast %position : index to i64
    %1 = arith.sitofp %p : i64 to f32
    %2 = arith.addf %0, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<?x?x20xf32>
  %m = tensor.empty(%s, %s) : tensor<?x?xi1>
  %mask = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                          iterator_types = ["parallel", "parallel"]}
      ins(%keep : tensor<?xi1>) outs(%m : tensor<?x?xi1>) {
  ^bb0(%k: i1, %o: i1):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %c = arith.cmpi sle, %j, %i : index
    %0 = arith.andi %c, %k : i1
    linalg.yield %0 : i1
  } -> tensor<?x?xi1>
  return %y, %mask : tensor<?x?x20xf32>, tensor<?x?xi1>
}
