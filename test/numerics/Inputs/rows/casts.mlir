// Element types side by side, and select between them.
#x = affine_map<(i, j) -> (i, j)>
func.func @casts(%x: tensor<?x?xf32> {attnc.name = "x", attnc.dims = ["B", "S"]},
                 %k: tensor<?x?xi64> {attnc.name = "k", attnc.dims = ["B", "S"]},
                 %p: tensor<?x?xi1> {attnc.name = "p", attnc.dims = ["B", "S"]})
    -> (tensor<?x?xf64> {attnc.name = "wide", attnc.dims = ["B", "S"]},
        tensor<?x?xi32> {attnc.name = "rounded", attnc.dims = ["B", "S"]},
        tensor<?x?xf32> {attnc.name = "chosen", attnc.dims = ["B", "S"]},
        tensor<?x?xi1> {attnc.name = "positive", attnc.dims = ["B", "S"]}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %b = tensor.dim %x, %c0 : tensor<?x?xf32>
  %s = tensor.dim %x, %c1 : tensor<?x?xf32>
  %e64 = tensor.empty(%b, %s) : tensor<?x?xf64>
  %e32 = tensor.empty(%b, %s) : tensor<?x?xi32>
  %ef = tensor.empty(%b, %s) : tensor<?x?xf32>
  %ep = tensor.empty(%b, %s) : tensor<?x?xi1>
  %r:4 = linalg.generic {indexing_maps = [#x, #x, #x, #x, #x, #x, #x], iterator_types = ["parallel", "parallel"]}
      ins(%x, %k, %p : tensor<?x?xf32>, tensor<?x?xi64>, tensor<?x?xi1>)
      outs(%e64, %e32, %ef, %ep : tensor<?x?xf64>, tensor<?x?xi32>, tensor<?x?xf32>, tensor<?x?xi1>) {
  ^bb0(%a: f32, %n: i64, %q: i1, %o0: f64, %o1: i32, %o2: f32, %o3: i1):
    %wide = arith.extf %a : f32 to f64
    %narrow = arith.trunci %n : i64 to i32
    %f = arith.sitofp %n : i64 to f32
    %chosen = arith.select %q, %a, %f : f32
    %positive = arith.cmpf ogt, %a, %zero : f32
    linalg.yield %wide, %narrow, %chosen, %positive : f64, i32, f32, i1
  } -> (tensor<?x?xf64>, tensor<?x?xi32>, tensor<?x?xf32>, tensor<?x?xi1>)
  return %r#0, %r#1, %r#2, %r#3 : tensor<?x?xf64>, tensor<?x?xi32>, tensor<?x?xf32>, tensor<?x?xi1>
}
