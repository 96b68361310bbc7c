// RUN: numerics-check %s -- B=0,1,3 S=0,1,17,65
// Layer norm with scale and bias over 37 features, as mean, variance and their use; then the norm by root mean square.

#whole = affine_map<(b, s, f) -> (b, s, f)>
#row = affine_map<(b, s, f) -> (b, s)>
#feature = affine_map<(b, s, f) -> (f)>

func.func @norm(%x: tensor<?x?x37xf32> {attnc.name = "x", attnc.dims = ["B", "S", "37"]},
                %w: tensor<37xf32> {attnc.name = "w", attnc.dims = ["37"]},
                %c: tensor<37xf32> {attnc.name = "c", attnc.dims = ["37"]})
    -> (tensor<?x?x37xf32> {attnc.name = "y", attnc.dims = ["B", "S", "37"]},
        tensor<?x?x37xf32> {attnc.name = "z", attnc.dims = ["B", "S", "37"]}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %n = arith.constant 37.0 : f32
  %eps = arith.constant 1.0e-05 : f32
  %B = tensor.dim %x, %c0 : tensor<?x?x37xf32>
  %S = tensor.dim %x, %c1 : tensor<?x?x37xf32>
  %whole = tensor.empty(%B, %S) : tensor<?x?x37xf32>
  %rows = tensor.empty(%B, %S) : tensor<?x?xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%rows : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sum = linalg.reduce {arith.addf} ins(%x : tensor<?x?x37xf32>) outs(%zeros : tensor<?x?xf32>) dimensions = [2]
  %centred = linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x, %sum : tensor<?x?x37xf32>, tensor<?x?xf32>) outs(%whole : tensor<?x?x37xf32>) {
    ^bb0(%a: f32, %s: f32, %o: f32):
      %mean = arith.divf %s, %n : f32
      %0 = arith.subf %a, %mean : f32
      linalg.yield %0 : f32
    } -> tensor<?x?x37xf32>
  %squares = linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%centred : tensor<?x?x37xf32>) outs(%zeros : tensor<?x?xf32>) {
    ^bb0(%a: f32, %acc: f32):
      %0 = arith.mulf %a, %a : f32
      %1 = arith.addf %acc, %0 : f32
      linalg.yield %1 : f32
    } -> tensor<?x?xf32>
  %y = linalg.generic {indexing_maps = [#whole, #row, #feature, #feature, #whole], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%centred, %squares, %w, %c : tensor<?x?x37xf32>, tensor<?x?xf32>, tensor<37xf32>, tensor<37xf32>)
    outs(%whole : tensor<?x?x37xf32>) {
    ^bb0(%a: f32, %s: f32, %scale: f32, %bias: f32, %o: f32):
      %variance = arith.divf %s, %n : f32
      %0 = arith.addf %variance, %eps : f32
      %1 = math.sqrt %0 : f32
      %2 = arith.divf %a, %1 : f32
      %3 = arith.mulf %2, %scale : f32
      %4 = arith.addf %3, %bias : f32
      linalg.yield %4 : f32
    } -> tensor<?x?x37xf32>

  %power = linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x : tensor<?x?x37xf32>) outs(%zeros : tensor<?x?xf32>) {
    ^bb0(%a: f32, %acc: f32):
      %0 = arith.mulf %a, %a : f32
      %1 = arith.addf %acc, %0 : f32
      linalg.yield %1 : f32
    } -> tensor<?x?xf32>
  %z = linalg.generic {indexing_maps = [#whole, #row, #feature, #whole], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x, %power, %w : tensor<?x?x37xf32>, tensor<?x?xf32>, tensor<37xf32>) outs(%whole : tensor<?x?x37xf32>) {
    ^bb0(%a: f32, %s: f32, %scale: f32, %o: f32):
      %mean = arith.divf %s, %n : f32
      %0 = arith.addf %mean, %eps : f32
      %1 = math.rsqrt %0 : f32
      %2 = arith.mulf %a, %1 : f32
      %3 = arith.mulf %2, %scale : f32
      linalg.yield %3 : f32
    } -> tensor<?x?x37xf32>
  return %y, %z : tensor<?x?x37xf32>, tensor<?x?x37xf32>
}
