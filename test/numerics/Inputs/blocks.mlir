// What contract-blocks.test runs: the columns of %panel are integers of four bits in blocks with scales.
module attributes {attnc.entries = [{doc = "", inputs = [{dims = ["M", "70"], name = "x", type = f32}, {dims = ["M", "70"], name = "h", type = f16}, {dims = ["15", "16"], name = "panel", type = i32}], name = "blocks", outputs = [{dims = ["M", "16"], name = "y", type = f32}, {dims = ["M", "16"], name = "z", type = f32}], workspace = {bytes = 0 : i64, stack = 0 : i64}}], attnc.stage = "tile", tile.target = #tile.target<lanes = 4, registers = 16, l1 = 32768, l2 = 524288>} {
  func.func @blocks(%x: memref<?x70xf32, strided<[?, 1], offset: ?>> {attnc.dims = ["M", "70"], attnc.name = "x"}, %h: memref<?x70xf16, strided<[?, 1], offset: ?>> {attnc.dims = ["M", "70"], attnc.name = "h"}, %panel: memref<15x16xi32, strided<[?, 1], offset: ?>> {attnc.dims = ["15", "16"], attnc.name = "panel"}, %y: memref<?x16xf32> {attnc.dims = ["M", "16"], attnc.name = "y", attnc.result = 0 : i64}, %z: memref<?x16xf32> {attnc.dims = ["M", "16"], attnc.name = "z", attnc.result = 1 : i64}, %workspace: memref<?xi8> {attnc.workspace}) {
    %c0 = arith.constant 0 : index
    %c70 = arith.constant 70 : index
    %m = memref.dim %y, %c0 : memref<?x16xf32>
    tile.contract rows(%c0 to %m) cols(%c0) k(%c70) lhs(%x : memref<?x70xf32, strided<[?, 1], offset: ?>>)
      rhs(%panel : memref<15x16xi32, strided<[?, 1], offset: ?>> as <8 x si4, blocks of 32>) tail = peel epilogue {
    ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
      memref.store %acc, %y[%row, %col] : memref<?x16xf32>
      tile.yield
    }
    tile.contract rows(%c0 to %m) cols(%c0) k(%c70) lhs(%h : memref<?x70xf16, strided<[?, 1], offset: ?>>)
      rhs(%panel : memref<15x16xi32, strided<[?, 1], offset: ?>> as <8 x si4, blocks of 32>) tail = peel epilogue {
    ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
      memref.store %acc, %z[%row, %col] : memref<?x16xf32>
      tile.yield
    }
    return
  }
  func.func private @blocks__plan(%x: memref<?x70xf32, strided<[?, 1], offset: ?>> {attnc.dims = ["M", "70"], attnc.name = "x"}, %h: memref<?x70xf16, strided<[?, 1], offset: ?>> {attnc.dims = ["M", "70"], attnc.name = "h"}, %panel: memref<15x16xi32, strided<[?, 1], offset: ?>> {attnc.dims = ["15", "16"], attnc.name = "panel"}) -> (index, index, index, index, index) {
    %c16 = arith.constant 16 : index
    %c0 = arith.constant 0 : index
    %m = memref.dim %x, %c0 : memref<?x70xf32, strided<[?, 1], offset: ?>>
    return %m, %c16, %m, %c16, %c0 : index, index, index, index, index
  }
}
