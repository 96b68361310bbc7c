// RUN: attnc-opt --pass-pipeline='builtin.module(func.func(lower-linalg-to-tile,canonicalize,cse))' --split-input-file %s | FileCheck %s

#rows = affine_map<(i, j) -> (i)>
#columns = affine_map<(i, j) -> (j)>
#both = affine_map<(i, j) -> (i, j)>

// A bias: what depends on the row alone is computed once per row. Little work: no threads.
// CHECK-LABEL: func.func @bias
// CHECK-SAME:    (%[[X:.*]]: memref<8x64xf32>, %[[S:.*]]: memref<8xf32>, %[[B:.*]]: memref<64xf32>, %[[Y:.*]]: memref<8x64xf32>)
// CHECK-NOT:     scf.forall
// CHECK:         scf.for %[[I:.*]] = %c0 to %c8 step %c1 {
// CHECK:           %[[SV:.*]] = memref.load %[[S]][%[[I]]]
// CHECK:           %[[R:.*]] = math.rsqrt %[[SV]]
// CHECK:           tile.map %c0 to %c64 {
// CHECK:           ^bb0(%[[J:.*]]: index):
// CHECK-DAG:         %[[XV:.*]] = memref.load %[[X]][%[[I]], %[[J]]]
// CHECK-DAG:         %[[BV:.*]] = memref.load %[[B]][%[[J]]]
// CHECK:             %[[M:.*]] = arith.mulf %[[XV]], %[[R]]
// CHECK:             %[[A:.*]] = arith.addf %[[M]], %[[BV]]
// CHECK:             memref.store %[[A]], %[[Y]][%[[I]], %[[J]]]
func.func @bias(%x: memref<8x64xf32>, %s: memref<8xf32>, %b: memref<64xf32>, %y: memref<8x64xf32>) {
  linalg.generic {indexing_maps = [#both, #rows, #columns, #both], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s, %b : memref<8x64xf32>, memref<8xf32>, memref<64xf32>) outs(%y : memref<8x64xf32>) {
  ^bb0(%xv: f32, %sv: f32, %bv: f32, %o: f32):
    %r = math.rsqrt %sv : f32
    %0 = arith.mulf %xv, %r : f32
    %1 = arith.addf %0, %bv : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

// The four steps of a softmax share one loop over rows, their fills too.
// CHECK-LABEL: func.func @softmax
// CHECK-COUNT-1: scf.for
// CHECK:           tile.reduce max
// CHECK:           tile.map
// CHECK:             math.exp
// CHECK:           tile.reduce add
// CHECK:           tile.map
// CHECK:             arith.divf
// CHECK-NOT:     scf.for
// CHECK:         return
#rows = affine_map<(i, j) -> (i)>
#both = affine_map<(i, j) -> (i, j)>
func.func @softmax(%x: memref<8x100xf32>, %y: memref<8x100xf32>, %m: memref<8xf32>, %s: memref<8xf32>) {
  %ninf = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%ninf : f32) outs(%m : memref<8xf32>)
  linalg.fill ins(%zero : f32) outs(%s : memref<8xf32>)
  linalg.reduce {arith.maximumf} ins(%x : memref<8x100xf32>) outs(%m : memref<8xf32>) dimensions = [1]
  linalg.generic {indexing_maps = [#both, #rows, #both], iterator_types = ["parallel", "parallel"]}
      ins(%x, %m : memref<8x100xf32>, memref<8xf32>) outs(%y : memref<8x100xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %0 = arith.subf %a, %c : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  }
  linalg.reduce {arith.addf} ins(%y : memref<8x100xf32>) outs(%s : memref<8xf32>) dimensions = [1]
  linalg.generic {indexing_maps = [#rows, #both], iterator_types = ["parallel", "parallel"]}
      ins(%s : memref<8xf32>) outs(%y : memref<8x100xf32>) {
  ^bb0(%c: f32, %o: f32):
    %0 = arith.divf %o, %c : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// The second op reads other rows of what the first writes: two loops.
// CHECK-LABEL: func.func @reversed
// CHECK:         tile.map %c0 to %c800
// CHECK:         scf.for
// CHECK:           tile.map %c0 to %c100
func.func @reversed(%x: memref<8x100xf32>, %t: memref<8x100xf32>, %y: memref<8x100xf32>) {
  linalg.exp ins(%x : memref<8x100xf32>) outs(%t : memref<8x100xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (7 - i, j)>, affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]}
      ins(%t : memref<8x100xf32>) outs(%y : memref<8x100xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  return
}

// -----

// Rows of unknown number are shared: tasks of about `grain` scalar operations each.
// CHECK-LABEL: func.func @parallel_rows
// CHECK-SAME:    (%[[X:.*]]: memref<?x?x100xf32,
// CHECK:         %[[ROWS:.*]] = arith.muli
// CHECK:         scf.forall (%[[T:.*]]) in (%{{.*}}) {
// CHECK:           %[[BEGIN:.*]] = arith.muli %[[T]], %[[PER:.*]]
// CHECK:           %[[LAST:.*]] = arith.addi %[[BEGIN]], %[[PER]]
// CHECK:           %[[END:.*]] = arith.minui %[[LAST]], %[[ROWS]]
// CHECK:           scf.for %[[R:.*]] = %[[BEGIN]] to %[[END]] step %c1 {
// CHECK-DAG:         %[[J:.*]] = arith.remui %[[R]], %[[D1:.*]]
// CHECK-DAG:         %[[I:.*]] = arith.divui %[[R]], %[[D1]]
// CHECK:             tile.reduce add
// CHECK:               memref.load %[[X]][%[[I]], %[[J]], %{{.*}}]
func.func @parallel_rows(%x: memref<?x?x100xf32, strided<[?, ?, 1], offset: ?>>, %y: memref<?x?xf32>) {
  linalg.reduce {arith.addf} ins(%x : memref<?x?x100xf32, strided<[?, ?, 1], offset: ?>>) outs(%y : memref<?x?xf32>) dimensions = [2]
  return
}

// -----

// Contiguous elementwise work is one row, whatever its shape; its lanes are shared in whole cache lines.
// CHECK-LABEL: func.func @elementwise
// CHECK:         memref.collapse_shape %{{.*}} {{\[\[}}0, 1, 2]]
// CHECK:         scf.forall (%[[T:.*]]) in
// CHECK:           tile.map %{{.*}} to %{{.*}} {
func.func @elementwise(%x: memref<?x?x3xf32>, %y: memref<?x?x3xf32>) {
  linalg.exp ins(%x : memref<?x?x3xf32>) outs(%y : memref<?x?x3xf32>)
  return
}

// -----

// A sum over rows keeps columns in the lanes; the sum lives in memory.
// CHECK-LABEL: func.func @column_sums
// CHECK:         scf.for %[[I:.*]] = %c0 to %c10 step %c1 {
// CHECK:           tile.map %c0 to %c128 {
// CHECK:             arith.addf
func.func @column_sums(%x: memref<10x128xf32>, %s: memref<128xf32>) {
  linalg.reduce {arith.addf} ins(%x : memref<10x128xf32>) outs(%s : memref<128xf32>) dimensions = [0]
  return
}

// -----

// A reduction over strided dimensions is carried through loops around the lanes.
// CHECK-LABEL: func.func @strided_sum
// CHECK:         %[[INIT:.*]] = memref.load
// CHECK:         scf.for {{.*}} iter_args(%[[S:.*]] = %[[INIT]])
// CHECK:           tile.reduce add %c0 to %c7 init(%[[S]])
func.func @strided_sum(%x: memref<4x3x7xf32, strided<[1000, 100, 1]>>, %s: memref<4xf32>) {
  linalg.reduce {arith.addf} ins(%x : memref<4x3x7xf32, strided<[1000, 100, 1]>>) outs(%s : memref<4xf32>) dimensions = [1, 2]
  return
}

// -----

// Gather: the index is read once per row, the table in order.
// CHECK-LABEL: func.func @gather
// CHECK-SAME:    (%[[T:.*]]: memref<1000x64xf32>, %[[IDS:.*]]: memref<4xi64>
// CHECK:         scf.for %[[I:.*]] = %c0 to %c4 step %c1 {
// CHECK:           %[[ID:.*]] = memref.load %[[IDS]][%[[I]]]
// CHECK:           %[[ROW:.*]] = arith.index_cast %[[ID]]
// CHECK:           tile.map
// CHECK:           ^bb0(%[[J:.*]]: index):
// CHECK:             memref.load %[[T]][%[[ROW]], %[[J]]]
func.func @gather(%t: memref<1000x64xf32>, %ids: memref<4xi64>, %y: memref<4x64xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]}
      ins(%ids : memref<4xi64>) outs(%y : memref<4x64xf32>) {
  ^bb0(%id: i64, %o: f32):
    %row = arith.index_cast %id : i64 to index
    %j = linalg.index 1 : index
    %0 = memref.load %t[%row, %j] : memref<1000x64xf32>
    linalg.yield %0 : f32
  }
  return
}

// -----

// Booleans and integers are elements like others; memref.copy has the same form.
// CHECK-LABEL: func.func @where
// CHECK:         tile.map
// CHECK:           %[[C:.*]] = memref.load %{{.*}} : memref<24xi1>
// CHECK:           arith.select %[[C]]
// CHECK-NOT:     memref.copy
// CHECK:         tile.map
func.func @where(%c: memref<4x6xi1>, %x: memref<4x6xi64>, %y: memref<4x6xi64>, %o: memref<4x6xi64>,
                 %from: memref<4x6xf32, strided<[?, ?], offset: ?>>, %to: memref<4x6xf32>) {
  linalg.select ins(%c, %x, %y : memref<4x6xi1>, memref<4x6xi64>, memref<4x6xi64>) outs(%o : memref<4x6xi64>)
  memref.copy %from, %to : memref<4x6xf32, strided<[?, ?], offset: ?>> to memref<4x6xf32>
  return
}

// -----

// No nested parallelism.
// CHECK-LABEL: func.func @inside
// CHECK-COUNT-1: scf.forall
// CHECK-NOT:     scf.forall
func.func @inside(%x: memref<4x?xf32>, %y: memref<4x?xf32>) {
  scf.forall (%i) in (4) {
    linalg.exp ins(%x : memref<4x?xf32>) outs(%y : memref<4x?xf32>)
  }
  return
}

// -----

// Rank 0.
// CHECK-LABEL: func.func @scalar
// CHECK-NEXT:    %[[X:.*]] = memref.load
// CHECK-NEXT:    %[[E:.*]] = math.exp %[[X]]
// CHECK-NEXT:    memref.store %[[E]]
func.func @scalar(%x: memref<f32>, %y: memref<f32>) {
  linalg.exp ins(%x : memref<f32>) outs(%y : memref<f32>)
  return
}

// -----

// A view that keeps rows does not separate them, and a dimension of extent 1 takes no lane: the keepdims spelling of a
// norm is one loop too.
// CHECK-LABEL: func.func @keepdims
// CHECK-COUNT-1: scf.for
// CHECK:           tile.reduce add
// CHECK:           math.sqrt
// CHECK:           tile.map %c0 to %c100
// CHECK:             arith.divf
// CHECK-NOT:     tile.map
// CHECK:         return
func.func @keepdims(%x: memref<8x100xf32>, %s: memref<8xf32>, %r: memref<8x1xf32>, %y: memref<8x100xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%s : memref<8xf32>)
  linalg.reduce {arith.addf} ins(%x : memref<8x100xf32>) outs(%s : memref<8xf32>) dimensions = [1]
  %k = memref.expand_shape %s [[0, 1]] output_shape [8, 1] : memref<8xf32> into memref<8x1xf32>
  linalg.sqrt ins(%k : memref<8x1xf32>) outs(%r : memref<8x1xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, 0)>, affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]}
      ins(%x, %r : memref<8x100xf32>, memref<8x1xf32>) outs(%y : memref<8x100xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// A row of small floats is summed in f32 and rounded once.
// CHECK-LABEL: func.func @half
// CHECK:         tile.reduce add %c0 to %c100 init(%{{.*}}) {
// CHECK:           %[[X:.*]] = memref.load
// CHECK:           %[[WIDE:.*]] = arith.extf %[[X]] : bf16 to f32
// CHECK:           tile.yield %[[WIDE]]
// CHECK:         } : f32
// CHECK:         arith.truncf %{{.*}} : f32 to bf16
func.func @half(%x: memref<8x100xbf16>, %s: memref<8xbf16>) {
  linalg.reduce {arith.addf} ins(%x : memref<8x100xbf16>) outs(%s : memref<8xbf16>) dimensions = [1]
  return
}
