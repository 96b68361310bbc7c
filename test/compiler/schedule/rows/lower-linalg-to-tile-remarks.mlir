// RUN: attnc-opt --pass-pipeline='builtin.module(func.func(lower-linalg-to-tile))' --split-input-file --verify-diagnostics %s

func.func @argmax(%x: memref<7xf32>, %m: memref<f32>, %p: memref<i64>) {
  // expected-remark @below {{runs as scalar loops: its reduction has no known combiner and no loop is left for lanes}}
  linalg.generic {indexing_maps = [affine_map<(j) -> (j)>, affine_map<(j) -> ()>, affine_map<(j) -> ()>],
                  iterator_types = ["reduction"]}
      ins(%x : memref<7xf32>) outs(%m, %p : memref<f32>, memref<i64>) {
  ^bb0(%a: f32, %b: f32, %q: i64):
    %i = linalg.index 0 : index
    %ii = arith.index_cast %i : index to i64
    %g = arith.cmpf ogt, %a, %b : f32
    %0 = arith.select %g, %a, %b : f32
    %1 = arith.select %g, %ii, %q : i64
    linalg.yield %0, %1 : f32, i64
  }
  return
}
