// A LayerNorm as exporters spell it: mean and variance with kept dimensions, then scale and shift.
#x = affine_map<(b, s, e) -> (b, s, e)>
#row = affine_map<(b, s, e) -> (b, s)>
#kept = affine_map<(b, s, e) -> (b, s, 0)>
#feature = affine_map<(b, s, e) -> (e)>
#whole = affine_map<(b, s) -> (b, s)>
func.func @layer_norm(%x: tensor<?x?x50xf32> {attnc.name = "x", attnc.dims = ["B", "S", "50"]},
                      %gamma: tensor<50xf32> {attnc.name = "gamma", attnc.dims = ["50"]},
                      %beta: tensor<50xf32> {attnc.name = "beta", attnc.dims = ["50"]})
    -> (tensor<?x?x50xf32> {attnc.name = "y", attnc.dims = ["B", "S", "50"]}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %n = arith.constant 50.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %b = tensor.dim %x, %c0 : tensor<?x?x50xf32>
  %s = tensor.dim %x, %c1 : tensor<?x?x50xf32>
  %rows = tensor.empty(%b, %s) : tensor<?x?xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%rows : tensor<?x?xf32>) -> tensor<?x?xf32>
  %full = tensor.empty(%b, %s) : tensor<?x?x50xf32>
  %sum = linalg.reduce {arith.addf} ins(%x : tensor<?x?x50xf32>) outs(%zeros : tensor<?x?xf32>) dimensions = [2]
  %mean = linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%sum : tensor<?x?xf32>) outs(%rows : tensor<?x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.divf %a, %n : f32
    linalg.yield %0 : f32
  } -> tensor<?x?xf32>
  %kept = tensor.expand_shape %mean [[0], [1, 2]] output_shape [%b, %s, 1] : tensor<?x?xf32> into tensor<?x?x1xf32>
  %centred = linalg.generic {indexing_maps = [#x, #kept, #x], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %kept : tensor<?x?x50xf32>, tensor<?x?x1xf32>) outs(%full : tensor<?x?x50xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %0 = arith.subf %a, %m : f32
    linalg.yield %0 : f32
  } -> tensor<?x?x50xf32>
  %squares = linalg.generic {indexing_maps = [#x, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%centred : tensor<?x?x50xf32>) outs(%zeros : tensor<?x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x?xf32>
  %y = linalg.generic {indexing_maps = [#x, #row, #feature, #feature, #x],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%centred, %squares, %gamma, %beta : tensor<?x?x50xf32>, tensor<?x?xf32>, tensor<50xf32>, tensor<50xf32>)
      outs(%full : tensor<?x?x50xf32>) {
  ^bb0(%a: f32, %q: f32, %g: f32, %h: f32, %o: f32):
    %v = arith.divf %q, %n : f32
    %0 = arith.addf %v, %eps : f32
    %1 = math.sqrt %0 : f32
    %2 = arith.divf %a, %1 : f32
    %3 = arith.mulf %2, %g : f32
    %4 = arith.addf %3, %h : f32
    linalg.yield %4 : f32
  } -> tensor<?x?x50xf32>
  return %y : tensor<?x?x50xf32>
}
